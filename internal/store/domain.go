package store

import "database/sql"

// Domain is where the pages and the OAuth endpoints of a pool are: a prefix, or a whole name when it is Custom.
// Its Name is unique among all pools, and a pool has one of each kind. Settings is its configuration document,
// JSON.
type Domain struct {
	Name, PoolID string
	Custom       bool
	Settings     []byte
}

const domainColumns = `name, pool_id, custom, settings`

func (d *Domain) scan(r *sql.Rows) error {
	return r.Scan(&d.Name, &d.PoolID, &d.Custom, raw(&d.Settings))
}

// CreateDomain inserts a domain; ErrExists when its name is in use in any pool or the pool has one of its kind,
// ErrNotFound when the pool is not there.
func (t *Tx) CreateDomain(d Domain) error {
	return t.create("create domain", `
		INSERT INTO domains (`+domainColumns+`) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`,
		d.Name, d.PoolID, d.Custom, string(d.Settings))
}

// GetDomain returns a domain, or ErrNotFound.
func (t *Tx) GetDomain(name string) (d Domain, err error) {
	err = get(t, "get domain", d.scan, `SELECT `+domainColumns+` FROM domains WHERE name = $1`, name)
	return d, err
}

// UpdateDomain writes Settings of the domain d.Name, or returns ErrNotFound. PoolID and Custom never change.
func (t *Tx) UpdateDomain(d Domain) error {
	return t.touch("update domain", `UPDATE domains SET settings = $2 WHERE name = $1`, d.Name, string(d.Settings))
}

// DeleteDomain deletes a domain, or returns ErrNotFound.
func (t *Tx) DeleteDomain(name string) error {
	return t.touch("delete domain", `DELETE FROM domains WHERE name = $1`, name)
}

// ListDomains returns the domains of a pool, at most two: the prefix first.
func (t *Tx) ListDomains(poolID string) ([]Domain, error) {
	return list(t, "domains", (*Domain).scan,
		`SELECT `+domainColumns+` FROM domains WHERE pool_id = $1 ORDER BY custom`, poolID)
}
