package builtin_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cognate/internal/fault"
	"cognate/internal/trigger"
	"cognate/internal/trigger/builtin"
)

// post is a sender that keeps what it is given.
type post struct {
	sent []builtin.Mail
	err  error
}

func (p *post) Send(_ context.Context, m builtin.Mail) (string, error) {
	p.sent = append(p.sent, m)
	return "a***@e***", p.err
}

// signIn is a sign-in of somebody through a function.
type signIn struct {
	*testing.T
	d          *trigger.Dispatcher
	post       *post
	attributes trigger.Attributes
	session    []trigger.ChallengeResult
	nobody     bool
	made       trigger.CreateAuthChallengeResponse
}

const page = "https://app.test/sign-in?x=1#code={code}"

func begin(t *testing.T, name string) *signIn {
	t.Helper()
	c := builtin.Config{Name: name, Sender: &post{}}
	if name == builtin.MagicLink {
		c.URL = page
	}
	r, err := builtin.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &signIn{T: t, d: trigger.New(r, slog.New(slog.DiscardHandler)), post: c.Sender.(*post),
		attributes: trigger.Attributes{"sub": "s", "email": "ann@example.com", "email_verified": "true", "cognito:user_status": "CONFIRMED"}}
}

const arn = "arn:aws:lambda:us-east-1:123456789012:function:f"

func scene(source string) trigger.Scene {
	return trigger.Scene{Source: source, Region: "us-east-1", PoolID: "us-east-1_P", ClientID: "c", UserName: "ann"}
}

// next is what comes next.
func (s *signIn) next() string {
	s.Helper()
	r, err := trigger.DefineAuthChallenge.Call(s.Context(), s.d, arn, scene(trigger.SourceDefineAuthChallenge),
		trigger.DefineAuthChallengeRequest{UserAttributes: s.attributes, Session: s.session, UserNotFound: s.nobody})
	if err != nil {
		s.Fatal(err)
	}
	next, err := r.Next()
	if err != nil {
		s.Fatal(err)
	}
	return next
}

func (s *signIn) create() error {
	s.Helper()
	var err error
	s.made, err = trigger.CreateAuthChallenge.Call(s.Context(), s.d, arn, scene(trigger.SourceCreateAuthChallenge), trigger.CreateAuthChallengeRequest{
		UserAttributes: s.attributes, ChallengeName: "CUSTOM_CHALLENGE", Session: s.session, UserNotFound: s.nobody, ClientMetadata: trigger.Metadata{"k": "v"}})
	return err
}

// answer answers the challenge that was made last.
func (s *signIn) answer(text string) bool {
	s.Helper()
	r, err := trigger.VerifyAuthChallenge.Call(s.Context(), s.d, arn, scene(trigger.SourceVerifyAuthChallenge),
		trigger.VerifyAuthChallengeRequest{UserAttributes: s.attributes, Private: s.made.Private, Answer: text, UserNotFound: s.nobody})
	if err != nil {
		s.Fatal(err)
	}
	s.session = append(s.session, trigger.ChallengeResult{Name: "CUSTOM_CHALLENGE", Result: r.Right(), Metadata: s.made.Metadata})
	return r.Right()
}

func (s *signIn) wants(next string) {
	s.Helper()
	if got := s.next(); got != next {
		s.Fatalf("got %s, want %s", got, next)
	}
}

// asked is a sign-in whose code was sent.
func asked(t *testing.T, name string) (*signIn, string) {
	t.Helper()
	s := begin(t, name)
	s.wants("CUSTOM_CHALLENGE")
	if err := s.create(); err != nil {
		t.Fatal(err)
	}
	return s, string(s.post.sent[0].Code)
}

// TestCode sends a code, once, and takes it in one of three answers.
func TestCode(t *testing.T) {
	s, code := asked(t, builtin.EmailCode)
	m := s.post.sent[0]
	if !regexp.MustCompile(`^\d{8}$`).MatchString(code) || m.Link != "" || m.Sub != "s" || m.Name != "ann" || m.PoolID != "us-east-1_P" || m.ClientID != "c" || m.Metadata["k"] != "v" {
		t.Errorf("sent %+v", m)
	}
	if want := (trigger.Metadata{"CODE_DELIVERY_DELIVERY_MEDIUM": "EMAIL", "CODE_DELIVERY_DESTINATION": "a***@e***"}); !maps.Equal(s.made.Public, want) {
		t.Errorf("the app sees %v", s.made.Public)
	}
	if s.answer("") || s.answer(code+" ") {
		t.Error("a wrong answer is taken")
	}
	s.wants("CUSTOM_CHALLENGE")
	if err := s.create(); err != nil || len(s.post.sent) != 1 {
		t.Errorf("sent %d mails, %v", len(s.post.sent), err)
	}
	if !s.answer(code) {
		t.Error("the right answer is refused")
	}
	s.wants(trigger.NextTokens)
}

