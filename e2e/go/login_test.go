package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"cognate/client"
)

// program is the built command, with a user's home of the test's own.
type program struct {
	*kit
	home string
}

func newProgram(t *testing.T, settings ...func(*idp.CreateUserPoolInput)) *program {
	t.Helper()
	if os.Getenv("COGNATE_BINARY") == "" {
		t.Fatal("COGNATE_BINARY is not set: the path of the server's binary")
	}
	return &program{newKit(t, settings...), t.TempDir()}
}

// execution is a run of the command.
type execution struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     bytes.Buffer
	asked   notes
}

// notes is what the command has written to its standard error so far.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// start runs a command of the program at the kit's pool and app client.
func (p *program) start(t *testing.T, what string, arguments ...string) *execution {
	t.Helper()
	r := &execution{command: exec.CommandContext(p.ctx, os.Getenv("COGNATE_BINARY"), append([]string{what, "--endpoint", server(t), "--user-pool", *p.poolID}, arguments...)...)}
	r.command.Env = append(os.Environ(), "XDG_CONFIG_HOME="+p.home, "HOME="+p.home, "COGNATE_CLIENT_ID="+*p.client)
	r.command.Stdout, r.command.Stderr = &r.out, &r.asked
	in, err := r.command.StdinPipe()
	ok(t, err)
	r.in = in
	ok(t, r.command.Start())
	return r
}

// say waits until the command asks for something, and answers.
func (r *execution) say(t *testing.T, question, answer string) {
	t.Helper()
	for began := time.Now(); !strings.Contains(r.asked.String(), question); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%q was not asked; printed %s", question, r.asked.String())
		}
	}
	_, err := io.WriteString(r.in, answer+"\n")
	ok(t, err)
}

// end expects the command to end well, and returns what it has printed.
func (r *execution) end(t *testing.T) string {
	t.Helper()
	r.in.Close()
	if err := r.command.Wait(); err != nil {
		t.Fatalf("%v: %s", err, r.asked.String())
	}
	return r.out.String()
}

// fails expects the command to end with an error, and returns it.
func (r *execution) fails(t *testing.T) string {
	t.Helper()
	r.in.Close()
	var exit *exec.ExitError
	if err := r.command.Wait(); !errors.As(err, &exit) || r.out.Len() > 0 {
		t.Fatalf("%v, printed %q", err, r.out.String())
	}
	return r.asked.String()
}

func TestLogin(t *testing.T) {
	p := newProgram(t)
	name := p.user(t, "login")
	if text := p.start(t, "token").fails(t); !strings.Contains(text, "nobody is signed in") {
		t.Errorf("before: %s", text)
	}
	r := p.start(t, "login")
	r.say(t, "User name: ", *name)
	r.say(t, "Password: ", password)
	if text := r.end(t); !strings.HasPrefix(text, *name+" is signed in. The session is in "+p.home) {
		t.Errorf("printed %q", text)
	}
	path := filepath.Join(p.home, "cognate", *p.poolID+"."+*p.client+".json")
	info, err := os.Stat(path)
	ok(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	access := strings.TrimSpace(p.start(t, "token").end(t))
	if got := claims(t, &access)["username"]; got != *name {
		t.Errorf("the token of %v", got)
	}
	id := strings.TrimSpace(p.start(t, "token", "--print", "id").end(t))
	if got := claims(t, &id)["token_use"]; got != "id" {
		t.Errorf("a token for %v", got)
	}
	p.start(t, "logout").end(t)
	_, err = p.GetUser(p.ctx, &idp.GetUserInput{AccessToken: &access})
	refused[*types.NotAuthorizedException](t, err, "Access Token has been revoked")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the session's file: %v", err)
	}
}

func TestLoginPrints(t *testing.T) {
	p := newProgram(t)
	name := p.user(t, "login-print")
	r := p.start(t, "login", "--username", *name, "--print", "json")
	r.say(t, "Password: ", password)
	var s client.Session
	ok(t, json.Unmarshal([]byte(r.end(t)), &s))
	if s.Username != *name || claims(t, &s.Access)["username"] != *name || s.Refresh == "" {
		t.Errorf("%v", s)
	}
	if kept, err := os.ReadDir(p.home); err != nil || len(kept) > 0 {
		t.Errorf("kept %v, %v", kept, err)
	}
	path := filepath.Join(t.TempDir(), "session")
	r = p.start(t, "login", "--username", *name, "--print", "refresh", "--store", path)
	r.say(t, "Password: ", password)
	printed := strings.TrimSpace(r.end(t))
	if kept, err := os.ReadFile(path); err != nil || !strings.Contains(string(kept), printed) || len(printed) < 20 {
		t.Errorf("%v", err)
	}
	r = p.start(t, "login", "--username", *name)
	r.say(t, "Password: ", password+"x")
	if text := r.fails(t); !strings.Contains(text, "NotAuthorizedException: Incorrect username or password.") || strings.Contains(text, password) {
		t.Errorf("wrong password: %s", text)
	}
	r = p.start(t, "login", "--username", *name)
	r.say(t, "Password: ", "")
	if text := r.fails(t); !strings.Contains(text, "password: it is empty") {
		t.Errorf("no password: %s", text)
	}
	if text := p.start(t, "login", "--password", password).fails(t); !strings.Contains(text, "unknown flag --password") {
		t.Errorf("a password as a flag: %s", text)
	}
}

