package store

import (
	"database/sql"
	"time"
)

// Code is a code that was sent to a user and waits to be entered. A user has at
// most one for each purpose and attribute. Hash is what the code is compared
// with, Value the address that it went to and confirms, Destination the attribute
// that holds, or is to hold, the address.
type Code struct {
	PoolID, Sub, Purpose, Attribute string
	Hash                            []byte
	Value, Destination              string
	Created, Expires                time.Time
}

const codeColumns = `pool_id, sub, purpose, attribute, hash, value, destination, created, expires`

func (c *Code) scan(r *sql.Rows) error {
	return r.Scan(&c.PoolID, &c.Sub, &c.Purpose, &c.Attribute, raw(&c.Hash), &c.Value, &c.Destination,
		when(&c.Created), when(&c.Expires))
}

// PutCode stores a code in place of the one that was there. ErrNotFound when the
// user is not there.
func (t *Tx) PutCode(c Code) error {
	return t.put("put code", `
		INSERT INTO codes (`+codeColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (pool_id, sub, purpose, attribute) DO UPDATE SET hash = excluded.hash,
			value = excluded.value, destination = excluded.destination, created = excluded.created,
			expires = excluded.expires`,
		c.values()...)
}

func (c *Code) values() []any {
	return []any{c.PoolID, c.Sub, c.Purpose, c.Attribute, c.Hash, c.Value, c.Destination, millis(c.Created), millis(c.Expires)}
}

// GetCode returns a code, expired or not, or ErrNotFound.
func (t *Tx) GetCode(poolID, sub, purpose, attribute string) (c Code, err error) {
	err = get(t, "get code", c.scan, `
		SELECT `+codeColumns+` FROM codes
		WHERE pool_id = $1 AND sub = $2 AND purpose = $3 AND attribute = $4`,
		poolID, sub, purpose, attribute)
	return c, err
}

// DeleteCode deletes a code, if it is there.
func (t *Tx) DeleteCode(poolID, sub, purpose, attribute string) error {
	return t.put("delete code", `
		DELETE FROM codes WHERE pool_id = $1 AND sub = $2 AND purpose = $3 AND attribute = $4`,
		poolID, sub, purpose, attribute)
}

// ListCodes returns a user's codes for a purpose, in the order of their attributes, expired ones included.
func (t *Tx) ListCodes(poolID, sub, purpose string) ([]Code, error) {
	return list(t, "codes", (*Code).scan, `
		SELECT `+codeColumns+` FROM codes WHERE pool_id = $1 AND sub = $2 AND purpose = $3
		ORDER BY attribute`, poolID, sub, purpose)
}

// DeleteCodes deletes a user's codes for a purpose.
func (t *Tx) DeleteCodes(poolID, sub, purpose string) error {
	return t.put("delete codes", `
		DELETE FROM codes WHERE pool_id = $1 AND sub = $2 AND purpose = $3`, poolID, sub, purpose)
}
