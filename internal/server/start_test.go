//go:build linux

package server

import (
	"bufio"
	"cmp"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// door is a way to call operations of a server.
type door func(op, body string) (status int, out []byte, err error)

// answer is what these tests read of a server's answers.
type answer struct {
	Type                 string `json:"__type"`
	UserPool             struct{ Id string }
	UserPoolClient       struct{ ClientId string }
	Users                []struct{ Username string }
	Groups               []struct{ GroupName string }
	Devices              []struct{ DeviceKey string }
	NextToken            string
	PaginationToken      string
	Username             string
	AuthenticationResult struct{ AccessToken, RefreshToken string }
}

// call returns the answer to a request, an error's included, or why none came.
func (d door) call(op, format string, args ...any) (a answer, err error) {
	status, out, err := d(op, fmt.Sprintf(format, args...))
	if err != nil {
		return a, err
	}
	if len(out) > 0 {
		err = json.Unmarshal(out, &a)
	}
	if status >= 500 {
		err = fmt.Errorf("%s: %s", op, out)
	}
	return a, err
}

// must is call for a request that has to succeed.
func (d door) must(t testing.TB, op, format string, args ...any) answer {
	t.Helper()
	a, err := d.call(op, format, args...)
	if err != nil || a.Type != "" {
		t.Fatalf("%s: %s %v", op, a.Type, err)
	}
	return a
}

// pool makes a pool with a client.
func (d door) pool(t testing.TB) (pool, client string) {
	t.Helper()
	pool = d.must(t, "CreateUserPool", `{"PoolName":"test"}`).UserPool.Id
	return pool, d.must(t, "CreateUserPoolClient", `{"UserPoolId":%q,"ClientName":"test",
		"ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`, pool).UserPoolClient.ClientId
}

func (d door) signIn(client, name, password string) (answer, error) {
	return d.call("InitiateAuth", `{"ClientId":%q,"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":%q,"PASSWORD":%q}}`, client, name, password)
}

// request is one to an operation of Cognito's, or by its whole name to another one; a development server believes what signs it.
func request(url, op string, body io.Reader) *http.Request {
	if !strings.Contains(op, ".") {
		op = "AWSCognitoIdentityProviderService." + op
	}
	r := httptest.NewRequest(http.MethodPost, url+"/", body)
	r.RequestURI = "" // it is a client's
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", op)
	r.Header.Set("X-Amz-Date", "20260101T000000Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE12/20260101/us-east-1/cognito-idp/aws4_request, "+
		"SignedHeaders=host;x-amz-date, Signature="+strings.Repeat("0", 64))
	return r
}

// process is the built server, run as users run it.
type process struct {
	testing.TB
	door
	addr string
	cmd  *exec.Cmd
	log  strings.Builder
	took time.Duration // until it was ready
}

// launch starts the binary on a data folder, with more flags if need be, and waits until it is ready. It is gone when the
// test ends.
func launch(t testing.TB, data string, flags ...string) *process {
	t.Helper()
	p := &process{TB: t, addr: freeAddress(t)}
	p.door = at("http://" + p.addr)
	p.cmd = exec.Command(binary(t), append([]string{"dev", "--addr", p.addr, "--data", data}, flags...)...)
	p.cmd.Stderr = &p.log
	start := time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	for time.Since(start) < 20*time.Second {
		if r, err := http.Get("http://" + p.addr + "/_cognate/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				p.took = time.Since(start)
				return p
			}
		}
		time.Sleep(time.Millisecond)
	}
	p.kill()
	t.Fatalf("not ready:\n%s", &p.log)
	return nil
}

// kill ends the process at once, if it has not ended.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // it was killed
	}
}

var connections = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// at is the door of the server at an address, over connections that stay open.
func at(url string) door {
	return func(op, body string) (int, []byte, error) {
		resp, err := connections.Do(request(url, op, strings.NewReader(body)))
		if err != nil {
			return 0, nil, err
		}
		defer resp.Body.Close()
		out, err := io.ReadAll(resp.Body)
		return resp.StatusCode, out, err
	}
}

// freeAddress is a loopback address that nothing listens on.
func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// built is the binary that the tests share, in a folder that TestMain makes.
var built struct {
	sync.Once
	dir, path string
	err       error
}

