// Package access says who may call signed operations, and what each may do there: the holders of access keys, and the
// sessions of roles. What has no policy that allows it is refused.
package access

import (
	"context"
	"errors"
	"sync"
	"time"

	"cognate/internal/policy"
	"cognate/internal/secret"
	"cognate/internal/store"
)

// Errors of what is asked for.
var (
	ErrNoKey  = errors.New("access: there is no such access key")
	ErrNoRole = errors.New("access: there is no such role")
	ErrName   = errors.New("access: a name has 1 to 64 letters, digits and signs of +=,.@_-")
	ErrARN    = errors.New("access: the ARN of a role is arn:aws:iam::<account>:role/<name>")
)

// maxAge is how long a change of another process may go unseen.
const maxAge = 5 * time.Second

// kind is that of the changes that processes tell each other.
const kind = "access"

// Key is an access key. Its secret is not in it: see [Registry.Secret].
type Key struct {
	ID, Name string
	Policy   *policy.Document
	Enabled  bool
	Created  time.Time

	sealed []byte
}

// Role is what sessions of a role may do.
type Role struct {
	ARN      string
	Policy   *policy.Document
	Modified time.Time
}

// Registry keeps access keys and roles. It is safe for concurrent use. Changes of its own are seen at once, those that other
// processes make in the same database within five seconds.
type Registry struct {
	db   *store.DB
	keys *secret.Keyring

	mu         sync.Mutex
	known      *snapshot // nil: nothing is known
	generation uint64    // of known; each change begins one
}

// snapshot is all that there was at one time. Nobody changes it.
type snapshot struct {
	read  time.Time
	keys  map[string]Key  // by id
	roles map[string]Role // by ARN
}

// New makes a registry over db. Secrets are sealed by keys.
func New(db *store.DB, keys *secret.Keyring) *Registry {
	r := &Registry{db: db, keys: keys}
	db.Subscribe(func(c store.Change) {
		if c.Kind == kind || c.Kind == "" {
			r.forget()
		}
	})
	return r
}

func (r *Registry) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
	r.generation++
}

// Key returns an access key; ErrNoKey when there is none that is enabled.
func (r *Registry) Key(ctx context.Context, id string) (Key, error) {
	s, err := r.snapshot(ctx)
	if err != nil {
		return Key{}, err
	}
	if k, ok := s.keys[id]; ok && k.Enabled {
		return k, nil
	}
	return Key{}, ErrNoKey
}

// Secret opens the secret of a key.
func (r *Registry) Secret(k Key) (secret.Text, error) {
	plain, err := r.keys.Open(k.sealed, sealedAs(k.ID))
	return secret.Text(plain), err
}

// Role returns what sessions of a role may do; ErrNoRole when the role has no policy.
func (r *Registry) Role(ctx context.Context, arn string) (Role, error) {
	s, err := r.snapshot(ctx)
	if err != nil {
		return Role{}, err
	}
	if role, ok := s.roles[arn]; ok {
		return role, nil
	}
	return Role{}, ErrNoRole
}

// snapshot returns what there is, as it was five seconds ago at the longest.
func (r *Registry) snapshot(ctx context.Context) (*snapshot, error) {
	r.mu.Lock()
	known, generation := r.known, r.generation
	r.mu.Unlock()
	if known != nil && time.Since(known.read) < maxAge {
		return known, nil
	}
	fresh, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.generation == generation { // else something has changed since, and this may be what was before
		r.known = fresh
	}
	return fresh, nil
}

func (r *Registry) read(ctx context.Context) (*snapshot, error) {
	s := &snapshot{read: time.Now(), keys: map[string]Key{}, roles: map[string]Role{}}
	err := r.db.View(ctx, func(tx *store.Tx) error {
		keys, err := listKeys(tx)
		if err != nil {
			return err
		}
		roles, err := listRoles(tx)
		for _, k := range keys {
			s.keys[k.ID] = k
		}
		for _, role := range roles {
			s.roles[role.ARN] = role
		}
		return err
	})
	return s, err
}
