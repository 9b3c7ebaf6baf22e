package store

import (
	"database/sql"
	"time"
)

// Client is an app client. Its ID is unique among all pools. Settings is its
// configuration document, JSON; Claims, JSON too, what its tokens say besides, empty for nothing.
type Client struct {
	ID, PoolID, Name  string
	Settings          []byte
	Claims            []byte
	Created, Modified time.Time
}

const clientColumns = `id, pool_id, name, settings, claims, created, modified`

func (c *Client) scan(r *sql.Rows) error {
	return r.Scan(&c.ID, &c.PoolID, &c.Name, raw(&c.Settings), raw(&c.Claims), when(&c.Created), when(&c.Modified))
}

// CreateClient inserts a client; ErrExists when its ID is in use in any pool,
// ErrNotFound when its pool is not there.
func (t *Tx) CreateClient(c Client) error {
	return t.create("create client", `
		INSERT INTO clients (`+clientColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`,
		c.ID, c.PoolID, c.Name, string(c.Settings), string(c.Claims), millis(c.Created), millis(c.Modified))
}

// GetClient returns a client, or ErrNotFound.
func (t *Tx) GetClient(id string) (c Client, err error) {
	err = get(t, "get client", c.scan, `SELECT `+clientColumns+` FROM clients WHERE id = $1`, id)
	return c, err
}

// UpdateClient writes Name, Settings and Modified of the client c.ID, or returns
// ErrNotFound. PoolID and Created never change, and Claims not by this.
func (t *Tx) UpdateClient(c Client) error {
	return t.touch("update client", `UPDATE clients SET name = $2, settings = $3, modified = $4 WHERE id = $1`,
		c.ID, c.Name, string(c.Settings), millis(c.Modified))
}

// SetClientClaims writes Claims and Modified of the client c.ID, or returns ErrNotFound.
func (t *Tx) SetClientClaims(c Client) error {
	return t.touch("set claims of client", `UPDATE clients SET claims = $2, modified = $3 WHERE id = $1`,
		c.ID, string(c.Claims), millis(c.Modified))
}

// DeleteClient deletes a client, its secrets and its refresh-token families, or
// returns ErrNotFound.
func (t *Tx) DeleteClient(id string) error {
	return t.touch("delete client", `DELETE FROM clients WHERE id = $1`, id)
}

// ListClients returns up to limit clients of a pool whose ID is greater than
// after, in the order of their IDs.
func (t *Tx) ListClients(poolID, after string, limit int) ([]Client, error) {
	return list(t, "clients", (*Client).scan, `
		SELECT `+clientColumns+` FROM clients WHERE pool_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
		poolID, after, page(limit))
}

// CountClients returns the number of a pool's clients.
func (t *Tx) CountClients(poolID string) (int64, error) {
	return t.count("clients", `SELECT count(*) FROM clients WHERE pool_id = $1`, poolID)
}

// ClientSecret is one of a client's secrets, sealed with the master key.
type ClientSecret struct {
	ClientID, ID string
	Sealed       []byte
	Created      time.Time
}

func (s *ClientSecret) scan(r *sql.Rows) error {
	return r.Scan(&s.ClientID, &s.ID, raw(&s.Sealed), when(&s.Created))
}

// CreateClientSecret inserts a secret; ErrExists when the client has one of that
// ID, ErrNotFound when the client is not there.
func (t *Tx) CreateClientSecret(s ClientSecret) error {
	return t.create("create client secret", `
		INSERT INTO client_secrets (client_id, id, sealed, created) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`,
		s.ClientID, s.ID, s.Sealed, millis(s.Created))
}

// ListClientSecrets returns all secrets of a client, the oldest first. They are
// few: the API allows two.
func (t *Tx) ListClientSecrets(clientID string) ([]ClientSecret, error) {
	return list(t, "client secrets", (*ClientSecret).scan, `
		SELECT client_id, id, sealed, created FROM client_secrets WHERE client_id = $1
		ORDER BY created, id`, clientID)
}

// DeleteClientSecret deletes a secret, or returns ErrNotFound.
func (t *Tx) DeleteClientSecret(clientID, id string) error {
	return t.touch("delete client secret",
		`DELETE FROM client_secrets WHERE client_id = $1 AND id = $2`, clientID, id)
}
