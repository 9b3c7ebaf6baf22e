package store

import (
	"database/sql"
	"time"
)

// OpenIDKey is a key pair of the whole server, which signs the OpenID tokens of the identities of all identity pools.
// Sealed is the private key under the master key, Public the public one.
type OpenIDKey struct {
	KID            string
	Sealed, Public []byte
	Created        time.Time
}

const openIDKeyColumns = `kid, sealed, public_key, created`

func (k *OpenIDKey) scan(r *sql.Rows) error {
	return r.Scan(&k.KID, raw(&k.Sealed), raw(&k.Public), when(&k.Created))
}

// CreateOpenIDKey inserts a key; ErrExists when its KID is in use.
func (t *Tx) CreateOpenIDKey(k OpenIDKey) error {
	return t.create("create OpenID key", `
		INSERT INTO openid_keys (`+openIDKeyColumns+`) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`,
		k.KID, k.Sealed, k.Public, millis(k.Created))
}

// GetOpenIDKey returns a key, or ErrNotFound.
func (t *Tx) GetOpenIDKey(kid string) (k OpenIDKey, err error) {
	err = get(t, "get OpenID key", k.scan, `SELECT `+openIDKeyColumns+` FROM openid_keys WHERE kid = $1`, kid)
	return k, err
}
