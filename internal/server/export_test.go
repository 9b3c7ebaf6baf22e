//go:build linux

package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	exportPassphrase = "correct horse battery staple"
	exportPool       = "us-east-1_Export001"
	exportHash       = "16384$8$1$00112233445566778899aabbccddeeff$b5492f580a399175171092a709f7896aa830667110f04fa1dac2c89aac4c34ea" // of exportHashed
	exportHashed     = "Passw0rd!"
	killedRows       = 20_000
)

// site is a running server, what names its database to commands, and a pool with a client.
type site struct {
	*process
	names        []string
	pool, client string
}

func newSite(t testing.TB, database func(testing.TB) []string, pool string) *site {
	t.Helper()
	data := t.TempDir()
	flags := database(t)
	s := &site{process: launch(t, data, flags...), names: append([]string{"--data", data}, flags...), pool: pool}
	s.must(t, "CreateUserPool", `{"PoolName":"test","AutoVerifiedAttributes":["email"],"UserPoolTags":{"cognate:id":%q},
		"Schema":[{"Name":"plan","AttributeDataType":"String","Mutable":true}]}`, pool)
	s.client = s.must(t, "CreateUserPoolClient", `{"UserPoolId":%q,"ClientName":"test",
		"ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH","ALLOW_USER_SRP_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`, pool).UserPoolClient.ClientId
	return s
}

// did is what became of a command.
type did struct {
	code      int
	out, said string
	peak      int // KiB resident at most
}

// command prepares a command about the site's pool.
func (s *site) command(verb string, args ...string) *exec.Cmd {
	return exec.Command(binary(s), append(append([]string{verb, "--pool", s.pool, "--passphrase-file", passphraseFile(s)}, s.names...), args...)...)
}

// run runs a command about the site's pool to its end.
func (s *site) run(verb string, args ...string) did {
	s.Helper()
	return finished(s, s.command(verb, args...))
}

func finished(t testing.TB, cmd *exec.Cmd) (d did) {
	t.Helper()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	for {
		select {
		case err := <-over:
			if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			d.code, d.out, d.said = cmd.ProcessState.ExitCode(), out.String(), said.String()
			return d
		case <-time.After(10 * time.Millisecond):
			d.peak = max(d.peak, resident(cmd.Process.Pid))
		}
	}
}

// resident is how much memory a process has had resident at most, in KiB; 0 when it is gone.
func resident(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.Atoi(number) // 0 while it ends
	return n
}

// passphraseFile is one that only its owner may read.
func passphraseFile(t testing.TB) string { return privateFile(t, exportPassphrase+"\n", 0o600) }

