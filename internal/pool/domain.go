package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// The versions of the pages at a domain.
const (
	hostedUI     = 1
	managedLogin = 2
)

const maxDomainLength = 63

var errNoDomain = invalid("No such domain or user pool exists.")

// Host returns the host name where the pages and the OAuth endpoints of the pool are: its custom domain, else
// that of its prefix, <prefix>.auth.<region>.<base domain>; empty for a pool without a domain.
func (p *Pool) Host() string {
	if len(p.hosts) == 0 {
		return ""
	}
	return p.hosts[0]
}

// ManagedLogin reports whether the pages at a host of the pool are those of managed login, not of the classic
// hosted UI.
func (p *Pool) ManagedLogin(host string) bool {
	return slices.Contains(p.managed, hostName(host))
}

// ByHost returns the pool whose domain a host is, whatever its port, at most 30 seconds old; nil when it is no
// pool's.
func (r *Registry) ByHost(ctx context.Context, host string) (*Pool, error) {
	host = hostName(host)
	name := r.domainName(host)
	if len(name) > maxDomainLength || !domainPattern.MatchString(name) {
		return nil, nil
	}
	owner, err := r.owner(ctx, name)
	if err != nil || owner == "" {
		return nil, err
	}
	p, err := r.Pool(ctx, owner)
	if notFound(err) { // deleted since the domain was read
		return nil, nil
	}
	// A prefix alone is no host, nor is a prefix in another region than the pool's.
	if err != nil || !slices.Contains(p.hosts, host) {
		return nil, err
	}
	return p, nil
}

// Domain returns the name by which a pool's domain is known, whatever its port; empty for a host that is no pool's, and when that
// cannot be told.
func (r *Registry) Domain(ctx context.Context, host string) string {
	if p, err := r.ByHost(ctx, host); err != nil || p == nil {
		return ""
	}
	return hostName(host)
}

func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// domainName returns what the domain of a host is kept under: the prefix, or the whole name.
func (r *Registry) domainName(host string) string {
	rest, under := strings.CutSuffix(host, "."+r.opt.BaseDomain)
	prefix, region, ok := strings.Cut(rest, ".auth.")
	if !under || !ok || strings.Contains(prefix+region, ".") {
		return host
	}
	return prefix
}

func (r *Registry) prefixHost(prefix, region string) string {
	return prefix + ".auth." + region + "." + r.opt.BaseDomain
}

// owner returns the id of the pool that a domain belongs to, "" when there is none. That is remembered, too:
// the most common host is the server's own, which is no pool's.
func (r *Registry) owner(ctx context.Context, name string) (string, error) {
	id, generation := r.owners.Get(name)
	if id != nil {
		return *id, nil
	}
	now := time.Now()
	var d store.Domain
	err := r.db.Look(ctx, func(tx *store.Tx) (err error) {
		d, err = tx.GetDomain(name)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	r.owners.Put(name, &d.PoolID, generation, now)
	return d.PoolID, nil
}

// addDomains tells a pool its domains.
func (r *Registry) addDomains(tx *store.Tx, p *Pool) error {
	rows, err := tx.ListDomains(p.ID)
	if err != nil {
		return err
	}
	for _, row := range rows {
		d, err := r.describeDomain(row)
		if err != nil {
			return err
		}
		host := row.Name
		if row.Custom {
			p.Settings.CustomDomain = row.Name
		} else {
			p.Settings.Domain = row.Name
			host = r.prefixHost(row.Name, p.served)
		}
		p.hosts = append([]string{host}, p.hosts...)
		if *d.ManagedLoginVersion == managedLogin {
			p.managed = append(p.managed, host)
		}
	}
	return nil
}

// CreateDomain gives a pool its prefix domain, or, with a CustomDomainConfig, its custom one.
func (r *Registry) CreateDomain(ctx context.Context, in *idp.CreateUserPoolDomainRequest) (*idp.CreateUserPoolDomainResponse, error) {
	d := &idp.DomainDescriptionType{
		UserPoolId: in.UserPoolId, Domain: in.Domain, CustomDomainConfig: in.CustomDomainConfig,
		ManagedLoginVersion: new(or(number(in.ManagedLoginVersion), hostedUI)), Routing: in.Routing,
	}
	if err := r.checkDomainName(d); err != nil {
		return nil, err
	}
	if err := checkLoginVersion(in.ManagedLoginVersion); err != nil {
		return nil, err
	}
	row, err := encodeDomain(d)
	if err != nil {
		return nil, err
	}
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		p, err := r.getPool(tx, in.UserPoolId)
		if err != nil {
			return err
		}
		if err := checkLoginTier(p, d); err != nil {
			return err
		}
		return insertDomain(tx, p, row)
	})
	if err != nil {
		return nil, err
	}
	return &idp.CreateUserPoolDomainResponse{
		ManagedLoginVersion: d.ManagedLoginVersion, CloudFrontDomain: r.aliasTarget(d), Routing: d.Routing,
	}, nil
}

