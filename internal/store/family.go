package store

import (
	"database/sql"
	"time"
)

// Family is all refresh tokens of one sign-in. Nonce is what its tokens are
// computed with, Generation how often they have been rotated. A zero Revoked means
// that it is not revoked. Extra is a JSON document.
type Family struct {
	ID, PoolID, Sub, ClientID    string
	OriginJTI, DeviceKey, Scopes string
	Nonce                        []byte
	Generation                   int
	AuthTime, Rotated, Created   time.Time
	LastUsed, Expires, Revoked   time.Time
	Extra                        []byte
}

const familyColumns = `id, pool_id, sub, client_id, origin_jti, device_key, scopes, nonce,
	generation, auth_time, rotated, created, last_used, expires, revoked, extra`

func (f *Family) scan(r *sql.Rows) error {
	return r.Scan(&f.ID, &f.PoolID, &f.Sub, &f.ClientID, &f.OriginJTI, &f.DeviceKey, &f.Scopes,
		raw(&f.Nonce), &f.Generation, when(&f.AuthTime), when(&f.Rotated),
		when(&f.Created), when(&f.LastUsed), when(&f.Expires), when(&f.Revoked), raw(&f.Extra))
}

// CreateFamily inserts a family; ErrExists when its ID is in use, ErrNotFound when
// the user is not there.
func (t *Tx) CreateFamily(f Family) error {
	return t.create("create family", `
		INSERT INTO families (`+familyColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT DO NOTHING`,
		f.ID, f.PoolID, f.Sub, f.ClientID, f.OriginJTI, f.DeviceKey, f.Scopes, f.Nonce,
		f.Generation, millis(f.AuthTime), millis(f.Rotated), millis(f.Created), millis(f.LastUsed),
		millis(f.Expires), millis(f.Revoked), string(f.Extra))
}

// GetFamily returns a family, expired or revoked or not, or ErrNotFound.
func (t *Tx) GetFamily(id string) (f Family, err error) {
	err = get(t, "get family", f.scan, `SELECT `+familyColumns+` FROM families WHERE id = $1`, id)
	return f, err
}

// UpdateFamily writes DeviceKey, Scopes, Generation, Rotated, LastUsed, Expires,
// Revoked and Extra of the family f.ID, or returns ErrNotFound.
// The rest never changes.
func (t *Tx) UpdateFamily(f Family) error {
	return t.touch("update family", `
		UPDATE families SET device_key = $2, scopes = $3, generation = $4, rotated = $5,
			last_used = $6, expires = $7, revoked = $8, extra = $9
		WHERE id = $1`,
		f.ID, f.DeviceKey, f.Scopes, f.Generation, millis(f.Rotated),
		millis(f.LastUsed), millis(f.Expires), millis(f.Revoked), string(f.Extra))
}

// RevokeFamily revokes a family from the time at on. It does nothing when the
// family is revoked already or not there.
func (t *Tx) RevokeFamily(id string, at time.Time) error {
	return t.put("revoke family",
		`UPDATE families SET revoked = $2 WHERE id = $1 AND revoked = 0`, id, millis(at))
}

// RevokeFamilies revokes all families of a user that are not revoked yet, and deletes the authorization codes that
// would become some.
func (t *Tx) RevokeFamilies(poolID, sub string, at time.Time) error {
	err := t.put("delete authorization codes", `DELETE FROM authorization_codes WHERE pool_id = $1 AND sub = $2`, poolID, sub)
	if err != nil {
		return err
	}
	return t.put("revoke families", `
		UPDATE families SET revoked = $3 WHERE pool_id = $1 AND sub = $2 AND revoked = 0`,
		poolID, sub, millis(at))
}

// ListFamilies returns up to limit families of a user whose ID is greater than
// afterID, in the order of their IDs, revoked and expired ones included.
func (t *Tx) ListFamilies(poolID, sub, afterID string, limit int) ([]Family, error) {
	return list(t, "families", (*Family).scan, `
		SELECT `+familyColumns+` FROM families WHERE pool_id = $1 AND sub = $2 AND id > $3
		ORDER BY id LIMIT $4`, poolID, sub, afterID, page(limit))
}
