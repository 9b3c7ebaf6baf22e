package store

import (
	"database/sql"
	"fmt"
	"time"
)

// IdentityProvider is an external identity provider of a pool. Type is its kind. Details and Keys are sealed, Mapping is a
// JSON document. Identifiers are unique in the pool, and come in byte order.
type IdentityProvider struct {
	PoolID, Name, Type     string
	Details, Mapping, Keys []byte
	Identifiers            []string
	Created, Modified      time.Time
}

const identityProviderColumns = `pool_id, name, kind, details, mapping, keys, created, modified`

func (p *IdentityProvider) scan(r *sql.Rows) error {
	return r.Scan(&p.PoolID, &p.Name, &p.Type, raw(&p.Details), raw(&p.Mapping), raw(&p.Keys), when(&p.Created), when(&p.Modified))
}

// CreateIdentityProvider inserts a provider and its identifiers; ErrExists when the pool has one of that name, or one of
// the identifiers, ErrNotFound when the pool is not there.
func (t *Tx) CreateIdentityProvider(p IdentityProvider) error {
	err := t.create("create identity provider", `
		INSERT INTO identity_providers (`+identityProviderColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING`,
		p.PoolID, p.Name, p.Type, p.Details, string(p.Mapping), p.Keys, millis(p.Created), millis(p.Modified))
	if err != nil {
		return err
	}
	return t.addIdentifiers(p)
}

func (t *Tx) addIdentifiers(p IdentityProvider) error {
	for _, identifier := range p.Identifiers {
		err := t.create("add identifier", `
			INSERT INTO identity_provider_identifiers (pool_id, identifier, provider) VALUES ($1, $2, $3)
			ON CONFLICT DO NOTHING`, p.PoolID, identifier, p.Name)
		if err != nil {
			return err
		}
	}
	return nil
}

// GetIdentityProvider returns a provider with its identifiers, or ErrNotFound.
func (t *Tx) GetIdentityProvider(poolID, name string) (p IdentityProvider, err error) {
	err = get(t, "get identity provider", p.scan, `
		SELECT `+identityProviderColumns+` FROM identity_providers WHERE pool_id = $1 AND name = $2`, poolID, name)
	if err != nil {
		return p, err
	}
	p.Identifiers, err = list(t, "identifiers", func(s *string, r *sql.Rows) error { return r.Scan(s) }, `
		SELECT identifier FROM identity_provider_identifiers WHERE pool_id = $1 AND provider = $2
		ORDER BY identifier`, poolID, name)
	return p, err
}

// GetIdentifierOwner returns the name of the provider that has an identifier, or ErrNotFound.
func (t *Tx) GetIdentifierOwner(poolID, identifier string) (name string, err error) {
	err = get(t, "get identifier", scanString(&name), `
		SELECT provider FROM identity_provider_identifiers WHERE pool_id = $1 AND identifier = $2`, poolID, identifier)
	return name, err
}

// UpdateIdentityProvider writes Details, Mapping, Keys, Identifiers and Modified of the provider (PoolID, Name), or
// returns ErrNotFound; ErrExists when another provider has one of the identifiers. Type and Created never change.
func (t *Tx) UpdateIdentityProvider(p IdentityProvider) error {
	err := t.touch("update identity provider", `
		UPDATE identity_providers SET details = $3, mapping = $4, keys = $5, modified = $6
		WHERE pool_id = $1 AND name = $2`,
		p.PoolID, p.Name, p.Details, string(p.Mapping), p.Keys, millis(p.Modified))
	if err != nil {
		return err
	}
	err = t.put("drop identifiers", `
		DELETE FROM identity_provider_identifiers WHERE pool_id = $1 AND provider = $2`, p.PoolID, p.Name)
	if err != nil {
		return err
	}
	return t.addIdentifiers(p)
}

// DeleteIdentityProvider deletes a provider and its identifiers, or returns ErrNotFound. The identities of users stay.
func (t *Tx) DeleteIdentityProvider(poolID, name string) error {
	return t.touch("delete identity provider",
		`DELETE FROM identity_providers WHERE pool_id = $1 AND name = $2`, poolID, name)
}

// ListIdentityProviders returns up to limit providers of a pool whose name is greater than after, in the order of their
// names, without their Details, Mapping, Keys and Identifiers.
func (t *Tx) ListIdentityProviders(poolID, after string, limit int) ([]IdentityProvider, error) {
	scan := func(p *IdentityProvider, r *sql.Rows) error {
		return r.Scan(&p.PoolID, &p.Name, &p.Type, when(&p.Created), when(&p.Modified))
	}
	return list(t, "identity providers", scan, `
		SELECT pool_id, name, kind, created, modified FROM identity_providers WHERE pool_id = $1 AND name > $2
		ORDER BY name LIMIT $3`, poolID, after, page(limit))
}

// ListIdentifiers returns up to limit identifiers of a pool that are greater than after, in byte order, by the name of
// their provider.
func (t *Tx) ListIdentifiers(poolID, after string, limit int) ([]Identifier, error) {
	scan := func(i *Identifier, r *sql.Rows) error { return r.Scan(&i.Identifier, &i.Provider) }
	return list(t, "identifiers of pool", scan, `
		SELECT identifier, provider FROM identity_provider_identifiers WHERE pool_id = $1 AND identifier > $2
		ORDER BY identifier LIMIT $3`, poolID, after, page(limit))
}

// Identifier is another name of a provider.
type Identifier struct{ Identifier, Provider string }

// CountIdentityProviders returns the number of a pool's providers.
func (t *Tx) CountIdentityProviders(poolID string) (int64, error) {
	return t.count("identity providers", `SELECT count(*) FROM identity_providers WHERE pool_id = $1`, poolID)
}

// CreateFederationKeys keeps the sealed keys that a pool shows to its providers; ErrExists when it has some, ErrNotFound
// when it is not there.
func (t *Tx) CreateFederationKeys(poolID string, sealed []byte) error {
	return t.create("create federation keys", `
		INSERT INTO federation_keys (pool_id, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING`, poolID, sealed)
}

// GetFederationKeys returns the sealed keys that a pool shows to its providers, or ErrNotFound.
func (t *Tx) GetFederationKeys(poolID string) (sealed []byte, err error) {
	err = get(t, "get federation keys", func(r *sql.Rows) error { return r.Scan(raw(&sealed)) },
		`SELECT sealed FROM federation_keys WHERE pool_id = $1`, poolID)
	return sealed, err
}

// UpdateFederationKeys replaces the sealed keys that a pool shows to its providers, or returns ErrNotFound.
func (t *Tx) UpdateFederationKeys(poolID string, sealed []byte) error {
	return t.touch("update federation keys", `UPDATE federation_keys SET sealed = $2 WHERE pool_id = $1`, poolID, sealed)
}

// UseAssertion notes that an assertion of a provider has been used; ErrExists when it was already. It is forgotten some
// time after expires.
func (t *Tx) UseAssertion(poolID, provider, id string, expires time.Time) error {
	if id == "" {
		return fmt.Errorf("store: use assertion: it has no id")
	}
	return t.create("use assertion", `
		INSERT INTO used_assertions (pool_id, provider, id, expires) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING`, poolID, provider, indexKey(id), millis(expires))
}
