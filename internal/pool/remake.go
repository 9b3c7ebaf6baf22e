package pool

import (
	"context"
	"slices"

	"cognate/api/idp"
	"cognate/internal/store"
)

// Remake is a change of what Cognito lets nobody change once a pool has been created. What is nil stays as it is.
type Remake struct {
	CaseSensitive *bool
	// AliasAttributes and UsernameAttributes are the whole new lists. A pool has one of them: which one stays.
	AliasAttributes, UsernameAttributes []string
	// Attributes change the schema of attributes that the pool has, by their full names: type, whether they are required
	// and can be changed, and their bounds, which replace the old ones. Required false is given, not absent.
	Attributes []*idp.SchemaAttributeType
	// RemovedAttributes are custom attributes, by their full names. What users have of them goes, too.
	RemovedAttributes []string
}

// Remake changes a pool and what hangs on the change: fn gets the pool as it was and as it will be, and changes its users, in
// the same transaction. The change is none, then, if fn returns an error, which is returned.
func (r *Registry) Remake(ctx context.Context, id string, m Remake, fn func(tx *store.Tx, was, is *Pool) error) error {
	modified := now()
	return r.db.Update(ctx, func(tx *store.Tx) error {
		was, err := r.getPool(tx, id)
		if err != nil {
			return err
		}
		if err := checkNoImport(tx, id); err != nil {
			return err
		}
		s, err := m.settings(was.settings)
		if err != nil {
			return err
		}
		row := store.Pool{ID: id, Region: was.Region, Name: was.Name, Created: was.Created, Modified: modified, Rules: was.rules + 1}
		if row.Settings, err = encodePool(s); err != nil {
			return err
		}
		is, err := r.parsePool(row)
		if err != nil {
			return err
		}
		if err := fn(tx, was, is); err != nil {
			return err
		}
		tx.Notify(kindPool, id)
		if err := tx.UpdatePool(row); err != nil {
			return err
		}
		return tx.NewPoolRules(id)
	})
}

