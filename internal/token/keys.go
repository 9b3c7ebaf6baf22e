package token

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// The uses of a token, as its claim token_use says them: a pool has a key for each.
const (
	UseID     = "id"
	UseAccess = "access"
)

// spareKeys is how many keys are kept ready for pools to come: two pools can begin at once.
const spareKeys = 4

// ring is the keys of one pool, parsed and precomputed: parsing one for each signature would cost
// more than an eighth of the signature.
type ring struct {
	id, access *signer
	all        []*signer
}

// JWK is a public signing key as a JSON Web Key (RFC 7517).
type JWK struct {
	Alg string `json:"alg"`
	E   string `json:"e"`
	KID string `json:"kid"`
	Kty string `json:"kty"`
	N   string `json:"n"`
	Use string `json:"use"`
}

// JWKS is the document of a pool's public keys. It creates the keys of a pool that has none yet.
func (s *Service) JWKS(ctx context.Context, poolID string) ([]byte, error) {
	r, err := s.ring(ctx, poolID)
	if err != nil {
		return nil, err
	}
	return keySet(r.all)
}

// keySet is a JSON Web Key Set of public keys.
func keySet(keys []*signer) ([]byte, error) {
	doc := struct {
		Keys []JWK `json:"keys"`
	}{}
	for _, k := range keys {
		doc.Keys = append(doc.Keys, k.jwk)
	}
	return json.Marshal(doc)
}

// ring returns the keys of a pool, from memory when it can.
func (s *Service) ring(ctx context.Context, poolID string) (*ring, error) {
	s.mu.RLock()
	r := s.rings[poolID]
	s.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	v, err, _ := s.loading.Do(poolID, func() (any, error) { return s.load(context.WithoutCancel(ctx), poolID) })
	if err != nil {
		return nil, err
	}
	return v.(*ring), nil
}

// load reads the keys of a pool, after giving it some if it has none.
func (s *Service) load(ctx context.Context, poolID string) (*ring, error) {
	s.mu.RLock()
	before := s.changes
	s.mu.RUnlock()
	rows, err := s.assigned(ctx, poolID)
	if err != nil {
		return nil, err
	}
	r := new(ring)
	for _, row := range rows {
		k, err := s.parse(row)
		if err != nil {
			return nil, fmt.Errorf("token: key %s of pool %s: %w", row.KID, poolID, err)
		}
		r.all = append(r.all, k)
		if row.Use == UseID {
			r.id = k
		} else {
			r.access = k
		}
	}
	s.mu.Lock()
	if s.changes == before {
		s.rings[poolID] = r
	}
	s.mu.Unlock()
	return r, nil
}

// assigned returns the rows of a pool's keys. A pool gets its keys from the spare ones when it first
// needs them, so that creating a pool waits for no key.
func (s *Service) assigned(ctx context.Context, poolID string) (rows []store.SigningKey, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		rows, err = tx.ListSigningKeys(poolID)
		return err
	})
	for try := 0; err == nil && len(rows) < 2; try++ {
		if try > 0 {
			if err := s.addSpare(ctx); err != nil {
				return nil, err
			}
		}
		rows, err = s.assign(ctx, poolID)
		if errors.Is(err, store.ErrNotFound) && try < 10 {
			err = nil
		}
	}
	return rows, err
}

// assign moves two spare keys to a pool unless it has keys already. ErrNotFound says that the spare
// keys do not suffice.
func (s *Service) assign(ctx context.Context, poolID string) (rows []store.SigningKey, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.GetPool(poolID); errors.Is(err, store.ErrNotFound) {
			return fault.Newf(idp.CodeResourceNotFound, "User pool %s does not exist.", poolID)
		} else if err != nil {
			return err
		}
		if rows, err = tx.ListSigningKeys(poolID); err != nil || len(rows) > 0 {
			return err
		}
		for _, use := range []string{UseID, UseAccess} {
			row, err := tx.TakeSpareKey(poolID, use)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	s.askForSpares()
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (s *Service) askForSpares() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Fill keeps spare keys ready until ctx ends: making one takes a fraction of a second, which no request
// shall wait for. Failures are left to the next call for keys, which meets them again and reports them.
func (s *Service) Fill(ctx context.Context) {
	for {
		for s.spares(ctx) < spareKeys && ctx.Err() == nil {
			if s.addSpare(ctx) != nil {
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
	}
}

// spares counts the spare keys; an error counts as enough.
func (s *Service) spares(ctx context.Context) int {
	n := spareKeys
	s.db.View(ctx, func(tx *store.Tx) error {
		count, err := tx.CountSpareKeys()
		if err == nil {
			n = int(count)
		}
		return err
	})
	return n
}

// addSpare makes one RSA-2048 key and keeps it sealed, for a pool to come.
func (s *Service) addSpare(ctx context.Context) error {
	key, der, err := newPrivateKey()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	kid := base64.StdEncoding.EncodeToString(sum[:])
	row := store.SigningKey{
		KID:     kid,
		Sealed:  s.keys.Seal(der, keyAAD(kid)),
		Public:  x509.MarshalPKCS1PublicKey(&key.PublicKey),
		Created: time.Now().UTC(),
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return tx.CreateSigningKey(row) })
}

// newPrivateKey makes an RSA-2048 key, and its PKCS #8 form.
func newPrivateKey() (*rsa.PrivateKey, []byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return key, der, err
}

func keyAAD(kid string) string { return "signing-key:" + kid }

// parse opens a key row and computes what signing needs.
func (s *Service) parse(row store.SigningKey) (*signer, error) {
	key, err := s.openPrivateKey(row.Sealed, keyAAD(row.KID))
	if err != nil {
		return nil, err
	}
	return newSigner(row.KID, key), nil
}
