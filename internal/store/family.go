package store

import (
	"database/sql"
	"time"
)

// Family is all refresh tokens of one sign-in. Hash is the hash of the token that
// is valid now, PrevHash of the one before it, Generation how often it has been
// rotated. A zero Revoked means that it is not revoked. Extra is a JSON document.
type Family struct {
	ID, PoolID, Sub, ClientID    string
	OriginJTI, DeviceKey, Scopes string
	Hash, PrevHash               []byte
	Generation                   int
	AuthTime, Rotated, Created   time.Time
	LastUsed, Expires, Revoked   time.Time
	Extra                        []byte
}

const familyColumns = `id, pool_id, sub, client_id, origin_jti, device_key, scopes, hash, prev_hash,
	generation, auth_time, rotated, created, last_used, expires, revoked, extra`

func (f *Family) scan(r *sql.Rows) error {
	return r.Scan(&f.ID, &f.PoolID, &f.Sub, &f.ClientID, &f.OriginJTI, &f.DeviceKey, &f.Scopes,
		raw(&f.Hash), raw(&f.PrevHash), &f.Generation, when(&f.AuthTime), when(&f.Rotated),
		when(&f.Created), when(&f.LastUsed), when(&f.Expires), when(&f.Revoked), raw(&f.Extra))
}

// CreateFamily inserts a family; ErrExists when its ID is in use, ErrNotFound when
// the user is not there.
func (t *Tx) CreateFamily(f Family) error {
	return t.create("create family", `
		INSERT INTO families (`+familyColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT DO NOTHING`,
		f.ID, f.PoolID, f.Sub, f.ClientID, f.OriginJTI, f.DeviceKey, f.Scopes, f.Hash, f.PrevHash,
		f.Generation, millis(f.AuthTime), millis(f.Rotated), millis(f.Created), millis(f.LastUsed),
		millis(f.Expires), millis(f.Revoked), string(f.Extra))
}

// GetFamily returns a family, expired or revoked or not, or ErrNotFound.
func (t *Tx) GetFamily(id string) (f Family, err error) {
	err = get(t, "get family", f.scan, `SELECT `+familyColumns+` FROM families WHERE id = $1`, id)
	return f, err
}

// UpdateFamily writes DeviceKey, Scopes, the hashes, Generation, Rotated,
// LastUsed, Expires, Revoked and Extra of the family f.ID, or returns ErrNotFound.
// The rest never changes.
func (t *Tx) UpdateFamily(f Family) error {
	return t.touch("update family", `
		UPDATE families SET device_key = $2, scopes = $3, hash = $4, prev_hash = $5, generation = $6,
			rotated = $7, last_used = $8, expires = $9, revoked = $10, extra = $11
		WHERE id = $1`,
		f.ID, f.DeviceKey, f.Scopes, f.Hash, f.PrevHash, f.Generation, millis(f.Rotated),
		millis(f.LastUsed), millis(f.Expires), millis(f.Revoked), string(f.Extra))
}

// RevokeFamily revokes a family from the time at on. It does nothing when the
// family is revoked already or not there.
func (t *Tx) RevokeFamily(id string, at time.Time) error {
	return t.put("revoke family",
		`UPDATE families SET revoked = $2 WHERE id = $1 AND revoked = 0`, id, millis(at))
}

// RevokeFamilies revokes all families of a user that are not revoked yet.
func (t *Tx) RevokeFamilies(poolID, sub string, at time.Time) error {
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
