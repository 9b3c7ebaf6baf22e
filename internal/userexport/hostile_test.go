package userexport

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cognate/internal/store/sqlite"
	"cognate/internal/userimport"
)

// lines are those of an export of ann alone, with everything: header, groups, user, end.
func (h *house) lines() []string {
	h.Helper()
	h.furnish()
	all := strings.SplitAfter(strings.TrimSuffix(string(h.clear()), "\n"), "\n")
	ann := slices.IndexFunc(all, func(l string) bool { return strings.Contains(l, `"username":"ann"`) })
	return []string{all[0], all[1], all[2], all[ann], `{"end":{"users":1,"groups":2}}` + "\n"}
}

// edited is a user line in which change has its way.
func edited(t *testing.T, text string, change func(map[string]any)) string {
	t.Helper()
	var l map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	change(l["user"])
	out, err := json.Marshal(l, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(out) + "\n"
}

// set replaces a member, found by its path, of a user.
func set(path string, value any) func(map[string]any) {
	return func(m map[string]any) {
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			switch next := m[name].(type) {
			case map[string]any:
				m = next
			case []any:
				m = next[0].(map[string]any)
			}
		}
		m[names[len(names)-1]] = value
	}
}

// double repeats the first element of a list.
func double(name string) func(map[string]any) {
	return func(m map[string]any) { list := m[name].([]any); m[name] = append(list, list[0]) }
}

