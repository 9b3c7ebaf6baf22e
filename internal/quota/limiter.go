package quota

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/meter"
	"cognate/internal/metrics"
)

// poolRate is how often a second an operation about a pool's resources is taken at one pool.
const poolRate = 5

// Bounds are requests a second from or to one side; 0 is no bound.
type Bounds struct {
	User    int `yaml:"user"`    // of the reads, and as many of the writes, about one user
	Address int `yaml:"address"` // from one network address to one domain
	Client  int `yaml:"client"`  // for one app client at one domain
	Domain  int `yaml:"domain"`  // at one domain
}

// UsualBounds are Cognito's.
var UsualBounds = Bounds{User: 10, Address: 300, Client: 300, Domain: 500}

// Holder finds the user who holds an access token of ours, by a name that no other user has. It believes only what is signed.
type Holder func(ctx context.Context, accessToken string) (user string, ok bool)

// Limiter holds requests to their rates. It is safe for concurrent use, and nil holds nothing. Its errors are
// TooManyRequestsException.
type Limiter struct {
	registry *Registry
	holder   Holder
	throttle *metrics.Counter
	rules    map[operation]*rule
	rates    map[string]*bucket // by category

	seed      maphash.Seed
	users     *meter.Buckets[uint64]
	pools     *meter.Buckets[uint64]
	addresses *meter.Buckets[uint64]
	clients   *meter.Buckets[uint64]
	domains   *meter.Buckets[uint64]
}

// NewCounter makes the counter of what a Limiter refuses.
func NewCounter() *metrics.Counter {
	return metrics.NewCounter("cognate_throttled_total", "Requests refused for their rate, by what was exceeded.", "limit")
}

// NewLimiter makes a limiter that holds the operations of services, and what else is told to it, to the rates of a registry.
// Refusals are counted by throttled.
func NewLimiter(r *Registry, b Bounds, holder Holder, throttled *metrics.Counter, services ...*api.Service) *Limiter {
	l := &Limiter{
		registry: r, holder: holder, throttle: throttled, rules: map[operation]*rule{}, rates: map[string]*bucket{}, seed: maphash.MakeSeed(),
		users: perSecond(b.User), pools: perSecond(poolRate), addresses: perSecond(b.Address), clients: perSecond(b.Client),
		domains: perSecond(b.Domain),
	}
	for _, s := range services {
		for _, op := range s.Operations {
			l.rules[nameOf(op)] = newRule(op)
		}
	}
	for _, list := range [][]category{userPools, identityPools} {
		for i := range list {
			l.rates[list[i].name] = newBucket(&list[i], 1)
		}
	}
	authentication := find(UserAuthentication)
	l.rates[TokenRedemption], l.rates[challengeResponses] = newBucket(authentication, 1), newBucket(authentication, 3)
	return l
}

func perSecond(n int) *meter.Buckets[uint64] { return meter.NewBuckets[uint64](n, time.Second) }

// bucket is the tokens of a category: a second's worth at most, times a factor. One whose rate is changed is full again.
type bucket struct {
	category *category
	factor   int64
	tokens   atomic.Pointer[rate.Limiter]
}

func newBucket(c *category, factor int64) *bucket { return &bucket{category: c, factor: factor} }

// take takes a token of a bucket that has so many in a second.
func (b *bucket) take(perSecond int64) bool {
	n := int(b.factor * perSecond)
	tokens := b.tokens.Load()
	for tokens == nil || tokens.Burst() != n {
		fresh := rate.NewLimiter(rate.Limit(n), n)
		if b.tokens.CompareAndSwap(tokens, fresh) {
			tokens = fresh
		} else {
			tokens = b.tokens.Load()
		}
	}
	return tokens.Allow()
}

// Take holds an operation to the rates of its category, of its user and of its pool; in is its decoded input. It is an
// [awsjson.Limiter].
func (l *Limiter) Take(ctx context.Context, op *api.Descriptor, in any) error {
	if l == nil {
		return nil
	}
	r := l.rules[nameOf(op)]
	if r == nil || r.category == nil {
		return nil
	}
	of := r.read(in)
	if r.category.user != nobody {
		if key, ok := l.user(ctx, r.category.user, of); ok && !l.users.Take(key) {
			return l.refuse("user")
		}
	}
	if r.category.perPool && of.pool != "" && !l.pools.Take(l.key(source{at: of.pool, of: op.Name})) {
		return l.refuse("pool")
	}
	switch {
	case of.challenge == idp.ChallengeNameTypeNewPasswordRequired:
		return l.Count(ctx, UserAccountRecovery)
	case r.challenge && l.spend(ctx, challengeResponses):
		return nil
	}
	return l.Count(ctx, r.category.name)
}

// user is the key of the user whom a request is about. One who is only named is another one at each address: nobody uses up what
// somebody else may ask for.
func (l *Limiter) user(ctx context.Context, how use, of about) (uint64, bool) {
	if of.token != "" {
		user, ok := l.holder(ctx, of.token)
		return l.key(source{use: how, of: user}), ok
	}
	network, _ := meter.Network(awsjson.CallerFrom(ctx).OwnAddress())
	return l.key(source{use: how, at: of.pool, of: of.user, from: network}), of.user != ""
}

// source is what is counted by itself.
type source struct {
	use    use
	at, of string
	from   netip.Prefix
}

// key is a number for a source: different ones have, but for chance that nobody can foresee, different numbers.
func (l *Limiter) key(s source) uint64 { return maphash.Comparable(l.seed, s) }

// Count holds a request to the rate of a category.
func (l *Limiter) Count(ctx context.Context, category string) error {
	if l == nil || l.spend(ctx, category) {
		return nil
	}
	return l.refuse(category)
}

func (l *Limiter) spend(ctx context.Context, name string) bool {
	b := l.rates[name]
	return b.take(l.registry.effective(b.category, *l.registry.current(ctx)))
}

// AtDomain holds a request at a domain to what is taken there from its address, for its app client, if it names one, and in all.
func (l *Limiter) AtDomain(domain, address, client string) error {
	if l == nil {
		return nil
	}
	network, ok := meter.Network(address)
	switch {
	case ok && !l.addresses.Take(l.key(source{at: domain, from: network})):
		return l.refuse("address")
	case client != "" && !l.clients.Take(l.key(source{at: domain, of: client})):
		return l.refuse("client")
	case !l.domains.Take(l.key(source{at: domain})):
		return l.refuse("domain")
	}
	return nil
}

func (l *Limiter) refuse(limit string) error {
	l.throttle.Add(limit)
	return fault.New(idp.CodeTooManyRequests, "Rate exceeded")
}
