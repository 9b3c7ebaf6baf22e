package user

import (
	"log/slog"
	"time"
)

// Record is all that belongs to a user, but what is of the moment (sessions, sent codes, counters), with its secrets in
// clear: what an export has of the user. The names of its members are the format of exports: see docs/import.md.
type Record struct {
	hidden
	Sub        string            `json:"sub"`
	Username   string            `json:"username"`
	Status     string            `json:"status"`
	Enabled    bool              `json:"enabled"`
	Created    time.Time         `json:"created"`
	Modified   time.Time         `json:"modified"`
	Attributes map[string]string `json:"attributes,omitzero"`
	Settings   extra             `json:"settings,omitzero"`
	// Yields are the attributes that would be sign-in names of the user, but are those of another.
	Yields []string `json:"yields,omitzero"`

	Password      *PasswordRecord  `json:"password,omitzero"`
	History       []PasswordRecord `json:"password_history,omitzero"` // the oldest first
	SoftwareToken *TokenRecord     `json:"software_token,omitzero"`
	RecoveryCodes []RecoveryRecord `json:"recovery_codes,omitzero"`
	Devices       []DeviceRecord   `json:"devices,omitzero"`
	Passkeys      []PasskeyRecord  `json:"passkeys,omitzero"`
	Identities    []IdentityRecord `json:"identities,omitzero"`
	Groups        []string         `json:"groups,omitzero"`
}

// PasswordRecord is a password: an SRP verifier with its salt, made with the names of a pool and a user, or the hash of
// another system.
type PasswordRecord struct {
	hidden
	PoolName  string    `json:"pool,omitzero"`
	Username  string    `json:"username,omitzero"`
	Salt      []byte    `json:"salt,omitzero"`
	Verifier  []byte    `json:"verifier,omitzero"`
	Algorithm string    `json:"algorithm,omitzero"`
	Hash      string    `json:"hash,omitzero"`
	Temporary bool      `json:"temporary,omitzero"`
	Set       time.Time `json:"set"`
}

// TokenRecord is a software token that has been set up.
type TokenRecord struct {
	hidden
	Seed []byte `json:"seed"`
	Name string `json:"name,omitzero"`
	Step int64  `json:"step"` // the last one whose code was taken
}

// RecoveryRecord is a recovery code that has not been used: what is kept of it, or, of an old one, a hash that only the
// master key and the pool that it was made with can check.
type RecoveryRecord struct {
	Number  string    `json:"number"`
	Digest  []byte    `json:"digest,omitzero"`
	Keyed   []byte    `json:"keyed,omitzero"`
	Created time.Time `json:"created"`
}

// DeviceRecord is a device that has registered a secret.
type DeviceRecord struct {
	hidden
	Key           string    `json:"key"`
	Group         string    `json:"group"`
	Name          string    `json:"name,omitzero"`
	Salt          []byte    `json:"salt"`
	Verifier      []byte    `json:"verifier"`
	Remembered    bool      `json:"remembered,omitzero"`
	LastIP        string    `json:"last_ip,omitzero"`
	Created       time.Time `json:"created"`
	Modified      time.Time `json:"modified"`
	Authenticated time.Time `json:"authenticated,omitzero"`
}

// PasskeyRecord is a passkey.
type PasskeyRecord struct {
	ID           string    `json:"id"`
	RelyingParty string    `json:"relying_party"`
	PublicKey    []byte    `json:"public_key"`
	Attachment   string    `json:"attachment,omitzero"`
	Transports   string    `json:"transports,omitzero"`
	Flags        byte      `json:"flags"`
	SignCount    uint32    `json:"sign_count"`
	Created      time.Time `json:"created"`
	LastUsed     time.Time `json:"last_used,omitzero"`
}

// IdentityRecord is an account at an identity provider.
type IdentityRecord struct {
	Provider  string    `json:"provider"`
	Attribute string    `json:"attribute,omitzero"`
	Value     string    `json:"value"`
	Type      string    `json:"type"`
	Issuer    string    `json:"issuer,omitzero"`
	Own       bool      `json:"own,omitzero"`
	Created   time.Time `json:"created"`
}

// hidden keeps what it is embedded in from being shown.
type hidden struct{}

// String returns a fixed text.
func (hidden) String() string { return "[hidden]" }

// GoString returns a fixed text.
func (hidden) GoString() string { return "[hidden]" }

// LogValue returns a fixed text.
func (hidden) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// KeyMark tells whether two directories have the same master key, without telling which.
func (d *Directory) KeyMark() []byte { return d.keys.MAC("user-export") }
