package pool

import (
	"context"
	"errors"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

const (
	maxPools        = 1000
	maxNewAttribute = 25
)

// Create makes a pool in region, or in the only one that is served. Tags may pin its id.
func (r *Registry) Create(ctx context.Context, region string, in *idp.CreateUserPoolRequest) (*Pool, error) {
	return r.create(ctx, or(r.opt.Region, region), "", in)
}

// CreateAs is Create with a given id, such as us-east-1_ExaMPle, whose part before
// the last "_" is the region. An id in use is an InvalidParameterException.
func (r *Registry) CreateAs(ctx context.Context, id string, in *idp.CreateUserPoolRequest) (*Pool, error) {
	return r.create(ctx, "", id, in)
}

func (r *Registry) create(ctx context.Context, region, id string, in *idp.CreateUserPoolRequest) (*Pool, error) {
	s, err := r.newSettings(in)
	if err != nil {
		return nil, err
	}
	id, region, err = newPoolID(region, id, in.UserPoolTags)
	if err != nil {
		return nil, err
	}
	if r.opt.Region != "" && region != r.opt.Region {
		return nil, invalidf("User pool %s is not of the Region %s.", id, r.opt.Region)
	}
	doc, err := encodePool(s)
	if err != nil {
		return nil, err
	}
	now := now()
	row := store.Pool{ID: id, Region: region, Name: in.PoolName, Settings: doc, Created: now, Modified: now}
	if err := r.db.Update(ctx, func(tx *store.Tx) error { return r.insertPool(tx, row) }); err != nil {
		return nil, err
	}
	return r.parsePool(row)
}

// now is cut to what the store keeps, so that an answer shows what the next will.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func (r *Registry) newSettings(in *idp.CreateUserPoolRequest) (*settings, error) {
	s, err := taken[settings](in)
	if err != nil {
		return nil, err
	}
	if s.SchemaAttributes, err = newSchema(in.Schema); err != nil {
		return nil, err
	}
	return s, r.finish(s)
}

// finish completes and checks settings.
func (r *Registry) finish(s *settings) error {
	if err := checkTags(s.UserPoolTags, r.opt.Dev); err != nil {
		return err
	}
	if err := complete(&s.UserPoolType); err != nil {
		return err
	}
	return check(s)
}

func (r *Registry) insertPool(tx *store.Tx, row store.Pool) error {
	n, err := tx.CountPools()
	if err != nil {
		return err
	}
	if n >= maxPools {
		return fault.Newf(idp.CodeLimitExceeded, "The limit of %d user pools is reached.", maxPools)
	}
	err = tx.CreatePool(row)
	if errors.Is(err, store.ErrExists) {
		return invalidf("User pool %s already exists.", row.ID)
	}
	if err != nil {
		return err
	}
	tx.Notify(kindPool, row.ID)
	return nil
}

