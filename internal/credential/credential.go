// Package credential is the port to who gives temporary AWS credentials: a [Broker] assumes a role for an identity of an
// identity pool. Its plug-ins are below it.
package credential

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"time"
)

// SessionName is the name of the sessions that identity pools ask for.
const SessionName = "CognitoIdentityCredentials"

// Broker gives credentials. It is safe for concurrent use.
type Broker interface {
	// Assume gives credentials of the request's role, which end after its duration or before. An error that is
	// [ErrRefused] says that the role is not there or not for the identity, one that is [ErrUnavailable] that the
	// broker could not be asked; an error of ctx or of the request's Token is returned as it is.
	Assume(ctx context.Context, r Request) (Credentials, error)
}

// Why there are no credentials.
var (
	ErrRefused     = errors.New("credential: the role cannot be assumed")
	ErrUnavailable = errors.New("credential: who gives credentials does not answer")
)

// Request asks for credentials of a role for an identity.
type Request struct {
	RoleARN     string
	SessionName string
	IdentityID  string
	PoolID      string
	AMR         []string          // how the user of the identity has proven to be it
	Tags        map[string]string // the principal tags of the session
	Duration    time.Duration     // from 15 minutes to 12 hours
	// Policy is an IAM policy document: the credentials may do what it and the role's policy both allow. Empty narrows nothing.
	Policy string
	// Token makes the OpenID token of the identity, which says the same, for brokers that must be convinced. It is costly.
	Token func(ctx context.Context) (string, error)
}

// Credentials are what AWS's clients sign requests with.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time
}

// String hides the credentials.
func (Credentials) String() string { return "credentials" }

// GoString hides the credentials.
func (c Credentials) GoString() string { return c.String() }

// LogValue hides the credentials.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Role is what the ARN of a role says.
type Role struct{ Partition, Account, Name string }

var rolePattern = regexp.MustCompile(`^arn:([\w-]+):iam::(\d{12}):role/((?:[\x21-\x7E]+/)?([\w+=,.@-]{1,64}))$`)

// ParseRole takes the ARN of a role apart. Its name is without the path.
func ParseRole(arn string) (r Role, ok bool) {
	m := rolePattern.FindStringSubmatch(arn)
	if m == nil {
		return r, false
	}
	return Role{Partition: m[1], Account: m[2], Name: m[4]}, true
}

// SessionARN is the ARN of a session of the role: who its credentials act as.
func (r Role) SessionARN(session string) string {
	return "arn:" + r.Partition + ":sts::" + r.Account + ":assumed-role/" + r.Name + "/" + session
}
