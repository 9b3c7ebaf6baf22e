package pool

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/federation"
	"cognate/internal/store"
)

const (
	providerKeyBits     = 2048
	certificateLifetime = 10 // years
	certificateAge      = 1  // years, after which a certificate is renewed
)

// keyPair is an RSA key with its certificate, as it is sealed.
type keyPair struct {
	Key         []byte `json:"key"` // PKCS #8
	Certificate []byte `json:"certificate"`
}

// newKeyPair makes a key and signs its certificate by itself. It takes a while.
func newKeyPair(poolID string, usage x509.KeyUsage) (k keyPair, err error) {
	key, err := rsa.GenerateKey(rand.Reader, providerKeyBits)
	if err != nil {
		return k, err
	}
	if k.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return k, err
	}
	k.Certificate, err = certify(key, pkix.Name{CommonName: poolID}, usage)
	return k, err
}

// certify signs the certificate of a key by the key itself.
func certify(key *rsa.PrivateKey, subject pkix.Name, usage x509.KeyUsage) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	made := now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: subject, KeyUsage: usage,
		NotBefore: made.Add(-time.Hour), NotAfter: made.AddDate(certificateLifetime, 0, 0),
	}
	return x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
}

// renewal is when the first of certificates is to be renewed, years before it ends; nil ones do not count, and a zero time is for none.
func renewal(certificates ...[]byte) (first time.Time, err error) {
	for _, der := range certificates {
		if der == nil {
			continue
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return first, err
		}
		if due := c.NotBefore.AddDate(certificateAge, 0, 0); first.IsZero() || due.Before(first) {
			first = due
		}
	}
	return first, nil
}

// renewed returns the same key with a new certificate: providers that hold on to the old one take what the key signs as before.
func (k keyPair) renewed() (keyPair, error) {
	old, err := x509.ParseCertificate(k.Certificate)
	if err != nil {
		return k, err
	}
	key, err := k.open()
	if err != nil {
		return k, err
	}
	k.Certificate, err = certify(key, old.Subject, old.KeyUsage)
	return k, err
}

func (k keyPair) open() (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.Key)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return key, nil
}

func (r *Registry) sealKeys(k keyPair, binding string) ([]byte, error) {
	plain, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	return r.keys.Seal(plain, binding), nil
}

func (r *Registry) openKeys(sealed []byte, binding string) (k keyPair, err error) {
	plain, err := r.keys.Open(sealed, binding)
	if err == nil {
		err = json.Unmarshal(plain, &k)
	}
	if err != nil {
		return k, fmt.Errorf("pool: keys of %s: %w", binding, err)
	}
	return k, nil
}

// federationBinding and encryptionBinding tie sealed keys to their rows.
func federationBinding(poolID string) string { return "federation-keys/" + poolID }

func encryptionBinding(poolID, name string) string {
	return "identity-provider-keys/" + poolID + "/" + name
}

// SigningCertificate returns the certificate, in DER, of the key that a pool signs its SAML requests with. The key is
// made when it is first asked for, and stays; the certificate is renewed after a year.
func (r *Registry) SigningCertificate(ctx context.Context, p *Pool) ([]byte, error) {
	k, err := r.signingKeys(ctx, p.ID)
	return k.Certificate, err
}

// signingKeys are a pool's own, for all its SAML providers.
func (r *Registry) signingKeys(ctx context.Context, poolID string) (keyPair, error) {
	sealed, err := r.getFederationKeys(ctx, poolID)
	if errors.Is(err, store.ErrNotFound) {
		sealed, err = r.makeFederationKeys(ctx, poolID)
	}
	if err != nil {
		return keyPair{}, err
	}
	return r.currentKeys(ctx, storedKeys{
		sealed: sealed, binding: federationBinding(poolID),
		get: func(tx *store.Tx) ([]byte, error) { return tx.GetFederationKeys(poolID) },
		put: func(tx *store.Tx, sealed []byte) error { return tx.UpdateFederationKeys(poolID, sealed) },
	})
}

// encryptionKeys are those of a provider's row.
func (r *Registry) encryptionKeys(ctx context.Context, row store.IdentityProvider) (keyPair, error) {
	return r.currentKeys(ctx, storedKeys{
		sealed: row.Keys, binding: encryptionBinding(row.PoolID, row.Name),
		get: func(tx *store.Tx) (sealed []byte, err error) {
			row, err = tx.GetIdentityProvider(row.PoolID, row.Name)
			return row.Keys, err
		},
		put: func(tx *store.Tx, sealed []byte) error {
			row.Keys = sealed
			tx.Notify(kindProvider, providerKey(row.PoolID, row.Name))
			return tx.UpdateIdentityProvider(row)
		},
	})
}

