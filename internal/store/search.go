package store

import (
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// searchedAttributes are the attributes by which ListUsers can search; each value
// a user has is a row of user_search, in lower case.
var searchedAttributes = []string{"email", "phone_number", "name", "given_name", "family_name", "preferred_username"}

// longestKey is how many bytes of a text go into an index whole. PostgreSQL
// refuses index rows beyond 2704 bytes; a filter of the API has 256 characters.
const longestKey = 1200

// indexKey shortens a text that is too long for an index, keeping it unique and
// its beginning searchable.
func indexKey(s string) string {
	if len(s) <= longestKey {
		return s
	}
	cut := longestKey
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	sum := sha256.Sum256([]byte(s))
	return s[:cut] + "#" + hex.EncodeToString(sum[:])
}

// searchable is a user as its search entries are made from it. They carry its id, by which its row is found
// in one step.
type searchable struct {
	poolID, sub string
	id          int64
	attributes  map[string]string
}

// indexUser replaces the search entries of a user by those of the attributes new,
// touching only what differs.
func (t *Tx) indexUser(u searchable, new map[string]string) error {
	for _, attr := range searchedAttributes {
		was, is := indexKey(strings.ToLower(u.attributes[attr])), indexKey(strings.ToLower(new[attr]))
		if was == is {
			continue
		}
		if was != "" {
			err := t.put("index user", `
				DELETE FROM user_search WHERE pool_id = $1 AND attr = $2 AND value = $3 AND sub = $4`,
				u.poolID, attr, was, u.sub)
			if err != nil {
				return err
			}
		}
		if is != "" {
			err := t.put("index user", `
				INSERT INTO user_search (pool_id, attr, value, sub, user_id) VALUES ($1, $2, $3, $4, $5)`,
				u.poolID, attr, is, u.sub, u.id)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// searchable returns what a user's search entries were made from, or ErrNotFound.
func (t *Tx) searchable(poolID, sub string) (searchable, error) {
	u := searchable{poolID: poolID, sub: sub}
	err := get(t, "get user", func(r *sql.Rows) error { return r.Scan(&u.id, (*attributesCol)(&u.attributes)) },
		`SELECT id, attributes FROM users WHERE pool_id = $1 AND sub = $2`, poolID, sub)
	return u, err
}

// UserQuery selects users of a pool and a page of them.
//
// Attribute is what to compare and to sort by, ascending, then by sub: "" or "sub"
// (by sub alone), "username" (case-sensitive), "status" ("Enabled" or "Disabled",
// case-sensitive), "cognito:user_status", "email", "phone_number", "name",
// "given_name", "family_name" or "preferred_username" (all ignoring case). Users
// without the attribute are not found.
//
// Op is "=" (equal to Value), "^=" (begins with Value) or "" (any). AfterKey and
// AfterSub are the key and sub of the last user of the page before, or empty.
type UserQuery struct {
	PoolID, Attribute, Op, Value string
	AfterKey, AfterSub           string
	Limit                        int
}

// ListUsers returns up to q.Limit users and, for each, its sort key, which
// together with its sub asks for the next page. An unknown Attribute or Op is an
// error.
func (t *Tx) ListUsers(q UserQuery) (users []User, keys []string, err error) {
	s, err := q.search()
	if err != nil {
		return nil, nil, fmt.Errorf("store: list users: %w", err)
	}
	if s.nothing {
		return nil, nil, nil
	}
	found, err := list(t, "users", (*foundUser).scan, s.sql(), s.args...)
	if err != nil {
		return nil, nil, err
	}
	users, keys = make([]User, len(found)), make([]string, len(found))
	for i, f := range found {
		users[i], keys[i] = f.User, f.key
	}
	return users, keys, nil
}

type foundUser struct {
	User
	key string
}

func (f *foundUser) scan(r *sql.Rows) error { return f.scanWith(r, &f.key) }

// search is a UserQuery on its way to SQL.
type search struct {
	from, key, sub string // the tables, the sort key and the column that breaks ties
	order          string // what to sort by, if the key is not a column
	where          []string
	args           []any
	nothing        bool // no row can match
}

func (s *search) arg(v any) string {
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d", len(s.args))
}

func (s *search) and(column, op string, v any) {
	s.where = append(s.where, column+" "+op+" "+s.arg(v))
}

func (s *search) sql() string {
	order := cmp.Or(s.order, s.key) + ", " + s.sub
	if s.key == s.sub {
		order = s.sub
	}
	return `SELECT ` + userColumns + `, ` + s.key + ` FROM ` + s.from +
		` WHERE ` + strings.Join(s.where, " AND ") + ` ORDER BY ` + order + ` LIMIT $1`
}

func (q UserQuery) search() (*search, error) {
	if q.Op != "" && q.Op != "=" && q.Op != "^=" {
		return nil, fmt.Errorf("unknown operator %q", q.Op)
	}
	s := &search{from: "users u", sub: "u.sub", args: []any{page(q.Limit)}}
	switch q.Attribute {
	case "", "sub":
		q.bySub(s)
	case "username":
		s.key = "u.username"
		s.and("u.pool_id", "=", q.PoolID)
		q.byKey(s, q.Value)
	case "cognito:user_status":
		s.key = "u.status"
		s.and("u.pool_id", "=", q.PoolID)
		// A status is kept in capitals.
		q.byKey(s, strings.ToUpper(q.Value))
	case "status":
		q.byEnabled(s)
	default:
		return s, q.byAttribute(s)
	}
	return s, nil
}

func (q UserQuery) bySub(s *search) {
	s.key = "u.sub"
	s.and("u.pool_id", "=", q.PoolID)
	s.and("u.sub", ">", q.AfterSub)
	switch q.Op {
	case "=":
		s.and("u.sub", "=", q.Value)
	case "^=":
		s.and("u.sub", ">=", q.Value)
		q.below(s, "u.sub", q.Value)
	}
}

// byKey pages through the sort key s.key, given the value in the form it is kept.
func (q UserQuery) byKey(s *search, value string) {
	if q.Op == "=" {
		s.and(s.key, "=", value)
		s.and(s.sub, ">", q.AfterSub)
		return
	}
	// One lower bound rather than two lets the index start at the right row: the
	// place after the last page if there was one, else the first such value.
	key, sub := q.AfterKey, q.AfterSub
	if q.Op == "^=" && key < value {
		key, sub = value, ""
	}
	s.where = append(s.where, fmt.Sprintf("(%s, %s) > (%s, %s)", s.key, s.sub, s.arg(key), s.arg(sub)))
	if q.Op == "^=" {
		q.below(s, s.key, value)
	}
}

// below keeps a column within the values that begin with prefix.
func (q UserQuery) below(s *search, column, prefix string) {
	if end := successor(prefix); end != "" {
		s.and(column, "<", end)
	}
}

// byEnabled reads "Enabled" and "Disabled" as the two values of a boolean.
func (q UserQuery) byEnabled(s *search) {
	s.key, s.order = "CASE WHEN u.enabled THEN 'Enabled' ELSE 'Disabled' END", "u.enabled"
	s.and("u.pool_id", "=", q.PoolID)
	match := func(name string) bool {
		return q.Op == "" || q.Op == "=" && name == q.Value || q.Op == "^=" && strings.HasPrefix(name, q.Value)
	}
	enabled, disabled := match("Enabled"), match("Disabled")
	switch {
	case enabled && disabled:
		s.where = append(s.where, fmt.Sprintf("(u.enabled, u.sub) > (%s, %s)", s.arg(q.AfterKey == "Enabled"), s.arg(q.AfterSub)))
	case enabled || disabled:
		s.and("u.enabled", "=", enabled)
		s.and("u.sub", ">", q.AfterSub)
	default:
		s.nothing = true
	}
}

func (q UserQuery) byAttribute(s *search) error {
	for _, attr := range searchedAttributes {
		if attr == q.Attribute {
			s.from = "user_search s JOIN users u ON u.id = s.user_id"
			s.key, s.sub = "s.value", "s.sub"
			s.and("s.pool_id", "=", q.PoolID)
			s.and("s.attr", "=", attr)
			value := strings.ToLower(q.Value)
			if q.Op == "=" {
				value = indexKey(value)
			}
			q.byKey(s, value)
			return nil
		}
	}
	return errors.New("unknown attribute " + q.Attribute)
}

// successor returns the smallest text greater than every text that begins with
// prefix, in byte order, or "" when there is none. It stays valid UTF-8 if prefix
// is, since PostgreSQL takes nothing else: UTF-8 sorts as its code points do.
func successor(prefix string) string {
	for prefix != "" {
		r, size := utf8.DecodeLastRuneInString(prefix)
		head, last := prefix[:len(prefix)-size], prefix[len(prefix)-1]
		switch {
		case r == utf8.RuneError && size == 1 && last < 0xFF:
			return head + string([]byte{last + 1})
		case r == utf8.RuneError && size == 1, r == utf8.MaxRune:
			prefix = head // nothing follows it here: carry
		case r == 0xD7FF:
			return head + "\uE000" // the surrogates between are no characters
		default:
			return head + string(r+1)
		}
	}
	return ""
}
