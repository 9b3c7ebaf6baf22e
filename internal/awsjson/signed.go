package awsjson

import (
	"errors"
	"net/http"
	"time"

	"cognate/internal/fault"
	"cognate/internal/sigv4"
)

// headerToken is where requests carry the token of temporary credentials.
const headerToken = "X-Amz-Security-Token"

// Session is what temporary credentials are of.
type Session struct {
	ARN    string // who they act as
	Secret string // that they sign with
}

// Sessions finds the session of a token that was given together with an access key. It returns [ErrSessionExpired] for one
// that was there once, and any other error for what is none of ours.
type Sessions func(token, accessKeyID string) (Session, error)

// ErrSessionExpired says that the time of temporary credentials is over.
var ErrSessionExpired = fault.New(codeExpired, "The security token included in the request is expired")

const codeExpired = "ExpiredTokenException"

var errUnknownKey = fault.New("UnrecognizedClientException", "The security token included in the request is invalid.")

// AnySignature returns the [Authenticator] of development: a request must carry a well-formed Authorization, and whatever
// it signs is believed. Only who comes with a session of ours must have signed with it, and is nobody else then.
func AnySignature(sessions Sessions) Authenticator {
	return func(r *http.Request, body []byte, service string) (Principal, error) {
		a, err := parse(r)
		if err != nil {
			return Principal{}, err
		}
		s, err := sessions.of(r, a)
		switch {
		case errors.Is(err, ErrSessionExpired):
			return Principal{}, ErrSessionExpired
		case err != nil || s == nil:
			return Principal{AccessKeyID: a.AccessKeyID, Region: a.Region}, nil
		}
		return s.verify(r, body, service, a)
	}
}

// StrictSignature returns the [Authenticator] of production: the signature must be that of the request,
// made with the secret of a known access key or of a session, for this service, and at this time.
func StrictSignature(secretOf func(accessKeyID string) (string, bool), sessions Sessions) Authenticator {
	return func(r *http.Request, body []byte, service string) (Principal, error) {
		a, err := parse(r)
		if err != nil {
			return Principal{}, err
		}
		s, err := sessions.of(r, a)
		switch {
		case errors.Is(err, ErrSessionExpired):
			return Principal{}, ErrSessionExpired
		case err != nil:
			return Principal{}, errUnknownKey
		case s == nil:
			secret, ok := secretOf(a.AccessKeyID)
			if !ok {
				return Principal{}, errUnknownKey
			}
			s = &Session{Secret: secret}
		}
		return s.verify(r, body, service, a)
	}
}

// maxAccessKeyID is the longest id of an access key that AWS gives.
const maxAccessKeyID = 128

func parse(r *http.Request) (*sigv4.Authorization, error) {
	a, err := sigv4.Parse(r)
	if err != nil {
		return nil, signatureFault(err)
	}
	if len(a.AccessKeyID) > maxAccessKeyID {
		return nil, errUnknownKey
	}
	return a, nil
}

// of returns the session of a request, nil for one that is signed with an access key.
func (f Sessions) of(r *http.Request, a *sigv4.Authorization) (*Session, error) {
	tokens := r.Header.Values(headerToken)
	switch {
	case len(tokens) == 0:
		return nil, nil
	case len(tokens) > 1 || f == nil: // of two, neither is meant
		return nil, errUnknownKey
	}
	s, err := f(tokens[0], a.AccessKeyID)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// verify checks that the session's secret has signed a request.
func (s *Session) verify(r *http.Request, body []byte, service string, a *sigv4.Authorization) (Principal, error) {
	if err := a.Verify(r, body, service, s.Secret, time.Now()); err != nil {
		return Principal{}, signatureFault(err)
	}
	return Principal{AccessKeyID: a.AccessKeyID, Region: a.Region, Session: s.ARN}, nil
}

func signatureFault(err error) error {
	if e := (*sigv4.Error)(nil); errors.As(err, &e) {
		return fault.New(e.Code, e.Message)
	}
	return err
}
