package store

import (
	"database/sql"
	"fmt"
	"time"
)

// PoolIdentity is an identity of an identity pool. Its ID is unique among those of all pools.
type PoolIdentity struct {
	ID, PoolID        string
	Enabled           bool
	Created, Modified time.Time
}

const poolIdentityColumns = `id, pool_id, enabled, created, modified`

func (i *PoolIdentity) scan(r *sql.Rows) error {
	return r.Scan(&i.ID, &i.PoolID, &i.Enabled, when(&i.Created), when(&i.Modified))
}

// CreatePoolIdentity inserts an identity; ErrExists when its ID is in use, ErrNotFound when the pool is not there.
func (t *Tx) CreatePoolIdentity(i PoolIdentity) error {
	return t.create("create pool identity", `
		INSERT INTO pool_identities (`+poolIdentityColumns+`) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING`,
		i.ID, i.PoolID, i.Enabled, millis(i.Created), millis(i.Modified))
}

// GetPoolIdentity returns an identity, enabled or not, or ErrNotFound.
func (t *Tx) GetPoolIdentity(id string) (i PoolIdentity, err error) {
	err = get(t, "get pool identity", i.scan, `SELECT `+poolIdentityColumns+` FROM pool_identities WHERE id = $1`, id)
	return i, err
}

// UpdatePoolIdentity writes Enabled and Modified of the identity i.ID, or returns ErrNotFound.
func (t *Tx) UpdatePoolIdentity(i PoolIdentity) error {
	return t.touch("update pool identity", `
		UPDATE pool_identities SET enabled = $2, modified = $3 WHERE id = $1`, i.ID, i.Enabled, millis(i.Modified))
}

// DeletePoolIdentity deletes an identity and its logins, or returns ErrNotFound.
func (t *Tx) DeletePoolIdentity(id string) error {
	return t.touch("delete pool identity", `DELETE FROM pool_identities WHERE id = $1`, id)
}

// ListPoolIdentities returns up to limit identities of a pool whose ID is greater than after, in the order of their IDs.
func (t *Tx) ListPoolIdentities(poolID, after string, limit int) ([]PoolIdentity, error) {
	return list(t, "pool identities", (*PoolIdentity).scan, `
		SELECT `+poolIdentityColumns+` FROM pool_identities WHERE pool_id = $1 AND id > $2
		ORDER BY id LIMIT $3`, poolID, after, page(limit))
}

// ListEnabledPoolIdentities is ListPoolIdentities for those that are enabled.
func (t *Tx) ListEnabledPoolIdentities(poolID, after string, limit int) ([]PoolIdentity, error) {
	return list(t, "enabled pool identities", (*PoolIdentity).scan, `
		SELECT `+poolIdentityColumns+` FROM pool_identities WHERE pool_id = $1 AND enabled = $2 AND id > $3
		ORDER BY id LIMIT $4`, poolID, true, after, page(limit))
}

// IdentityLogin says that whom a provider knows by a user id is an identity of a pool. Developer tells the pool's own
// provider from a public one of the same name.
type IdentityLogin struct {
	PoolID           string
	Developer        bool
	Provider, UserID string
	IdentityID       string
	Created          time.Time
}

const identityLoginColumns = `pool_id, developer, provider, user_id, identity_id, created`

func (l *IdentityLogin) scan(r *sql.Rows) error {
	return r.Scan(&l.PoolID, &l.Developer, &l.Provider, &l.UserID, &l.IdentityID, when(&l.Created))
}

// CreateIdentityLogin inserts a login; ErrExists when an identity of the pool has it, ErrNotFound when the identity is not
// there.
func (t *Tx) CreateIdentityLogin(l IdentityLogin) error {
	return t.create("create identity login", `
		INSERT INTO identity_logins (`+identityLoginColumns+`, user_key) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`,
		l.PoolID, l.Developer, l.Provider, l.UserID, l.IdentityID, millis(l.Created), indexKey(l.UserID))
}

