package store

import (
	"database/sql"
	"time"
)

// AuthorizationCode is a code that a browser carries from the authorization endpoint to a client, which takes it
// to the token endpoint. Hash is what it is found by; Flow becomes the id of the family of the tokens that it
// is exchanged for, so that it is exchanged once. Request is a JSON document.
type AuthorizationCode struct {
	Hash, Flow            string
	PoolID, Sub, ClientID string
	Expires               time.Time
	Request               []byte
}

const authorizationCodeColumns = `hash, flow, pool_id, sub, client_id, expires, request`

func (c *AuthorizationCode) scan(r *sql.Rows) error {
	return r.Scan(&c.Hash, &c.Flow, &c.PoolID, &c.Sub, &c.ClientID, when(&c.Expires), raw(&c.Request))
}

// CreateAuthorizationCode inserts a code; ErrExists when its hash is in use, ErrNotFound when the user or the
// client is not there.
func (t *Tx) CreateAuthorizationCode(c AuthorizationCode) error {
	return t.create("create authorization code", `
		INSERT INTO authorization_codes (`+authorizationCodeColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`,
		c.Hash, c.Flow, c.PoolID, c.Sub, c.ClientID, millis(c.Expires), string(c.Request))
}

// GetAuthorizationCode returns a code, expired or exchanged or not, or ErrNotFound.
func (t *Tx) GetAuthorizationCode(hash string) (c AuthorizationCode, err error) {
	err = get(t, "get authorization code", c.scan, `
		SELECT `+authorizationCodeColumns+` FROM authorization_codes WHERE hash = $1`, hash)
	return c, err
}
