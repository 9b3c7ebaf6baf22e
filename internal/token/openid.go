package token

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/internal/store"
)

// OpenID is what the token of an identity of an identity pool says (protocol page "identity-pools", section 5). It is for
// who gives credentials: a service of security tokens.
type OpenID struct {
	Identity string   `json:"sub"`
	PoolID   string   `json:"aud"`
	AMR      []string `json:"amr"` // how the identity has proven itself
	Issuer   string   `json:"iss"`
	PoolARN  string   `json:"https://cognito-identity.amazonaws.com/identity-pool-arn"`
	Session  *struct {
		Principal map[string][]string `json:"principal_tags"`
	} `json:"https://aws.amazon.com/tags,omitzero"`
	Expires int64 `json:"exp"` // seconds since the epoch
	Issued  int64 `json:"iat"`
}

// SetTags has the token say the tags of the session that it is for. None are no claim.
func (o *OpenID) SetTags(tags map[string]string) {
	if o.Session = nil; len(tags) == 0 {
		return
	}
	o.Session = new(struct {
		Principal map[string][]string `json:"principal_tags"`
	})
	o.Session.Principal = map[string][]string{}
	for k, v := range tags {
		o.Session.Principal[k] = []string{v}
	}
}

// Tags are the tags of the session that the token is for.
func (o *OpenID) Tags() map[string]string {
	out := map[string]string{}
	if o.Session == nil {
		return out
	}
	for k, values := range o.Session.Principal {
		if len(values) > 0 {
			out[k] = values[0]
		}
	}
	return out
}

// openIDKID names the key of the tokens of identities, as <region>-<number>. The key is of the whole server, which is in no
// region: the first one of AWS stands for all.
const openIDKID = "us-east-1-1"

// OpenIDIssuer is the iss claim of the tokens of identities.
func (s *Service) OpenIDIssuer() string { return s.publicURL + "/_cognate/identity" }

// SignOpenID makes the token of an identity, of this issuer and for so long. It makes the server's key when there is none yet.
func (s *Service) SignOpenID(ctx context.Context, o OpenID, lifetime time.Duration) (string, error) {
	k, err := s.openIDKey(ctx)
	if err != nil {
		return "", err
	}
	now := time.Now()
	o.Issuer, o.Issued, o.Expires = s.OpenIDIssuer(), now.Unix(), now.Add(lifetime).Unix()
	return k.sign(o)
}

// VerifyOpenID checks that the server has signed a token as one of an identity, and that it has not expired: else
// [ErrRefused] or [ErrExpired].
func (s *Service) VerifyOpenID(ctx context.Context, text string) (OpenID, error) {
	k, err := s.openIDKey(ctx)
	if err != nil {
		return OpenID{}, err
	}
	payload, err := k.verify(text)
	if err != nil {
		return OpenID{}, ErrRefused
	}
	var o OpenID
	if json.Unmarshal(payload, &o) != nil || o.Issuer != s.OpenIDIssuer() {
		return OpenID{}, ErrRefused
	}
	if time.Now().Unix() >= o.Expires {
		return o, ErrExpired
	}
	return o, nil
}

// OpenIDKeys is the document of the public keys of the tokens of identities.
func (s *Service) OpenIDKeys(ctx context.Context) ([]byte, error) {
	k, err := s.openIDKey(ctx)
	if err != nil {
		return nil, err
	}
	return keySet([]*signer{k})
}

// openIDKey returns the server's key, from memory when it can. It never changes.
func (s *Service) openIDKey(ctx context.Context) (*signer, error) {
	if k := s.openID.Load(); k != nil {
		return k, nil
	}
	v, err, _ := s.loading.Do("openid "+openIDKID, func() (any, error) {
		k, err := s.loadOpenIDKey(context.WithoutCancel(ctx))
		if err == nil {
			s.openID.Store(k)
		}
		return k, err
	})
	if err != nil {
		return nil, err
	}
	return v.(*signer), nil
}

// loadOpenIDKey reads the key, after making it where it is not there. Of several processes that make one at a time, the
// first to write it has made it for all.
func (s *Service) loadOpenIDKey(ctx context.Context) (*signer, error) {
	row, err := s.readOpenIDKey(ctx)
	if errors.Is(err, store.ErrNotFound) {
		if err = s.makeOpenIDKey(ctx); err == nil || errors.Is(err, store.ErrExists) {
			row, err = s.readOpenIDKey(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	key, err := s.openPrivateKey(row.Sealed, openIDAAD(row.KID))
	if err != nil {
		return nil, fmt.Errorf("token: key %s of identities: %w", row.KID, err)
	}
	return newOpenIDSigner(row.KID, key), nil
}

func (s *Service) readOpenIDKey(ctx context.Context) (row store.OpenIDKey, err error) {
	err = s.db.Look(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.GetOpenIDKey(openIDKID)
		return err
	})
	return row, err
}

func (s *Service) makeOpenIDKey(ctx context.Context) error {
	key, der, err := newPrivateKey()
	if err != nil {
		return err
	}
	row := store.OpenIDKey{
		KID: openIDKID, Sealed: s.keys.Seal(der, openIDAAD(openIDKID)), Public: x509.MarshalPKCS1PublicKey(&key.PublicKey), Created: time.Now().UTC(),
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return tx.CreateOpenIDKey(row) })
}

func openIDAAD(kid string) string { return "openid-key:" + kid }

// openPrivateKey opens a sealed RSA key.
func (s *Service) openPrivateKey(sealed []byte, aad string) (*rsa.PrivateKey, error) {
	der, err := s.keys.Open(sealed, aad)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return key, nil
}