// settings are those of a pool after the change.
func (m Remake) settings(old *settings) (*settings, error) {
	s := *old
	if m.CaseSensitive != nil {
		s.UsernameConfiguration = &idp.UsernameConfigurationType{CaseSensitive: *m.CaseSensitive}
	}
	if err := m.rename(&s); err != nil {
		return nil, err
	}
	s.SchemaAttributes = slices.Clone(s.SchemaAttributes)
	if err := m.remove(&s); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, change := range m.Attributes {
		if seen[change.Name] {
			return nil, invalidf("The attribute %s is named twice.", change.Name)
		}
		seen[change.Name] = true
		if err := reshape(s.SchemaAttributes, change); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

// rename changes what users can sign in with. A pool where users choose a name does not become one where an address is
// the name, nor the other way round: their names are of another kind.
func (m Remake) rename(s *settings) error {
	addresses := len(s.UsernameAttributes) > 0
	if m.AliasAttributes != nil && addresses || m.UsernameAttributes != nil && (!addresses || len(m.UsernameAttributes) == 0) {
		return invalid("Whether users sign in with a user name or with an address in its place cannot be changed.")
	}
	if m.AliasAttributes != nil {
		s.AliasAttributes = unique(m.AliasAttributes)
	}
	if m.UsernameAttributes != nil {
		s.UsernameAttributes = unique(m.UsernameAttributes)
	}
	return nil
}

func (m Remake) remove(s *settings) error {
	for _, name := range m.RemovedAttributes {
		at := slices.IndexFunc(s.SchemaAttributes, func(a *idp.SchemaAttributeType) bool { return a.Name == name })
		switch {
		case slices.Contains(standardNames[:], name):
			return invalidf("%s: A standard attribute cannot be removed.", name)
		case at < 0:
			return noAttribute(name)
		}
		s.SchemaAttributes = slices.Delete(s.SchemaAttributes, at, at+1)
	}
	return nil
}

func noAttribute(name string) error {
	return invalidf("%s: Attribute does not exist in the schema.", name)
}

// ownAttributes are those whose schema the server itself relies on.
var ownAttributes = []string{attrSub, attrIdentities, "email_verified", "phone_number_verified"}

// reshape changes one attribute of a schema. It replaces, never changes, what the schema points to.
func reshape(schema []*idp.SchemaAttributeType, change *idp.SchemaAttributeType) error {
	at := slices.IndexFunc(schema, func(a *idp.SchemaAttributeType) bool { return a.Name == change.Name })
	if at < 0 {
		return noAttribute(change.Name)
	}
	a := *schema[at]
	isStandard := slices.Contains(standardNames[:], a.Name)
	switch {
	case slices.Contains(ownAttributes, a.Name):
		return invalidf("%s: The attribute cannot be changed.", a.Name)
	case isStandard && change.AttributeDataType != "" && change.AttributeDataType != a.AttributeDataType:
		return invalidf("You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute %s", a.Name)
	case !isStandard && isTrue(change.Required):
		return invalid("Required custom attributes are not supported currently.")
	}
	if change.Mutable != nil {
		a.Mutable = change.Mutable
	}
	if change.Required != nil {
		a.Required = change.Required
	}
	if t := change.AttributeDataType; t != "" && t != a.AttributeDataType {
		a.AttributeDataType = t
		a.StringAttributeConstraints, a.NumberAttributeConstraints = nil, nil
	}
	if err := rebound(&a, change); err != nil {
		return err
	}
	schema[at] = &a
	return checkConstraints(&a)
}

// rebound gives an attribute the bounds of a change, which are of its type.
func rebound(a, change *idp.SchemaAttributeType) error {
	isString, isNumber := a.AttributeDataType == idp.AttributeDataTypeString, a.AttributeDataType == idp.AttributeDataTypeNumber
	if change.StringAttributeConstraints != nil && !isString || change.NumberAttributeConstraints != nil && !isNumber {
		return invalidf("%s: The constraints are not those of the attribute's type.", a.Name)
	}
	if c := change.StringAttributeConstraints; c != nil || isString && a.StringAttributeConstraints == nil {
		a.StringAttributeConstraints = copyOf(c)
	}
	if c := change.NumberAttributeConstraints; c != nil || isNumber && a.NumberAttributeConstraints == nil {
		a.NumberAttributeConstraints = copyOf(c)
	}
	return nil
}

// AttributeUse is something of a pool that names an attribute: a client that reads or writes it or has a claim of it, or an
// identity provider whose mapping fills it.
type AttributeUse struct{ Attribute, ClientID, Provider string }

// AttributeUses are the uses of attributes by name.
func (r *Registry) AttributeUses(tx *store.Tx, p *Pool, names []string) ([]AttributeUse, error) {
	if len(names) == 0 {
		return nil, nil
	}
	uses, err := r.clientUses(tx, p, names)
	if err != nil {
		return nil, err
	}
	providers, err := tx.ListIdentityProviders(p.ID, "", MaxProviders)
	if err != nil {
		return nil, err
	}
	for _, provider := range providers {
		row, err := tx.GetIdentityProvider(p.ID, provider.Name) // a list comes without mappings
		if err != nil {
			return nil, err
		}
		mapping, err := mappingOf(row)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if _, ok := mapping[name]; ok {
				uses = append(uses, AttributeUse{Attribute: name, Provider: row.Name})
			}
		}
	}
	return uses, nil
}

func (r *Registry) clientUses(tx *store.Tx, p *Pool, names []string) (uses []AttributeUse, err error) {
	rows, err := tx.ListClients(p.ID, "", maxClients)
	for _, row := range rows {
		c, err := r.parseClient(row, nil)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if c.uses(name) {
				uses = append(uses, AttributeUse{Attribute: name, ClientID: c.ID})
			}
		}
	}
	return uses, err
}

// uses reports whether the client's settings name an attribute.
func (c *Client) uses(name string) bool {
	for _, claim := range c.Claims {
		if claim.Attribute == name {
			return true
		}
	}
	return slices.Contains(c.Settings.ReadAttributes, name) || slices.Contains(c.Settings.WriteAttributes, name)
}
