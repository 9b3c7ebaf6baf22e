package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/store"
)

// Provider is an external identity provider of a pool as it was when it was read, open for sign-ins. Nothing in it may
// be changed: readers share it, without locks. It knows secrets and never prints them.
type Provider struct {
	federation.Provider
	PoolID, Name, Type string // Type is one of idp.IdentityProviderTypeType
	// Mapping is the AttributeMapping, for [federation.Map].
	Mapping           map[string]string
	Identifiers       []string
	Created, Modified time.Time

	details func() map[string]string // a function, which fmt cannot look into
	row     store.IdentityProvider
	renews  time.Time // when a certificate of its keys is to be renewed; zero without keys
}

// Detail returns one of the ProviderDetails, such as "IDPInit"; "" when it is not there.
func (p *Provider) Detail(key string) string { return p.details()[key] }

// Group is the name of the group that users are in who were made for the provider.
func (p *Provider) Group() string { return providerGroup(p.PoolID, p.Name) }

// String names the provider; it shows no secret.
func (p Provider) String() string { return "identity provider " + p.Name + " of " + p.PoolID }

// Format writes what String returns, whatever the verb.
func (p Provider) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// LogValue returns what String returns.
func (p Provider) LogValue() slog.Value { return slog.StringValue(p.String()) }

// ProviderDescription is what pages show of a provider, to choose it by.
type ProviderDescription struct {
	Name, Type  string
	Identifiers []string
}

// providerList is all that is kept of a pool's providers without opening them.
type providerList struct {
	poolID       string
	descriptions []ProviderDescription
	owners       map[string]string // by identifier
}

func noProvider(name string) error {
	return fault.Newf(idp.CodeResourceNotFound, "Identity provider %s does not exist.", name)
}

// shownProvider turns the store's word for an absent provider into the API's.
func shownProvider(err error, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return noProvider(name)
	}
	return err
}

// Provider returns a provider of a pool by its name, at most 30 seconds old. It is opened once and stays the same until
// it changes, or a certificate of ours is to be renewed. One that does not exist is a ResourceNotFoundException.
func (r *Registry) Provider(ctx context.Context, p *Pool, name string) (*Provider, error) {
	key := providerKey(p.ID, name)
	v, generation := r.providers.Get(key)
	if v != nil {
		return v, nil
	}
	now := time.Now()
	var row store.IdentityProvider
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.GetIdentityProvider(p.ID, name)
		return err
	})
	if err != nil {
		return nil, shownProvider(err, name)
	}
	if v = r.providers.Old(key); v == nil || !reflect.DeepEqual(v.row, row) || v.due() {
		if v, err = r.openProvider(ctx, row); err != nil {
			return nil, err
		}
	}
	r.providers.Put(key, v, generation, now)
	return v, nil
}

func (p *Provider) due() bool { return !p.renews.IsZero() && !time.Now().Before(p.renews) }

func (r *Registry) openProvider(ctx context.Context, row store.IdentityProvider) (*Provider, error) {
	kind, ok := r.opt.Kinds[row.Type]
	if !ok {
		return nil, fmt.Errorf("pool: provider %s of pool %s: no plug-in for %s", row.Name, row.PoolID, row.Type)
	}
	details, err := r.openDetails(row)
	if err != nil {
		return nil, err
	}
	mapping, err := mappingOf(row)
	if err != nil {
		return nil, err
	}
	keys, err := r.providerKeys(ctx, row, details)
	if err != nil {
		return nil, err
	}
	renews, err := renewalOf(keys)
	if err != nil {
		return nil, err
	}
	claims := slices.Compact(slices.Sorted(maps.Values(mapping)))
	opened, err := kind.Open(federation.Settings{
		PoolID: row.PoolID, Name: row.Name, Type: row.Type, Details: maps.Clone(details), Claims: claims, Keys: keys,
	})
	if err != nil {
		return nil, fmt.Errorf("pool: open provider %s of pool %s: %w", row.Name, row.PoolID, err)
	}
	return &Provider{
		Provider: opened, PoolID: row.PoolID, Name: row.Name, Type: row.Type, Mapping: mapping, Identifiers: row.Identifiers,
		Created: row.Created, Modified: row.Modified, details: func() map[string]string { return details }, row: row, renews: renews,
	}, nil
}

