// Package builtin is the functions that the server brings along, for pools that want no function of their own: the
// three of a sign-in (CUSTOM_AUTH) by a code, or a link, in an e-mail. A pool names one like any other function, and
// the configuration says that it is this.
//
// They are no exception: all that they know is in their events. What is sent lives in the sign-in alone, which the
// server seals.
package builtin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/secret"
	"cognate/internal/trigger"
)

// The names of the functions.
const (
	EmailCode = "email-code" // a code of eight digits
	MagicLink = "magic-link" // a link to an app, which takes the code out of it
)

// Mail is what a user proves to have received.
type Mail struct {
	PoolID, ClientID string
	Sub              string // the user's; empty for a name that nobody has: nothing is sent, and all else is as for others
	Name             string // by which the user was asked for
	Code             secret.Text
	Link             string // carries the code, which is not shown then; empty for a code to type
	Metadata         map[string]string
}

// Sender sends mails, as many as may be, and is safe for concurrent use. It returns where one went, masked. An error
// that is a fault may be shown to the app.
type Sender interface {
	Send(ctx context.Context, m Mail) (destination string, err error)
}

// Config says which function it is.
type Config struct {
	// Name is that of the function.
	Name string
	// URL is where links lead: an absolute address whose query or fragment has Placeholder once. Only links have one.
	URL string
	// Clear allows a URL without TLS.
	Clear bool
	// Password makes what is sent a second factor: a sign-in has to begin with the password.
	Password bool
	// Sender sends what it makes.
	Sender Sender
}

// Placeholder stands for the code in a URL.
const Placeholder = "{code}"

const (
	rounds   = 3
	digits   = 8
	lifetime = 15 * time.Minute // of what was sent, whatever the client lets a sign-in take
)

// Runner is one of the functions. It is safe for concurrent use.
type Runner struct{ config Config }

// New makes the function of a configuration, or says what is wrong with it.
func New(c Config) (*Runner, error) {
	switch {
	case c.Name == EmailCode && c.URL != "":
		return nil, errors.New("a code has no url")
	case c.Name == EmailCode:
	case c.Name == MagicLink:
		if err := checkURL(c.URL, c.Clear); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("the name is neither %s nor %s", EmailCode, MagicLink)
	}
	return &Runner{c}, nil
}

func checkURL(text string, clear bool) error {
	const mark = "0code0"
	u, err := url.Parse(strings.Replace(text, Placeholder, mark, 1))
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return errors.New("the url is not an absolute address")
	case u.Scheme != "https" && !(clear && u.Scheme == "http"):
		return errors.New("the url is not https")
	case strings.Count(text, Placeholder) != 1 || !strings.Contains(u.RawQuery+u.Fragment, mark):
		return fmt.Errorf("the url does not have %s once in its query or fragment", Placeholder)
	}
	return nil
}

// event is what of an event counts here.
type event struct {
	Source string `json:"triggerSource"`
	PoolID string `json:"userPoolId"`
	Name   string `json:"userName"`
	Caller struct {
		ClientID string `json:"clientId"`
	} `json:"callerContext"`
	Request struct {
		Attributes map[string]string         `json:"userAttributes"`
		Session    []trigger.ChallengeResult `json:"session"`
		Private    map[string]string         `json:"privateChallengeParameters"`
		Answer     string                    `json:"challengeAnswer"`
		Metadata   map[string]string         `json:"clientMetadata"`
		NotFound   bool                      `json:"userNotFound"`
	} `json:"request"`
}

// Invoke implements [trigger.Runner].
func (r *Runner) Invoke(ctx context.Context, _ string, text []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, &trigger.Unreachable{Code: "InvalidRequestContentException", Cause: errors.New("the event cannot be read")}
	}
	var response any
	var err error
	switch e.Source {
	case trigger.SourceDefineAuthChallenge:
		response = r.define(e)
	case trigger.SourceCreateAuthChallenge:
		response, err = r.create(ctx, e)
	case trigger.SourceVerifyAuthChallenge:
		response = verify(e, time.Now())
	default:
		err = &trigger.Unreachable{Code: "ResourceNotFoundException", Cause: errors.New("challenges are made here, and nothing else")}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"response": response})
}

