package store

import (
	"database/sql"
	"time"
)

// Terms are documents that users of a client agree to, one of each Name. Settings says where they are, JSON.
type Terms struct {
	ID, PoolID, ClientID, Name string
	Settings                   []byte
	Created, Modified          time.Time
}

const termsColumns = `id, pool_id, client_id, name, settings, created, modified`

func (d *Terms) scan(r *sql.Rows) error {
	return r.Scan(&d.ID, &d.PoolID, &d.ClientID, &d.Name, raw(&d.Settings), when(&d.Created), when(&d.Modified))
}

// CreateTerms inserts terms; ErrExists when the client has some of that name or the ID is in use, ErrNotFound when the
// pool or the client is not there.
func (t *Tx) CreateTerms(d Terms) error {
	return t.create("create terms", `
		INSERT INTO terms (`+termsColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`,
		d.ID, d.PoolID, d.ClientID, d.Name, string(d.Settings), millis(d.Created), millis(d.Modified))
}

// GetTerms returns terms, or ErrNotFound.
func (t *Tx) GetTerms(id string) (d Terms, err error) {
	err = get(t, "get terms", d.scan, `SELECT `+termsColumns+` FROM terms WHERE id = $1`, id)
	return d, err
}

// UpdateTerms writes Name, Settings and Modified of the terms d.ID. ErrNotFound when they are not there, ErrExists when
// the client has others of that name.
func (t *Tx) UpdateTerms(d Terms) error {
	return t.touch("update terms", `UPDATE terms SET name = $2, settings = $3, modified = $4 WHERE id = $1`,
		d.ID, d.Name, string(d.Settings), millis(d.Modified))
}

// DeleteTerms deletes terms, or returns ErrNotFound.
func (t *Tx) DeleteTerms(id string) error {
	return t.touch("delete terms", `DELETE FROM terms WHERE id = $1`, id)
}

// ListTerms returns up to limit terms of a pool whose ID is greater than after, in the order of their IDs.
func (t *Tx) ListTerms(poolID, after string, limit int) ([]Terms, error) {
	return list(t, "terms", (*Terms).scan, `
		SELECT `+termsColumns+` FROM terms WHERE pool_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
		poolID, after, page(limit))
}

// ListClientTerms returns the terms of a client, by name.
func (t *Tx) ListClientTerms(clientID string) ([]Terms, error) {
	return list(t, "terms", (*Terms).scan,
		`SELECT `+termsColumns+` FROM terms WHERE client_id = $1 ORDER BY name`, clientID)
}

// CountTerms returns the number of a pool's terms.
func (t *Tx) CountTerms(poolID string) (int64, error) {
	return t.count("terms", `SELECT count(*) FROM terms WHERE pool_id = $1`, poolID)
}