// GetIdentityLogin returns the login that has PoolID, Developer, Provider and UserID of l, or ErrNotFound. The user id is
// compared to the letter.
func (t *Tx) GetIdentityLogin(l IdentityLogin) (found IdentityLogin, err error) {
	err = get(t, "get identity login", found.scan, `
		SELECT `+identityLoginColumns+` FROM identity_logins
		WHERE pool_id = $1 AND developer = $2 AND provider = $3 AND user_key = $4`,
		l.PoolID, l.Developer, l.Provider, indexKey(l.UserID))
	return found, err
}

// DeleteIdentityLogin deletes the login that has PoolID, Developer, Provider and UserID of l, or returns ErrNotFound.
func (t *Tx) DeleteIdentityLogin(l IdentityLogin) error {
	return t.touch("delete identity login", `
		DELETE FROM identity_logins WHERE pool_id = $1 AND developer = $2 AND provider = $3 AND user_key = $4`,
		l.PoolID, l.Developer, l.Provider, indexKey(l.UserID))
}

// MoveIdentityLogins gives all logins of an identity to another one of the pool; ErrNotFound when that is not there.
func (t *Tx) MoveIdentityLogins(poolID, from, to string) error {
	return t.put("move identity logins", `
		UPDATE identity_logins SET identity_id = $3 WHERE pool_id = $1 AND identity_id = $2`, poolID, from, to)
}

// ListIdentityLogins returns the logins of an identity: those of public providers, then the developer's, in the order of
// their providers and user ids. There are few: the API allows one for each public provider and 20 of the developer's.
func (t *Tx) ListIdentityLogins(poolID, identityID string) ([]IdentityLogin, error) {
	return list(t, "identity logins", (*IdentityLogin).scan, `
		SELECT `+identityLoginColumns+` FROM identity_logins WHERE pool_id = $1 AND identity_id = $2
		ORDER BY developer, provider, user_key`, poolID, identityID)
}

// identityAndLogin is an identity beside one of its logins, which has no provider where there is none.
type identityAndLogin struct {
	identity PoolIdentity
	login    IdentityLogin
}

func (x *identityAndLogin) scan(r *sql.Rows) error {
	i, l := &x.identity, &x.login
	return r.Scan(&i.ID, &i.PoolID, &i.Enabled, when(&i.Created), when(&i.Modified), &l.Developer, &l.Provider, &l.UserID, when(&l.Created))
}

// GetIdentityAndLogins returns an identity, enabled or not, and its logins in no order, or ErrNotFound.
func (t *Tx) GetIdentityAndLogins(id string) (i PoolIdentity, logins []IdentityLogin, err error) {
	const what = "identity and logins"
	all, err := list(t, what, (*identityAndLogin).scan, `
		SELECT i.id, i.pool_id, i.enabled, i.created, i.modified,
			COALESCE(l.developer, FALSE), COALESCE(l.provider, ''), COALESCE(l.user_id, ''), COALESCE(l.created, 0)
		FROM pool_identities i LEFT JOIN identity_logins l ON l.pool_id = i.pool_id AND l.identity_id = i.id
		WHERE i.id = $1`, id)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("store: get %s: %w", what, ErrNotFound)
	}
	if err != nil {
		return i, nil, err
	}
	for _, x := range all {
		if x.login.Provider != "" {
			x.login.PoolID, x.login.IdentityID = x.identity.PoolID, id
			logins = append(logins, x.login)
		}
	}
	return all[0].identity, logins, nil
}

// ListLoginsOfIdentities returns the logins of those identities of a pool whose ID is greater than after and not greater
// than last, in the order of the IDs and then that of [Tx.ListIdentityLogins].
func (t *Tx) ListLoginsOfIdentities(poolID, after, last string) ([]IdentityLogin, error) {
	return list(t, "logins of identities", (*IdentityLogin).scan, `
		SELECT `+identityLoginColumns+` FROM identity_logins WHERE pool_id = $1 AND identity_id > $2 AND identity_id <= $3
		ORDER BY identity_id, developer, provider, user_key`, poolID, after, last)
}
