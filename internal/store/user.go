package store

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// User is a person of a pool. Sub is the immutable id. UsernameKey is what makes
// the username unique: the username itself, or its lower-case form in a pool that
// ignores case; the caller decides. Extra is a JSON document of settings that are
// never searched for (second factors, values that wait to be verified).
type User struct {
	PoolID, Sub, Username, UsernameKey, Status string
	Enabled                                    bool
	Attributes                                 map[string]string // never nil when read
	Created, Modified                          time.Time
	Extra                                      []byte
}

const userColumns = `u.pool_id, u.sub, u.username, u.username_key, u.status, u.enabled,
	u.attributes, u.extra, u.created, u.modified`

// scan reads userColumns and whatever columns follow them.
func (u *User) scan(r *sql.Rows) error { return u.scanWith(r) }

func (u *User) scanWith(r *sql.Rows, more ...any) error {
	dest := []any{&u.PoolID, &u.Sub, &u.Username, &u.UsernameKey, &u.Status, &u.Enabled,
		(*attributesCol)(&u.Attributes), raw(&u.Extra), when(&u.Created), when(&u.Modified)}
	return r.Scan(append(dest, more...)...)
}

// attributesCol scans a JSON object of strings into a map, never nil.
type attributesCol map[string]string

// Scan implements sql.Scanner.
func (c *attributesCol) Scan(src any) error {
	var text bytesCol
	if err := text.Scan(src); err != nil {
		return err
	}
	*c = make(attributesCol)
	return json.Unmarshal(text, (*map[string]string)(c))
}

func (t *Tx) attributesJSON(u *User) (string, error) {
	if len(u.Attributes) == 0 {
		return "{}", nil
	}
	for name, value := range u.Attributes {
		if !IsText(name) || !IsText(value) { // JSON could escape a NUL, but jsonb holds none
			return "", t.fail(ErrText)
		}
	}
	b, err := json.Marshal(u.Attributes)
	return string(b), err
}

// CreateUser inserts a user and makes it searchable; ErrExists when its sub or its
// UsernameKey is in use in the pool, ErrNotFound when the pool is not there.
func (t *Tx) CreateUser(u User) error {
	attributes, err := t.attributesJSON(&u)
	if err != nil {
		return fmt.Errorf("store: create user: %w", err)
	}
	created := searchable{poolID: u.PoolID, sub: u.Sub}
	err = first(t, "create user", ErrExists, func(r *sql.Rows) error { return r.Scan(&created.id) }, `
		INSERT INTO users (pool_id, sub, username, username_key, status, enabled,
			attributes, extra, created, modified)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT DO NOTHING
		RETURNING id`,
		u.PoolID, u.Sub, u.Username, u.UsernameKey, u.Status, u.Enabled,
		attributes, string(u.Extra), millis(u.Created), millis(u.Modified))
	if err != nil {
		return err
	}
	return t.indexUser(created, u.Attributes)
}

// GetUser returns a user, or ErrNotFound.
func (t *Tx) GetUser(poolID, sub string) (u User, err error) {
	err = get(t, "get user", u.scan,
		`SELECT `+userColumns+` FROM users u WHERE u.pool_id = $1 AND u.sub = $2`, poolID, sub)
	return u, err
}

// GetUserByUsername returns the user with that UsernameKey, or ErrNotFound.
func (t *Tx) GetUserByUsername(poolID, usernameKey string) (u User, err error) {
	err = get(t, "get user", u.scan,
		`SELECT `+userColumns+` FROM users u WHERE u.pool_id = $1 AND u.username_key = $2`, poolID, usernameKey)
	return u, err
}

// UpdateUser writes Status, Enabled, Attributes, Extra and Modified of
// the user (PoolID, Sub) and keeps the search in step, or returns ErrNotFound.
// Username and Created never change, and UsernameKey only by SetUsernameKey.
func (t *Tx) UpdateUser(u User) error {
	attributes, err := t.attributesJSON(&u)
	if err != nil {
		return fmt.Errorf("store: update user: %w", err)
	}
	old, err := t.searchable(u.PoolID, u.Sub)
	if err != nil {
		return err
	}
	err = t.touch("update user", `
		UPDATE users SET status = $3, enabled = $4, attributes = $5, extra = $6, modified = $7
		WHERE pool_id = $1 AND sub = $2`,
		u.PoolID, u.Sub, u.Status, u.Enabled, attributes, string(u.Extra), millis(u.Modified))
	if err != nil {
		return err
	}
	return t.indexUser(old, u.Attributes)
}

// SetUsernameKey changes what makes a user's username unique. It must be nobody's: ErrExists ends the transaction.
// ErrNotFound when the user is not there.
func (t *Tx) SetUsernameKey(poolID, sub, key string) error {
	return t.touch("set username key", `UPDATE users SET username_key = $3 WHERE pool_id = $1 AND sub = $2`, poolID, sub, key)
}

// DeleteUser deletes a user and everything that belongs to it: password and
// history, codes, aliases, families, search entries, and the counters whose
// subject is its sub or UsernameKey. ErrNotFound when it is not there.
func (t *Tx) DeleteUser(poolID, sub string) error {
	old, err := t.searchable(poolID, sub)
	if err != nil {
		return err
	}
	if err := t.indexUser(old, nil); err != nil {
		return err
	}
	err = t.put("delete user", `
		DELETE FROM counters WHERE pool_id = $1 AND subject IN ($2,
			(SELECT username_key FROM users WHERE pool_id = $1 AND sub = $2))`, poolID, sub)
	if err != nil {
		return err
	}
	return t.touch("delete user", `DELETE FROM users WHERE pool_id = $1 AND sub = $2`, poolID, sub)
}

// CountUsers returns the number of a pool's users. It reads the pool's part of an
// index to its end, so it is for consoles, not for sign-ins.
func (t *Tx) CountUsers(poolID string) (int64, error) {
	return t.count("users", `SELECT count(*) FROM users WHERE pool_id = $1`, poolID)
}
