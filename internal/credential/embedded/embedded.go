// Package embedded gives credentials that this server itself believes. Nothing is kept of a session: its token holds all of
// it, sealed.
package embedded

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/internal/credential"
	"cognate/internal/secret"
)

// Broker is a [credential.Broker] that gives sessions of any role that has the form of one: who asks has chosen the role.
type Broker struct{ keys *secret.Keyring }

// New makes a broker whose sessions all servers with the same keys believe.
func New(keys *secret.Keyring) *Broker { return &Broker{keys} }

// Why [Broker.Open] does not open a session.
var (
	ErrUnknown = errors.New("embedded: not a session of this server")
	ErrExpired = errors.New("embedded: the session has expired")
)

// Session is who credentials act as, and until when.
type Session struct {
	AccessKeyID     string            `json:"-"` // what the token is bound to
	SecretAccessKey string            `json:"secret"`
	RoleARN         string            `json:"role"`
	SessionName     string            `json:"name"`
	IdentityID      string            `json:"sub"`
	PoolID          string            `json:"aud"`
	AMR             []string          `json:"amr"`
	Tags            map[string]string `json:"tags,omitempty"`
	Policy          string            `json:"policy,omitempty"` // as in [credential.Request]
	Expires         time.Time         `json:"exp"`
}

// ARN is who the session acts as.
func (s Session) ARN() string {
	role, _ := credential.ParseRole(s.RoleARN)
	return role.SessionARN(s.SessionName)
}

// String hides the secret.
func (s Session) String() string { return "session of " + s.ARN() }

// GoString hides the secret.
func (s Session) GoString() string { return s.String() }

// LogValue hides the secret.
func (s Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Assume implements credential.Broker. It makes no token of the identity.
func (b *Broker) Assume(_ context.Context, r credential.Request) (credential.Credentials, error) {
	if _, ok := credential.ParseRole(r.RoleARN); !ok {
		return credential.Credentials{}, credential.ErrRefused
	}
	s := Session{
		AccessKeyID: newAccessKeyID(), SecretAccessKey: newSecret(), RoleARN: r.RoleARN, SessionName: r.SessionName,
		IdentityID: r.IdentityID, PoolID: r.PoolID, AMR: r.AMR, Tags: maps.Clone(r.Tags), Policy: r.Policy,
		Expires: time.Now().Add(r.Duration).UTC().Truncate(time.Second),
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return credential.Credentials{}, err
	}
	return credential.Credentials{
		AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, Expires: s.Expires,
		SessionToken: b.keys.SealText(plain, binding(s.AccessKeyID)),
	}, nil
}

// binding ties a token to the id of the access key that it was given with.
func binding(accessKeyID string) string { return "session-token/" + accessKeyID }

// newAccessKeyID is one of temporary credentials: ASIA and 16 more characters.
func newAccessKeyID() string {
	return "ASIA" + base32.StdEncoding.EncodeToString(secret.RandomBytes(10))
}

// newSecret is a key of 40 characters.
func newSecret() string {
	return base64.StdEncoding.EncodeToString(secret.RandomBytes(30))
}

// Open returns the session of a token that was given together with the access key. A token that was altered, is another
// server's or another key's is [ErrUnknown]; one whose time is over is [ErrExpired].
func (b *Broker) Open(token, accessKeyID string) (Session, error) {
	plain, err := b.keys.OpenText(token, binding(accessKeyID))
	if err != nil {
		return Session{}, ErrUnknown
	}
	s := Session{AccessKeyID: accessKeyID}
	if err := json.Unmarshal(plain, &s); err != nil {
		return Session{}, ErrUnknown
	}
	s.Expires = s.Expires.UTC()
	if !time.Now().Before(s.Expires) {
		return Session{}, ErrExpired
	}
	return s, nil
}