// binary builds the server as it is released.
func binary(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		built.path = filepath.Join(built.dir, "cognate")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", built.path, "cognate/cmd/cognate")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// slowEnv names an environment variable that, set to anything, says that this machine is too busy to
// hold the server to its times.
const slowEnv = "COGNATE_TEST_SLOW"

// patience is how many times longer than promised something may take: three where other tests run
// beside this one, with the race detector or in continuous integration.
func patience() time.Duration {
	if raceEnabled() || cmp.Or(os.Getenv("CI"), os.Getenv(slowEnv)) != "" {
		return 3
	}
	return 1
}

func raceEnabled() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestStart holds the time from the start to the first answer, on data that exist, to 150 ms.
func TestStart(t *testing.T) {
	data := t.TempDir()
	p := launch(t, data)
	pool, client := p.pool(t)
	addUser(t, p.door, pool, "alice")
	p.kill()
	limit := 150 * time.Millisecond * patience()
	var median time.Duration
	for range 3 {
		var times []time.Duration
		for range 7 {
			p := launch(t, data)
			times = append(times, p.took)
			p.kill()
		}
		slices.Sort(times)
		median = times[len(times)/2]
		t.Logf("ready after %v", times)
		if median <= limit {
			break
		}
	}
	if median > limit {
		t.Errorf("ready after %v, want at most %v", median, limit)
	}
	p = launch(t, data)
	if a, err := p.signIn(client, "alice", somePassword); err != nil || a.AuthenticationResult.AccessToken == "" {
		t.Errorf("after all the restarts alice cannot sign in: %s %v", a.Type, err)
	}
}

const somePassword = "Corr3ct-Horse!"

// addUser makes a confirmed user with somePassword.
func addUser(t testing.TB, d door, pool, name string) {
	t.Helper()
	d.must(t, "AdminCreateUser", `{"UserPoolId":%q,"Username":%q,"MessageAction":"SUPPRESS"}`, pool, name)
	d.must(t, "AdminSetUserPassword", `{"UserPoolId":%q,"Username":%q,"Password":%q,"Permanent":true}`, pool, name, somePassword)
}

// TestMemory holds an idle server that has signed somebody in to 40 MB.
func TestMemory(t *testing.T) {
	p := launch(t, t.TempDir())
	pool, client := p.pool(t)
	addUser(t, p.door, pool, "alice")
	if a, err := p.signIn(client, "alice", somePassword); err != nil || a.AuthenticationResult.AccessToken == "" {
		t.Fatalf("sign in: %s %v", a.Type, err)
	}
	time.Sleep(2 * time.Second)
	kb := p.resident()
	t.Logf("%d KB resident", kb)
	if kb >= 40<<10 {
		t.Errorf("%d KB resident, want less than 40 MB", kb)
	}
}

// resident is the process's resident memory in KiB.
func (p *process) resident() int { return p.status("VmRSS:") }

// status is a number of the process's in KiB, by its name in proc_pid_status(5).
func (p *process) status(name string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), name)
	rest, _, _ = strings.Cut(rest, "kB")
	kb, err := strconv.Atoi(strings.TrimSpace(rest))
	if err != nil {
		p.Fatalf("no %s in %s", name, text)
	}
	return kb
}

// TestBinary holds the released binary to 40 MB, and to need nothing of the system it runs on.
func TestBinary(t *testing.T) {
	info, err := os.Stat(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB", float64(info.Size())/1e6)
	if info.Size() >= 40e6 {
		t.Errorf("%d bytes, want less than 40 MB", info.Size())
	}
	f, err := elf.Open(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it needs the libraries %v (%v)", libraries, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it needs a dynamic linker")
		}
	}
}

// TestStopFinishesRequests tells a server to stop while requests are under way: it takes no more of
// them, answers every one of these, and ends without an error.
func TestStopFinishesRequests(t *testing.T) {
	data := t.TempDir()
	p := launch(t, data)
	pool, client := p.pool(t)
	const n = 16
	var open []*openRequest
	for i := range n {
		body := fmt.Sprintf(`{"UserPoolId":%q,"Username":"user-%d","MessageAction":"SUPPRESS","TemporaryPassword":%q}`, pool, i, somePassword)
		open = append(open, p.begin("AdminCreateUser", body))
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.awaitRefusal()
	for i, r := range open {
		if status, err := r.finish(); err != nil || status != http.StatusOK {
			t.Errorf("request %d, under way, got %d, %v", i, status, err)
		}
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v, want status 0\n%s", err, &p.log)
	}
	p = launch(t, data)
	for i := range n {
		a, err := p.signIn(client, fmt.Sprintf("user-%d", i), somePassword)
		if err != nil || a.Type != "" {
			t.Errorf("user-%d was acknowledged and cannot sign in: %s %v", i, a.Type, err)
		}
	}
}

// openRequest is a request whose body the server waits for.
type openRequest struct {
	conn net.Conn
	in   *bufio.Reader
	body string
}

// begin sends the head of a request and waits until the server asks for its body: it is under way.
func (p *process) begin(op, body string) *openRequest {
	p.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // only fails on a closed connection
	head := request("http://"+p.addr, op, http.NoBody).Header
	head.Set("Expect", "100-continue")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	var text strings.Builder
	fmt.Fprintf(&text, "POST / HTTP/1.1\r\nHost: %s\r\n", p.addr)
	err = errors.Join(head.Write(&text), writeAll(conn, text.String()+"\r\n"))
	in := bufio.NewReader(conn)
	line, readErr := in.ReadString('\n')
	if err != nil || readErr != nil || !strings.Contains(line, "100 Continue") {
		p.Fatalf("the server does not ask for the body: %q, %v, %v", line, err, readErr)
	}
	if _, err := in.ReadString('\n'); err != nil { // the empty line after it
		p.Fatal(err)
	}
	return &openRequest{conn, in, body}
}

func writeAll(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// finish sends the body and returns the status of the answer.
func (r *openRequest) finish() (int, error) {
	if err := writeAll(r.conn, r.body); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// awaitRefusal waits until the server takes no more connections.
func (p *process) awaitRefusal() {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 5*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			return
		}
		conn.Close()
		time.Sleep(5 * time.Millisecond)
	}
	p.Fatal("told to stop, the server still takes connections")
}