// TestRounds takes no fourth answer.
func TestRounds(t *testing.T) {
	s, _ := asked(t, builtin.EmailCode)
	for range 3 {
		s.wants("CUSTOM_CHALLENGE")
		s.answer("00000000x")
	}
	s.wants(trigger.NextFailure)
}

// TestLink sends a link to the app that carries what answers the challenge.
func TestLink(t *testing.T) {
	s, code := asked(t, builtin.MagicLink)
	if len(code) < 26 || s.post.sent[0].Link != "https://app.test/sign-in?x=1#code="+code {
		t.Errorf("sent %+v", s.post.sent[0])
	}
	if s.answer(s.post.sent[0].Link) || !s.answer(code) {
		t.Error("it is not the code that answers")
	}
	other, _ := asked(t, builtin.MagicLink)
	if other.answer(code) {
		t.Error("a code is good for another sign-in")
	}
}

// TestExpiry takes no code after a quarter of an hour, however long the sign-in may take.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, code := asked(t, builtin.EmailCode)
		time.Sleep(15*time.Minute - 2*time.Second)
		if !s.answer(code) {
			t.Error("refused before its end")
		}
		s, code = asked(t, builtin.EmailCode)
		time.Sleep(15*time.Minute + time.Second)
		if s.answer(code) {
			t.Error("taken after its end")
		}
	})
}

// TestAddressChanged takes no code that went to an address which the user has given up.
func TestAddressChanged(t *testing.T) {
	s, code := asked(t, builtin.EmailCode)
	s.attributes["email"] = "other@example.com"
	if s.answer(code) {
		t.Error("taken")
	}
}

// TestNobody goes through the same challenges with a name that nobody has, whose answers are all wrong.
func TestNobody(t *testing.T) {
	s := begin(t, builtin.EmailCode)
	s.nobody, s.attributes = true, nil
	s.wants("CUSTOM_CHALLENGE")
	if err := s.create(); err != nil || len(s.post.sent) != 1 || s.post.sent[0].Sub != "" || s.made.Public["CODE_DELIVERY_DESTINATION"] == "" {
		t.Errorf("%v, %+v", err, s.post.sent)
	}
	for range 3 {
		s.wants("CUSTOM_CHALLENGE")
		if s.answer(string(s.post.sent[0].Code)) {
			t.Error("nobody's answer is right")
		}
	}
	s.wants(trigger.NextFailure)
}

// TestPassword asks for the password first where the sign-in begins with it, and for a new one after a temporary one.
func TestPassword(t *testing.T) {
	s := begin(t, builtin.EmailCode)
	s.session = []trigger.ChallengeResult{{Name: trigger.ChallengeSRP, Result: true}}
	s.wants("PASSWORD_VERIFIER")
	s.session = append(s.session, trigger.ChallengeResult{Name: "PASSWORD_VERIFIER", Result: true})
	s.wants("CUSTOM_CHALLENGE")
	if err := s.create(); err != nil {
		t.Fatal(err)
	}
	s.attributes["cognito:user_status"] = "FORCE_CHANGE_PASSWORD"
	if !s.answer(string(s.post.sent[0].Code)) {
		t.Error("refused")
	}
	s.wants("NEW_PASSWORD_REQUIRED")
	s.session, s.attributes["cognito:user_status"] = append(s.session, trigger.ChallengeResult{Name: "NEW_PASSWORD_REQUIRED", Result: true}), "CONFIRMED"
	s.wants(trigger.NextTokens)
}

