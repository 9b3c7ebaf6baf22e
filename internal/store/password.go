package store

import (
	"database/sql"
	"fmt"
	"time"
)

// Password is a user's password record: the SRP salt and the verifier, sealed
// with the master key. A temporary one has to be replaced at the next sign-in.
// Without a salt, what is sealed is a hash that another system has made.
type Password struct {
	PoolID, Sub  string
	Salt, Sealed []byte
	Temporary    bool
	Set          time.Time
}

// Foreign reports whether the record is a hash of another system, with which no SRP is possible.
func (p *Password) Foreign() bool { return len(p.Salt) == 0 && len(p.Sealed) > 0 }

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
	// Passkeys are those of the user, in no order and without what no sign-in asks for: Attachment, Created and
	// LastUsed.
	Passkeys []Passkey
}

// HasVerifier reports whether the user has a password that SRP can prove.
func (s *SignIn) HasVerifier() bool { return s.HasPassword && !s.Password.Foreign() }

// The password's columns are NULL when the user has none, and so are those of a passkey. Passkeys are joined as in
// [Tx.ListPasskeys].
const signInSelect = `
	SELECT ` + userColumns + `, p.salt, p.sealed, COALESCE(p.temporary, FALSE), COALESCE(p.set_at, 0), p.sub IS NOT NULL,
		EXISTS (SELECT 1 FROM counters c WHERE c.pool_id = u.pool_id AND c.subject = u.sub AND c.kind = '` + KindSignIn + `')
			OR EXISTS (SELECT 1 FROM counters c WHERE c.pool_id = u.pool_id AND c.subject = u.sub AND c.kind = '` + KindFailures + `'),
		COALESCE(k.id, ''), COALESCE(k.relying_party, ''), k.public_key, COALESCE(k.transports, ''), COALESCE(k.flags, 0), COALESCE(k.sign_count, 0)
	FROM users u LEFT JOIN passwords p ON p.pool_id = u.pool_id AND p.sub = u.sub
		LEFT JOIN passkeys o ON o.pool_id = u.pool_id AND o.sub = u.sub
		LEFT JOIN passkeys k ON k.pool_id = o.pool_id AND k.id = o.id `

// GetSignIn returns a user as a sign-in needs it, or ErrNotFound. It is one statement: every sign-in begins
// with it.
func (t *Tx) GetSignIn(poolID, sub string) (SignIn, error) {
	return getSignIn(t, signInSelect+`WHERE u.pool_id = $1 AND u.sub = $2`, poolID, sub)
}

// GetSignInByUsername is [Tx.GetSignIn] for the user with that UsernameKey.
func (t *Tx) GetSignInByUsername(poolID, usernameKey string) (SignIn, error) {
	return getSignIn(t, signInSelect+`WHERE u.pool_id = $1 AND u.username_key = $2`, poolID, usernameKey)
}

func getSignIn(t *Tx, query string, args ...any) (s SignIn, err error) {
	rows, err := list(t, "sign-in", (*signInRow).scan, query, args...)
	if err != nil {
		return s, err
	}
	if len(rows) == 0 {
		return s, fmt.Errorf("store: get sign-in: %w", ErrNotFound)
	}
	s = rows[0].SignIn
	for _, r := range rows {
		if r.key.ID != "" {
			s.Passkeys = append(s.Passkeys, r.key)
		}
	}
	return s, nil
}

// signInRow is a user with one of its passkeys, or none.
type signInRow struct {
	SignIn
	key Passkey
}

func (s *signInRow) scan(r *sql.Rows) error {
	p, k := &s.Password, &s.key
	err := s.User.scanWith(r, raw(&p.Salt), raw(&p.Sealed), &p.Temporary, when(&p.Set), &s.HasPassword, &s.Failed,
		&k.ID, &k.RelyingParty, raw(&k.PublicKey), &k.Transports, &k.Flags, &k.SignCount)
	if s.HasPassword {
		p.PoolID, p.Sub = s.User.PoolID, s.User.Sub
	}
	k.PoolID, k.Sub = s.User.PoolID, s.User.Sub
	return err
}
