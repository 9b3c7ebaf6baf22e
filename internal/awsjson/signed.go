package awsjson

import (
	"errors"
	"net/http"
	"time"

	"cognate/internal/fault"
	"cognate/internal/sigv4"
)

// AnySignature is the [Authenticator] of development: a request must carry a well-formed Authorization,
// and whatever it signs is believed.
func AnySignature(r *http.Request, _ []byte, _ string) (accessKeyID, region string, err error) {
	a, err := sigv4.Parse(r)
	if err != nil {
		return "", "", signatureFault(err)
	}
	if len(a.AccessKeyID) > maxAccessKeyID {
		return "", "", errUnknownKey
	}
	return a.AccessKeyID, a.Region, nil
}

// maxAccessKeyID is the longest id of an access key that AWS gives.
const maxAccessKeyID = 128

var errUnknownKey = fault.New("UnrecognizedClientException", "The security token included in the request is invalid.")

// StrictSignature returns the [Authenticator] of production: the signature must be that of the request,
// made with the secret of a known access key for this service, and at this time.
func StrictSignature(secretOf func(accessKeyID string) (string, bool)) Authenticator {
	return func(r *http.Request, body []byte, service string) (accessKeyID, region string, err error) {
		a, err := sigv4.Parse(r)
		if err != nil {
			return "", "", signatureFault(err)
		}
		secret, ok := secretOf(a.AccessKeyID)
		if !ok {
			return "", "", errUnknownKey
		}
		if err := a.Verify(r, body, service, secret, time.Now()); err != nil {
			return "", "", signatureFault(err)
		}
		return a.AccessKeyID, a.Region, nil
	}
}

func signatureFault(err error) error {
	if e := (*sigv4.Error)(nil); errors.As(err, &e) {
		return fault.New(e.Code, e.Message)
	}
	return err
}
