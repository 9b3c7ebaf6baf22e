package store

import (
	"database/sql"
	"time"
)

// AccessKey is what signs requests. Sealed holds its secret; Policy is the document of what it may do.
type AccessKey struct {
	ID, Name string
	Sealed   []byte
	Policy   string
	Enabled  bool
	Created  time.Time
}

const accessKeyColumns = `id, name, sealed, policy, enabled, created`

func (k *AccessKey) scan(r *sql.Rows) error {
	return r.Scan(&k.ID, &k.Name, raw(&k.Sealed), &k.Policy, &k.Enabled, when(&k.Created))
}

// CreateAccessKey inserts a key; ErrExists when its ID is in use.
func (t *Tx) CreateAccessKey(k AccessKey) error {
	return t.create("create access key", `
		INSERT INTO access_keys (`+accessKeyColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT DO NOTHING`,
		k.ID, k.Name, k.Sealed, k.Policy, k.Enabled, millis(k.Created))
}

// GetAccessKey returns a key, enabled or not, or ErrNotFound.
func (t *Tx) GetAccessKey(id string) (k AccessKey, err error) {
	err = get(t, "get access key", k.scan, `SELECT `+accessKeyColumns+` FROM access_keys WHERE id = $1`, id)
	return k, err
}

// UpdateAccessKey writes Policy and Enabled of the key k.ID, or returns ErrNotFound.
func (t *Tx) UpdateAccessKey(k AccessKey) error {
	return t.touch("update access key", `
		UPDATE access_keys SET policy = $2, enabled = $3 WHERE id = $1`, k.ID, k.Policy, k.Enabled)
}

// DeleteAccessKey deletes a key, or returns ErrNotFound.
func (t *Tx) DeleteAccessKey(id string) error {
	return t.touch("delete access key", `DELETE FROM access_keys WHERE id = $1`, id)
}

// ListAccessKeys returns all keys in the order of their IDs. They are few.
func (t *Tx) ListAccessKeys() ([]AccessKey, error) {
	return list(t, "access keys", (*AccessKey).scan, `SELECT `+accessKeyColumns+` FROM access_keys ORDER BY id`)
}

// Role is what sessions of a role may do: the document of its policy.
type Role struct {
	ARN, Policy string
	Modified    time.Time
}

func (r *Role) scan(rows *sql.Rows) error { return rows.Scan(&r.ARN, &r.Policy, when(&r.Modified)) }

// PutRole inserts a role, or writes the Policy and Modified of the one that has its ARN.
func (t *Tx) PutRole(r Role) error {
	return t.put("put role", `
		INSERT INTO roles (arn, policy, modified) VALUES ($1, $2, $3)
		ON CONFLICT (arn) DO UPDATE SET policy = $2, modified = $3`, r.ARN, r.Policy, millis(r.Modified))
}

// DeleteRole deletes a role, or returns ErrNotFound.
func (t *Tx) DeleteRole(arn string) error {
	return t.touch("delete role", `DELETE FROM roles WHERE arn = $1`, arn)
}

// ListRoles returns all roles in the order of their ARNs. They are few.
func (t *Tx) ListRoles() ([]Role, error) {
	return list(t, "roles", (*Role).scan, `SELECT arn, policy, modified FROM roles ORDER BY arn`)
}