// define asks for what was sent, up to three times; after the password where the sign-in begins with one, which is
// replaced when it is a temporary one.
func (r *Runner) define(e event) (out trigger.DefineAuthChallengeResponse) {
	var password, right, last = false, false, ""
	wrong := 0
	for _, c := range e.Request.Session {
		last = c.Name
		switch {
		case c.Name == idp.ChallengeNameTypePasswordVerifier:
			password = c.Result
		case c.Name == idp.ChallengeNameTypeCustomChallenge && c.Result:
			right = true
		case c.Name == idp.ChallengeNameTypeCustomChallenge:
			wrong++
		}
	}
	switch {
	case last == trigger.ChallengeSRP:
		out.ChallengeName = new(idp.ChallengeNameTypePasswordVerifier)
	case r.config.Password && !password:
		out.FailAuthentication = new(true)
	case right && password && e.Request.Attributes["cognito:user_status"] == idp.UserStatusTypeForceChangePassword:
		out.ChallengeName = new(idp.ChallengeNameTypeNewPasswordRequired)
	case right:
		out.IssueTokens = new(true)
	case wrong >= rounds:
		out.FailAuthentication = new(true)
	default:
		out.ChallengeName = new(idp.ChallengeNameTypeCustomChallenge)
	}
	return out
}

// sent is what was sent: what the challenges of one sign-in ask for, and are called. The app never sees it.
type sent struct {
	Code        string `json:"code"`
	Expires     int64  `json:"expires"` // seconds since 1970
	Address     string `json:"address"`
	Destination string `json:"destination"` // masked
}

// readSent reads a sent as text has written it.
func readSent(text string) (s sent, ok bool) {
	err := json.Unmarshal([]byte(text), &s)
	return s, err == nil && s.Code != ""
}

func (s sent) text() (string, error) {
	text, err := json.Marshal(s)
	return string(text), err
}

// create sends a code, or asks again for the one that was sent.
func (r *Runner) create(ctx context.Context, e event) (out trigger.CreateAuthChallengeResponse, err error) {
	s, ok := earlier(e.Request.Session)
	if !ok {
		if s, err = r.send(ctx, e); err != nil {
			return out, err
		}
	}
	text, err := s.text()
	if err != nil {
		return out, err
	}
	out.Public = trigger.Metadata{
		"CODE_DELIVERY_DELIVERY_MEDIUM": idp.DeliveryMediumTypeEmail, "CODE_DELIVERY_DESTINATION": s.Destination,
	}
	if out.Private = (trigger.Metadata{"sent": text}); !ok {
		out.Metadata = &text // for the challenges that follow
	}
	return out, nil
}

// earlier is what was sent earlier in a sign-in.
func earlier(session []trigger.ChallengeResult) (s sent, ok bool) {
	for _, c := range session {
		if c.Name == idp.ChallengeNameTypeCustomChallenge && c.Metadata != nil {
			if s, ok = readSent(*c.Metadata); ok {
				return s, true
			}
		}
	}
	return s, false
}

func (r *Runner) send(ctx context.Context, e event) (sent, error) {
	s := sent{Code: secret.RandomDigits(digits), Expires: time.Now().Add(lifetime).Unix(), Address: e.Request.Attributes["email"]}
	mail := Mail{PoolID: e.PoolID, ClientID: e.Caller.ClientID, Name: e.Name, Metadata: e.Request.Metadata}
	if r.config.Name == MagicLink {
		s.Code = rand.Text() // 130 bits
		mail.Link = strings.Replace(r.config.URL, Placeholder, s.Code, 1)
	}
	mail.Code = secret.Text(s.Code)
	if !e.Request.NotFound {
		mail.Sub = e.Request.Attributes["sub"]
	}
	var err error
	s.Destination, err = r.config.Sender.Send(ctx, mail)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return s, &trigger.Thrown{Type: f.Code, Message: strings.TrimSuffix(f.Message, ".")}
	}
	return s, err
}

// verify compares an answer with what was sent to the user's address: no answer is right of who has another one by now,
// or is nobody.
func verify(e event, now time.Time) trigger.VerifyAuthChallengeResponse {
	s, ok := readSent(e.Request.Private["sent"])
	same := subtle.ConstantTimeCompare([]byte(e.Request.Answer), []byte(s.Code)) == 1
	current := now.Unix() < s.Expires && s.Address == e.Request.Attributes["email"]
	return trigger.VerifyAuthChallengeResponse{Correct: new(ok && same && current && !e.Request.NotFound)}
}
