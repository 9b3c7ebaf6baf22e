// Package api describes the operations of a service that speaks AWS JSON 1.1: their shapes, the
// constraints of their input and the errors that they declare. The packages below it (idp, identity)
// are generated from the service models; servers and clients share them.
package api

// Kind is the type of a [Shape] on the wire.
type Kind uint8

// The kinds that the service models use.
const (
	Structure Kind = iota
	List
	Map
	String
	Integer
	Long
	Boolean
	Blob
	Timestamp
	Document // any JSON value, passed through as it is
)

// Shape is one entry of a service model: a type and the constraints that every value of it meets.
// Shapes are shared and must not be changed.
type Shape struct {
	Name      string
	Kind      Kind
	Members   []Member // of a Structure; member i is field i of the generated Go struct
	Key       *Shape   // of a Map
	Elem      *Shape   // of a List or the values of a Map
	Min, Max  *int64   // characters of a string, bytes of a blob, entries of a list or map, or the number itself
	Pattern   string   // a regular expression that the whole string matches; empty for none
	Enum      []string // the allowed values; nil for any
	Sensitive bool     // the value must not be printed
}

// Member is a named part of a [Structure].
type Member struct {
	Name     string
	Shape    *Shape
	Required bool
}

// Auth is how a request to an operation proves who sends it.
type Auth uint8

// The classes of authentication.
const (
	// Public operations take no credentials: a client id, a session or a code authorises them.
	Public Auth = iota
	// Token operations carry the user's access token in their input.
	Token
	// Signed operations carry an AWS Signature Version 4.
	Signed
)

// String names the class as docs/coverage.md prints it.
func (a Auth) String() string {
	return [...]string{"public", "token", "SigV4"}[a]
}

// Service is a set of operations under one X-Amz-Target prefix.
type Service struct {
	Name            string // the signing name, as in "cognito-idp"
	TargetPrefix    string
	ValidationError string // the error code of an input that breaks a constraint of the model
	Operations      []*Descriptor
}

// Descriptor is what is known of an operation without its Go types.
type Descriptor struct {
	Service *Service
	Name    string
	Auth    Auth
	Input   *Shape
	Output  *Shape   // nil when the operation answers with an empty body
	Errors  []string // the codes that the model declares for it
}

// Op ties a descriptor to the Go types of its input and output.
type Op[In, Out any] struct{ *Descriptor }

// None is the output of an operation that answers with an empty body.
type None struct{}