// TestPasswordFirst has no way around the password where it is wanted.
func TestPasswordFirst(t *testing.T) {
	r, err := builtin.New(builtin.Config{Name: builtin.EmailCode, Password: true, Sender: &post{}})
	if err != nil {
		t.Fatal(err)
	}
	s := begin(t, builtin.EmailCode)
	s.d = trigger.New(r, slog.New(slog.DiscardHandler))
	s.wants(trigger.NextFailure)
	s.session = []trigger.ChallengeResult{{Name: "CUSTOM_CHALLENGE", Result: true}}
	s.wants(trigger.NextFailure)
	s.session = []trigger.ChallengeResult{{Name: trigger.ChallengeSRP, Result: true}}
	s.wants("PASSWORD_VERIFIER")
	s.session = append(s.session, trigger.ChallengeResult{Name: "PASSWORD_VERIFIER", Result: false})
	s.wants(trigger.NextFailure)
	s.session[1].Result = true
	s.wants("CUSTOM_CHALLENGE")
	s.session = append(s.session, trigger.ChallengeResult{Name: "CUSTOM_CHALLENGE", Result: true})
	s.wants(trigger.NextTokens)
}

// TestSendingFails tells the app of faults, and nothing else.
func TestSendingFails(t *testing.T) {
	s := begin(t, builtin.EmailCode)
	s.post.err = fault.New("TooManyRequestsException", "Too many requests.")
	for want, err := range map[string]error{
		"CreateAuthChallenge failed with error Too many requests.":                   fault.New("TooManyRequestsException", "Too many requests."),
		"CreateAuthChallenge invocation failed due to error InternalErrorException.": errors.New("inner"),
	} {
		s.post.err = err
		if f, ok := errors.AsType[*fault.Error](s.create()); !ok || f.Message != want {
			t.Errorf("got %v, want %s", f, want)
		}
	}
}

// TestOtherTriggers does nothing at them, and with what is no event.
func TestOtherTriggers(t *testing.T) {
	s := begin(t, builtin.EmailCode)
	_, err := trigger.PreSignUp.Call(t.Context(), s.d, arn, scene(trigger.SourcePreSignUp), trigger.PreSignUpRequest{})
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Message != "PreSignUp invocation failed due to error ResourceNotFoundException." {
		t.Errorf("got %v", err)
	}
	r, err := builtin.New(builtin.Config{Name: builtin.EmailCode})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "null", "[]", `{}`, `{"triggerSource":7}`, "\xff"} {
		if answer, err := r.Invoke(t.Context(), arn, []byte(text)); err == nil {
			t.Errorf("%q: %s", text, answer)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Invoke(ctx, arn, []byte(`{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who has gone: %v", err)
	}
}

// TestForeignChallenges makes a challenge of its own beside what other functions call theirs.
func TestForeignChallenges(t *testing.T) {
	for _, metadata := range []string{"ROUND_1", "{}", `{"code":7}`, `{"code":""}`, ""} {
		s := begin(t, builtin.EmailCode)
		s.session = []trigger.ChallengeResult{{Name: "CUSTOM_CHALLENGE", Metadata: &metadata}}
		if err := s.create(); err != nil || len(s.post.sent) != 1 {
			t.Errorf("%s: %v", metadata, err)
		}
		s.made.Private = map[string]string{"sent": metadata}
		if s.answer("") || s.answer("7") {
			t.Errorf("%s: an answer is right", metadata)
		}
	}
}

// TestConfig refuses what is no function of the server's, and URLs that carry no code safely.
func TestConfig(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "the name is neither", `{"Name":"sms-code"}`: "the name is neither", `{"Name":"email-code","URL":"https://a.test#{code}"}`: "a code has no url",
		`{"Name":"magic-link"}`: "absolute", `{"Name":"magic-link","URL":"/a#{code}"}`: "absolute", `{"Name":"magic-link","URL":"https://u:p@a.test#{code}"}`: "absolute",
		`{"Name":"magic-link","URL":"http://a.test#{code}"}`: "https", `{"Name":"magic-link","URL":"javascript://a.test#{code}"}`: "https",
		`{"Name":"magic-link","URL":"https://a.test"}`: "once", `{"Name":"magic-link","URL":"https://a.test/{code}"}`: "once", `{"Name":"magic-link","URL":"https://{code}.test"}`: "once",
		`{"Name":"magic-link","URL":"https://a.test?a={code}#{code}"}`: "once",
		`{"Name":"magic-link","URL":"https://a.test?a={code}"}`:        "", `{"Name":"magic-link","URL":"https://a.test/#/in/{code}"}`: "",
		`{"Name":"magic-link","URL":"http://localhost:3000/#{code}","Clear":true}`: "", `{"Name":"email-code"}`: "",
	} {
		var c builtin.Config
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		_, err := builtin.New(c)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