// Describe returns what DescribeUserPool shows, read afresh.
func (r *Registry) Describe(ctx context.Context, id string) (*idp.UserPoolType, error) {
	var p *Pool
	var users int64
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		if p, err = r.getPool(tx, id); err != nil {
			return err
		}
		users, err = tx.CountUsers(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p.describe(users), nil
}

func (p *Pool) describe(users int64) *idp.UserPoolType {
	d := *p.Settings
	d.EstimatedNumberOfUsers = &users
	return &d
}

// Describe returns what CreateUserPool answers of a pool without users. What it
// points to is shared with p and must not be changed.
func (p *Pool) Describe() *idp.UserPoolType { return p.describe(0) }

// Update replaces the settings of a pool: what in leaves out returns to its
// default. The name stays when it is left out, and so do Cognate's own tags when
// all tags are.
func (r *Registry) Update(ctx context.Context, in *idp.UpdateUserPoolRequest) error {
	return r.change(ctx, in.UserPoolId, func(tx *store.Tx, old *Pool) (*settings, string, error) {
		if err := checkNoImport(tx, old.ID); err != nil {
			return nil, "", err
		}
		s, err := settingsOfUpdate(in, old.settings)
		if err != nil {
			return nil, "", err
		}
		if err := r.finish(s); err != nil {
			return nil, "", err
		}
		return s, or(in.PoolName, old.Name), r.checkDowngrade(tx, old, s)
	})
}

// AddCustomAttributes adds to the schema of a pool; nothing is ever removed.
func (r *Registry) AddCustomAttributes(ctx context.Context, in *idp.AddCustomAttributesRequest) error {
	if len(in.CustomAttributes) > maxNewAttribute {
		return invalidf("At most %d custom attributes can be added at once.", maxNewAttribute)
	}
	return r.change(ctx, in.UserPoolId, func(tx *store.Tx, old *Pool) (*settings, string, error) {
		if err := checkNoImport(tx, old.ID); err != nil {
			return nil, "", err
		}
		s := *old.settings
		var err error
		s.SchemaAttributes, err = addCustom(s.SchemaAttributes, in.CustomAttributes)
		return &s, old.Name, err
	})
}

// checkNoImport refuses to change a pool that users are being imported into.
func checkNoImport(tx *store.Tx, id string) error {
	_, err := tx.GetDueImportJob(id)
	if err == nil {
		return fault.New(idp.CodeUserImportInProgress, "A user import job of the user pool is in progress.")
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// change rewrites the settings and the name of a pool in one transaction.
func (r *Registry) change(ctx context.Context, id string, fn func(*store.Tx, *Pool) (*settings, string, error)) error {
	modified := now()
	return r.db.Update(ctx, func(tx *store.Tx) error {
		old, err := r.getPool(tx, id)
		if err != nil {
			return err
		}
		s, name, err := fn(tx, old)
		if err != nil {
			return err
		}
		tx.Notify(kindPool, id)
		if old.Secondary() {
			return r.changeReplica(tx, old, s, name)
		}
		doc, err := encodePool(s)
		if err != nil {
			return err
		}
		return tx.UpdatePool(store.Pool{ID: id, Name: name, Settings: doc, Modified: modified})
	})
}

// checkDowngrade refuses the LITE tier to a pool whose domains or clients use more than that.
func (r *Registry) checkDowngrade(tx *store.Tx, old *Pool, s *settings) error {
	if s.UserPoolTier != idp.UserPoolTierTypeLite || old.Settings.UserPoolTier == idp.UserPoolTierTypeLite {
		return nil
	}
	if len(old.managed) > 0 {
		return fault.New(idp.CodeTierChangeNotAllowed, tierText(s.UserPoolTier, []string{featureManagedLogin}))
	}
	replicas, err := tx.ListReplicas(old.ID, old.ID)
	if err != nil {
		return err
	}
	if len(replicas) > 0 {
		return fault.New(idp.CodeTierChangeNotAllowed, tierText(s.UserPoolTier, []string{featureReplicas}))
	}
	rows, err := tx.ListClients(old.ID, "", maxClients)
	if err != nil {
		return err
	}
	for _, row := range rows {
		c, err := r.parseClient(row, nil)
		if err != nil {
			return err
		}
		if features := clientFeatures(c.Settings); len(features) > 0 {
			return fault.New(idp.CodeTierChangeNotAllowed, tierText(s.UserPoolTier, features))
		}
	}
	return nil
}

// Delete deletes a pool and everything in it, unless it is protected, has a domain or has a replica.
func (r *Registry) Delete(ctx context.Context, id string) error {
	return r.db.Update(ctx, func(tx *store.Tx) error {
		p, err := r.getPool(tx, id)
		if err != nil {
			return err
		}
		if err := checkDeletable(tx, p); err != nil {
			return err
		}
		if p.Host() != "" {
			return invalid("User pool cannot be deleted. It has a domain configured that should be deleted first.")
		}
		replicas, err := tx.ListReplicas(id, id)
		if err != nil {
			return err
		}
		if len(replicas) > 0 {
			return invalid("User pool cannot be deleted. It has a replica that should be deleted first.")
		}
		tx.Notify(kindPool, id)
		return tx.DeletePool(id)
	})
}

// checkDeletable refuses to delete a pool that is protected, or that users are being imported into.
func checkDeletable(tx *store.Tx, p *Pool) error {
	if p.Settings.DeletionProtection == idp.DeletionProtectionTypeActive {
		return invalid("The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
	}
	return checkNoImport(tx, p.ID)
}

// List returns up to limit pools with ids after after, in the order of their ids,
// and the id to go on after, "" at the end. The pools come without
// custom scopes and domains. A server of one region lists those that it serves.
func (r *Registry) List(ctx context.Context, after string, limit int) (pools []*Pool, next string, err error) {
	var rows []store.Pool
	err = r.db.View(ctx, func(tx *store.Tx) (err error) {
		if r.opt.Region != "" {
			rows, err = tx.ListPoolsIn(r.opt.Region, after, limit+1)
			return err
		}
		rows, err = tx.ListPools(after, limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	for _, row := range rows {
		p, err := r.parsePool(row)
		if err != nil {
			return nil, "", err
		}
		pools = append(pools, p)
	}
	return pools, next, nil
}
