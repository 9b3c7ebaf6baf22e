package store

import "database/sql"

// ResourceServer is an API whose scopes the clients of a pool may ask for. Scopes is their list, JSON.
type ResourceServer struct {
	PoolID, Identifier, Name string
	Scopes                   []byte
}

const resourceServerColumns = `pool_id, identifier, name, scopes`

func (s *ResourceServer) scan(r *sql.Rows) error {
	return r.Scan(&s.PoolID, &s.Identifier, &s.Name, raw(&s.Scopes))
}

// CreateResourceServer inserts a resource server; ErrExists when the pool has one of that identifier,
// ErrNotFound when the pool is not there.
func (t *Tx) CreateResourceServer(s ResourceServer) error {
	return t.create("create resource server", `
		INSERT INTO resource_servers (`+resourceServerColumns+`) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`,
		s.PoolID, s.Identifier, s.Name, string(s.Scopes))
}

// GetResourceServer returns a resource server, or ErrNotFound.
func (t *Tx) GetResourceServer(poolID, identifier string) (s ResourceServer, err error) {
	err = get(t, "get resource server", s.scan, `
		SELECT `+resourceServerColumns+` FROM resource_servers WHERE pool_id = $1 AND identifier = $2`,
		poolID, identifier)
	return s, err
}

// UpdateResourceServer writes Name and Scopes of the resource server (PoolID, Identifier), or returns
// ErrNotFound.
func (t *Tx) UpdateResourceServer(s ResourceServer) error {
	return t.touch("update resource server", `
		UPDATE resource_servers SET name = $3, scopes = $4 WHERE pool_id = $1 AND identifier = $2`,
		s.PoolID, s.Identifier, s.Name, string(s.Scopes))
}

// DeleteResourceServer deletes a resource server, or returns ErrNotFound.
func (t *Tx) DeleteResourceServer(poolID, identifier string) error {
	return t.touch("delete resource server",
		`DELETE FROM resource_servers WHERE pool_id = $1 AND identifier = $2`, poolID, identifier)
}

// ListResourceServers returns up to limit resource servers of a pool whose identifier is greater than
// after, in the order of their identifiers.
func (t *Tx) ListResourceServers(poolID, after string, limit int) ([]ResourceServer, error) {
	return list(t, "resource servers", (*ResourceServer).scan, `
		SELECT `+resourceServerColumns+` FROM resource_servers WHERE pool_id = $1 AND identifier > $2
		ORDER BY identifier LIMIT $3`, poolID, after, page(limit))
}

// CountResourceServers returns the number of a pool's resource servers.
func (t *Tx) CountResourceServers(poolID string) (int64, error) {
	return t.count("resource servers", `SELECT count(*) FROM resource_servers WHERE pool_id = $1`, poolID)
}
