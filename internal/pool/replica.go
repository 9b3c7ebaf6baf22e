package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

const (
	// maxReplicas is how many replicas a pool can have.
	maxReplicas = 1
	// deletingFor is how long a replica whose region does not give it up is being deleted: by then no server remembers it.
	deletingFor = time.Minute
	// takenAtOnce is how many replicas are taken up or given up in one transaction.
	takenAtOnce = 100

	featureReplicas = "Multi-Region Replication"
)

// Region is the only region whose pools are served, empty for all.
func (r *Registry) Region() string { return r.opt.Region }

func (r *Registry) arn(region, id string) string {
	return "arn:aws:cognito-idp:" + region + ":" + r.opt.AccountID + ":userpool/" + id
}

// Secondary reports whether the pool is served as a replica of that in its own region, where alone it can be changed.
func (p *Pool) Secondary() bool { return p.replica != nil }

// Serves reports whether users can sign in to the pool here: not to a replica that is not active.
func (p *Pool) Serves() bool { return p.replica == nil || p.replica.Status == store.ReplicaActive }

// ServedIn is the region in which the pool is served.
func (p *Pool) ServedIn() string { return p.served }

// ErrNotEnabled is the fault of what cannot be done in the region of a replica, by the name of the operation.
func (p *Pool) ErrNotEnabled(code, operation string) error {
	return fault.Newf(code, "%s is not enabled in %s, a secondary Region of user pool %s.", operation, p.served, p.ID)
}

// regional is what may differ in the region of a replica. What is nil there is as in the pool's own region.
type regional struct {
	EmailConfiguration *idp.EmailConfigurationType `json:"EmailConfiguration,omitzero"`
	SmsConfiguration   *idp.SmsConfigurationType   `json:"SmsConfiguration,omitzero"`
	LambdaConfig       *idp.LambdaConfigType       `json:"LambdaConfig,omitzero"`
	// Set says that the members above have been set there; then a nil one is none.
	Set  bool              `json:"Set,omitzero"`
	Tags map[string]string `json:"Tags,omitzero"` // but those of Cognate's own
}

// addReplica finds out as what the server serves a pool. One that it does not serve is not there.
func (r *Registry) addReplica(tx *store.Tx, p *Pool) error {
	if p.served == p.Region {
		return nil
	}
	row, err := tx.GetReplica(p.ID, p.served)
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Status != store.ReplicaActive && row.Status != store.ReplicaInactive {
		return noPool(p.ID)
	}
	if err != nil {
		return err
	}
	return p.become(row)
}

// become makes a pool its replica.
func (p *Pool) become(row store.Replica) error {
	var own regional
	if err := json.Unmarshal(row.Settings, &own); err != nil {
		return fmt.Errorf("pool: settings of the replica of %s in %s: %w", row.PoolID, row.Region, err)
	}
	p.replica = &row
	if own.Set {
		p.settings.EmailConfiguration, p.settings.SmsConfiguration = own.EmailConfiguration, own.SmsConfiguration
		p.settings.LambdaConfig = own.LambdaConfig
	}
	tags := ownTags(p.settings.UserPoolTags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, own.Tags)
	p.settings.UserPoolTags = tags
	return nil
}

// changeReplica writes the settings of a replica that have changed from those of old, and refuses those that are not its own.
func (r *Registry) changeReplica(tx *store.Tx, old *Pool, s *settings, name string) error {
	same, err := sameElsewhere(old.settings, s)
	if err != nil {
		return err
	}
	if !same || name != old.Name {
		return invalidf("Only the settings of e-mail, SMS, Lambda functions and tags of user pool %s can be changed in %s, "+
			"a secondary Region of it.", old.ID, old.served)
	}
	var own regional
	if err := json.Unmarshal(old.replica.Settings, &own); err != nil {
		return err
	}
	own.Tags = othersTags(s.UserPoolTags)
	now := s.regional(own.Tags)
	if changed, err := differ(old.settings.regional(own.Tags), now); err != nil {
		return err
	} else if changed || own.Set {
		own = now
	}
	row := *old.replica
	if row.Settings, err = json.Marshal(&own, json.Deterministic(true)); err != nil {
		return err
	}
	return tx.UpdateReplica(row)
}

// regional is what settings say of what a replica has of its own.
func (s *settings) regional(tags map[string]string) regional {
	return regional{
		EmailConfiguration: s.EmailConfiguration, SmsConfiguration: s.SmsConfiguration, LambdaConfig: s.LambdaConfig, Set: true, Tags: tags,
	}
}

// sameElsewhere reports whether settings differ in nothing but what a replica has of its own.
func sameElsewhere(a, b *settings) (bool, error) {
	strip := func(s settings) settings {
		s.EmailConfiguration, s.SmsConfiguration, s.LambdaConfig = nil, nil, nil
		s.UserPoolTags = ownTags(s.UserPoolTags)
		return s
	}
	before, err := encodePool(new(strip(*a)))
	if err != nil {
		return false, err
	}
	after, err := encodePool(new(strip(*b)))
	return string(before) == string(after), err
}

