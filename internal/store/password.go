package store

import (
	"database/sql"
	"time"
)

// Password is a user's password record: the SRP salt and the verifier, sealed
// with the master key. A temporary one has to be replaced at the next sign-in.
type Password struct {
	PoolID, Sub  string
	Salt, Sealed []byte
	Temporary    bool
	Set          time.Time
}

const passwordColumns = `pool_id, sub, salt, sealed, temporary, set_at`

// passwordHistory is how many passwords the API can forbid to use again.
const passwordHistory = 24

func (p *Password) scan(r *sql.Rows) error {
	return r.Scan(&p.PoolID, &p.Sub, raw(&p.Salt), raw(&p.Sealed), &p.Temporary, when(&p.Set))
}

// PutPassword gives a user a password in place of the one it had, if any.
// ErrNotFound when the user is not there.
func (t *Tx) PutPassword(p Password) error {
	return t.put("put password", `
		INSERT INTO passwords (`+passwordColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (pool_id, sub) DO UPDATE SET salt = excluded.salt, sealed = excluded.sealed,
			temporary = excluded.temporary, set_at = excluded.set_at`,
		p.PoolID, p.Sub, p.Salt, p.Sealed, p.Temporary, millis(p.Set))
}

// GetPassword returns a user's password, or ErrNotFound.
func (t *Tx) GetPassword(poolID, sub string) (p Password, err error) {
	err = get(t, "get password", p.scan,
		`SELECT `+passwordColumns+` FROM passwords WHERE pool_id = $1 AND sub = $2`, poolID, sub)
	return p, err
}

// AddPasswordHistory remembers a password the user has had, and forgets those
// beyond the newest 24. ErrNotFound when the user is not there.
func (t *Tx) AddPasswordHistory(p Password) error {
	var seq int64
	err := get(t, "add password history", func(r *sql.Rows) error { return r.Scan(&seq) }, `
		INSERT INTO password_history (pool_id, sub, seq, salt, sealed, temporary, set_at)
		SELECT $1, $2, COALESCE(max(seq), 0) + 1, $3, $4, $5, $6
		FROM password_history WHERE pool_id = $1 AND sub = $2
		RETURNING seq`,
		p.PoolID, p.Sub, p.Salt, p.Sealed, p.Temporary, millis(p.Set))
	if err != nil {
		return err
	}
	return t.put("trim password history", `
		DELETE FROM password_history WHERE pool_id = $1 AND sub = $2 AND seq <= $3`,
		p.PoolID, p.Sub, seq-passwordHistory)
}

// ListPasswordHistory returns the user's up to n latest remembered passwords, the
// one added last first.
func (t *Tx) ListPasswordHistory(poolID, sub string, n int) ([]Password, error) {
	return list(t, "password history", (*Password).scan, `
		SELECT `+passwordColumns+` FROM password_history WHERE pool_id = $1 AND sub = $2
		ORDER BY seq DESC LIMIT $3`, poolID, sub, page(n))
}

// SignIn is a user with all that the beginning of a sign-in asks for.
type SignIn struct {
	User        User
	Password    Password
	HasPassword bool
	Failed      bool // there is a [KindSignIn] or [KindFailures] counter of the user
}

// The password's columns are NULL when the user has none.
const signInSelect = `
	SELECT ` + userColumns + `, p.salt, p.sealed, COALESCE(p.temporary, FALSE), COALESCE(p.set_at, 0), p.sub IS NOT NULL,
		EXISTS (SELECT 1 FROM counters c WHERE c.pool_id = u.pool_id AND c.subject = u.sub AND c.kind IN ('` + KindSignIn + `', '` + KindFailures + `'))
	FROM users u LEFT JOIN passwords p ON p.pool_id = u.pool_id AND p.sub = u.sub `

// GetSignIn returns a user as a sign-in needs it, or ErrNotFound. It is one statement: every sign-in begins
// with it.
func (t *Tx) GetSignIn(poolID, sub string) (s SignIn, err error) {
	err = get(t, "get sign-in", s.scan, signInSelect+`WHERE u.pool_id = $1 AND u.sub = $2`, poolID, sub)
	return s, err
}

// GetSignInByUsername is [Tx.GetSignIn] for the user with that UsernameKey.
func (t *Tx) GetSignInByUsername(poolID, usernameKey string) (s SignIn, err error) {
	err = get(t, "get sign-in", s.scan, signInSelect+`WHERE u.pool_id = $1 AND u.username_key = $2`, poolID, usernameKey)
	return s, err
}

func (s *SignIn) scan(r *sql.Rows) error {
	p := &s.Password
	err := s.User.scanWith(r, raw(&p.Salt), raw(&p.Sealed), &p.Temporary, when(&p.Set), &s.HasPassword, &s.Failed)
	if s.HasPassword {
		p.PoolID, p.Sub = s.User.PoolID, s.User.Sub
	}
	return err
}