// ProviderFor returns the provider of a pool that has an identifier, compared to the letter, as [Registry.Provider] does.
func (r *Registry) ProviderFor(ctx context.Context, p *Pool, identifier string) (*Provider, error) {
	l, err := r.providerList(ctx, p)
	if err != nil {
		return nil, err
	}
	name, ok := l.owners[identifier]
	if !ok {
		return nil, noIdentifier(identifier)
	}
	return r.Provider(ctx, p, name)
}

func noIdentifier(identifier string) error {
	return fault.Newf(idp.CodeResourceNotFound, "Identity provider with identifier %s does not exist.", identifier)
}

// Providers lists the providers of a pool in the order of their names, at most 30 seconds old. The list is shared and
// must not be changed.
func (r *Registry) Providers(ctx context.Context, p *Pool) ([]ProviderDescription, error) {
	l, err := r.providerList(ctx, p)
	if err != nil {
		return nil, err
	}
	return l.descriptions, nil
}

func (r *Registry) providerList(ctx context.Context, p *Pool) (*providerList, error) {
	l, generation := r.lists.Get(p.ID)
	if l != nil {
		return l, nil
	}
	now := time.Now()
	l = &providerList{poolID: p.ID, owners: map[string]string{}}
	if err := r.db.View(ctx, l.read); err != nil {
		return nil, err
	}
	r.lists.Put(p.ID, l, generation, now)
	return l, nil
}

func (l *providerList) read(tx *store.Tx) error {
	rows, err := tx.ListIdentityProviders(l.poolID, "", MaxProviders)
	if err != nil {
		return err
	}
	identifiers, err := tx.ListIdentifiers(l.poolID, "", MaxProviders*maxIdentifiers)
	if err != nil {
		return err
	}
	byName := map[string][]string{}
	for _, i := range identifiers {
		l.owners[i.Identifier] = i.Provider
		byName[i.Provider] = append(byName[i.Provider], i.Identifier)
	}
	for _, row := range rows {
		l.descriptions = append(l.descriptions, ProviderDescription{row.Name, row.Type, byName[row.Name]})
	}
	return nil
}

func providerKey(poolID, name string) string { return poolID + "/" + name }

func providerGroup(poolID, name string) string { return poolID + "_" + name }

// providerBinding ties the sealed details of a provider to its row.
func providerBinding(poolID, name string) string { return "identity-provider/" + poolID + "/" + name }

func (r *Registry) sealDetails(poolID, name string, details map[string]string) ([]byte, error) {
	plain, err := json.Marshal(details, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	return r.keys.Seal(plain, providerBinding(poolID, name)), nil
}

func (r *Registry) openDetails(row store.IdentityProvider) (details map[string]string, err error) {
	plain, err := r.keys.Open(row.Details, providerBinding(row.PoolID, row.Name))
	if err == nil {
		err = json.Unmarshal(plain, &details)
	}
	if err != nil {
		return nil, fmt.Errorf("pool: details of provider %s of pool %s: %w", row.Name, row.PoolID, err)
	}
	return details, nil
}

func mappingOf(row store.IdentityProvider) (mapping map[string]string, err error) {
	if err := json.Unmarshal(row.Mapping, &mapping); err != nil {
		return nil, fmt.Errorf("pool: mapping of provider %s of pool %s: %w", row.Name, row.PoolID, err)
	}
	return mapping, nil
}

// checkProviders: a client names providers of its pool. One that begins sign-ins by itself must not be beside others
// than SAML providers: a browser could be signed in at them by whoever it did not ask.
func (r *Registry) checkProviders(tx *store.Tx, p *Pool, names []string) error {
	var unasked bool
	types := map[string]bool{}
	for _, name := range names {
		if name == ProviderSelf {
			types[name] = true
			continue
		}
		row, err := tx.GetIdentityProvider(p.ID, name)
		if errors.Is(err, store.ErrNotFound) {
			return invalidf("The provider %s does not exist for User Pool %s.", name, p.ID)
		}
		if err != nil {
			return err
		}
		types[row.Type] = true
		if row.Type == idp.IdentityProviderTypeTypeSaml {
			details, err := r.openDetails(row)
			if err != nil {
				return err
			}
			unasked = unasked || details["IDPInit"] == "true"
		}
	}
	delete(types, idp.IdentityProviderTypeTypeSaml)
	if unasked && len(types) > 0 {
		others := slices.Sorted(maps.Keys(types))
		return invalidf("A SAML provider with IdP-initiated sign-in cannot be used together with %s.", others[0])
	}
	return nil
}