// TestHostileRows imports nothing of a user whose line breaks a rule, and says which rule it is.
func TestHostileRows(t *testing.T) {
	lines := inMemory(t, poolID).lines()
	const part = "A part of the record is missing, repeated or too long."
	const noLine = "The line is not one of an export."
	long := strings.Repeat("x", 3000)
	many := make([]any, 501)
	for i := range many {
		many[i] = fmt.Sprint("g", i)
	}
	for what, tt := range map[string]struct {
		line string
		want string
	}{
		"as it was":              {lines[3], ""},
		"no object":              {"[]\n", noLine},
		"nothing":                {"{}\n", noLine},
		"an empty line":          {"\n", noLine},
		"two in one":             {strings.Replace(lines[3], `{"user":`, `{"group":{"name":"x","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z"},"user":`, 1), noLine},
		"another kind":           {`{"superuser":{}}` + "\n", noLine},
		"an unknown member":      {edited(t, lines[3], set("admin", true)), noLine},
		"an unknown setting":     {edited(t, lines[3], set("settings.admin", true)), noLine},
		"a key twice":            {strings.Replace(lines[3], `"username":`, `"username":"eve","username":`, 1), noLine},
		"an attribute twice":     {strings.Replace(lines[3], `"attributes":{`, `"attributes":{"name":"a","name":"b",`, 1), noLine},
		"broken UTF-8":           {strings.Replace(lines[3], `"username":"ann"`, "\"username\":\"a\xff\"", 1), noLine},
		"a number for a text":    {edited(t, lines[3], set("username", 1)), noLine},
		"no base64":              {edited(t, lines[3], set("password.verifier", "!")), noLine},
		"no time":                {edited(t, lines[3], set("created", "yesterday")), noLine},
		"a NUL":                  {edited(t, lines[3], set("username", "a\x00")), "The user name is missing, longer than 128 characters or not a text."},
		"no name":                {edited(t, lines[3], set("username", "")), "The user name is missing, longer than 128 characters or not a text."},
		"a long name":            {edited(t, lines[3], set("username", long)), "The user name is missing, longer than 128 characters or not a text."},
		"a name like an address": {edited(t, lines[3], set("username", "a@example.com")), "Username cannot be of email format, since user pool is configured for email alias."},
		"no sub":                 {edited(t, lines[3], set("sub", "")), "The sub is not a UUID in lower case."},
		"another sub":            {edited(t, lines[3], set("sub", "ANN")), "The sub is not a UUID in lower case."},
		"a status that is none":  {edited(t, lines[3], set("status", "ROOT")), "The status is not one that a user can have."},
		"an unknown attribute":   {edited(t, lines[3], set("attributes.custom:x", "1")), "Attributes did not conform to the schema: custom:x: Attribute does not exist in the schema."},
		"a long attribute":       {edited(t, lines[3], set("attributes.name", long)), "Attributes did not conform to the schema: name: String must be no longer than 2048 characters"},
		"a long unknown one":     {edited(t, lines[3], set("attributes.custom:"+long, "1")), part},
		"a line in the sub":      {edited(t, lines[3], set("sub", "a\n[SUCCEEDED] Line Number 5")), "The sub is not a UUID in lower case.\n"},
		"a line in an attribute": {edited(t, lines[3], set("attributes.a\nb", "1")), "Attributes did not conform to the schema: a b: Attribute does not exist in the schema."},
		"a sub as an attribute":  {edited(t, lines[3], set("attributes.sub", "x")), part},
		"no e-mail address":      {edited(t, lines[3], set("attributes.email", "x")), "Invalid email address format."},
		"a factor that is none":  {edited(t, lines[3], set("settings.mfa", []any{"CARRIER_PIGEON"})), part},
		"a factor twice":         {edited(t, lines[3], set("settings.mfa", []any{"SMS_MFA", "SMS_MFA"})), part},
		"a group that is not":    {edited(t, lines[3], set("groups", []any{"wheel"})), "The user is in a group that the file does not have."},
		"too many groups":        {edited(t, lines[3], set("groups", many)), "The user is in a group that the file does not have."},
		"a group twice":          {edited(t, lines[3], double("groups")), part},
		"a device twice":         {edited(t, lines[3], double("devices")), part},
		"a passkey twice":        {edited(t, lines[3], double("passkeys")), part},
		"an account twice":       {edited(t, lines[3], double("identities")), part},
		"a recovery code twice":  {edited(t, lines[3], double("recovery_codes")), part},
		"a long device":          {edited(t, lines[3], set("devices.name", long)), part},
		"a NUL in a device":      {edited(t, lines[3], set("devices.last_ip", "\x00")), part},
		"a verifier of one":      {edited(t, lines[3], set("password.verifier", "AQ==")), "The SRP verifier of a password is none, or has no salt."},
		"no salt":                {edited(t, lines[3], set("password.salt", "")), "The SRP verifier of a password is none, or has no salt."},
		"a device's verifier":    {edited(t, lines[3], set("devices.verifier", "AQ==")), part},
		"no seed":                {edited(t, lines[3], set("software_token.seed", "")), part},
		"an unknown algorithm":   {edited(t, lines[3], set("password.algorithm", "ROT13")), "The hash of a password cannot be imported: its algorithm is not known"},
		"a recovery code of 1":   {edited(t, lines[3], set("recovery_codes.digest", "AQ==")), part},
	} {
		to := inMemory(t, poolID)
		all := slices.Concat(lines[:3], []string{tt.line}, lines[4:])
		counts, log, err := to.take([]byte(strings.Join(all, "")))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		wantCounts := userimport.Counts{Imported: 1, GroupsCreated: 2}
		if tt.want != "" {
			wantCounts = userimport.Counts{Failed: 1, GroupsCreated: 2}
		}
		if counts != wantCounts || !strings.Contains(log, "Line Number 4 - "+strings.TrimSuffix(tt.want, ".")) {
			t.Errorf("%s: %+v\n%swant %s", what, counts, log, tt.want)
		}
		if tt.want != "" && to.records() != "" {
			t.Errorf("%s: the user is there", what)
		}
	}
}

