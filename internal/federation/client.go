package federation

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"

	"cognate/internal/outbound"
)

// Get reads a document of a provider.
func (e Env) Get(ctx context.Context, address string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	return e.Do(r)
}

// Do sends a request to a provider and reads the answer, which may not be longer than MaxAnswer. An error names no query of an
// address, in which secrets may stand.
func (e Env) Do(r *http.Request) (status int, body []byte, err error) {
	return outbound.Do(e.HTTP, r, MaxAnswer)
}

// Unanswered is a sign-in that failed by the error of a call to a provider, in Cognito's words: late is what it says when the
// call took too long, otherwise when there is nothing better to say.
func Unanswered(err error, late, otherwise string) *Error {
	out := &Error{Code: "invalid_request", Description: otherwise, Cause: err}
	if slow, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && slow.Timeout() {
		out.Description = late
	} else if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		out.Description = "Connection reset"
	}
	return out
}
