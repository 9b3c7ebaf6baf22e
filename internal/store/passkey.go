package store

import (
	"database/sql"
	"time"
)

// Passkey is the public half of a WebAuthn credential of a user. ID is the credential's id in base64url, which
// no other in the pool has; PublicKey is in COSE form, Transports are separated by spaces, and Flags is the
// octet of the authenticator data. A zero LastUsed means never.
type Passkey struct {
	PoolID, ID, Sub        string
	RelyingParty           string
	PublicKey              []byte
	Attachment, Transports string
	Flags                  byte
	SignCount              uint32
	Created, LastUsed      time.Time
}

const passkeyColumns = `k.pool_id, k.id, k.sub, k.relying_party, k.public_key, k.attachment, k.transports, k.flags, k.sign_count, k.created, k.last_used`

func (p *Passkey) scan(r *sql.Rows) error {
	return r.Scan(&p.PoolID, &p.ID, &p.Sub, &p.RelyingParty, raw(&p.PublicKey), &p.Attachment, &p.Transports,
		&p.Flags, &p.SignCount, when(&p.Created), when(&p.LastUsed))
}

// CreatePasskey inserts a passkey; ErrExists when the pool has one of that ID, whoever's it is, ErrNotFound
// when the user is not there.
func (t *Tx) CreatePasskey(p Passkey) error {
	return t.create("create passkey", `
		INSERT INTO passkeys (`+newPasskeyColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT DO NOTHING`,
		p.values()...)
}

const newPasskeyColumns = `pool_id, id, sub, relying_party, public_key, attachment, transports, flags, sign_count, created, last_used`

func (p *Passkey) values() []any {
	return []any{p.PoolID, p.ID, p.Sub, p.RelyingParty, p.PublicKey, p.Attachment, p.Transports,
		int64(p.Flags), int64(p.SignCount), millis(p.Created), millis(p.LastUsed)}
}

// UsePasskey writes Flags, SignCount and LastUsed of a passkey. ErrNotFound when it is not there, when it is
// not the one that was read, by Sub and PublicKey, or when its count has reached SignCount: a passkey that
// counts at all counts each use.
func (t *Tx) UsePasskey(p Passkey) error {
	return t.touch("use passkey", `
		UPDATE passkeys SET flags = $5, sign_count = $6, last_used = $7
		WHERE pool_id = $1 AND id = $2 AND sub = $3 AND public_key = $4 AND (sign_count < $6 OR sign_count = 0)`,
		p.PoolID, p.ID, p.Sub, p.PublicKey, int64(p.Flags), int64(p.SignCount), millis(p.LastUsed))
}

// DeletePasskey deletes a passkey of a user, or returns ErrNotFound.
func (t *Tx) DeletePasskey(poolID, sub, id string) error {
	return t.touch("delete passkey",
		`DELETE FROM passkeys WHERE pool_id = $1 AND sub = $2 AND id = $3`, poolID, sub, id)
}

// ListPasskeys returns up to limit passkeys of a user whose ID is greater than afterID, in the order of their
// IDs. The table is joined with itself because SQLite would otherwise read all passkeys of the pool: it prefers a
// part of the primary key to an index that does not hold all columns.
func (t *Tx) ListPasskeys(poolID, sub, afterID string, limit int) ([]Passkey, error) {
	return list(t, "passkeys", (*Passkey).scan, `
		SELECT `+passkeyColumns+` FROM passkeys o JOIN passkeys k ON k.pool_id = o.pool_id AND k.id = o.id
		WHERE o.pool_id = $1 AND o.sub = $2 AND o.id > $3 ORDER BY o.id LIMIT $4`, poolID, sub, afterID, page(limit))
}
