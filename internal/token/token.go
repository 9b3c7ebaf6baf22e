// Package token issues and verifies what a signed-in user carries: ID and access tokens (RS256 JWTs of
// the pool's two keys) and refresh tokens, which belong to a family that rotation and revocation act
// on. The facts are those of the protocol page "tokens".
package token

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// Service issues and verifies the tokens of all pools. It is safe for concurrent use.
type Service struct {
	db        *store.DB
	keys      *secret.Keyring
	pools     *pool.Registry
	publicURL string
	issuerURL string              // what the issuers of pools begin with
	triggers  *trigger.Dispatcher // nil runs no functions

	loading singleflight.Group
	mu      sync.RWMutex
	rings   map[string]*ring // by pool id
	changes int              // counts calls of forget: what was read before one is not kept
	wake    chan struct{}    // asks Fill for spare keys

	openID atomic.Pointer[signer] // of the tokens of identities; nil until one is needed
}

// New makes the service. publicURL, without a slash at its end, is what the issuers of pools begin with
// that do not name another.
func New(db *store.DB, keys *secret.Keyring, pools *pool.Registry, publicURL string) *Service {
	s := &Service{db: db, keys: keys, pools: pools, publicURL: publicURL, issuerURL: publicURL, rings: map[string]*ring{}, wake: make(chan struct{}, 1)}
	db.Subscribe(s.forget)
	return s
}

// With has the functions of pools called that change tokens. It is not for a service that is in use; without it, a pool that names
// such a function gets no tokens.
func (s *Service) With(triggers *trigger.Dispatcher) *Service {
	s.triggers = triggers
	return s
}

// IssuedBy has the issuers of pools that do not name another begin with a URL that is not the public one: that of several
// servers which share pools. It is not for a service that is in use.
func (s *Service) IssuedBy(url string) *Service {
	s.issuerURL = url
	return s
}

// forget drops the keys of a pool that changed: it may be gone, and made again under its old id.
func (s *Service) forget(c store.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	switch c.Kind {
	case "":
		clear(s.rings)
	case "pool":
		delete(s.rings, c.ID)
	}
}

// Issuer is the iss claim of a pool's tokens, which their verifiers are configured with: the pool's
// own choice ("self", "aws" or a URL), never what a request said.
func (s *Service) Issuer(p *pool.Pool) string {
	switch own := p.Issuer(); own {
	case "", "self":
		return s.issuerURL + "/" + p.ID
	case "aws":
		return "https://" + awsIssuer(p) + "." + p.Region + ".amazonaws.com/" + p.ID
	default:
		return own
	}
}

// awsIssuer is how the host of Cognito's issuer of a pool begins.
func awsIssuer(p *pool.Pool) string {
	if c := p.Settings.IssuerConfiguration; c != nil && c.Type == idp.IssuerTypeUpdated {
		return "issuer-cognito-idp"
	}
	return "cognito-idp"
}

// KeysURL is where the public keys of a pool are.
func (s *Service) KeysURL(p *pool.Pool) string {
	return s.issuerURL + "/" + p.ID + "/.well-known/jwks.json"
}

// PublicURL is the address that tokens, links and documents name.
func (s *Service) PublicURL() string { return s.publicURL }

// Grant is a sign-in that has proven all that the pool asks for.
type Grant struct {
	Pool   *pool.Pool
	Client *pool.Client
	User   store.User
	Scopes string // space-separated

	Proof Proof

	// Flow names the sign-in: what [NewFlow] gave when it began. It becomes the id of the family, and
	// the event_id of its tokens.
	Flow string

	// Device is the key of the remembered device that has proven itself; NewDevice asks for a key for one that
	// is to register. The session is bound to that device, or, without either, to none.
	Device    string
	NewDevice bool

	// Occasion says why, for the pool's function. Change is what it has said of the grant before; nil has it asked.
	Occasion Occasion
	Change   *Change

	// OAuth is set for a sign-in at the authorization endpoint; nil is one by the API.
	OAuth *OAuth
}

// OAuth is what an authorization request adds to a grant.
type OAuth struct {
	Audience string `json:"aud,omitzero"` // the aud claim of the session's access tokens; empty for none
	Nonce    string `json:"-"`            // the nonce claim of the first ID token; empty for none
	Implicit bool   `json:"-"`            // without a refresh token: the session ends with the access token
}

// Granted reports whether a flow has ended with tokens.
func (s *Service) Granted(ctx context.Context, flow string) (bool, error) {
	err := s.db.Look(ctx, func(tx *store.Tx) error {
		_, err := tx.GetFamily(flow)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// NewFlow names a sign-in that begins.
func NewFlow() string { return uuid.Must(uuid.NewV7()).String() }

// Tokens is the result of a grant or a refresh.
type Tokens struct {
	ID, Access string        // there is no ID token without the scope openid but by the API
	Refresh    string        // empty when the refresh token that was presented stays the one to use
	Lifetime   time.Duration // of the access token
	Device     *NewDevice    // nil but where a grant asked for one
}

// String hides the tokens.
func (Tokens) String() string { return "tokens" }

// GoString hides the tokens.
func (t Tokens) GoString() string { return t.String() }

// LogValue hides the tokens.
func (t Tokens) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Issue turns a grant into tokens. Together with the family it writes what also writes, in one
// transaction, so that a password change or a reset counter is never without its session or the
// other way round. A user who has been disabled meanwhile gets none. A flow is granted once, however two grants race: for the other one it returns
// [store.ErrExists].
func (s *Service) Issue(ctx context.Context, g Grant, also func(*store.Tx) error) (*Tokens, error) {
	var device *NewDevice
	if g.NewDevice {
		device = s.newDevice(g.Pool)
		g.Device = device.Key
	}
	u := holder{User: g.User}
	f, err := newFamily(g, time.Now().UTC())
	if err != nil {
		return nil, err
	}
	b := builder{pool: g.Pool, client: g.Client, user: u, family: f}
	if g.Change != nil {
		b.change = *g.Change
	} else if b.change, err = s.ask(ctx, b, g.Occasion); err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if u.groups, err = admit(tx, g.User); err != nil {
			return err
		}
		if err := tx.CreateFamily(f); err != nil || also == nil {
			return err
		}
		return also(tx)
	})
	if err != nil {
		return nil, err
	}
	b.user = u
	if g.OAuth != nil {
		b.nonce = g.OAuth.Nonce
	}
	t, err := s.mint(ctx, b)
	if err != nil {
		return nil, err
	}
	t.Device = device
	if g.OAuth == nil || !g.OAuth.Implicit {
		t.Refresh = s.refreshToken(f)
	}
	return t, nil
}
