// Package quota says how many requests a second are taken: of each category of operations, of one user, of one network address, of
// one app client and at one domain. The rates of categories are kept in the store, where [Registry] reads and sets them; [Limiter]
// holds requests to them. What it counts is each process's own.
package quota

import (
	"context"
	"fmt"
	"time"

	"cognate/api/idp"
	"cognate/internal/cache"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// Rate is what an operator says of a category, in requests a second. 0 is what Cognito has, or for Maximum, the default.
type Rate struct {
	Default int64 `yaml:"default"`
	Maximum int64 `yaml:"maximum"` // that can be provisioned
}

// Rates are those of categories, by name.
type Rates map[string]Rate

// Check refuses what is no rate of a category.
func (r Rates) Check() error {
	for name, rate := range r {
		c := find(name)
		switch {
		case c == nil:
			return fmt.Errorf("%q is not a category", name)
		case rate.Default < 0 || rate.Maximum < 0 || max(rate.Default, rate.Maximum) > maxRate:
			return fmt.Errorf("%s: a rate is from 1 to %d", name, maxRate)
		case rate.Maximum != 0 && !c.adjustable:
			return fmt.Errorf("%s: the category has no maximum, for it cannot be provisioned", name)
		case rate.Maximum != 0 && rate.Maximum < r.free(c):
			return fmt.Errorf("%s: the maximum is below the default of %d", name, r.free(c))
		}
	}
	return nil
}

// maxRate is what the numbers of the API can hold.
const maxRate = 1<<31 - 1

// free is the rate of a category that nobody has to ask for.
func (r Rates) free(c *category) int64 {
	if own := r[c.name].Default; own != 0 {
		return own
	}
	return c.rate
}

// most is the rate up to which one can ask for more.
func (r Rates) most(c *category) int64 { return max(r[c.name].Maximum, r.free(c)) }

// Registry keeps the rates of categories. It is safe for concurrent use. Its errors are faults of the API, or wrapped errors of the
// store.
type Registry struct {
	db    *store.DB
	rates Rates
	known *cache.Cache[provisioned] // under the empty id
}

// provisioned are the rates that were set, by category.
type provisioned map[string]int64

// kind is that of the changes that nodes tell each other.
const kind = "limit"

// New makes a registry over db. The rates must pass [Rates.Check].
func New(db *store.DB, rates Rates) *Registry {
	r := &Registry{db: db, rates: rates, known: cache.New[provisioned]()}
	db.Subscribe(func(c store.Change) {
		if c.Kind == kind || c.Kind == "" {
			r.known.Expire(func(string, *provisioned) bool { return true })
		}
	})
	return r
}

// Provisioned is what GetProvisionedLimit shows, read afresh.
func (r *Registry) Provisioned(ctx context.Context, of *idp.LimitDefinitionType) (*idp.LimitType, error) {
	c, err := adjustable(of)
	if err != nil {
		return nil, err
	}
	set, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	return r.describe(c, set), nil
}

// Provision sets the rate of a category, between its default and the maximum that the operator allows. It is in force at once.
func (r *Registry) Provision(ctx context.Context, of *idp.LimitDefinitionType, rate int64) (*idp.LimitType, error) {
	c, err := adjustable(of)
	if err != nil {
		return nil, err
	}
	switch {
	case rate < r.rates.free(c):
		return nil, fault.Newf(idp.CodeInvalidParameter, "The requested limit value must not be less than the default limit of %d.", r.rates.free(c))
	case rate > r.rates.most(c):
		return nil, fault.Newf(idp.CodeServiceQuotaExceeded,
			"The requested limit value exceeds the account-level maximum limit of %d for the category %s.", r.rates.most(c), c.name)
	}
	row := store.ProvisionedLimit{Category: c.name, Rate: rate, Modified: time.Now()}
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		tx.Notify(kind, c.name)
		return tx.PutProvisionedLimit(row)
	})
	if err != nil {
		return nil, err
	}
	return r.describe(c, provisioned{c.name: rate}), nil
}

// attribute is the only one of a limit's definition.
const attribute = "Category"

// adjustable finds the category of a definition, which must be one that can be provisioned.
func adjustable(of *idp.LimitDefinitionType) (*category, error) {
	name, ok := of.Attributes[attribute]
	if !ok || len(of.Attributes) != 1 {
		return nil, fault.New(idp.CodeInvalidParameter, "The limit definition must have the attribute Category and no other.")
	}
	for i := range userPools {
		switch c := &userPools[i]; {
		case c.name == name && c.adjustable:
			return c, nil
		case c.name == name:
			return nil, fault.Newf(idp.CodeInvalidParameter, "The limit of the category %s is not adjustable.", name)
		}
	}
	return nil, fault.New(idp.CodeInvalidParameter, "The limit definition names no category of operations.")
}

func (r *Registry) describe(c *category, set provisioned) *idp.LimitType {
	return &idp.LimitType{
		LimitDefinition: &idp.LimitDefinitionType{
			LimitClass: idp.LimitClassApiCategory, Attributes: map[string]string{attribute: c.name},
		},
		ProvisionedLimitValue: r.effective(c, set), FreeLimitValue: r.rates.free(c),
	}
}

// effective is the rate that a category has: what was set, as far as the configuration still allows it.
func (r *Registry) effective(c *category, set provisioned) int64 {
	if rate, ok := set[c.name]; ok && c.adjustable {
		return min(max(rate, r.rates.free(c)), r.rates.most(c))
	}
	return r.rates.free(c)
}

func (r *Registry) read(ctx context.Context) (set provisioned, err error) {
	err = r.db.Look(ctx, func(tx *store.Tx) error {
		rows, err := tx.ListProvisionedLimits()
		set = provisioned{}
		for _, row := range rows {
			set[row.Category] = row.Rate
		}
		return err
	})
	return set, err
}

// current is what was set, at most 30 seconds old. While the store does not answer it is what was known last: limits keep nobody
// from being served.
func (r *Registry) current(ctx context.Context) *provisioned {
	set, generation := r.known.Get("")
	if set != nil {
		return set
	}
	now := time.Now()
	read, err := r.read(ctx)
	if err == nil {
		r.known.Put("", &read, generation, now)
		return &read
	}
	if old := r.known.Old(""); old != nil {
		return old
	}
	return &provisioned{}
}
