package token

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"cognate/internal/store"
)

const (
	// ringAge is how long the keys of a pool are believed to be as they were read: a node that has missed how they
	// were rotated signs with the old ones no longer than that.
	ringAge = 10 * time.Minute
	// ringRest is how long, at least, after keys have been read they are not read again for a token of an unknown
	// one: whoever makes such tokens up costs the database a query now and then.
	ringRest = 5 * time.Second
)

// ring is the keys of one pool, parsed and precomputed: parsing one for each signature would cost
// more than an eighth of the signature.
type ring struct {
	keys []ringKey // in the order in which they sign
	read time.Time
}

// ringKey is a key of a pool, with the times of its row.
type ringKey struct {
	*signer
	row store.SigningKey
}

// retired reports whether a key is none of the pool's any more.
func retired(k store.SigningKey, now time.Time) bool {
	return !k.Retires.IsZero() && !now.Before(k.Retires)
}

// signing returns the key that signs the tokens of a use.
func (r *ring) signing(use string, now time.Time) (*signer, error) {
	for _, k := range slices.Backward(r.keys) {
		if k.row.Use == use && !now.Before(k.row.Activates) && !retired(k.row, now) {
			return k.signer, nil
		}
	}
	return nil, fmt.Errorf("token: no key for the use %q", use)
}

// sign signs the claims of a token of a use.
func (r *ring) sign(use string, now time.Time, claims any) (string, error) {
	k, err := r.signing(use, now)
	if err != nil {
		return "", err
	}
	return k.sign(claims)
}

// made returns the key of that use by which a token says that it is signed, or nil.
func (r *ring) made(use, token string, now time.Time) *signer {
	for _, k := range r.keys {
		if k.row.Use == use && k.signs(token) && !retired(k.row, now) {
			return k.signer
		}
	}
	return nil
}

// JWKS is the document of a pool's public keys: those that sign, those that did and whose tokens may still be valid, and
// those that will. It creates the keys of a pool that has none yet.
func (s *Service) JWKS(ctx context.Context, poolID string) ([]byte, error) {
	r, err := s.ring(ctx, poolID)
	if err != nil {
		return nil, err
	}
	var public []*signer
	now := time.Now()
	for _, k := range r.keys {
		if !retired(k.row, now) {
			public = append(public, k.signer)
		}
	}
	return keySet(public)
}

// payload checks that a pool has signed a token of that use, with a key that it still has, and returns the payload: else
// errForeign or errSignature.
func (s *Service) payload(ctx context.Context, poolID, use, token string) ([]byte, error) {
	r, err := s.ring(ctx, poolID)
	if err != nil {
		return nil, err
	}
	k := r.made(use, token, time.Now())
	if k == nil && time.Since(r.read) >= ringRest {
		// Another node may sign with a key already that this one has not heard of.
		if r, err = s.reload(ctx, poolID); err != nil {
			return nil, err
		}
		k = r.made(use, token, time.Now())
	}
	if k == nil {
		return nil, errForeign
	}
	return k.verify(token)
}

// ring returns the keys of a pool, from memory when it can.
func (s *Service) ring(ctx context.Context, poolID string) (*ring, error) {
	if r := s.remembered(poolID); r != nil && time.Since(r.read) < ringAge {
		return r, nil
	}
	return s.reload(ctx, poolID)
}

func (s *Service) remembered(poolID string) *ring {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rings[poolID]
}

// reload reads the keys of a pool; who asks at the same time waits for the same answer.
func (s *Service) reload(ctx context.Context, poolID string) (*ring, error) {
	v, err, _ := s.loading.Do(poolID, func() (any, error) { return s.load(context.WithoutCancel(ctx), poolID) })
	if err != nil {
		return nil, err
	}
	return v.(*ring), nil
}

// load reads the keys of a pool, after giving it some if it has none.
func (s *Service) load(ctx context.Context, poolID string) (*ring, error) {
	s.mu.RLock()
	before, known := s.changes, s.rings[poolID]
	s.mu.RUnlock()
	now := time.Now()
	rows, err := s.assigned(ctx, poolID)
	if err != nil {
		return nil, err
	}
	r := &ring{read: now}
	slices.SortStableFunc(rows, inTurn)
	for _, row := range rows {
		k, err := known.parse(s, row)
		if err != nil {
			return nil, fmt.Errorf("token: key %s of pool %s: %w", row.KID, poolID, err)
		}
		r.keys = append(r.keys, ringKey{k, row})
	}
	s.mu.Lock()
	if s.changes == before {
		s.rings[poolID] = r
	}
	s.mu.Unlock()
	return r, nil
}

// inTurn orders keys by when they begin to sign.
func inTurn(a, b store.SigningKey) int {
	return cmp.Or(a.Activates.Compare(b.Activates), a.Created.Compare(b.Created))
}

// parse opens a key row and computes what signing needs, unless r, which may be nil, has the key: that one remembers
// tokens besides.
func (r *ring) parse(s *Service, row store.SigningKey) (*signer, error) {
	if r != nil {
		for _, k := range r.keys {
			if k.row.KID == row.KID {
				return k.signer, nil
			}
		}
	}
	key, err := s.openPrivateKey(row.Sealed, keyAAD(row.KID))
	if err != nil {
		return nil, err
	}
	return newSigner(row.KID, key), nil
}