func privateFile(t testing.TB, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// wants fails unless a command ended as it was to.
func (d did) wants(t testing.TB, code int, said string) {
	t.Helper()
	if d.code != code || !strings.Contains(d.said, said) {
		t.Errorf("status %d, want %d; it said\n%swant %q", d.code, code, d.said, said)
	}
	for _, hidden := range []string{exportPassphrase, somePassword, exportHash[:40], "verifier"} {
		if strings.Contains(d.said, hidden) {
			t.Errorf("it shows %q:\n%s", hidden, d.said)
		}
	}
}

// signsInBySRP signs a user in with the SDK that the command login is made with.
func (s *site) signsInBySRP(name, password string) bool {
	cmd := exec.Command(binary(s), "login", "--endpoint", "http://"+s.addr, "--user-pool", s.pool, "--client-id", s.client, "--username", name, "--print", "access")
	cmd.Stdin = strings.NewReader(password + "\n")
	out, err := cmd.Output()
	return err == nil && strings.Count(string(out), ".") == 2
}

func (s *site) signsInByPassword(name, password string) bool {
	a, err := s.signIn(s.client, name, password)
	return err == nil && a.AuthenticationResult.AccessToken != ""
}

// TestExportCommand moves users from one running server to another by the commands: to the same pool id, where SRP goes on,
// and to another, where passwords come first.
func TestExportCommand(t *testing.T) {
	for engine, database := range importDatabases {
		t.Run(engine, func(t *testing.T) { testExportCommand(t, database) })
	}
}

func testExportCommand(t *testing.T, database func(testing.TB) []string) {
	from, to, other := newSite(t, database, exportPool), newSite(t, database, exportPool), newSite(t, database, "us-east-1_Other00001")
	addUser(t, from.door, from.pool, "alice")
	addUser(t, from.door, from.pool, "bob")
	from.must(t, "CreateGroup", `{"UserPoolId":%q,"GroupName":"staff"}`, from.pool)
	from.must(t, "AdminAddUserToGroup", `{"UserPoolId":%q,"Username":"alice","GroupName":"staff"}`, from.pool)
	from.must(t, "AdminDisableUser", `{"UserPoolId":%q,"Username":"bob"}`, from.pool)
	file := filepath.Join(t.TempDir(), "users.age")
	from.run("export", "--out", file).wants(t, 0, "exported 2 users and 1 groups")
	checkExportFile(t, from, file)

	to.run("import", file, "--dry-run").wants(t, 0, "2 users would be imported, 0 skipped, 0 failed")
	if to.signsInBySRP("alice", somePassword) {
		t.Error("a dry run imports users")
	}
	report := filepath.Join(t.TempDir(), "report")
	to.run("import", file, "--report", report).wants(t, 0, "2 users imported, 0 skipped, 0 failed; 1 groups created, 0 there already")
	checkReport(t, report, "[SUCCEEDED]", 2)
	to.run("import", file, "--report", report).wants(t, 1, "is there already: --force replaces it")
	to.run("import", file, "--report", report, "--force").wants(t, 0, "0 users imported, 2 skipped, 0 failed; 0 groups created, 1 there already")
	checkReport(t, report, "[SKIPPED]", 2)
	if !to.signsInBySRP("alice", somePassword) || to.signsInBySRP("alice", "wrong") || to.signsInBySRP("bob", somePassword) {
		t.Error("alice cannot sign in by SRP, or with another password, or bob is not disabled any more")
	}
	if a := to.must(t, "AdminListGroupsForUser", `{"UserPoolId":%q,"Username":"alice"}`, to.pool); len(a.Groups) != 1 || a.Groups[0].GroupName != "staff" {
		t.Errorf("the groups of alice are %v", a.Groups)
	}

	other.run("import", file).wants(t, 0, "The users are of pool "+strconv.Quote(exportPool))
	if other.signsInBySRP("alice", somePassword) || other.signsInByPassword("alice", "wrong") || !other.signsInByPassword("alice", somePassword) ||
		!other.signsInBySRP("alice", somePassword) {
		t.Error("in another pool alice cannot sign in by password first and by SRP then")
	}
}

// checkExportFile holds a file to be readable by its owner alone, to show nothing, and to stay when it is there.
func checkExportFile(t *testing.T, from *site, file string) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	before, _ := os.ReadFile(file)
	for _, text := range []string{"alice", somePassword, "staff", "verifier", exportPool, exportPassphrase} {
		if bytes.Contains(before, []byte(text)) {
			t.Errorf("the file shows %q", text)
		}
	}
	from.run("export", "--out", file).wants(t, 1, "is there already: --force replaces it")
	from.run("export", "--out", "/dev/null", "--force").wants(t, 1, "is no file")
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Error("the file is another")
	}
	from.run("export", "--out", file, "--force").wants(t, 0, "exported 2 users")
	d := from.run("export", "--quiet")
	if after, _ := os.ReadFile(file); bytes.Equal(before, after) || d.said != "" || len(d.out) != len(after) {
		t.Errorf("forced, the file is the same, or the output has %d bytes: %s", len(d.out), d.said)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("files are left over: %v", entries)
	}
}

func checkReport(t *testing.T, path, want string, n int) {
	t.Helper()
	text, err := os.ReadFile(path)
	info, _ := os.Stat(path)
	if err != nil || strings.Count(string(text), want) != n || strings.Count(string(text), "\n") != n || strings.Contains(string(text), "alice") {
		t.Errorf("the report is %v\n%s", err, text)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the report has the mode %v", info.Mode())
	}
}