var shownSecret = regexp.MustCompile(`\n  ([A-Z2-7]{32,})\n`)

// TestLoginSteps goes through a new password and the set-up of an authenticator app, mistyping each once.
func TestLoginSteps(t *testing.T) {
	p := newProgram(t)
	p.mfa(t, types.UserPoolMfaTypeOn)
	name := unique("login-steps")
	_, err := p.AdminCreateUser(p.ctx, &idp.AdminCreateUserInput{UserPoolId: p.poolID, Username: name, TemporaryPassword: aws.String("Temp0rary!"),
		MessageAction: types.MessageActionTypeSuppress})
	ok(t, err)
	r := p.start(t, "login", "--username", *name)
	r.say(t, "Password: ", "Temp0rary!")
	r.say(t, "New password: ", "short")
	r.say(t, "Password not long enough", password)
	r.say(t, "Second factor to set up", "totp")
	r.say(t, "Code of the app: ", "000000")
	r.say(t, "Code mismatch", codeNow(t, shownSecret.FindStringSubmatch(r.asked.String())[1], 0))
	r.end(t)
	secret := shownSecret.FindStringSubmatch(r.asked.String())[1]
	r = p.start(t, "login", "--username", *name)
	r.say(t, "Password: ", password)
	r.say(t, "Code of the authenticator app: ", codeNow(t, secret, 1))
	r.end(t)
}

func TestLoginByCode(t *testing.T) {
	p := newProgram(t)
	p.mfa(t, types.UserPoolMfaTypeOptional)
	name := p.user(t, "login-code")
	number := p.phone(t, name, &idp.AdminSetUserMFAPreferenceInput{SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true}, EmailMfaSettings: &types.EmailMfaSettingsType{Enabled: true}})
	r := p.start(t, "login", "--username", *name)
	r.say(t, "Password: ", password)
	r.say(t, "Second factor (SMS", "sms")
	question := "Code that was sent to +*******" + number[len(number)-4:] + ": "
	r.say(t, question, "000000")
	r.say(t, "CodeMismatchException", lastMail(t, number, "Authentication").Code)
	r.end(t)
}

var shownURL = regexp.MustCompile(`\n  (http\S+)\n`)

// TestLoginByBrowser has the program open a browser that only leaves a note, and goes where the program tells.
func TestLoginByBrowser(t *testing.T) {
	p := newProgram(t)
	name, redirect := p.user(t, "login-browser"), atHome(t)
	var c client.Config
	p.desktop(t, redirect, false, "openid", admin)(&c)
	note := filepath.Join(p.home, "note")
	ok(t, os.WriteFile(filepath.Join(p.home, "xdg-open"), []byte("#!/bin/sh\nprintf %s \"$1\" >\""+note+"\"\n"), 0o700))
	t.Setenv("PATH", p.home+":"+os.Getenv("PATH"))
	r := p.start(t, "login", "--browser", "--redirect", redirect, "--client-id", c.ClientID)
	r.say(t, "Sign in at\n\n  http", "")
	var address string
	for range 1000 {
		text, _ := os.ReadFile(note)
		if address = string(text); address != "" {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if shown := shownURL.FindStringSubmatch(r.asked.String()); shown == nil || shown[1] != address {
		t.Fatalf("opened %q, shown %v", address, shown)
	}
	text, err := visit(address, *name)
	ok(t, err)
	if !strings.Contains(text, "You are signed in.") || !strings.HasPrefix(r.end(t), *name+" is signed in.") {
		t.Errorf("the browser shows %s", text)
	}
}

// TestLoginInterrupted has the user have enough of a question.
func TestLoginInterrupted(t *testing.T) {
	p := newProgram(t)
	r := p.start(t, "login", "--username", "nobody")
	for !strings.Contains(r.asked.String(), "Password: ") {
		time.Sleep(5 * time.Millisecond)
	}
	ok(t, r.command.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	if err := r.command.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v", err)
	}
	if kept, err := os.ReadDir(p.home); err != nil || len(kept) > 0 {
		t.Errorf("kept %v, %v", kept, err)
	}
}
