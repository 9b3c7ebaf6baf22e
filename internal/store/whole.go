package store

import (
	"database/sql"
	"slices"
	"strings"
)

// Alias is a name beside the username by which a user signs in: see [Tx.SetAlias].
type Alias struct{ Attribute, Key string }

// WholeUser is a user with what belongs to it, except for what is of the moment: sessions, counters, and codes but for those
// that a list was asked for.
type WholeUser struct {
	User
	Aliases    []Alias
	Password   *Password  // nil for none
	History    []Password // the oldest first, at most 24
	Token      *SoftwareToken
	Codes      []Code
	Devices    []Device
	Passkeys   []Passkey
	Identities []Identity
	Groups     []string // names

	// MoreDevices is how many devices a list has left out.
	MoreDevices int64
}

// CreateUsers inserts users of one pool with what belongs to them, and makes them searchable. What has to be unique must be:
// ErrExists ends the transaction. ErrNotFound when the pool is not there, or a group.
func (t *Tx) CreateUsers(users []WholeUser) error {
	if err := t.insertUsers(users); err != nil {
		return err
	}
	for _, b := range belongings {
		var rows [][]any
		for i := range users {
			rows = b.rows(rows, &users[i])
		}
		if err := t.insertAll("create "+b.what, "INSERT INTO "+b.into, rows); err != nil {
			return err
		}
	}
	return nil
}

// belongings are what whole users are inserted with: each kind by a function that appends the rows of one user.
var belongings = []struct {
	what, into string
	rows       func([][]any, *WholeUser) [][]any
}{
	{"aliases", `aliases (pool_id, attr, alias, sub)`, func(rows [][]any, u *WholeUser) [][]any {
		for _, a := range u.Aliases {
			rows = append(rows, []any{u.PoolID, a.Attribute, indexKey(a.Key), u.Sub})
		}
		return rows
	}},
	{"passwords", `passwords (` + passwordColumns + `)`, func(rows [][]any, u *WholeUser) [][]any {
		if p := u.Password; p != nil {
			rows = append(rows, []any{p.PoolID, p.Sub, p.Salt, p.Sealed, p.Temporary, millis(p.Set)})
		}
		return rows
	}},
	{"password history", `password_history (pool_id, sub, seq, salt, sealed, temporary, set_at)`, func(rows [][]any, u *WholeUser) [][]any {
		for i, p := range u.History {
			rows = append(rows, []any{p.PoolID, p.Sub, int64(i + 1), p.Salt, p.Sealed, p.Temporary, millis(p.Set)})
		}
		return rows
	}},
	{"software tokens", `software_tokens (` + softwareTokenColumns + `)`, func(rows [][]any, u *WholeUser) [][]any {
		if s := u.Token; s != nil {
			rows = append(rows, []any{s.PoolID, s.Sub, s.Sealed, s.Pending, s.Name, s.Step})
		}
		return rows
	}},
	{"codes", `codes (` + codeColumns + `)`, func(rows [][]any, u *WholeUser) [][]any {
		for _, c := range u.Codes {
			rows = append(rows, c.values())
		}
		return rows
	}},
	{"devices", `devices (` + deviceColumns + `)`, func(rows [][]any, u *WholeUser) [][]any {
		for _, d := range u.Devices {
			rows = append(rows, d.values())
		}
		return rows
	}},
	{"passkeys", `passkeys (` + newPasskeyColumns + `)`, func(rows [][]any, u *WholeUser) [][]any {
		for _, p := range u.Passkeys {
			rows = append(rows, p.values())
		}
		return rows
	}},
	{"identities", `user_identities (` + identityColumns + `)`, func(rows [][]any, u *WholeUser) [][]any {
		for _, i := range u.Identities {
			rows = append(rows, i.values())
		}
		return rows
	}},
	{"members", `group_members (pool_id, sub, group_name)`, func(rows [][]any, u *WholeUser) [][]any {
		for _, name := range u.Groups {
			rows = append(rows, []any{u.PoolID, u.Sub, name})
		}
		return rows
	}},
}

// maxWholeDevices is how many devices of a user [Tx.ListWholeUsers] returns: those that were last used. What a user can make
// any number of must not make a list any length.
const maxWholeDevices = 100

// ListWholeUsers returns up to limit users of a pool whose sub is greater than afterSub, in the order of their subs, with
// what belongs to them: of their codes those of a purpose, of more than a hundred devices those that were last used, and of
// an alias the attribute alone.
func (t *Tx) ListWholeUsers(poolID, afterSub, purpose string, limit int) ([]WholeUser, error) {
	found, _, err := t.ListUsers(UserQuery{PoolID: poolID, AfterSub: afterSub, Limit: limit})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	p := &wholePage{users: make([]WholeUser, len(found)), poolID: poolID, after: afterSub, last: found[len(found)-1].Sub}
	for i, u := range found {
		p.users[i].User = u
	}
	for _, fill := range []func(*Tx) error{
		p.aliases, p.passwords, p.history, p.tokens, p.devices, p.passkeys, p.identities, p.groups,
		func(t *Tx) error { return p.codes(t, purpose) },
	} {
		if err := fill(t); err != nil {
			return nil, err
		}
	}
	return p.users, nil
}

// wholePage is users whose subs are greater than after and not greater than last, in their order.
type wholePage struct {
	users               []WholeUser
	poolID, after, last string
}

