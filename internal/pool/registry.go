package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/cache"
	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/secret"
	"cognate/internal/store"

	"github.com/go-json-experiment/json"
)

// Options is what a [Registry] needs to know besides its parts.
type Options struct {
	// AccountID is the account number in ARNs.
	AccountID string
	// Region is the only region whose pools are served; empty is all regions.
	Region string
	// Shared says that servers of other regions may use the same database: pools can have replicas.
	Shared bool
	// Issuer is what the issuers of pools begin with that do not name another. It is the same for all servers of a pool.
	Issuer string
	// Dev accepts plain http in issuers and in callback and sign-out URLs.
	Dev bool
	// BaseDomain is what prefix domains are under; empty is localhost.
	BaseDomain string
	// PublicURL is where the server is without a pool's domain. Its scheme and its port are those of the domains, too.
	// Empty is https, without a port.
	PublicURL string
	// Kinds are the plug-ins for external identity providers, by ProviderType. A type that is not there is refused.
	Kinds map[string]federation.Kind
}

// Registry reads, caches and changes pools and their clients. It is safe for
// concurrent use. Its errors are faults of the API, or wrapped errors of the
// store, which the API does not show.
type Registry struct {
	db      *store.DB
	keys    *secret.Keyring
	opt     Options
	pools   *cache.Cache[Pool]
	clients *cache.Cache[Client]
	owners  *cache.Cache[string] // the ids of the pools that have the domains, empty for those of none
	looks   *cache.Cache[look]   // by pool and client

	providers *cache.Cache[Provider]     // by providerKey
	lists     *cache.Cache[providerList] // by pool
}

// New makes a registry over db, whose client secrets are sealed with keys.
func New(db *store.DB, keys *secret.Keyring, opt Options) *Registry {
	opt.BaseDomain = or(opt.BaseDomain, "localhost")
	r := &Registry{
		db: db, keys: keys, opt: opt, pools: cache.New[Pool](), clients: cache.New[Client](), owners: cache.New[string](),
		looks: cache.New[look](), providers: cache.New[Provider](), lists: cache.New[providerList](),
	}
	db.Subscribe(r.changed)
	return r
}

// The kinds of [store.Change] that the registry announces and heeds.
const (
	kindPool   = "pool"
	kindClient = "client"
	kindDomain = "domain"
	kindLook   = "look" // of a pool's pages, by the pool's id

	kindProvider = "provider" // by providerKey
	kindReplica  = "replica"  // to be taken up or given up, by region
)

func (r *Registry) changed(c store.Change) {
	switch c.Kind {
	case kindPool:
		r.pools.Drop(func(id string, _ *Pool) bool { return id == c.ID })
		// The pool may be gone, and made again under its old id.
		r.clients.Drop(func(_ string, v *Client) bool { return v.PoolID == c.ID })
		r.looks.Drop(func(_ string, v *look) bool { return v.poolID == c.ID })
		r.providers.Expire(func(_ string, v *Provider) bool { return v.PoolID == c.ID })
		r.lists.Drop(func(id string, _ *providerList) bool { return id == c.ID })
	case kindProvider:
		r.providers.Drop(func(key string, _ *Provider) bool { return key == c.ID })
		r.lists.Drop(func(id string, _ *providerList) bool { return strings.HasPrefix(c.ID, id+"/") })
	case kindLook:
		r.looks.Drop(func(_ string, v *look) bool { return v.poolID == c.ID })
	case kindClient:
		r.clients.Drop(func(id string, _ *Client) bool { return id == c.ID })
		r.looks.Drop(func(_ string, v *look) bool { return v.clientID == c.ID })
	case kindDomain:
		r.owners.Drop(func(name string, _ *string) bool { return name == c.ID })
	case "":
		r.pools.Drop(func(string, *Pool) bool { return true })
		r.clients.Drop(func(string, *Client) bool { return true })
		r.owners.Drop(func(string, *string) bool { return true })
		r.looks.Drop(func(string, *look) bool { return true })
		r.providers.Expire(func(string, *Provider) bool { return true })
		r.lists.Drop(func(string, *providerList) bool { return true })
	}
}