func differ(a, b any) (bool, error) {
	before, err := json.Marshal(a, json.Deterministic(true))
	if err != nil {
		return false, err
	}
	after, err := json.Marshal(b, json.Deterministic(true))
	return string(before) != string(after), err
}

// othersTags are the tags that are none of Cognate's own.
func othersTags(tags map[string]string) map[string]string {
	others := maps.Clone(tags)
	maps.DeleteFunc(others, func(k, _ string) bool { return strings.HasPrefix(k, tagOwn) })
	return others
}

// CreateReplica has a pool served in one more region: as soon as a server of that region takes it up.
func (r *Registry) CreateReplica(ctx context.Context, in *idp.CreateUserPoolReplicaRequest) (*idp.UserPoolReplicaType, error) {
	settings, err := json.Marshal(&regional{Tags: in.UserPoolTags}, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	row := store.Replica{
		PoolID: in.UserPoolId, Region: in.RegionName, Status: store.ReplicaCreating, Issuer: r.opt.Issuer,
		Settings: settings, Created: now(), Modified: now(),
	}
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		p, err := r.getPool(tx, in.UserPoolId)
		if err != nil {
			return err
		}
		if err := r.checkReplica(tx, p, in); err != nil {
			return err
		}
		tx.Notify(kindReplica, row.Region)
		return tx.CreateReplica(row)
	})
	if err != nil {
		return nil, err
	}
	return r.describeReplica(row), nil
}

// checkReplica refuses a replica that a pool cannot have.
func (r *Registry) checkReplica(tx *store.Tx, p *Pool, in *idp.CreateUserPoolReplicaRequest) error {
	switch {
	case p.Secondary():
		return p.ErrNotEnabled(idp.CodeOperationNotEnabled, "CreateUserPoolReplica")
	case !r.opt.Shared:
		return fault.New(idp.CodeOperationNotEnabled,
			"CreateUserPoolReplica is not enabled: this server's database is not one that servers of several Regions share.")
	case r.opt.Region == "":
		return fault.New(idp.CodeOperationNotEnabled, "CreateUserPoolReplica is not enabled: this server serves the user pools of all Regions.")
	case !IsRegion(in.RegionName):
		return invalidf("%q is not a Region.", in.RegionName)
	case in.RegionName == p.Region:
		return invalidf("User pool %s is in %s itself.", p.ID, p.Region)
	case p.Settings.UserPoolTier == idp.UserPoolTierTypeLite:
		return tierFault(p.Settings.UserPoolTier, []string{featureReplicas})
	}
	if err := checkTags(in.UserPoolTags, r.opt.Dev); err != nil {
		return err
	}
	if len(ownTags(in.UserPoolTags)) > 0 {
		return fault.Newf(idp.CodeUserPoolTagging, "Tags whose keys begin with %s are the same in all Regions.", tagOwn)
	}
	have, err := tx.ListReplicas(p.ID, p.ID)
	if err != nil {
		return err
	}
	for _, other := range have {
		if other.Region == in.RegionName {
			return invalidf("User pool %s has a replica in %s already.", p.ID, in.RegionName)
		}
	}
	if len(have) >= maxReplicas {
		return fault.Newf(idp.CodeLimitExceeded, "The limit of %d replica of a user pool is reached.", maxReplicas)
	}
	return nil
}

func (r *Registry) describeReplica(row store.Replica) *idp.UserPoolReplicaType {
	return &idp.UserPoolReplicaType{
		RegionName: row.Region, Status: row.Status, Role: idp.ReplicaRoleTypeSecondary, UserPoolArn: r.arn(row.Region, row.PoolID),
	}
}

// UpdateReplica activates or deactivates a replica.
func (r *Registry) UpdateReplica(ctx context.Context, in *idp.UpdateUserPoolReplicaRequest) (*idp.UserPoolReplicaType, error) {
	return r.turnReplica(ctx, in.UserPoolId, in.RegionName, func(row *store.Replica) error {
		if row.Status != store.ReplicaActive && row.Status != store.ReplicaInactive {
			return invalidf("The replica of user pool %s in %s is %s: its status cannot be changed.", row.PoolID, row.Region, row.Status)
		}
		row.Status = in.Status
		return nil
	})
}

// DeleteReplica ends a replica that is not active: it is gone when its region has given it up. One that no server has taken
// up can be deleted, too.
func (r *Registry) DeleteReplica(ctx context.Context, in *idp.DeleteUserPoolReplicaRequest) (*idp.UserPoolReplicaType, error) {
	return r.turnReplica(ctx, in.UserPoolId, in.RegionName, func(row *store.Replica) error {
		if row.Status == store.ReplicaActive {
			return invalidf("The replica of user pool %s in %s is ACTIVE: only an INACTIVE one can be deleted.", row.PoolID, row.Region)
		}
		row.Status = store.ReplicaDeleting
		return nil
	})
}

