package store

import (
	"database/sql"
	"time"
)

// IdentityPool is an identity pool. Settings is its configuration document, JSON.
type IdentityPool struct {
	ID, Region, Name  string
	Settings          []byte
	Created, Modified time.Time
}

const identityPoolColumns = `id, region, name, settings, created, modified`

func (p *IdentityPool) scan(r *sql.Rows) error {
	return r.Scan(&p.ID, &p.Region, &p.Name, raw(&p.Settings), when(&p.Created), when(&p.Modified))
}

// CreateIdentityPool inserts an identity pool; ErrExists when its ID is in use.
func (t *Tx) CreateIdentityPool(p IdentityPool) error {
	return t.create("create identity pool", `
		INSERT INTO identity_pools (`+identityPoolColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT DO NOTHING`,
		p.ID, p.Region, p.Name, string(p.Settings), millis(p.Created), millis(p.Modified))
}

// GetIdentityPool returns an identity pool, or ErrNotFound.
func (t *Tx) GetIdentityPool(id string) (p IdentityPool, err error) {
	err = get(t, "get identity pool", p.scan, `SELECT `+identityPoolColumns+` FROM identity_pools WHERE id = $1`, id)
	return p, err
}

// UpdateIdentityPool writes Name, Settings and Modified of the identity pool p.ID, or returns ErrNotFound. Region and
// Created never change.
func (t *Tx) UpdateIdentityPool(p IdentityPool) error {
	return t.touch("update identity pool", `
		UPDATE identity_pools SET name = $2, settings = $3, modified = $4 WHERE id = $1`,
		p.ID, p.Name, string(p.Settings), millis(p.Modified))
}

// DeleteIdentityPool deletes an identity pool and its identities, or returns ErrNotFound. Its time grows with their number.
func (t *Tx) DeleteIdentityPool(id string) error {
	return t.touch("delete identity pool", `DELETE FROM identity_pools WHERE id = $1`, id)
}

// ListIdentityPools returns up to limit identity pools whose ID is greater than after, in the order of their IDs.
func (t *Tx) ListIdentityPools(after string, limit int) ([]IdentityPool, error) {
	return list(t, "identity pools", (*IdentityPool).scan, `
		SELECT `+identityPoolColumns+` FROM identity_pools WHERE id > $1 ORDER BY id LIMIT $2`, after, page(limit))
}

// CountIdentityPools returns the number of identity pools. It reads an index to its end.
func (t *Tx) CountIdentityPools() (int64, error) {
	return t.count("identity pools", `SELECT count(*) FROM identity_pools`)
}
