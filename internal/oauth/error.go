package oauth

import (
	"net/url"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
)

// Error is an error of RFC 6749, sections 4.1.2.1 and 5.2.
type Error struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitzero"`
}

// Error implements error.
func (e *Error) Error() string { return strings.TrimSpace(e.Code + " " + e.Description) }

// The errors, in Cognito's words.
var (
	ErrRequest     = &Error{Code: "invalid_request"}
	ErrClient      = &Error{Code: "invalid_client"}
	ErrSecret      = &Error{Code: "invalid_client", Description: "invalid_client_secret"}
	ErrGrant       = &Error{Code: "invalid_grant"}
	ErrScope       = &Error{Code: "invalid_scope"}
	ErrNotAllowed  = &Error{Code: "unauthorized_client"}
	ErrGrantType   = &Error{Code: "unsupported_grant_type"}
	ErrTokenType   = &Error{Code: "unsupported_token_type"}
	ErrServerError = &Error{Code: "server_error"}

	errRedirect     = &Error{Code: "unauthorized_client", Description: "invalid_redirect"}
	errNotOAuth     = &Error{Code: "invalid_request", Description: "Client is not enabled for OAuth2.0 flows."}
	errUnknownScope = &Error{Code: "invalid_request", Description: "invalid_scope"}
	errProvider     = &Error{Code: "invalid_request", Description: "Identity provider does not exist."}

	// ErrLoginRequired and errUnmet are OpenID Connect's: Core section 3.1.2.6, and Core Unmet Authentication
	// Requirements 1.0.
	ErrLoginRequired = &Error{Code: "login_required"}
	errUnmet         = &Error{Code: "unmet_authentication_requirements"}
)

// OfFunction is what an app is told of a function of the pool's that has failed; nil of any other fault.
func OfFunction(f *fault.Error) *Error {
	functions := []string{idp.CodeUserLambdaValidation, idp.CodeUnexpectedLambda, idp.CodeInvalidLambdaResponse}
	if f == nil || !slices.Contains(functions, f.Code) {
		return nil
	}
	return &Error{Code: ErrRequest.Code, Description: f.Message + " "}
}

// PageError is an error of an authorization request that the browser's user is shown, and the client is not sent:
// who asks is not known, or not where the answer may go. Text is Cognito's where it says something at once;
// else the error page tells Code.
type PageError struct {
	Code, ClientID, Text string
}

// ParameterRequestID is the parameter of the error page that names the request that has failed: an extension.
const ParameterRequestID = "request_id"

// Error implements error.
func (e *PageError) Error() string { return strings.TrimSpace(e.Code + " " + e.Text) }

// Location is the error page's address, which names the request by an id for the log; empty for an error that is told at once.
func (e *PageError) Location(requestID string) string {
	if e.Text != "" {
		return ""
	}
	q := url.Values{"error": {e.Code}, ParameterRequestID: {requestID}}
	if e.ClientID != "" {
		q.Set("client_id", e.ClientID)
	}
	return "/error?" + q.Encode()
}

// RedirectError is an error that a client is sent, through the browser.
type RedirectError struct {
	Err *Error
	// Location is where the browser is sent: the redirect URI with the error and the state.
	Location string
}

// Error implements error.
func (e *RedirectError) Error() string { return e.Err.Error() }

// Unwrap returns the error without where it goes.
func (e *RedirectError) Unwrap() error { return e.Err }
