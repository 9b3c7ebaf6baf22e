package store

import "database/sql"

// SoftwareToken is what a user's authenticator app shares with us: the sealed seed, and Step, the last time
// step whose code was taken. Pending is the sealed seed that is being set up, in place of Sealed once a code
// of it has come; either may be nil.
type SoftwareToken struct {
	PoolID, Sub     string
	Sealed, Pending []byte
	Name            string
	Step            int64
}

const softwareTokenColumns = `pool_id, sub, sealed, pending, name, step`

func (s *SoftwareToken) scan(r *sql.Rows) error {
	return r.Scan(&s.PoolID, &s.Sub, raw(&s.Sealed), raw(&s.Pending), &s.Name, &s.Step)
}

// PutSoftwareToken stores a user's software token in place of the one that was there. ErrNotFound when the
// user is not there.
func (t *Tx) PutSoftwareToken(s SoftwareToken) error {
	return t.put("put software token", `
		INSERT INTO software_tokens (`+softwareTokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (pool_id, sub) DO UPDATE SET sealed = excluded.sealed, pending = excluded.pending,
			name = excluded.name, step = excluded.step`,
		s.PoolID, s.Sub, s.Sealed, s.Pending, s.Name, s.Step)
}

// GetSoftwareToken returns a user's software token, or ErrNotFound.
func (t *Tx) GetSoftwareToken(poolID, sub string) (s SoftwareToken, err error) {
	err = get(t, "get software token", s.scan,
		`SELECT `+softwareTokenColumns+` FROM software_tokens WHERE pool_id = $1 AND sub = $2`, poolID, sub)
	return s, err
}

// DeleteSoftwareToken deletes a user's software token, if it is there.
func (t *Tx) DeleteSoftwareToken(poolID, sub string) error {
	return t.put("delete software token",
		`DELETE FROM software_tokens WHERE pool_id = $1 AND sub = $2`, poolID, sub)
}
