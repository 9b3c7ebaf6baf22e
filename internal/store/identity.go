package store

import (
	"database/sql"
	"time"
)

// Identity says that whom a provider knows by a value is a user: by the provider's own name for the user, its subject,
// when Attribute is empty, else by the value of an attribute. Own marks the identity that the user was made for; Type is
// the provider's kind, and Issuer the entity id of a SAML provider.
type Identity struct {
	PoolID, Provider, Attribute, Value string
	Type, Sub, Issuer                  string
	Own                                bool
	Created                            time.Time
}

const identityColumns = `pool_id, provider, attribute, value, kind, sub, issuer, own, created`

func (i *Identity) scan(r *sql.Rows) error {
	return r.Scan(&i.PoolID, &i.Provider, &i.Attribute, &i.Value, &i.Type, &i.Sub, &i.Issuer, &i.Own, when(&i.Created))
}

// CreateIdentity inserts an identity; ErrExists when a user has it, ErrNotFound when the user is not there.
func (t *Tx) CreateIdentity(i Identity) error {
	return t.create("create identity", `
		INSERT INTO user_identities (`+identityColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT DO NOTHING`,
		i.values()...)
}

func (i *Identity) values() []any {
	return []any{i.PoolID, i.Provider, i.Attribute, i.Value, i.Type, i.Sub, i.Issuer, i.Own, millis(i.Created)}
}

// GetIdentity returns an identity, or ErrNotFound. The value is compared to the letter.
func (t *Tx) GetIdentity(poolID, provider, attribute, value string) (i Identity, err error) {
	err = get(t, "get identity", i.scan, `
		SELECT `+identityColumns+` FROM user_identities
		WHERE pool_id = $1 AND provider = $2 AND attribute = $3 AND value = $4`, poolID, provider, attribute, value)
	return i, err
}

// SetIdentityIssuer writes Issuer of the identity (PoolID, Provider, Attribute, Value), or returns ErrNotFound.
func (t *Tx) SetIdentityIssuer(i Identity) error {
	return t.touch("update identity", `
		UPDATE user_identities SET issuer = $5
		WHERE pool_id = $1 AND provider = $2 AND attribute = $3 AND value = $4`,
		i.PoolID, i.Provider, i.Attribute, i.Value, i.Issuer)
}

// DeleteIdentity deletes an identity, or returns ErrNotFound.
func (t *Tx) DeleteIdentity(i Identity) error {
	return t.touch("delete identity", `
		DELETE FROM user_identities WHERE pool_id = $1 AND provider = $2 AND attribute = $3 AND value = $4`,
		i.PoolID, i.Provider, i.Attribute, i.Value)
}

// ListIdentities returns up to limit identities of a user, the oldest first.
func (t *Tx) ListIdentities(poolID, sub string, limit int) ([]Identity, error) {
	return list(t, "identities", (*Identity).scan, `
		SELECT `+identityColumns+` FROM user_identities WHERE pool_id = $1 AND sub = $2
		ORDER BY created, provider, attribute, value LIMIT $3`, poolID, sub, page(limit))
}

// NextIdentityAttribute returns the first attribute after another by whose values users of a provider are known, or
// ErrNotFound. The subject, "", comes before all.
func (t *Tx) NextIdentityAttribute(poolID, provider, after string) (attribute string, err error) {
	err = get(t, "get identity attribute", scanString(&attribute), `
		SELECT attribute FROM user_identities WHERE pool_id = $1 AND provider = $2 AND attribute > $3
		ORDER BY attribute LIMIT 1`, poolID, provider, after)
	return attribute, err
}

// DeletePassword takes the password of a user away, with the ones before it, if there are any.
func (t *Tx) DeletePassword(poolID, sub string) error {
	err := t.put("delete password history", `DELETE FROM password_history WHERE pool_id = $1 AND sub = $2`, poolID, sub)
	if err != nil {
		return err
	}
	return t.put("delete password", `DELETE FROM passwords WHERE pool_id = $1 AND sub = $2`, poolID, sub)
}
