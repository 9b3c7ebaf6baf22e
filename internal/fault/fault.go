// Package fault holds the one error type of the inside. The core says what went wrong in the words
// of the API; each door maps it to its own protocol.
package fault

import "fmt"

// Error is a failure that may be shown to the caller: Code and Message go out to the byte. Cause, when
// there is one, is for the log alone.
type Error struct {
	Code    string
	Message string
	Cause   error
}

// New makes an error of the given code and text.
func New(code, message string) *Error { return &Error{Code: code, Message: message} }

// Newf is New with a formatted text.
func Newf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because is New with the cause that the log shall show.
func Because(cause error, code, message string) *Error {
	return &Error{Code: code, Message: message, Cause: cause}
}

// Error joins code and text; the cause stays out, so that an Error is safe to print to a caller.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the cause, nil when there is none.
func (e *Error) Unwrap() error { return e.Cause }
