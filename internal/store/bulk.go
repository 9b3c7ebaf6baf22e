package store

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// A statement about many rows is cut into statements about as many as a power of two, at most bulkRows, so that there are
// few texts to prepare.
const bulkRows = 64

// Bulky says that a transaction is going to write a large part of what it reads: PostgreSQL would otherwise keep to a plan that
// it made while a table was empty.
func (t *Tx) Bulky() error {
	if t.dialect.Replan == "" {
		return nil
	}
	return t.put("plan anew", t.dialect.Replan)
}

// pieces calls fn with parts of a list, each of the length of a power of two.
func pieces[T any](all []T, fn func([]T) error) error {
	for len(all) > 0 {
		n := bulkRows
		for n > len(all) {
			n /= 2
		}
		if err := fn(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// tuples writes rows placeholders in rows of columns each, from $1 on: ($1, $2), ($3, $4).
func tuples(rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	b.WriteString(")")
	return b.String()
}

// inList writes n placeholders from $2 on: ($2, $3).
func inList(n int) string { return strings.Replace(tuples(1, n+1), "($1, ", "(", 1) }

// insertAll runs an INSERT, given up to its VALUES, of many rows that are of one length and conflict with nothing.
func (t *Tx) insertAll(what, insert string, rows [][]any) error {
	return pieces(rows, func(rows [][]any) error {
		return t.put(what, insert+" VALUES "+tuples(len(rows), len(rows[0])), flat(rows)...)
	})
}

func flat(rows [][]any) []any {
	args := make([]any, 0, len(rows)*len(rows[0]))
	for _, row := range rows {
		args = append(args, row...)
	}
	return args
}

// insertUsers inserts the rows of users and their search entries.
func (t *Tx) insertUsers(users []WholeUser) error {
	rows := make([][]any, len(users))
	for i := range users {
		u := &users[i].User
		attributes, err := t.attributesJSON(u)
		if err != nil {
			return fmt.Errorf("store: create users: %w", err)
		}
		rows[i] = []any{u.PoolID, u.Sub, u.Username, u.UsernameKey, u.Status, u.Enabled,
			attributes, string(u.Extra), millis(u.Created), millis(u.Modified)}
	}
	ids := make(map[string]int64, len(users))
	err := pieces(rows, func(rows [][]any) error {
		_, err := list(t, "new users", func(_ *struct{}, r *sql.Rows) error {
			var id int64
			var sub string
			err := r.Scan(&id, &sub)
			ids[sub] = id
			return err
		}, `
		INSERT INTO users (pool_id, sub, username, username_key, status, enabled, attributes, extra, created, modified)
		VALUES `+tuples(len(rows), len(rows[0]))+` RETURNING id, sub`, flat(rows)...)
		return err
	})
	if err != nil {
		return err
	}
	var entries [][]any
	for _, u := range users {
		for _, attr := range searchedAttributes {
			if value := indexKey(strings.ToLower(u.Attributes[attr])); value != "" {
				entries = append(entries, []any{u.PoolID, attr, value, u.Sub, ids[u.Sub]})
			}
		}
	}
	return t.insertAll("index users", `INSERT INTO user_search (pool_id, attr, value, sub, user_id)`, entries)
}

// nameOwners are the subs of the users of a name, one for each place where a name can be one's. Placeholder $1 is the pool.
// They look the names up one by one, for PostgreSQL prefers to read all that a pool has to finding many values by an index, as
// long as it has no statistics of a table.
var nameOwners = []string{
	`SELECT u.sub FROM users u WHERE u.pool_id = $1 AND u.username_key = n.name`,
	`SELECT u.sub FROM users u WHERE u.pool_id = $1 AND u.sub = n.name`,
	`SELECT a.sub FROM aliases a WHERE a.pool_id = $1 AND a.attr = 'email' AND a.alias = n.name`,
	`SELECT a.sub FROM aliases a WHERE a.pool_id = $1 AND a.attr = 'phone_number' AND a.alias = n.name`,
	`SELECT a.sub FROM aliases a WHERE a.pool_id = $1 AND a.attr = 'preferred_username' AND a.alias = n.name`,
}

// NameOwners returns the subs of the users of a pool whose UsernameKey, sub or alias is one of many names, by the name. A
// name that is nobody's is not there.
func (t *Tx) NameOwners(poolID string, names []string) (map[string][]string, error) {
	owners := map[string][]string{}
	original := make(map[string]string, len(names))
	keys := make([]any, 0, len(names))
	for _, name := range names {
		if !IsText(name) {
			continue // nobody's
		}
		original[indexKey(name)] = name
		keys = append(keys, indexKey(name))
	}
	err := pieces(keys, func(keys []any) error {
		given := strings.ReplaceAll(inList(len(keys)), ", ", "), (")
		for _, query := range nameOwners {
			found, err := list(t, "names", (*ownedName).scan,
				`WITH names (name) AS (VALUES `+given+`) SELECT n.name, (`+query+`) FROM names n`, append([]any{poolID}, keys...)...)
			if err != nil {
				return err
			}
			for _, f := range found {
				if name := original[f.key]; f.sub.Valid {
					owners[name] = append(owners[name], f.sub.String)
				}
			}
		}
		return nil
	})
	return owners, err
}

type ownedName struct {
	key string
	sub sql.NullString
}

func (o *ownedName) scan(r *sql.Rows) error { return r.Scan(&o.key, &o.sub) }