// TestExportRefusals gives commands what they cannot work with: they say why, and write nothing.
func TestExportRefusals(t *testing.T) {
	s := newSite(t, importDatabases["sqlite"], exportPool)
	addUser(t, s.door, s.pool, "alice")
	file := filepath.Join(t.TempDir(), "users.age")
	s.run("export", "--out", file).wants(t, 0, "exported 1 users")
	s.must(t, "AdminDeleteUser", `{"UserPoolId":%q,"Username":"alice"}`, s.pool)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(text)
	flipped[len(flipped)-5] ^= 1
	with := func(passphrase, verb string, args ...string) did {
		return finished(t, exec.Command(binary(t), append(append([]string{verb, "--pool", s.pool, "--passphrase-file", passphrase}, s.names...), args...)...))
	}
	nowhere := &site{process: s.process, pool: s.pool, names: []string{"--data", t.TempDir()}}
	asked := s.command("import", file)
	asked.Args = append(asked.Args[:4], asked.Args[6:]...) // without --passphrase-file
	asked.Stdin = strings.NewReader("another passphrase\n")
	for what, tt := range map[string]struct {
		did  did
		want string
	}{
		"another passphrase": {with(privateFile(t, "wrong wrong wrong", 0o600), "import", file), "the passphrase is not the one that the file is sealed with"},
		"one that is asked":  {finished(t, asked), "the passphrase is not the one that the file is sealed with"},
		"one for everybody":  {with(privateFile(t, exportPassphrase, 0o644), "import", file), "may be read by others (mode 0644): chmod 600 it"},
		"no passphrase":      {with(privateFile(t, "\n", 0o600), "import", file), "passphrase file: it is empty"},
		"a short one":        {with(privateFile(t, "short", 0o600), "export", "--out", file+"2"), "the passphrase has fewer than 12 characters"},
		"no folder":          {s.run("export", "--out", filepath.Join(t.TempDir(), "none", "x")), "no such file or directory"},
		"a cut file":         {s.run("import", privateFile(t, string(text[:len(text)-1]), 0o600)), "the file is damaged or cut off"},
		"a changed file":     {s.run("import", privateFile(t, string(flipped), 0o600)), "the file is damaged or cut off"},
		"a hash of exports":  {s.run("import", file, "--password-hash", "BCRYPT"), "--password-hash is for CSV files"},
		"another CSV":        {s.run("import", privateFile(t, "a,b\n", 0o600)), `The header of the CSV file has a column that it must not have: "a".`},
		"no pool":            {s.run("export", "--pool", "us-east-1_None00001", "--out", file+"3"), "User pool us-east-1_None00001 does not exist."},
		"no database":        {nowhere.run("export", "--out", file+"4"), "there is no database"},
	} {
		t.Run(what, func(t *testing.T) { tt.did.wants(t, 1, tt.want) })
	}
	if a := s.must(t, "ListUsers", `{"UserPoolId":%q}`, s.pool); len(a.Users) != 0 {
		t.Errorf("users are written: %v", a.Users)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("files are left over: %v", entries)
	}
}