// TestHostileFiles refuses files that are no exports, and what is no file of this version.
func TestHostileFiles(t *testing.T) {
	lines := inMemory(t, poolID).lines()
	head, rest := lines[0], strings.Join(lines[1:], "")
	for what, tt := range map[string]struct{ text, want string }{
		"nothing":               {"", ErrDamaged.Error()},
		"a text":                {"hello\n", "the file is no export of users"},
		"other JSON":            {`{"users":[]}` + "\n", "the file is no export of users"},
		"another format":        {strings.Replace(head, format, "other", 1) + rest, "the file is no export of users"},
		"another version":       {`{"header":{"format":"cognate-users","version":2,"schema":7},"news":1}` + "\n", "the export is of version 2, and this program reads version 1"},
		"a header that is none": {`{"header":{"format":"cognate-users","version":1,"schema":7}}` + "\n", ErrDamaged.Error() + ": the header is not one"},
		"no end":                {strings.Join(lines[:4], ""), ErrDamaged.Error()},
		"half a line":           {strings.Join(lines[:3], "") + lines[3][:40], ErrDamaged.Error()},
		"fewer users":           {head + lines[1] + lines[2] + lines[4], ErrDamaged.Error() + ": it has 0 users and 2 groups in the place of 1 and 2"},
		"more after the end":    {head + rest + lines[4], ErrDamaged.Error()},
		"a group twice":         {head + lines[1] + lines[1], ErrDamaged.Error() + ": the group of line 3 cannot be one"},
		"a group without name":  {head + `{"group":{"name":"","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z"}}` + "\n", ErrDamaged.Error() + ": the group of line 2 cannot be one"},
		"a line without end":    {head + strings.Repeat("x", maxLine+10), ErrDamaged.Error() + ": line 2 is longer than 4194304 bytes"},
		"a header without end":  {strings.Repeat("x", 3*maxLine), ErrDamaged.Error() + ": line 1 is longer than 4194304 bytes"},
	} {
		to := inMemory(t, poolID)
		if _, _, err := to.take([]byte(tt.text)); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v\nwant %s", what, err, tt.want)
		}
	}
}

// TestUsersTwice imports the first of two users of one name, sub or address.
func TestUsersTwice(t *testing.T) {
	lines := inMemory(t, poolID).lines()
	other := "00000000-0000-4000-8000-000000000000"
	for what, tt := range map[string]struct {
		line string
		want string
	}{
		"the same":             {lines[3], "[SKIPPED] Line Number 5 - The user already exists"},
		"another sub":          {edited(t, lines[3], set("sub", other)), "[SKIPPED] Line Number 5 - The user already exists"},
		"another name":         {edited(t, lines[3], set("username", "eve")), "[SKIPPED] Line Number 5 - The user already exists"},
		"the name in capitals": {edited(t, lines[3], func(m map[string]any) { m["sub"], m["username"] = other, "ANN" }), "[SKIPPED] Line Number 5 - The user already exists"},
		"the same address":     {edited(t, lines[3], func(m map[string]any) { m["sub"], m["username"] = other, "eve" }), "[FAILED] Line Number 5 - An account with the email already exists"},
	} {
		to := inMemory(t, poolID)
		all := slices.Concat(lines[:4], []string{tt.line, `{"end":{"users":2,"groups":2}}` + "\n"})
		counts, log, err := to.take([]byte(strings.Join(all, "")))
		if err != nil || counts.Imported != 1 || !strings.Contains(log, tt.want) {
			t.Errorf("%s: %+v, %v\n%s", what, counts, err, log)
		}
		if !to.provesSRP("ann", password) {
			t.Errorf("%s: ann is not what she was", what)
		}
	}
}

// FuzzRows reads lines of whatever kind: a line is a user whom a pool can have, or an error, and never a panic.
func FuzzRows(f *testing.F) {
	for _, text := range []string{`{"user":{}}`, `{"group":{"name":"g"}}`, `{"end":{}}`, "", "{", `{"user":{"sub":"00000000-0000-4000-8000-000000000000","username":"a","status":"CONFIRMED",` +
		`"enabled":true,"created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","attributes":{"email":"a@example.com"},"settings":{"mfa":["SMS_MFA"]},` +
		`"password":{"algorithm":"SCRYPT","hash":"` + importedHash + `","set":"2026-01-01T00:00:00Z"},"groups":["g"],"recovery_codes":[{"number":"0","created":"2026-01-01T00:00:00Z"}]}}`} {
		f.Add([]byte(text))
	}
	db, err := sqlite.Open(f.Context(), ":memory:")
	h := newHouse(f, db, err, poolID)
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &Reader{users: h.users, pool: h.pool, groups: map[string]bool{"g": true}, lines: bufio.NewReader(bytes.NewReader(text))}
		for range 100 {
			e, err := r.Next()
			if err != nil {
				if err != io.EOF && !errors.Is(err, ErrDamaged) {
					t.Errorf("%q: %v", text, err)
				}
				return
			}
			if e.Group == nil && e.Err == nil && e.Sub == "" {
				t.Errorf("%q is taken for a user without a sub", text)
			}
		}
	})
}