func insertDomain(tx *store.Tx, p *Pool, row store.Domain) error {
	if row.Custom && p.Settings.CustomDomain != "" || !row.Custom && p.Settings.Domain != "" {
		return invalid("User pool already has a domain configured.")
	}
	err := tx.CreateDomain(row)
	if errors.Is(err, store.ErrExists) {
		return invalid("Domain already associated with another user pool.")
	}
	if err != nil {
		return err
	}
	notifyDomain(tx, row)
	return nil
}

func notifyDomain(tx *store.Tx, row store.Domain) {
	tx.Notify(kindDomain, row.Name)
	tx.Notify(kindPool, row.PoolID)
}

// UpdateDomain changes what in names of a domain; the rest stays.
func (r *Registry) UpdateDomain(ctx context.Context, in *idp.UpdateUserPoolDomainRequest) (*idp.UpdateUserPoolDomainResponse, error) {
	if err := checkLoginVersion(in.ManagedLoginVersion); err != nil {
		return nil, err
	}
	var d *idp.DomainDescriptionType
	err := r.db.Update(ctx, func(tx *store.Tx) error {
		p, row, err := r.getDomain(tx, in.UserPoolId, in.Domain)
		if err != nil {
			return err
		}
		if in.CustomDomainConfig != nil && !row.Custom {
			return invalid("CustomDomainConfig can be changed only for a custom domain.")
		}
		if d, err = r.describeDomain(row); err != nil {
			return err
		}
		d.CustomDomainConfig = or(in.CustomDomainConfig, d.CustomDomainConfig)
		d.ManagedLoginVersion = or(in.ManagedLoginVersion, d.ManagedLoginVersion)
		d.Routing = or(in.Routing, d.Routing)
		if err := checkLoginTier(p, d); err != nil {
			return err
		}
		if row, err = encodeDomain(d); err != nil {
			return err
		}
		notifyDomain(tx, row)
		return tx.UpdateDomain(row)
	})
	if err != nil {
		return nil, err
	}
	return &idp.UpdateUserPoolDomainResponse{
		ManagedLoginVersion: d.ManagedLoginVersion, CloudFrontDomain: r.aliasTarget(d), Routing: d.Routing,
	}, nil
}

// DeleteDomain takes a domain from its pool.
func (r *Registry) DeleteDomain(ctx context.Context, poolID, name string) error {
	return r.db.Update(ctx, func(tx *store.Tx) error {
		_, row, err := r.getDomain(tx, poolID, name)
		if err != nil {
			return err
		}
		notifyDomain(tx, row)
		return tx.DeleteDomain(name)
	})
}

// getDomain reads a domain that has to be the pool's.
func (r *Registry) getDomain(tx *store.Tx, poolID, name string) (*Pool, store.Domain, error) {
	p, err := r.getPool(tx, poolID)
	if notFound(err) {
		return nil, store.Domain{}, errNoDomain
	}
	if err != nil {
		return nil, store.Domain{}, err
	}
	row, err := tx.GetDomain(name)
	if errors.Is(err, store.ErrNotFound) || err == nil && row.PoolID != poolID {
		return nil, store.Domain{}, errNoDomain
	}
	return p, row, err
}

