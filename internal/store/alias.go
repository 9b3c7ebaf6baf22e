package store

import (
	"errors"
	"fmt"
)

// Aliases are the e-mail addresses, phone numbers and preferred usernames by
// which one user of a pool may sign in. The key is the value in the form that has
// to be unique; the caller decides whether that is its lower-case form.

// SetAlias gives an alias to a user. It does nothing when the user has it and
// returns ErrExists when another has; ErrNotFound when the user is not there.
func (t *Tx) SetAlias(poolID, attr, key, sub string) error {
	n, err := t.exec(`
		INSERT INTO aliases (pool_id, attr, alias, sub) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, poolID, attr, indexKey(key), sub)
	if err != nil {
		return fmt.Errorf("store: set alias: %w", err)
	}
	if n == 1 {
		return nil
	}
	owner, err := t.GetAlias(poolID, attr, key)
	if err == nil && owner != sub {
		err = fmt.Errorf("store: set alias: %w", ErrExists)
	}
	return err
}

// GetAlias returns the sub of the user who has an alias, or ErrNotFound.
func (t *Tx) GetAlias(poolID, attr, key string) (sub string, err error) {
	err = get(t, "get alias", scanString(&sub), `
		SELECT sub FROM aliases WHERE pool_id = $1 AND attr = $2 AND alias = $3`,
		poolID, attr, indexKey(key))
	return sub, err
}

// MoveAlias gives an alias to a user, taking it from whoever has it. ErrNotFound
// when the user is not there.
func (t *Tx) MoveAlias(poolID, attr, key, sub string) error {
	return t.put("move alias", `
		INSERT INTO aliases (pool_id, attr, alias, sub) VALUES ($1, $2, $3, $4)
		ON CONFLICT (pool_id, attr, alias) DO UPDATE SET sub = excluded.sub`,
		poolID, attr, indexKey(key), sub)
}

// DeleteAlias takes from a user its aliases of one attribute, if it has any.
func (t *Tx) DeleteAlias(poolID, attr, sub string) error {
	return t.put("delete alias", `
		DELETE FROM aliases WHERE pool_id = $1 AND attr = $2 AND sub = $3`, poolID, attr, sub)
}

// DeleteAliases takes the aliases of one attribute from all users of a pool.
func (t *Tx) DeleteAliases(poolID, attr string) error {
	return t.put("delete aliases", `DELETE FROM aliases WHERE pool_id = $1 AND attr = $2`, poolID, attr)
}

// CreateAliases gives aliases to users of a pool, by their subs. They must be nobody's: ErrExists ends the transaction.
func (t *Tx) CreateAliases(poolID string, given map[string][]Alias) error {
	var rows [][]any
	for sub, aliases := range given {
		for _, a := range aliases {
			rows = append(rows, []any{poolID, a.Attribute, indexKey(a.Key), sub})
		}
	}
	return t.insertAll("create aliases", `INSERT INTO aliases (pool_id, attr, alias, sub)`, rows)
}

// GetUserByAlias returns the user who has an alias, or ErrNotFound.
func (t *Tx) GetUserByAlias(poolID, attr, key string) (u User, err error) {
	err = get(t, "get user by alias", u.scan, `
		SELECT `+userColumns+` FROM aliases a JOIN users u ON u.pool_id = a.pool_id AND u.sub = a.sub
		WHERE a.pool_id = $1 AND a.attr = $2 AND a.alias = $3`,
		poolID, attr, indexKey(key))
	return u, err
}

// isNotFound tells an absent row from a failure.
func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