// Pool returns a pool by id, at most 30 seconds old. A pool that does not exist is
// a ResourceNotFoundException.
func (r *Registry) Pool(ctx context.Context, id string) (*Pool, error) {
	p, generation := r.pools.Get(id)
	if p != nil {
		return p, nil
	}
	now := time.Now()
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = r.getPool(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.pools.Put(id, p, generation, now)
	return p, nil
}

// Client returns a client by id and its pool, at most 30 seconds old. A client
// that does not exist, or whose pool does not serve users here, is a ResourceNotFoundException.
func (r *Registry) Client(ctx context.Context, id string) (*Pool, *Client, error) {
	c, err := r.client(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	p, err := r.Pool(ctx, c.PoolID)
	if notFound(err) || err == nil && !p.Serves() { // deleted since the client was read, or another region's
		return nil, nil, noClient(id)
	}
	return p, c, err
}

func (r *Registry) client(ctx context.Context, id string) (*Client, error) {
	c, generation := r.clients.Get(id)
	if c != nil {
		return c, nil
	}
	now := time.Now()
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		c, err = r.getClient(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.clients.Put(id, c, generation, now)
	return c, nil
}

// PoolClient returns a pool and a client of it. A client of another pool is a
// ResourceNotFoundException like one that does not exist at all.
func (r *Registry) PoolClient(ctx context.Context, poolID, clientID string) (*Pool, *Client, error) {
	p, err := r.Pool(ctx, poolID)
	if err != nil {
		return nil, nil, err
	}
	c, err := r.client(ctx, clientID)
	if err != nil {
		return nil, nil, err
	}
	if c.PoolID != poolID {
		return nil, nil, noClient(clientID)
	}
	return p, c, nil
}

// getPool does not bother the database with what is no id: it may hold what
// PostgreSQL takes for an error.
func (r *Registry) getPool(tx *store.Tx, id string) (*Pool, error) {
	row, err := store.Pool{}, store.ErrNotFound
	if poolIDPattern.MatchString(id) {
		row, err = tx.GetPool(id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, noPool(id)
	}
	if err != nil {
		return nil, err
	}
	p, err := r.parsePool(row)
	if err != nil {
		return nil, err
	}
	if err := r.addReplica(tx, p); err != nil {
		return nil, err
	}
	if p.customScopes, err = getCustomScopes(tx, id); err != nil {
		return nil, err
	}
	return p, r.addDomains(tx, p)
}

func (r *Registry) getClient(tx *store.Tx, id string) (*Client, error) {
	row, err := store.Client{}, store.ErrNotFound
	if isClientID(id) {
		row, err = tx.GetClient(id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, noClient(id)
	}
	if err != nil {
		return nil, err
	}
	secrets, err := tx.ListClientSecrets(id)
	if err != nil {
		return nil, err
	}
	return r.parseClient(row, secrets)
}

// getPoolClient is getClient for a client that has to be in the pool.
func (r *Registry) getPoolClient(tx *store.Tx, poolID, clientID string) (*Pool, *Client, error) {
	p, err := r.getPool(tx, poolID)
	if err != nil {
		return nil, nil, err
	}
	c, err := r.getClient(tx, clientID)
	if err == nil && c.PoolID != poolID {
		err = noClient(clientID)
	}
	return p, c, err
}

func noPool(id string) error {
	return fault.Newf(idp.CodeResourceNotFound, "User pool %s does not exist.", id)
}

func noClient(id string) error {
	return fault.Newf(idp.CodeResourceNotFound, "User pool client %s does not exist.", id)
}

func notFound(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Code == idp.CodeResourceNotFound
}

// parsePool makes a pool of its row alone.
func (r *Registry) parsePool(row store.Pool) (*Pool, error) {
	s := new(settings)
	if err := json.Unmarshal(row.Settings, s); err != nil {
		return nil, fmt.Errorf("pool: settings of pool %s: %w", row.ID, err)
	}
	s.Id, s.Name = row.ID, row.Name
	s.Arn = r.arn(or(r.opt.Region, row.Region), row.ID)
	s.CreationDate, s.LastModifiedDate = api.At(row.Created), api.At(row.Modified)
	p := &Pool{
		ID: row.ID, Region: row.Region, Name: row.Name, Settings: &s.UserPoolType, Created: row.Created, Modified: row.Modified,
		rules: row.Rules, settings: s, served: or(r.opt.Region, row.Region), attributes: make(map[string]*idp.SchemaAttributeType, len(s.SchemaAttributes)),
	}
	for _, a := range s.SchemaAttributes {
		p.attributes[a.Name] = a
	}
	return p, nil
}

// encodePool leaves out what the row's other columns say, and other rows.
func encodePool(s *settings) ([]byte, error) {
	doc := *s
	doc.Id, doc.Name, doc.Arn, doc.Domain, doc.CustomDomain = "", "", "", "", ""
	doc.CreationDate, doc.LastModifiedDate = api.Time{}, api.Time{}
	return json.Marshal(&doc, json.Deterministic(true))
}

func (r *Registry) parseClient(row store.Client, secrets []store.ClientSecret) (*Client, error) {
	s := new(idp.UserPoolClientType)
	if err := json.Unmarshal(row.Settings, s); err != nil {
		return nil, fmt.Errorf("pool: settings of client %s: %w", row.ID, err)
	}
	s.UserPoolId, s.ClientId, s.ClientName = row.PoolID, row.ID, row.Name
	s.CreationDate, s.LastModifiedDate = api.At(row.Created), api.At(row.Modified)
	c := &Client{
		ID: row.ID, PoolID: row.PoolID, Name: row.Name, Settings: s, Created: row.Created, Modified: row.Modified,
		flows: flowsOf(s),
	}
	if len(row.Claims) > 0 {
		if err := json.Unmarshal(row.Claims, &c.Claims); err != nil {
			return nil, fmt.Errorf("pool: claims of client %s: %w", row.ID, err)
		}
	}
	for _, sealed := range secrets {
		value, err := r.keys.Open(sealed.Sealed, secretBinding(row.ID, sealed.ID))
		if err != nil {
			return nil, fmt.Errorf("pool: secret of client %s: %w", row.ID, err)
		}
		c.secrets = append(c.secrets, newClientSecret(sealed.ID, string(value), sealed.Created))
	}
	return c, nil
}

// encodeClient leaves out what the row's other columns say, and any secret.
func encodeClient(s *idp.UserPoolClientType) ([]byte, error) {
	doc := *s
	doc.UserPoolId, doc.ClientId, doc.ClientName, doc.ClientSecret = "", "", "", ""
	doc.CreationDate, doc.LastModifiedDate = api.Time{}, api.Time{}
	return json.Marshal(&doc, json.Deterministic(true))
}