// storedKeys are sealed keys as they were read, and how to get them and put others in their place within one transaction.
type storedKeys struct {
	sealed  []byte
	binding string
	get     func(*store.Tx) ([]byte, error)
	put     func(*store.Tx, []byte) error
}

// currentKeys opens keys, after it has renewed a certificate that is due. One that cannot be renewed now is still good for
// years, and the key longer, so the old one is returned then.
func (r *Registry) currentKeys(ctx context.Context, s storedKeys) (keyPair, error) {
	k, err := r.openKeys(s.sealed, s.binding)
	if err != nil {
		return k, err
	}
	due, err := renewal(k.Certificate)
	if err != nil || time.Now().Before(due) {
		return k, err
	}
	fresh, err := r.renewKeys(ctx, k, s)
	if err != nil {
		slog.WarnContext(ctx, "the certificate of a key for SAML could not be renewed", "key", s.binding, "error", err)
		return k, nil
	}
	return fresh, nil
}

// renewKeys returns the keys of whoever was first.
func (r *Registry) renewKeys(ctx context.Context, k keyPair, s storedKeys) (keyPair, error) {
	fresh, err := k.renewed()
	if err != nil {
		return k, err
	}
	made, err := r.sealKeys(fresh, s.binding)
	if err != nil {
		return k, err
	}
	var kept []byte
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		if kept, err = s.get(tx); err != nil || !bytes.Equal(kept, s.sealed) {
			return err
		}
		kept = made
		return s.put(tx, made)
	})
	if err != nil {
		return k, err
	}
	if bytes.Equal(kept, made) {
		slog.InfoContext(ctx, "the certificate of a key for SAML was renewed; the key is the same", "key", s.binding)
	}
	return r.openKeys(kept, s.binding)
}

func (r *Registry) getFederationKeys(ctx context.Context, poolID string) (sealed []byte, err error) {
	err = r.db.Look(ctx, func(tx *store.Tx) error {
		sealed, err = tx.GetFederationKeys(poolID)
		return err
	})
	return sealed, err
}

// makeFederationKeys returns the keys of whoever was first.
func (r *Registry) makeFederationKeys(ctx context.Context, poolID string) ([]byte, error) {
	k, err := newKeyPair(poolID, x509.KeyUsageDigitalSignature)
	if err != nil {
		return nil, err
	}
	made, err := r.sealKeys(k, federationBinding(poolID))
	if err != nil {
		return nil, err
	}
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := r.getPool(tx, poolID); err != nil {
			return err
		}
		err := tx.CreateFederationKeys(poolID, made)
		if errors.Is(err, store.ErrExists) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.getFederationKeys(ctx, poolID)
}

// newProviderKeys makes the sealed encryption keys of a new provider; nil for a type that has none.
func (r *Registry) newProviderKeys(poolID, name, kind string) ([]byte, error) {
	if kind != idp.IdentityProviderTypeTypeSaml {
		return nil, nil
	}
	k, err := newKeyPair(poolID, x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment)
	if err != nil {
		return nil, err
	}
	return r.sealKeys(k, encryptionBinding(poolID, name))
}

// encrypts reports whether a SAML provider is to encrypt what it says.
func encrypts(details map[string]string) bool { return details["EncryptedResponses"] == "true" }

// providerKeys are the keys for a provider to work with; nil for a type that has none.
func (r *Registry) providerKeys(ctx context.Context, row store.IdentityProvider, details map[string]string) (*federation.Keys, error) {
	if row.Type != idp.IdentityProviderTypeTypeSaml {
		return nil, nil
	}
	signing, err := r.signingKeys(ctx, row.PoolID)
	if err != nil {
		return nil, err
	}
	signer, err := signing.open()
	if err != nil {
		return nil, err
	}
	keys := &federation.Keys{Signer: signer, Certificate: signing.Certificate}
	if !encrypts(details) {
		return keys, nil
	}
	encryption, err := r.encryptionKeys(ctx, row)
	if err != nil {
		return nil, err
	}
	decrypter, err := encryption.open()
	if err != nil {
		return nil, err
	}
	keys.Decrypter, keys.Encryption = crypto.Decrypter(decrypter), encryption.Certificate
	return keys, nil
}

// renewalOf is [renewal] for the keys of a provider, which may be nil.
func renewalOf(keys *federation.Keys) (time.Time, error) {
	if keys == nil {
		return time.Time{}, nil
	}
	return renewal(keys.Certificate, keys.Encryption)
}

// encryptionCertificate is how DescribeIdentityProvider shows the certificate that a provider is to encrypt for.
func (r *Registry) encryptionCertificate(ctx context.Context, row store.IdentityProvider) (string, error) {
	k, err := r.encryptionKeys(ctx, row)
	return base64.StdEncoding.EncodeToString(k.Certificate), err
}
