// Package federationtest is what every federation.Provider must pass, whatever it speaks.
package federationtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/federation"
)

// Suite is an open provider, and a stand-in for the service that it asks.
type Suite struct {
	Provider federation.Provider
	Callback string // where answers go to
	// SignIn is a browser that goes where Begin says, and in which somebody signs in: it returns the form that the
	// browser comes back with. An empty subject is a service that does not say who it is. It fails t when it is asked for
	// anything that the protocol does not know.
	SignIn func(t *testing.T, to, subject string) url.Values
	// Refuse is SignIn by somebody who does not want to.
	Refuse func(t *testing.T, to string) url.Values
	// Told are claims of everybody who signs in.
	Told federation.Claims
	// Issuer is that of all assertions; empty for all but SAML.
	Issuer string
	// State names the parameter that carries the state, there and back.
	State string
	// Unbound says that nothing in an answer of the protocol names the request: the state alone does, which is the core's to check.
	Unbound bool
	// Endpoints are what Finish calls, each for Break; none when it calls nobody.
	Endpoints []string
	// Break lets a handler answer for an endpoint.
	Break func(endpoint string, h http.Handler)
	// Down ends the stand-in; nil without Endpoints.
	Down func()
	// Secrets are what no error may tell, whether to the app or to the log.
	Secrets []string
}