// writeCSV writes a file of users with password hashes.
func (s *site) writeCSV(t testing.TB, rows int) string {
	t.Helper()
	_, out, err := s.door("GetCSVHeader", fmt.Sprintf(`{"UserPoolId":%q}`, s.pool))
	var header struct{ CSVHeader []string }
	if err != nil || json.Unmarshal(out, &header) != nil {
		t.Fatalf("GetCSVHeader: %s %v", out, err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "users.csv"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, strings.Join(header.CSVHeader, ",")+",password_hash")
	for i := range rows {
		values := map[string]string{"name": importedName(i), "email": importedEmail(i), "email_verified": "true", "cognito:username": username(i)}
		for _, column := range header.CSVHeader {
			io.WriteString(w, values[column]+",")
		}
		io.WriteString(w, exportHash+"\n")
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// TestImportCommandCSV imports a file in Cognito's format by the command, of which some lines fail.
func TestImportCommandCSV(t *testing.T) {
	s := newSite(t, importDatabases["sqlite"], exportPool)
	path := s.writeCSV(t, 300)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = io.WriteString(f, strings.Repeat("x,y\n", 30))
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	s.run("import", path).wants(t, 1, "has a column that it must not have")
	d := s.run("import", path, "--password-hash", "SCRYPT")
	d.wants(t, 3, "300 users imported, 0 skipped, 30 failed")
	if strings.Count(d.said, "[FAILED]") != 20 || !strings.Contains(d.said, "and 10 more: --report tells of all") {
		t.Errorf("it said %s", d.said)
	}
	if !s.signsInByPassword(username(7), exportHashed) || !s.signsInBySRP(username(7), exportHashed) {
		t.Error("who came with a hash cannot sign in")
	}
}

// TestImportCommandKilled kills the command in the middle, and interrupts it; a second and a third run end with every user once.
func TestImportCommandKilled(t *testing.T) {
	for engine, database := range importDatabases {
		t.Run(engine, func(t *testing.T) { testImportCommandKilled(t, database) })
	}
}

func testImportCommandKilled(t *testing.T, database func(testing.TB) []string) {
	from, to := newSite(t, database, exportPool), newSite(t, database, exportPool)
	from.run("import", from.writeCSV(t, killedRows), "--password-hash", "SCRYPT").wants(t, 0, fmt.Sprintf("%d users imported", killedRows))
	file := filepath.Join(t.TempDir(), "users.age")
	from.run("export", "--out", file).wants(t, 0, fmt.Sprintf("exported %d users", killedRows))

	stopAt := func(lines int, signal syscall.Signal) did {
		t.Helper()
		report := filepath.Join(t.TempDir(), "report")
		cmd := to.command("import", file, "--report", report)
		go func() {
			for done := 0; done < lines; time.Sleep(time.Millisecond) {
				text, _ := os.ReadFile(report)
				done = bytes.Count(text, []byte("[SUCCEEDED]"))
			}
			_ = cmd.Process.Signal(signal) // it may be over, which shows below
		}()
		return finished(t, cmd)
	}
	if d := stopAt(killedRows/5, syscall.SIGKILL); d.code != -1 {
		t.Fatalf("it was over before it was killed: %+v", d)
	}
	d := stopAt(killedRows/5, syscall.SIGINT)
	d.wants(t, 130, "interrupted")
	imported, skipped := counted(t, d.said)
	if imported == 0 || skipped == 0 || imported+skipped >= killedRows {
		t.Errorf("interrupted, it said %s", d.said)
	}
	last := to.run("import", file)
	last.wants(t, 0, "0 failed")
	if more, there := counted(t, last.said); there != imported+skipped || more+there != killedRows {
		t.Errorf("in the end it said %s, after %d", last.said, imported+skipped)
	}
	m := importsOf(to)
	m.checkUsers(killedRows)
}

// importsOf sees a site as the tests of import jobs do.
func importsOf(s *site) *imported { return &imported{process: s.process, pool: s.pool} }

// counted reads how many users a command has imported and skipped.
func counted(t testing.TB, said string) (imported, skipped int) {
	t.Helper()
	for line := range strings.Lines(said) {
		if n, _ := fmt.Sscanf(line, "%d users imported, %d skipped", &imported, &skipped); n == 2 {
			return imported, skipped
		}
	}
	t.Errorf("it said %s", said)
	return 0, 0
}

// TestExportRate holds the commands to 150 MB, and the import of an export to ten times the time that a plain bulk insert of
// the same rows takes on the same engine.
func TestExportRate(t *testing.T) {
	rows := importRows(t)
	for engine, database := range importDatabases {
		t.Run(engine, func(t *testing.T) { testExportRate(t, engine, database, rows) })
	}
}

func testExportRate(t *testing.T, engine string, database func(testing.TB) []string, rows int) {
	from, to := newSite(t, database, exportPool), newSite(t, database, exportPool)
	plain := bulkInsert(t, engine, rows)
	file := filepath.Join(t.TempDir(), "users.age")
	csv := from.writeCSV(t, rows)
	for _, step := range []struct {
		what   string
		site   *site
		verb   string
		args   []string
		counts bool // as an import
	}{
		{"import of CSV", from, "import", []string{csv, "--password-hash", "SCRYPT"}, true},
		{"export", from, "export", []string{"--out", file}, false},
		{"import of an export", to, "import", []string{file}, true},
	} {
		begin := time.Now()
		d := step.site.run(step.verb, step.args...)
		took := time.Since(begin)
		d.wants(t, 0, strconv.Itoa(rows)+" users")
		t.Logf("%d rows, %s: %v, %.1f times the %v of a bulk insert; %d MB resident at most", rows, step.what,
			took.Round(time.Millisecond), float64(took)/float64(plain), plain.Round(time.Millisecond), d.peak>>10)
		if step.counts && took > slowerThanBulk*plain*patience() {
			t.Errorf("%s took more than %d times as long as a bulk insert", step.what, slowerThanBulk)
		}
		if d.peak > importMemory {
			t.Errorf("%s: %d KiB were resident", step.what, d.peak)
		}
	}
}
