package pool

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
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
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return k, err
	}
	made := now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: poolID}, KeyUsage: usage,
		NotBefore: made.Add(-time.Hour), NotAfter: made.AddDate(certificateLifetime, 0, 0),
	}
	if k.Certificate, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key); err != nil {
		return k, err
	}
	k.Key, err = x509.MarshalPKCS8PrivateKey(key)
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
// made when it is first asked for, and stays.
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
	return r.openKeys(sealed, federationBinding(poolID))
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
	encryption, err := r.openKeys(row.Keys, encryptionBinding(row.PoolID, row.Name))
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

// encryptionCertificate is how DescribeIdentityProvider shows the certificate that a provider is to encrypt for.
func (r *Registry) encryptionCertificate(row store.IdentityProvider) (string, error) {
	k, err := r.openKeys(row.Keys, encryptionBinding(row.PoolID, row.Name))
	return base64.StdEncoding.EncodeToString(k.Certificate), err
}
