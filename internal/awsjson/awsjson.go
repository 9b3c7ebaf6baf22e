// Package awsjson serves the AWS JSON 1.1 protocol: one mux that authenticates, decodes, validates,
// dispatches and encodes for any service whose operations [cognate/api] describes. It knows no
// operation. The wording of its errors is AWS's (protocol page "wire", sections 1 to 4).
package awsjson

import (
	"context"
	"log/slog"
	"net/http"

	"cognate/api"
	"cognate/internal/fault"
)

// MaxBody is the largest request body, in bytes; MaxSignedBody that of an operation that is signed, which may bring the
// images of a look: two megabytes, in base64.
const (
	MaxBody       = 1 << 20
	MaxSignedBody = 3 << 20
)

// Error codes of the protocol itself, which no operation declares.
const (
	CodeUnknownOperation = "UnknownOperationException"
	CodeUnsupported      = "UnsupportedOperationException"
	CodeTooLarge         = "RequestEntityTooLargeException"
	CodeInternal         = "InternalErrorException"
	CodeTimeout          = "RequestTimeoutException"
)

// Caller is who sends a request, as far as the protocol tells.
type Caller struct {
	Principal // of a signed request; zero for the others
	RequestID string
	IP        string // the address of the peer, without a port
	Agent     string // the User-Agent
}

// Principal is who has signed a request.
type Principal struct {
	AccessKeyID string
	Region      string // the credential scope's
	ARN         string // who it is; empty where the [Authenticator] does not know
	Temporary   bool   // it is a session, whose credentials end
	Of          any    // what the [Authenticator] has for the [Authorizer]; comparable
}

// OwnAddress is the address of whom a request is from: empty when it is signed, for then it is some server's, which acts
// for many.
func (c Caller) OwnAddress() string {
	if c.AccessKeyID != "" {
		return ""
	}
	return c.IP
}

type callerKey struct{}

// CallerFrom returns the caller of the request that ctx belongs to; the zero Caller outside a request.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// WithCaller returns a context that carries c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// Authenticator proves who signed a request to the named service, or returns a fault.
type Authenticator func(r *http.Request, body []byte, service string) (Principal, error)

// Authorizer decides whether who has signed a request may do what it asks for: an action such as
// "cognito-idp:CreateUserPool", with the resource that the request names: the id of a pool or an ARN, "*" when it names
// none. What may not be is a fault.
type Authorizer func(ctx context.Context, c Caller, action, resource string) error

// Limiter decides whether an operation is done just now: what is not is a fault, whether the operation declares its code or not. It
// is asked about requests that are well-formed and may be done; in is the decoded input.
type Limiter func(ctx context.Context, op *api.Descriptor, in any) error

// Config is what a Mux needs to know.
type Config struct {
	// Authenticate checks requests to signed operations. It is required.
	Authenticate Authenticator
	// Authorize decides what who has signed a request may do; nil is all for access keys, and nothing for sessions.
	Authorize Authorizer
	// Limit bounds how often operations are done; nil is no bound.
	Limit Limiter
	// Admit, when set, is asked about every operation with the input that it is to have, and may refuse it.
	Admit func(ctx context.Context, op *api.Descriptor, in any) error
	// Logger takes one line a request, and the causes of internal errors; nil is slog.Default().
	Logger *slog.Logger
	// Undeclared, when set, is called with every error code that the model does not declare for the
	// operation that answered it. Tests fail on it.
	Undeclared func(operation, code string)
}

// Mux dispatches the operations of one or more services. Register everything before serving.
type Mux struct {
	config Config
	routes map[string]*route // by X-Amz-Target
}

type route struct {
	op   *api.Descriptor
	call func(ctx context.Context, body []byte) ([]byte, error) // nil: known, but not available
}

// New makes a mux without operations.
func New(c Config) *Mux {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Mux{config: c, routes: map[string]*route{}}
}

// Register makes all operations of a service known: those that no [Handle] follows for answer an
// UnsupportedOperationException of their own, not that they are unknown.
func (m *Mux) Register(s *api.Service) {
	for _, op := range s.Operations {
		m.routes[target(op)] = &route{op: op}
	}
}

// Handle serves op by fn. The input that fn receives meets every constraint of the model; a nil output
// without an error is an empty object.
func Handle[In, Out any](m *Mux, op api.Op[In, Out], fn func(context.Context, *In) (*Out, error)) {
	m.routes[target(op.Descriptor)] = &route{op.Descriptor, func(ctx context.Context, body []byte) ([]byte, error) {
		in := new(In)
		violations, err := decode(body, op.Input, in)
		if err != nil {
			return nil, err
		}
		if len(violations) > 0 {
			return nil, fault.New(op.Service.ValidationError, violationText(violations))
		}
		if m.config.Limit != nil {
			if err := m.config.Limit(ctx, op.Descriptor, in); err != nil {
				return nil, &limited{err}
			}
		}
		if m.config.Admit != nil {
			if err := m.config.Admit(ctx, op.Descriptor, in); err != nil {
				return nil, err
			}
		}
		out, err := fn(ctx, in)
		if err != nil || op.Output == nil {
			return nil, err
		}
		return encode(out)
	}}
}

// limited is a refusal that is none of an operation's.
type limited struct{ error }

// Unwrap returns the fault.
func (l *limited) Unwrap() error { return l.error }

func target(op *api.Descriptor) string { return op.Service.TargetPrefix + "." + op.Name }

// Available reports whether a handler serves the operation.
func (m *Mux) Available(op *api.Descriptor) bool {
	r, ok := m.routes[target(op)]
	return ok && r.call != nil
}

// Validate checks an input that did not come over the wire against the constraints of the operation's
// model, and answers as the wire would.
func Validate[In, Out any](op api.Op[In, Out], in *In) error {
	body, err := encode(in)
	if err != nil {
		return err
	}
	violations, err := decode(body, op.Input, new(In))
	if err == nil && len(violations) > 0 {
		err = fault.New(op.Service.ValidationError, violationText(violations))
	}
	return err
}
