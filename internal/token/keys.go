package token

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
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

// JWK is a public signing key as a JSON Web Key (RFC 7517).
type JWK struct {
	Alg string `json:"alg"`
	E   string `json:"e"`
	KID string `json:"kid"`
	Kty string `json:"kty"`
	N   string `json:"n"`
	Use string `json:"use"`
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

// assigned returns the rows of a pool's keys. A pool gets its keys from the spare ones when it first
// needs them, so that creating a pool waits for no key.
func (s *Service) assigned(ctx context.Context, poolID string) (rows []store.SigningKey, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		if err := exists(tx, poolID); err != nil { // one that is soft-deleted has keys
			return err
		}
		rows, err = tx.ListSigningKeys(poolID)
		return err
	})
	if err != nil || len(rows) >= len(uses) {
		return rows, err
	}
	err = s.withSpares(ctx, func(tx *store.Tx) error {
		if err := exists(tx, poolID); err != nil {
			return err
		}
		if rows, err = tx.ListSigningKeys(poolID); err != nil || len(rows) > 0 {
			return err
		}
		rows, err = takeKeys(tx, poolID, time.Time{})
		return err
	})
	return rows, err
}

// uses are those of a pool's keys.
var uses = []string{UseID, UseAccess}

// takeKeys gives a pool spare keys, one for each use. ErrNotFound says that they do not suffice.
func takeKeys(tx *store.Tx, poolID string, activates time.Time) (rows []store.SigningKey, err error) {
	for _, use := range uses {
		row, err := tx.TakeSpareKey(poolID, use, activates)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func exists(tx *store.Tx, poolID string) error {
	_, err := tx.GetPool(poolID)
	if errors.Is(err, store.ErrNotFound) {
		err = fault.Newf(idp.CodeResourceNotFound, "User pool %s does not exist.", poolID)
	}
	return err
}

// withSpares runs an Update that takes spare keys, again after making one as long as they do not suffice.
func (s *Service) withSpares(ctx context.Context, fn func(*store.Tx) error) error {
	defer s.askForSpares()
	for range 10 {
		err := s.db.Update(ctx, fn)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := s.addSpare(ctx); err != nil {
			return err
		}
	}
	return errors.New("token: others take the spare keys faster than they are made")
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