// DescribeDomain returns what DescribeUserPoolDomain shows, read afresh: nothing for a domain that is no pool's.
func (r *Registry) DescribeDomain(ctx context.Context, name string) (*idp.DomainDescriptionType, error) {
	var row store.Domain
	err := r.db.Look(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.GetDomain(name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return &idp.DomainDescriptionType{}, nil
	}
	if err != nil {
		return nil, err
	}
	if r.opt.Region != "" {
		if _, err := r.Pool(ctx, row.PoolID); notFound(err) { // another region's
			return &idp.DomainDescriptionType{}, nil
		} else if err != nil {
			return nil, err
		}
	}
	d, err := r.describeDomain(row)
	if err != nil {
		return nil, err
	}
	d.AWSAccountId, d.Status, d.CloudFrontDistribution = r.opt.AccountID, idp.DomainStatusTypeActive, r.opt.BaseDomain
	return d, nil
}

// aliasTarget is where the DNS alias of a custom domain has to lead: to this server.
func (r *Registry) aliasTarget(d *idp.DomainDescriptionType) string {
	if d.CustomDomainConfig == nil {
		return ""
	}
	return r.opt.BaseDomain
}

// describeDomain is a domain's row as the API shows it, without what is the same for all.
func (r *Registry) describeDomain(row store.Domain) (*idp.DomainDescriptionType, error) {
	d := new(idp.DomainDescriptionType)
	if err := json.Unmarshal(row.Settings, d); err != nil {
		return nil, fmt.Errorf("pool: settings of domain %s: %w", row.Name, err)
	}
	d.UserPoolId, d.Domain = row.PoolID, row.Name
	return d, nil
}

// encodeDomain leaves out what the row's other columns say.
func encodeDomain(d *idp.DomainDescriptionType) (store.Domain, error) {
	doc := *d
	doc.UserPoolId, doc.Domain = "", ""
	settings, err := json.Marshal(&doc, json.Deterministic(true))
	return store.Domain{Name: d.Domain, PoolID: d.UserPoolId, Custom: d.CustomDomainConfig != nil, Settings: settings}, err
}

// checkDomainName enforces what a prefix, or a custom domain, may be called.
func (r *Registry) checkDomainName(d *idp.DomainDescriptionType) error {
	if d.CustomDomainConfig != nil {
		return r.checkCustomDomain(d.Domain)
	}
	if strings.Contains(d.Domain, ".") || !domainPattern.MatchString(d.Domain) {
		return invalid(`The domain name contains an invalid character. Domain names can only contain lower-case letters, numbers, and hyphens. Please enter a different name that follows this format: ^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$`)
	}
	for _, word := range []string{"cognito", "aws", "amazon"} {
		if strings.Contains(d.Domain, word) {
			return invalidf("Domain cannot contain reserved word: %s", word)
		}
	}
	return nil
}

// checkCustomDomain lets a custom domain be what can be a relying party, but no pool's prefix domain.
func (r *Registry) checkCustomDomain(name string) error {
	if !strings.Contains(name, ".") || checkRelyingParty(name, false) != nil || r.domainName(name) != name {
		return invalid("Invalid custom domain: it must be a whole domain name in lower case that is not a public suffix or a prefix domain.")
	}
	return nil
}

func checkLoginVersion(version *int64) error {
	if version != nil && *version != hostedUI && *version != managedLogin {
		return invalid("ManagedLoginVersion must be 1 or 2.")
	}
	return nil
}

const featureManagedLogin = "Managed Login"

func checkLoginTier(p *Pool, d *idp.DomainDescriptionType) error {
	if tier := p.Settings.UserPoolTier; tier == idp.UserPoolTierTypeLite && *d.ManagedLoginVersion == managedLogin {
		return fault.New(idp.CodeFeatureUnavailableInTier, tierText(tier, []string{featureManagedLogin}))
	}
	return nil
}