// Run runs the suite. open makes one with a stand-in of its own, and cleans up after t.
func Run(t *testing.T, open func(t *testing.T) *Suite) {
	for name, test := range map[string]func(*testing.T, *Suite){
		"signs in": signsIn, "keeps the state": keepsState, "takes no foreign answer": foreign, "takes no answer twice": twice,
		"passes a refusal on": refused, "wants a subject": nobody, "survives odd answers": odd, "signs in many at once": concurrent,
		"knows when it is down": down,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
	for _, endpoint := range open(t).Endpoints {
		for name, answer := range broken {
			t.Run(endpoint+" "+name, func(t *testing.T) { fails(t, open(t), endpoint, answer) })
		}
		t.Run(endpoint+" never answers", func(t *testing.T) { late(t, open(t), endpoint) })
	}
}

// request is a sign-in that begins, under a number of its own.
func (s *Suite) request(n int) federation.Request {
	return federation.Request{
		ID: fmt.Sprintf("_id-%d", n), State: fmt.Sprintf("state %d +%%2B&=é", n), Callback: s.Callback,
		Verifier: fmt.Sprintf("verifier-%034d", n),
	}
}

func (s *Suite) begin(t *testing.T, r federation.Request) string {
	t.Helper()
	to, err := s.Provider.Begin(t.Context(), r)
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	return to
}

func (s *Suite) finish(ctx context.Context, r federation.Request, form url.Values) (*federation.Assertion, error) {
	return s.Provider.Finish(ctx, federation.Callback{ID: r.ID, Callback: r.Callback, Verifier: r.Verifier, Form: form})
}

// refuses fails unless Finish fails by an error for the app, and tells no secret.
func (s *Suite) refuses(t *testing.T, what string, r federation.Request, form url.Values) *federation.Error {
	t.Helper()
	return s.shown(t, what)(s.finish(t.Context(), r, form))
}

func (s *Suite) shown(t *testing.T, what string) func(*federation.Assertion, error) *federation.Error {
	t.Helper()
	return func(a *federation.Assertion, err error) *federation.Error {
		t.Helper()
		known, ok := errors.AsType[*federation.Error](err)
		if a != nil || !ok || known.Code == "" {
			t.Fatalf("%s: %+v, %v", what, a, err)
		}
		for _, word := range s.Secrets {
			if strings.Contains(known.Error(), word) || known.Cause != nil && strings.Contains(known.Cause.Error(), word) {
				t.Errorf("%s: the error tells a secret: %v, for %v", what, known, known.Cause)
			}
		}
		return known
	}
}

// signed fails unless Finish tells that subject has signed in.
func (s *Suite) signed(t *testing.T, r federation.Request, form url.Values, subject string) *federation.Assertion {
	t.Helper()
	a, err := s.finish(t.Context(), r, form)
	if err != nil {
		t.Errorf("%q: %v, for %v", subject, err, errors.Unwrap(err))
		return nil
	}
	if a.Subject != subject {
		t.Errorf("%q signed in as %q", subject, a.Subject)
	}
	for name, want := range s.Told {
		if !slices.Equal(a.Claims[name], want) {
			t.Errorf("claim %s is %q, want %q", name, a.Claims[name], want)
		}
	}
	if _, ends := s.Provider.(federation.Logouter); a.Issuer != s.Issuer || ends != (a.Session != nil) {
		t.Errorf("the issuer is %q, and the session %+v", a.Issuer, a.Session)
	}
	if a.Once != "" && !a.Until.After(time.Now()) {
		t.Errorf("an assertion that counts once, until %v", a.Until)
	}
	return a
}

// signsIn takes the subject to the letter, for it is all that tells users apart.
func signsIn(t *testing.T, s *Suite) {
	for n, subject := range []string{"jane", "Jane", " jane ", "0", "jäne 😀", "a|b/c?d=e&f", `{"sub":"x"}`, strings.Repeat("long", 100)} {
		r := s.request(n)
		s.signed(t, r, s.SignIn(t, s.begin(t, r), subject), subject)
	}
}

func keepsState(t *testing.T, s *Suite) {
	for _, state := range []string{"plain", "a b+c%20d&e=f;g", "ü€😀", `"<script>`, strings.Repeat("x", 2000)} {
		r := s.request(1)
		r.State = state
		to := s.begin(t, r)
		u, err := url.Parse(to)
		if err != nil || !u.IsAbs() || u.Query().Get(s.State) != state {
			t.Errorf("state %q goes out as %s, %v", state, to, err)
			continue
		}
		form := s.SignIn(t, to, "jane")
		if form.Get(s.State) != state {
			t.Errorf("state %q comes back as %q", state, form.Get(s.State))
		}
		s.signed(t, r, form, "jane")
	}
}

// foreign covers checklist 39 and 49: an answer counts for its request alone.
func foreign(t *testing.T, s *Suite) {
	mine, theirs := s.request(1), s.request(2)
	if !s.Unbound {
		s.refuses(t, "another's answer", mine, s.SignIn(t, s.begin(t, theirs), "jane"))
		changed := mine
		changed.ID = theirs.ID
		s.refuses(t, "another's request", changed, s.SignIn(t, s.begin(t, mine), "jane"))
	}
	unasked := mine
	unasked.ID = ""
	s.refuses(t, "an answer that nobody asked for", unasked, s.SignIn(t, s.begin(t, mine), "jane"))
	elsewhere := mine
	elsewhere.Callback = "https://elsewhere.example/oauth2/idpresponse"
	s.refuses(t, "an answer for another address", elsewhere, s.SignIn(t, s.begin(t, mine), "jane"))
	s.signed(t, mine, s.SignIn(t, s.begin(t, mine), "jane"), "jane")
}

// twice lets an answer count once, or names it so that the core can see to that.
func twice(t *testing.T, s *Suite) {
	r := s.request(1)
	form := s.SignIn(t, s.begin(t, r), "jane")
	first := s.signed(t, r, form, "jane")
	second, err := s.finish(t.Context(), r, form)
	if err == nil && (first == nil || first.Once == "" || first.Once != second.Once) {
		t.Errorf("an answer counts twice: %+v, %+v", first, second)
	}
	other := s.request(2)
	third := s.signed(t, other, s.SignIn(t, s.begin(t, other), "jane"), "jane")
	if first != nil && third != nil && third.Once != "" && third.Once == first.Once {
		t.Errorf("two answers have the same name %q", third.Once)
	}
}

func refused(t *testing.T, s *Suite) {
	r := s.request(1)
	if known := s.refuses(t, "a refusal", r, s.Refuse(t, s.begin(t, r))); known.Code != "access_denied" {
		t.Errorf("a refusal is %v", known)
	}
}

func nobody(t *testing.T, s *Suite) {
	r := s.request(1)
	s.refuses(t, "an empty subject", r, s.SignIn(t, s.begin(t, r), ""))
}

// odd are forms that no service sends.
func odd(t *testing.T, s *Suite) {
	r := s.request(1)
	form := s.SignIn(t, s.begin(t, r), "jane")
	s.refuses(t, "no form", r, nil)
	for name := range form {
		if name == s.State {
			continue
		}
		for _, value := range []string{"", "x", "\x00\xff", "....", "<a/>", strings.Repeat("A", 100_000)} {
			bad := url.Values{}
			for other, values := range form {
				bad[other] = slices.Clone(values)
			}
			bad.Set(name, value)
			s.refuses(t, fmt.Sprintf("%s=%.10q", name, value), r, bad)
		}
	}
	s.signed(t, r, s.SignIn(t, s.begin(t, r), "jane"), "jane")
}

// concurrent covers the promise that a provider is safe for concurrent use: nobody is signed in as another.
func concurrent(t *testing.T, s *Suite) {
	var group sync.WaitGroup
	for n := range 32 {
		group.Go(func() {
			r := s.request(n)
			to, err := s.Provider.Begin(t.Context(), r)
			if err != nil {
				t.Errorf("begin: %v", err)
				return
			}
			subject := fmt.Sprintf("user-%d", n)
			s.signed(t, r, s.SignIn(t, to, subject), subject)
		})
	}
	group.Wait()
}

// down says that a service which is away fails its own sign-ins, and that Begin calls nobody.
func down(t *testing.T, s *Suite) {
	if s.Down == nil {
		return
	}
	r := s.request(1)
	form := s.SignIn(t, s.begin(t, r), "jane")
	s.Down()
	s.begin(t, s.request(2))
	s.refuses(t, "a service that is down", r, form)
}

// broken are answers of a service that is not well.
var broken = map[string]http.HandlerFunc{
	"fails": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	"refuses": func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error":"denied"}`, http.StatusForbidden)
	},
	"says nothing":     func(http.ResponseWriter, *http.Request) {},
	"sends a page":     func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>hello</html>")) },
	"sends nothing":    func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("null")) },
	"sends half":       func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"access_token":"`)) },
	"sends other JSON": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"access_token":7,"keys":{},"id":{}}`)) },
	"sends too much": func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"access_token":"` + strings.Repeat("x", 2*federation.MaxAnswer) + `"}`))
	},
	"nests too deep": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(strings.Repeat(`{"a":`, 100_000))) },
	"hangs up":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"lies about the length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte("{"))
	},
	"goes in circles": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
	},
}

func fails(t *testing.T, s *Suite, endpoint string, answer http.HandlerFunc) {
	r := s.request(1)
	form := s.SignIn(t, s.begin(t, r), "jane")
	s.Break(endpoint, answer)
	s.refuses(t, "a broken answer", r, form)
}

// lateness is how long a sign-in waits here for a service that does not answer.
const lateness = 100 * time.Millisecond

func late(t *testing.T, s *Suite, endpoint string) {
	r := s.request(1)
	form := s.SignIn(t, s.begin(t, r), "jane")
	over := t.Context()
	s.Break(endpoint, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-over.Done():
		}
	}))
	ctx, cancel := context.WithTimeout(t.Context(), lateness)
	defer cancel()
	began := time.Now()
	failure := s.shown(t, "a service that does not answer")(s.finish(ctx, r, form))
	if took := time.Since(began); took > 20*lateness {
		t.Errorf("it took %v", took)
	}
	if d := failure.Description; !strings.Contains(d, "Time") && !strings.Contains(d, "timed out") {
		t.Errorf("told %q", d)
	}
}
