package pool

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

const (
	MaxProviders   = 300 // of a pool
	maxIdentifiers = 50  // of a provider
)

// subjectClaims name the claim that each type of provider knows its users by; the types that have one map `username` to
// it, and to nothing else. The social ones among them are named as their type.
var subjectClaims = map[string]string{
	idp.IdentityProviderTypeTypeFacebook:        "id",
	idp.IdentityProviderTypeTypeGoogle:          "sub",
	idp.IdentityProviderTypeTypeLoginWithAmazon: "user_id",
	idp.IdentityProviderTypeTypeSignInWithApple: "sub",
	idp.IdentityProviderTypeTypeOidc:            "sub",
}

// IsSocial reports whether a type of provider is one of a social network, of which a pool has one each.
func IsSocial(kind string) bool {
	return kind != idp.IdentityProviderTypeTypeOidc && subjectClaims[kind] != ""
}

const mappedUsername = "username"

// The members of ProviderDetails that have rules beside those of the kinds.
const (
	detailPrivateKey  = "private_key" // never shown
	detailMetadataURL = "MetadataURL"
	detailMetadata    = "MetadataFile" // shown unless it came from MetadataURL
	detailCertificate = "ActiveEncryptionCertificate"
)

// CreateProvider makes a provider, and the group of the users who will be made for it. It calls the provider when its
// kind finds out about it by itself.
func (r *Registry) CreateProvider(ctx context.Context, in *idp.CreateIdentityProviderRequest) (*idp.IdentityProviderType, error) {
	if err := checkProviderName(in.ProviderName, in.ProviderType); err != nil {
		return nil, err
	}
	if err := checkIdentifiers(in.IdpIdentifiers); err != nil {
		return nil, err
	}
	p, err := r.Pool(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	row := store.IdentityProvider{PoolID: p.ID, Name: in.ProviderName, Type: in.ProviderType, Identifiers: in.IdpIdentifiers, Created: now()}
	row.Modified = row.Created
	// What is refused is refused before a provider is called, as far as that can be told.
	if row.Mapping, err = encodeMapping(p, in.ProviderType, in.AttributeMapping); err != nil {
		return nil, err
	}
	if row.Details, err = r.checkDetails(ctx, row, in.ProviderDetails); err != nil {
		return nil, err
	}
	if row.Keys, err = r.newProviderKeys(p.ID, row.Name, row.Type); err != nil {
		return nil, err
	}
	return r.writeProvider(ctx, row, func(tx *store.Tx) error { return insertProvider(tx, row) })
}

func checkProviderName(name, kind string) error {
	switch {
	case strings.EqualFold(name, ProviderSelf):
		return invalidf("The provider name %s is reserved.", name)
	case IsSocial(kind) && name != kind, name != kind && IsSocial(name):
		return invalidf("Provider %s cannot be of type %s.", name, kind)
	}
	return nil
}

func checkIdentifiers(identifiers []string) error {
	if len(identifiers) > maxIdentifiers {
		return invalidf("An identity provider can have at most %d identifiers.", maxIdentifiers)
	}
	for i, identifier := range identifiers {
		if slices.Contains(identifiers[:i], identifier) {
			return invalidf("The identifier %s is given more than once.", identifier)
		}
	}
	return nil
}

// encodeMapping checks and completes an AttributeMapping.
func encodeMapping(p *Pool, kind string, mapping map[string]string) ([]byte, error) {
	complete := map[string]string{}
	for _, attribute := range slices.Sorted(maps.Keys(mapping)) {
		claim := mapping[attribute]
		if claim == "" {
			return nil, invalidf("The attribute mapping of %s is empty.", attribute)
		}
		if attribute == mappedUsername {
			if claim != subjectClaims[kind] {
				return nil, invalid("The attribute mapping of username cannot be changed.")
			}
			continue
		}
		if _, ok := p.Attribute(attribute); !ok {
			return nil, invalidf("Attributes did not conform to the schema: %s: Attribute does not exist in the schema.\n", attribute)
		}
		if attribute == attrSub || attribute == attrIdentities {
			return nil, invalidf("Cannot modify the non-mutable attribute %s", attribute)
		}
		complete[attribute] = claim
	}
	if claim := subjectClaims[kind]; claim != "" {
		complete[mappedUsername] = claim
	}
	return json.Marshal(complete, json.Deterministic(true))
}

// checkDetails has the provider's kind look at its details, and seals what that makes of them.
func (r *Registry) checkDetails(ctx context.Context, row store.IdentityProvider, details map[string]string) ([]byte, error) {
	kind, ok := r.opt.Kinds[row.Type]
	if !ok {
		return nil, invalidf("Identity providers of type %s are not supported.", row.Type)
	}
	given := maps.Clone(details)
	if given == nil {
		given = map[string]string{}
	}
	delete(given, detailCertificate) // from a description that comes back
	linking, err := takeLinking(given)
	if err != nil {
		return nil, err
	}
	complete, err := kind.Check(ctx, given)
	if err != nil {
		return nil, err
	}
	if linking != "" {
		complete[DetailLinking] = linking
	}
	return r.sealDetails(row.PoolID, row.Name, complete)
}

// writeProvider writes to the pool of a provider, and returns the provider as it is then described.
func (r *Registry) writeProvider(ctx context.Context, row store.IdentityProvider, write func(*store.Tx) error) (*idp.IdentityProviderType, error) {
	err := r.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := r.getPool(tx, row.PoolID); err != nil {
			return err
		}
		if err := write(tx); err != nil {
			return err
		}
		tx.Notify(kindProvider, providerKey(row.PoolID, row.Name))
		var err error
		row, err = tx.GetIdentityProvider(row.PoolID, row.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.describeProvider(ctx, row)
}

func insertProvider(tx *store.Tx, row store.IdentityProvider) error {
	_, err := tx.GetIdentityProvider(row.PoolID, row.Name)
	if err == nil {
		return fault.Newf(idp.CodeDuplicateProvider, "A provider %s already exists.", row.Name)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := freeIdentifiers(tx, row); err != nil {
		return err
	}
	n, err := tx.CountIdentityProviders(row.PoolID)
	if err != nil {
		return err
	}
	if n >= MaxProviders {
		return fault.Newf(idp.CodeLimitExceeded, "The limit of %d identity providers of a user pool is reached.", MaxProviders)
	}
	if err := tx.CreateIdentityProvider(row); err != nil {
		return err
	}
	err = tx.CreateGroup(store.Group{
		PoolID: row.PoolID, Name: providerGroup(row.PoolID, row.Name), Created: row.Created, Modified: row.Created,
		Description: "Autogenerated group for users who sign in using " + row.Name,
	})
	if errors.Is(err, store.ErrExists) { // made by hand; it is what it is
		return nil
	}
	return err
}

func freeIdentifiers(tx *store.Tx, row store.IdentityProvider) error {
	for _, identifier := range row.Identifiers {
		owner, err := tx.GetIdentifierOwner(row.PoolID, identifier)
		if err == nil && owner != row.Name {
			return invalidf("The identifier %s is in use by the provider %s.", identifier, owner)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// UpdateProvider replaces what the request names of a provider: details, mapping, identifiers, each as a whole.
func (r *Registry) UpdateProvider(ctx context.Context, in *idp.UpdateIdentityProviderRequest) (*idp.IdentityProviderType, error) {
	if err := checkIdentifiers(in.IdpIdentifiers); err != nil {
		return nil, err
	}
	p, was, err := r.getProvider(ctx, in.UserPoolId, in.ProviderName)
	if err != nil {
		return nil, err
	}
	if _, ok := r.opt.Kinds[was.Type]; !ok {
		return nil, unsupported(was)
	}
	edit, err := r.checkEdit(ctx, p, was, in)
	if err != nil {
		return nil, err
	}
	return r.writeProvider(ctx, was, func(tx *store.Tx) error {
		is, err := tx.GetIdentityProvider(was.PoolID, was.Name)
		if err != nil {
			return shownProvider(err, was.Name)
		}
		if is.Type != was.Type || !is.Created.Equal(was.Created) {
			return fault.Newf(idp.CodeConcurrentModification, "Identity provider %s was replaced meanwhile.", was.Name)
		}
		edit.apply(&is)
		if err := freeIdentifiers(tx, is); err != nil {
			return err
		}
		return tx.UpdateIdentityProvider(is)
	})
}

// providerEdit is what an update replaces; nil for what stays.
type providerEdit struct {
	details, mapping []byte
	identifiers      []string
	modified         time.Time
}

func (r *Registry) checkEdit(ctx context.Context, p *Pool, was store.IdentityProvider, in *idp.UpdateIdentityProviderRequest) (e providerEdit, err error) {
	e.identifiers, e.modified = in.IdpIdentifiers, now()
	if in.AttributeMapping != nil {
		if e.mapping, err = encodeMapping(p, was.Type, in.AttributeMapping); err != nil {
			return e, err
		}
	}
	if in.ProviderDetails != nil {
		e.details, err = r.checkDetails(ctx, was, in.ProviderDetails)
	}
	return e, err
}

func (e providerEdit) apply(row *store.IdentityProvider) {
	if e.details != nil {
		row.Details = e.details
	}
	if e.mapping != nil {
		row.Mapping = e.mapping
	}
	if e.identifiers != nil {
		row.Identifiers = e.identifiers
	}
	row.Modified = e.modified
}

func unsupported(row store.IdentityProvider) error {
	return fault.Newf(idp.CodeUnsupportedIdentityProvider, "Identity providers of type %s are not supported.", row.Type)
}

// getProvider reads a provider and its pool afresh.
func (r *Registry) getProvider(ctx context.Context, poolID, name string) (p *Pool, row store.IdentityProvider, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		if p, err = r.getPool(tx, poolID); err != nil {
			return err
		}
		row, err = tx.GetIdentityProvider(poolID, name)
		return shownProvider(err, name)
	})
	return p, row, err
}

// DescribeProvider returns a provider, read afresh, as DescribeIdentityProvider shows it: with the client secret, but
// without a private key.
func (r *Registry) DescribeProvider(ctx context.Context, poolID, name string) (*idp.IdentityProviderType, error) {
	_, row, err := r.getProvider(ctx, poolID, name)
	if err != nil {
		return nil, err
	}
	return r.describeProvider(ctx, row)
}

// ProviderByIdentifier is DescribeProvider for the provider that has an identifier.
func (r *Registry) ProviderByIdentifier(ctx context.Context, poolID, identifier string) (*idp.IdentityProviderType, error) {
	var row store.IdentityProvider
	err := r.db.View(ctx, func(tx *store.Tx) error {
		if _, err := r.getPool(tx, poolID); err != nil {
			return err
		}
		name, err := tx.GetIdentifierOwner(poolID, identifier)
		if errors.Is(err, store.ErrNotFound) {
			return noIdentifier(identifier)
		}
		if err != nil {
			return err
		}
		row, err = tx.GetIdentityProvider(poolID, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.describeProvider(ctx, row)
}

func (r *Registry) describeProvider(ctx context.Context, row store.IdentityProvider) (*idp.IdentityProviderType, error) {
	d := &idp.IdentityProviderType{
		UserPoolId: row.PoolID, ProviderName: row.Name, ProviderType: row.Type, IdpIdentifiers: row.Identifiers,
		CreationDate: api.At(row.Created), LastModifiedDate: api.At(row.Modified),
	}
	if d.IdpIdentifiers == nil {
		d.IdpIdentifiers = []string{}
	}
	var err error
	if d.AttributeMapping, err = mappingOf(row); err != nil {
		return nil, err
	}
	if d.ProviderDetails, err = r.openDetails(row); err != nil {
		return nil, err
	}
	delete(d.ProviderDetails, detailPrivateKey)
	if d.ProviderDetails[detailMetadataURL] != "" {
		delete(d.ProviderDetails, detailMetadata)
	}
	if row.Type == idp.IdentityProviderTypeTypeSaml && encrypts(d.ProviderDetails) {
		d.ProviderDetails[detailCertificate], err = r.encryptionCertificate(ctx, row)
	}
	return d, err
}

// DeleteProvider deletes a provider and its group. The users made for it stay, and so do its name in the settings of
// clients and the identities of users, which mean something again when a provider of that name is made.
func (r *Registry) DeleteProvider(ctx context.Context, poolID, name string) error {
	return r.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := r.getPool(tx, poolID); err != nil {
			return err
		}
		if err := tx.DeleteIdentityProvider(poolID, name); err != nil {
			return shownProvider(err, name)
		}
		tx.Notify(kindProvider, providerKey(poolID, name))
		err := tx.DeleteGroup(poolID, providerGroup(poolID, name))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
}

// ListProviders returns up to limit providers of a pool with names after after, in the order of their names, and the
// name to go on after, "" at the end.
func (r *Registry) ListProviders(ctx context.Context, poolID, after string, limit int) (providers []*idp.ProviderDescription, next string, err error) {
	var rows []store.IdentityProvider
	err = r.db.View(ctx, func(tx *store.Tx) (err error) {
		if _, err = r.getPool(tx, poolID); err != nil {
			return err
		}
		rows, err = tx.ListIdentityProviders(poolID, after, limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Name
	}
	providers = make([]*idp.ProviderDescription, len(rows))
	for i, row := range rows {
		providers[i] = &idp.ProviderDescription{
			ProviderName: row.Name, ProviderType: row.Type, CreationDate: api.At(row.Created), LastModifiedDate: api.At(row.Modified),
		}
	}
	return providers, next, nil
}