// of is the user of a sub, nil for one who is not on the page.
func (p *wholePage) of(sub string) *WholeUser {
	i, ok := slices.BinarySearchFunc(p.users, sub, func(u WholeUser, sub string) int { return strings.Compare(u.Sub, sub) })
	if !ok {
		return nil
	}
	return &p.users[i]
}

// within selects what belongs to the users of a page.
const within = ` WHERE pool_id = $1 AND sub > $2 AND sub <= $3 `

// each lists rows that belong to users of the page, and gives each to its user.
func each[T any](t *Tx, p *wholePage, what string, scan func(*T, *sql.Rows) error, sub func(*T) string, give func(*WholeUser, T), query string, more ...any) error {
	rows, err := list(t, what, scan, query, append([]any{p.poolID, p.after, p.last}, more...)...)
	if err != nil {
		return err
	}
	for i := range rows {
		if u := p.of(sub(&rows[i])); u != nil {
			give(u, rows[i])
		}
	}
	return nil
}

// named is a name that belongs to a user.
type named struct{ sub, name string }

func (n *named) scan(r *sql.Rows) error { return r.Scan(&n.sub, &n.name) }
func (n *named) owner() string          { return n.sub }

func (p *wholePage) aliases(t *Tx) error {
	return each(t, p, "aliases", (*named).scan, (*named).owner,
		func(u *WholeUser, n named) { u.Aliases = append(u.Aliases, Alias{Attribute: n.name}) },
		`SELECT sub, attr FROM aliases`+within)
}

func (p *wholePage) groups(t *Tx) error {
	return each(t, p, "members", (*named).scan, (*named).owner,
		func(u *WholeUser, n named) { u.Groups = append(u.Groups, n.name) },
		`SELECT sub, group_name FROM group_members`+within+`ORDER BY sub, group_name`)
}

func ownerOfPassword(w *Password) string { return w.Sub }

func (p *wholePage) passwords(t *Tx) error {
	return each(t, p, "passwords", (*Password).scan, ownerOfPassword,
		func(u *WholeUser, w Password) { u.Password = &w },
		`SELECT `+passwordColumns+` FROM passwords`+within)
}

func (p *wholePage) history(t *Tx) error {
	return each(t, p, "password history", (*Password).scan, ownerOfPassword,
		func(u *WholeUser, w Password) { u.History = append(u.History, w) },
		`SELECT `+passwordColumns+` FROM password_history`+within+`ORDER BY sub, seq`)
}

func (p *wholePage) tokens(t *Tx) error {
	return each(t, p, "software tokens", (*SoftwareToken).scan, func(s *SoftwareToken) string { return s.Sub },
		func(u *WholeUser, s SoftwareToken) { u.Token = &s },
		`SELECT `+softwareTokenColumns+` FROM software_tokens`+within)
}

func (p *wholePage) codes(t *Tx, purpose string) error {
	return each(t, p, "codes", (*Code).scan, func(c *Code) string { return c.Sub },
		func(u *WholeUser, c Code) { u.Codes = append(u.Codes, c) },
		`SELECT `+codeColumns+` FROM codes`+within+`AND purpose = $4`, purpose)
}

// someDevice is one of the devices of a user that a list has taken, and how many there are.
type someDevice struct {
	Device
	of int64
}

func (d *someDevice) scan(r *sql.Rows) error { return d.scanWith(r, &d.of) }

func (p *wholePage) devices(t *Tx) error {
	return each(t, p, "devices", (*someDevice).scan, func(d *someDevice) string { return d.Sub },
		func(u *WholeUser, d someDevice) {
			u.Devices, u.MoreDevices = append(u.Devices, d.Device), max(0, d.of-maxWholeDevices)
		}, `
		SELECT `+deviceColumns+`, n FROM (
			SELECT `+deviceColumns+`, count(*) OVER (PARTITION BY sub) AS n,
				row_number() OVER (PARTITION BY sub ORDER BY authenticated DESC, device_key) AS place
			FROM devices`+within+`) d
		WHERE place <= $4`, maxWholeDevices)
}

// passkeys joins as [Tx.ListPasskeys] does.
func (p *wholePage) passkeys(t *Tx) error {
	return each(t, p, "passkeys", (*Passkey).scan, func(k *Passkey) string { return k.Sub },
		func(u *WholeUser, k Passkey) { u.Passkeys = append(u.Passkeys, k) }, `
		SELECT `+passkeyColumns+` FROM passkeys o JOIN passkeys k ON k.pool_id = o.pool_id AND k.id = o.id
		WHERE o.pool_id = $1 AND o.sub > $2 AND o.sub <= $3`)
}

func (p *wholePage) identities(t *Tx) error {
	return each(t, p, "identities", (*Identity).scan, func(i *Identity) string { return i.Sub },
		func(u *WholeUser, i Identity) { u.Identities = append(u.Identities, i) },
		`SELECT `+identityColumns+` FROM user_identities`+within+`ORDER BY sub, created, provider, attribute, value`)
}

// HeldSubs returns which of many subs are those of users of a pool.
func (t *Tx) HeldSubs(poolID string, subs []string) (map[string]bool, error) {
	held := map[string]bool{}
	args := make([]any, 0, len(subs))
	for _, sub := range subs {
		args = append(args, sub)
	}
	err := pieces(args, func(args []any) error {
		found, err := list(t, "subs", func(s *string, r *sql.Rows) error { return r.Scan(s) },
			`SELECT sub FROM users WHERE pool_id = $1 AND sub IN `+inList(len(args)), append([]any{poolID}, args...)...)
		for _, sub := range found {
			held[sub] = true
		}
		return err
	})
	return held, err
}
