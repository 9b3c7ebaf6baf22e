package store

import (
	"database/sql"
	"time"
)

// SigningKey is a key pair that signs tokens. A spare key has been made ahead of
// need and belongs to no pool yet: its PoolID is empty. Use is "id" or "access".
// Sealed is the private key under the master key, Public the public one. A pool's
// key signs from Activates on, until another one of its use does; from Retires on it
// is no key of the pool's any more. A zero Activates is always, a zero Retires never.
type SigningKey struct {
	KID, PoolID, Use   string
	Sealed, Public     []byte
	Created            time.Time
	Activates, Retires time.Time
}

// A spare key's pool is NULL in the table, since it refers to none.
const keyColumns = `kid, COALESCE(pool_id, ''), key_use, sealed, public_key, created, activates, retires`

func (k *SigningKey) scan(r *sql.Rows) error {
	return r.Scan(&k.KID, &k.PoolID, &k.Use, raw(&k.Sealed), raw(&k.Public), when(&k.Created),
		when(&k.Activates), when(&k.Retires))
}

// CreateSigningKey inserts a key; ErrExists when its KID is in use, ErrNotFound
// when it names a pool that is not there.
func (t *Tx) CreateSigningKey(k SigningKey) error {
	return t.create("create signing key", `
		INSERT INTO signing_keys (kid, pool_id, key_use, sealed, public_key, created, activates, retires)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING`,
		k.KID, sql.NullString{String: k.PoolID, Valid: k.PoolID != ""}, k.Use, k.Sealed, k.Public, millis(k.Created),
		millis(k.Activates), millis(k.Retires))
}

// ListSigningKeys returns all keys of a pool, the oldest first.
func (t *Tx) ListSigningKeys(poolID string) ([]SigningKey, error) {
	return list(t, "signing keys", (*SigningKey).scan, `
		SELECT `+keyColumns+` FROM signing_keys WHERE pool_id = $1 ORDER BY created, kid`, poolID)
}

// CountSpareKeys returns how many keys wait to be taken.
func (t *Tx) CountSpareKeys() (int64, error) {
	return t.count("spare keys", `SELECT count(*) FROM signing_keys WHERE pool_id IS NULL`)
}

// SetSigningKeyTimes writes Activates and Retires of a pool's key, or returns ErrNotFound.
func (t *Tx) SetSigningKeyTimes(k SigningKey) error {
	return t.touch("set signing key times", `
		UPDATE signing_keys SET activates = $3, retires = $4 WHERE kid = $1 AND pool_id = $2`,
		k.KID, k.PoolID, millis(k.Activates), millis(k.Retires))
}

// TakeSpareKey gives the oldest spare key to a pool, which signs with it from activates
// on, and returns it, or returns ErrNotFound when there is none. No two takers get the same key.
func (t *Tx) TakeSpareKey(poolID, use string, activates time.Time) (k SigningKey, err error) {
	// PostgreSQL finds the order in the index only if it is told all of it.
	err = get(t, "take spare key", k.scan, `
		UPDATE signing_keys SET pool_id = $1, key_use = $2, activates = $3 WHERE kid = (
			SELECT kid FROM signing_keys WHERE pool_id IS NULL ORDER BY pool_id, created, kid LIMIT 1 `+t.dialect.SkipLocked+`)
		RETURNING `+keyColumns, poolID, use, millis(activates))
	return k, err
}
