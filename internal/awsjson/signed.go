package awsjson

import (
	"context"
	"errors"
	"net/http"
	"time"

	"cognate/internal/fault"
	"cognate/internal/sigv4"
)

// headerToken is where requests carry the token of temporary credentials.
const headerToken = "X-Amz-Security-Token"

// Holder is whose credentials they are that sign a request.
type Holder struct {
	ARN    string // who they act as
	Secret string // that they sign with
	Of     any    // as in [Principal]
}

// Keys finds the holder of an access key. It returns [ErrUnknownKey] when there is none.
type Keys func(ctx context.Context, accessKeyID string) (Holder, error)

// Sessions finds the holder of a session's token that was given together with an access key. It returns [ErrSessionExpired]
// for one that was there once, and any other error for what is none of ours.
type Sessions func(token, accessKeyID string) (Holder, error)

// ErrSessionExpired says that the time of temporary credentials is over.
var ErrSessionExpired = fault.New(codeExpired, "The security token included in the request is expired")

const codeExpired = "ExpiredTokenException"

// ErrUnknownKey says that nobody has an access key.
var ErrUnknownKey = fault.New("UnrecognizedClientException", "The security token included in the request is invalid.")

// AnySignature returns the [Authenticator] of development: a request must carry a well-formed Authorization, and whatever
// it signs is believed. Only who comes with a session of ours must have signed with it, and is nobody else then.
func AnySignature(sessions Sessions) Authenticator {
	return func(r *http.Request, body []byte, service string) (Principal, error) {
		a, err := parse(r)
		if err != nil {
			return Principal{}, err
		}
		h, err := sessions.of(r, a)
		switch {
		case errors.Is(err, ErrSessionExpired):
			return Principal{}, ErrSessionExpired
		case err != nil || h == nil:
			return Principal{AccessKeyID: a.AccessKeyID, Region: a.Region}, nil
		}
		return h.verify(r, body, service, a)
	}
}

// StrictSignature returns the [Authenticator] of production: the signature must be that of the request,
// made with the secret of a known access key or of a session, for this service, and at this time.
func StrictSignature(keys Keys, sessions Sessions) Authenticator {
	return func(r *http.Request, body []byte, service string) (Principal, error) {
		a, err := parse(r)
		if err != nil {
			return Principal{}, err
		}
		h, err := sessions.of(r, a)
		switch {
		case errors.Is(err, ErrSessionExpired):
			return Principal{}, ErrSessionExpired
		case err != nil:
			return Principal{}, ErrUnknownKey
		case h != nil:
			return h.verify(r, body, service, a)
		}
		holder, err := keys(r.Context(), a.AccessKeyID)
		if err != nil {
			return Principal{}, err
		}
		return holder.verify(r, body, service, a)
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
		return nil, ErrUnknownKey
	}
	return a, nil
}

// of returns the holder of a request's session, nil for one that is signed with an access key.
func (f Sessions) of(r *http.Request, a *sigv4.Authorization) (*Holder, error) {
	tokens := r.Header.Values(headerToken)
	switch {
	case len(tokens) == 0:
		return nil, nil
	case len(tokens) > 1 || f == nil: // of two, neither is meant
		return nil, ErrUnknownKey
	}
	h, err := f(tokens[0], a.AccessKeyID)
	if err != nil {
		return nil, err
	}
	return &h, nil
}

// verify checks that the holder's secret has signed a request.
func (h *Holder) verify(r *http.Request, body []byte, service string, a *sigv4.Authorization) (Principal, error) {
	if err := a.Verify(r, body, service, h.Secret, time.Now()); err != nil {
		return Principal{}, signatureFault(err)
	}
	return Principal{
		AccessKeyID: a.AccessKeyID, Region: a.Region, ARN: h.ARN, Temporary: r.Header.Get(headerToken) != "", Of: h.Of,
	}, nil
}

func signatureFault(err error) error {
	if e := (*sigv4.Error)(nil); errors.As(err, &e) {
		return fault.New(e.Code, e.Message)
	}
	return err
}
