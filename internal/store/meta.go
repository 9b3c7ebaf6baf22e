package store

import "database/sql"

// PutMeta keeps a value of the database's own under a name, in place of the one that was there.
func (t *Tx) PutMeta(name string, value []byte) error {
	return t.put("put meta", `
		INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}

// GetMeta returns a value of the database's own, or ErrNotFound.
func (t *Tx) GetMeta(name string) (value []byte, err error) {
	err = get(t, "get meta", func(r *sql.Rows) error { return r.Scan(raw(&value)) },
		`SELECT value FROM meta WHERE name = $1`, name)
	return value, err
}
