// Package federation is the port to external identity providers: what the server asks of one, what it gets back, and the
// rules that all kinds share. The kinds are plug-ins below it. The facts are those of the protocol page "federation".
package federation

import (
	"context"
	"crypto"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Settings are an identity provider of a pool.
type Settings struct {
	PoolID, Name, Type string // Type is a ProviderType
	// Details are the ProviderDetails, secrets in clear; SAML's MetadataFile and what discovery found are among them.
	Details map[string]string
	// Claims are what the AttributeMapping names, sorted, each once: of a provider that has to be asked for each claim, no other is
	// of use. They are any text.
	Claims []string
	// Keys are for SAML; nil for the other kinds.
	Keys *Keys
}

// Keys are a pool's own keys for a SAML provider, each with its certificate, in DER.
type Keys struct {
	Signer      crypto.Signer // RSA; signs requests
	Certificate []byte
	Decrypter   crypto.Decrypter // RSA; nil where answers are not encrypted
	Encryption  []byte           // the certificate of Decrypter
}

// Kind is one kind of provider.
type Kind interface {
	// Check says whether details can be those of a provider, and completes them by what is known of the kind, and by
	// discovery, which may call the provider. Its errors are faults of CreateIdentityProvider, or the server's own.
	Check(ctx context.Context, details map[string]string) (complete map[string]string, err error)
	// Open makes the provider of settings that Check has completed. It calls nobody.
	Open(s Settings) (Provider, error)
}

// Provider signs users in. It is safe for concurrent use. An error of it is a [*Error], which may be shown to the app, or
// one whose text is for the log alone.
type Provider interface {
	// Begin returns the address to send a browser to.
	Begin(ctx context.Context, r Request) (string, error)
	// Finish checks what a browser came back with, and tells who signed in. It takes nothing on trust that the browser
	// could have made up.
	Finish(ctx context.Context, c Callback) (*Assertion, error)
}

// Logouter is a Provider whose own session can be ended.
type Logouter interface {
	// Logout returns the address to send a browser to, which ends the session of an assertion and comes back to callback
	// with state unchanged.
	Logout(ctx context.Context, s Session, id, state, callback string) (string, error)
	// LoggedOut checks what a browser came back with after Logout with the same id.
	LoggedOut(ctx context.Context, form url.Values, id, callback string) error
}

// Describer is a Provider that reads a description of us.
type Describer interface {
	// Describe returns it: who we are, where answers go to, those to logouts too, and our certificates.
	Describe(callback, logoutCallback string) ([]byte, error)
}

// Request is a sign-in that begins.
type Request struct {
	ID        string // names it, unguessably: a nonce, or the id of a SAML request; it begins with a letter or "_"
	State     string // comes back unchanged
	Callback  string // the absolute address to come back to
	LoginHint string // who is to sign in; empty for anybody
	Prompt    string // the prompt parameter for the provider; empty for none
	// Verifier is a PKCE code_verifier (RFC 7636), which the browser does not see.
	Verifier string
}

// Callback is what a browser brings back.
type Callback struct {
	// ID is that of the Request. Empty, nobody asked: only SAML providers that are allowed to begin take that.
	ID       string
	Callback string     // as in the Request
	Verifier string     // as in the Request
	Form     url.Values // of the query or of the posted form
}

// Assertion says who signed in.
type Assertion struct {
	Subject string // the provider's name for the user, to the letter; never empty
	Issuer  string // the entity id of a SAML provider; empty for the others
	// Claims are what the provider tells of the user, each value as text.
	Claims Claims
	// Answers are what the provider has answered, as it came; nil of SAML, of which the claims are all.
	Answers *Answers
	// Once names the assertion among all of the provider, for a provider whose assertions could come twice, and Until is
	// how long it could; Once is empty for the others.
	Once  string
	Until time.Time
	// Session is how the provider knows the sign-in; nil where it cannot be ended.
	Session *Session
}

// Answers are the documents that a provider of OAuth 2.0 has answered. What it has not is empty.
type Answers struct {
	TokenResponse jsontext.Value
	IDToken       jsontext.Value // its claims
	UserInfo      Claims
}

// Session is how a SAML provider knows a sign-in.
type Session struct {
	NameID       string `json:"name_id"`
	Format       string `json:"format,omitzero"`
	Qualifier    string `json:"qualifier,omitzero"`    // NameQualifier
	SPQualifier  string `json:"sp_qualifier,omitzero"` // SPNameQualifier
	SessionIndex string `json:"index,omitzero"`
}

// Claims are named values; most names have one.
type Claims map[string][]string

// Document is the claims as JSON has them: a text of one value, a list of more.
func (c Claims) Document() map[string]any {
	out := make(map[string]any, len(c))
	for name, values := range c {
		if out[name] = any(values); len(values) == 1 {
			out[name] = values[0]
		}
	}
	return out
}

// Error is why a sign-in failed, in Cognito's words, for the app: an error of RFC 6749 section 4.1.2.1 and its
// description.
type Error struct {
	Code, Description string
	Cause             error // for the log
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Env is what plug-ins get from the server.
type Env struct {
	// HTTP calls providers: it has a timeout, follows few redirects, and calls no address that it must not. Whoever reads
	// an answer bounds its size by MaxAnswer.
	HTTP *http.Client
	// Dev accepts addresses without TLS.
	Dev bool
	// Skew is how far a provider's clock may be off.
	Skew time.Duration
}

// MaxAnswer is how many bytes of an answer of a provider are read.
const MaxAnswer = 1 << 20