// turnReplica changes the status of a replica.
func (r *Registry) turnReplica(ctx context.Context, poolID, region string, fn func(*store.Replica) error) (*idp.UserPoolReplicaType, error) {
	var row store.Replica
	err := r.db.Update(ctx, func(tx *store.Tx) error {
		p, err := r.getPool(tx, poolID)
		if err != nil {
			return err
		}
		if region == p.Region {
			return invalidf("%s is the primary Region of user pool %s.", region, poolID)
		}
		if row, err = tx.GetReplica(poolID, region); errors.Is(err, store.ErrNotFound) {
			return fault.Newf(idp.CodeResourceNotFound, "User pool %s has no replica in %s.", poolID, region)
		}
		if err != nil {
			return err
		}
		before := row.Status
		if err := fn(&row); err != nil || row.Status == before {
			return err
		}
		row.Modified = now()
		tx.Notify(kindPool, poolID)
		tx.Notify(kindReplica, region)
		return tx.UpdateReplica(row)
	})
	if err != nil {
		return nil, err
	}
	return r.describeReplica(row), nil
}

// ListReplicas lists where a pool is served, its own region first.
func (r *Registry) ListReplicas(ctx context.Context, poolID string) (list []*idp.UserPoolReplicaType, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		p, err := r.getPool(tx, poolID)
		if err != nil {
			return err
		}
		rows, err := tx.ListReplicas(poolID, poolID)
		list = []*idp.UserPoolReplicaType{{
			RegionName: p.Region, Status: idp.ReplicaStatusTypeActive, Role: idp.ReplicaRoleTypePrimary, UserPoolArn: r.arn(p.Region, p.ID),
		}}
		for _, row := range rows {
			list = append(list, r.describeReplica(row))
		}
		return err
	})
	return list, err
}

// ReplicaRegions are the regions of the replicas of pools that are in the order of their ids, by pool. A server of all regions
// knows none.
func (r *Registry) ReplicaRegions(ctx context.Context, pools []*Pool) (map[string][]string, error) {
	if r.opt.Region == "" || len(pools) == 0 {
		return nil, nil
	}
	regions := map[string][]string{}
	err := r.db.Look(ctx, func(tx *store.Tx) error {
		rows, err := tx.ListReplicas(pools[0].ID, pools[len(pools)-1].ID)
		for _, row := range rows {
			regions[row.PoolID] = append(regions[row.PoolID], row.Region)
		}
		return err
	})
	return regions, err
}

// TakeUp takes up what replicas of the server's region are asked for, and gives up those that are deleted; besides, it clears
// away those that their own region does not give up. A replica whose pool's tokens would have another issuer here waits: the
// log says so.
func (r *Registry) TakeUp(ctx context.Context) error {
	var asked, deleted []store.Replica
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		asked, deleted, err = r.due(tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, row := range asked {
		if row.Issuer != r.opt.Issuer {
			slog.WarnContext(ctx, "a replica waits: issuer_url, or without it public_url, is not the same here as where it was asked for",
				"pool", row.PoolID, "here", r.opt.Issuer, "there", row.Issuer)
		}
	}
	if len(asked)+len(deleted) == 0 {
		return nil
	}
	return r.db.Update(ctx, r.takeUp)
}

// due are the replicas that are asked for in the server's region, and those that are to be given up.
func (r *Registry) due(tx *store.Tx) (asked, deleted []store.Replica, err error) {
	if asked, err = tx.ListReplicasIn(store.ReplicaCreating, r.opt.Region, takenAtOnce); err != nil {
		return nil, nil, err
	}
	all, err := tx.ListReplicasIn(store.ReplicaDeleting, "", takenAtOnce)
	for _, row := range all {
		if row.Region == r.opt.Region || time.Since(row.Modified) >= deletingFor {
			deleted = append(deleted, row)
		}
	}
	return asked, deleted, err
}

func (r *Registry) takeUp(tx *store.Tx) error {
	asked, deleted, err := r.due(tx)
	if err != nil {
		return err
	}
	for _, row := range asked {
		if row.Issuer != r.opt.Issuer {
			continue
		}
		row.Status, row.Modified = store.ReplicaInactive, now()
		tx.Notify(kindPool, row.PoolID)
		if err := tx.UpdateReplica(row); err != nil {
			return err
		}
	}
	for _, row := range deleted {
		tx.Notify(kindPool, row.PoolID)
		if err := tx.DeleteReplica(row.PoolID, row.Region); err != nil {
			return err
		}
	}
	return nil
}

// takeUpEvery is how often a server looks for replicas that it has not been told of.
const takeUpEvery = 15 * time.Second

// KeepReplicas takes up and gives up replicas until ctx ends: at once when one is announced. Failures are logged.
func (r *Registry) KeepReplicas(ctx context.Context) {
	wake := make(chan struct{}, 1)
	r.db.Subscribe(func(c store.Change) {
		if c.Kind != "" && (c.Kind != kindReplica || c.ID != r.opt.Region) {
			return
		}
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	tick := time.NewTicker(takeUpEvery)
	defer tick.Stop()
	for {
		if err := r.TakeUp(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "replicas were not taken up", "cause", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-tick.C:
		}
	}
}
