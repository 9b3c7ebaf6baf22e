package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

const maxResourceServers = 25

// CustomScopes returns the scopes of the pool's resource servers, each as identifier/name. What clients were
// allowed and is not among them is in force no more. The slice must not be changed.
func (p *Pool) CustomScopes() []string { return p.customScopes }

// CreateResourceServer makes a resource server, whose identifier is unique in the pool, case and all.
func (r *Registry) CreateResourceServer(ctx context.Context, in *idp.CreateResourceServerRequest) (*idp.ResourceServerType, error) {
	s := &idp.ResourceServerType{UserPoolId: in.UserPoolId, Identifier: in.Identifier, Name: in.Name, Scopes: in.Scopes}
	return s, r.writeResourceServer(ctx, s, insertResourceServer)
}

// UpdateResourceServer replaces the name and the scopes of a resource server. A scope that goes stays in the
// settings of the clients that name it, without force, and is in force again when it comes back.
func (r *Registry) UpdateResourceServer(ctx context.Context, in *idp.UpdateResourceServerRequest) (*idp.ResourceServerType, error) {
	s := &idp.ResourceServerType{UserPoolId: in.UserPoolId, Identifier: in.Identifier, Name: in.Name, Scopes: in.Scopes}
	return s, r.writeResourceServer(ctx, s, (*store.Tx).UpdateResourceServer)
}

func (r *Registry) writeResourceServer(ctx context.Context, s *idp.ResourceServerType, write func(*store.Tx, store.ResourceServer) error) error {
	if err := completeScopes(s); err != nil {
		return err
	}
	scopes, err := json.Marshal(s.Scopes)
	if err != nil {
		return err
	}
	return r.changeResourceServer(ctx, s.UserPoolId, s.Identifier, func(tx *store.Tx) error {
		return write(tx, store.ResourceServer{PoolID: s.UserPoolId, Identifier: s.Identifier, Name: s.Name, Scopes: scopes})
	})
}

// completeScopes makes the list one, be it empty, and refuses a name that is in it twice.
func completeScopes(s *idp.ResourceServerType) error {
	if s.Scopes == nil {
		s.Scopes = []*idp.ResourceServerScopeType{}
	}
	for i, scope := range s.Scopes {
		same := func(other *idp.ResourceServerScopeType) bool { return other.ScopeName == scope.ScopeName }
		if slices.ContainsFunc(s.Scopes[:i], same) {
			return invalidf("The scope %s is given more than once.", scope.ScopeName)
		}
	}
	return nil
}

func insertResourceServer(tx *store.Tx, s store.ResourceServer) error {
	err := tx.CreateResourceServer(s)
	if errors.Is(err, store.ErrExists) {
		return invalidf("%s already exists in user pool %s.", s.Identifier, s.PoolID)
	}
	if err != nil {
		return err
	}
	n, err := tx.CountResourceServers(s.PoolID)
	if err == nil && n > maxResourceServers {
		err = fault.Newf(idp.CodeLimitExceeded, "The limit of %d resource servers of a user pool is reached.", maxResourceServers)
	}
	return err
}

// DeleteResourceServer deletes a resource server. Its scopes stay in the settings of the clients that name
// them, without force.
func (r *Registry) DeleteResourceServer(ctx context.Context, poolID, identifier string) error {
	return r.changeResourceServer(ctx, poolID, identifier, func(tx *store.Tx) error {
		return tx.DeleteResourceServer(poolID, identifier)
	})
}

// changeResourceServer writes to a pool that is there, and has everybody read the pool anew.
func (r *Registry) changeResourceServer(ctx context.Context, poolID, identifier string, write func(*store.Tx) error) error {
	return r.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := r.getPool(tx, poolID); err != nil {
			return err
		}
		tx.Notify(kindPool, poolID)
		return shownResourceServer(write(tx), identifier)
	})
}

// shownResourceServer turns the store's word for an absent resource server into the API's.
func shownResourceServer(err error, identifier string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.Newf(idp.CodeResourceNotFound, "Resource server %s does not exist.", identifier)
	}
	return err
}

// ResourceServer returns a resource server, read afresh.
func (r *Registry) ResourceServer(ctx context.Context, poolID, identifier string) (*idp.ResourceServerType, error) {
	var row store.ResourceServer
	err := r.db.View(ctx, func(tx *store.Tx) error {
		_, err := r.getPool(tx, poolID)
		if err != nil {
			return err
		}
		row, err = tx.GetResourceServer(poolID, identifier)
		return shownResourceServer(err, identifier)
	})
	if err != nil {
		return nil, err
	}
	return describeResourceServer(row)
}

// ListResourceServers returns up to limit resource servers of a pool with identifiers after after, in the
// order of their identifiers, and the identifier to go on after, "" at the end.
func (r *Registry) ListResourceServers(ctx context.Context, poolID, after string, limit int) (servers []*idp.ResourceServerType, next string, err error) {
	var rows []store.ResourceServer
	err = r.db.View(ctx, func(tx *store.Tx) (err error) {
		if _, err = r.getPool(tx, poolID); err != nil {
			return err
		}
		rows, err = tx.ListResourceServers(poolID, after, limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Identifier
	}
	servers, err = describeResourceServers(rows)
	return servers, next, err
}

func describeResourceServers(rows []store.ResourceServer) ([]*idp.ResourceServerType, error) {
	servers := make([]*idp.ResourceServerType, len(rows))
	for i, row := range rows {
		var err error
		if servers[i], err = describeResourceServer(row); err != nil {
			return nil, err
		}
	}
	return servers, nil
}

func describeResourceServer(row store.ResourceServer) (*idp.ResourceServerType, error) {
	s := &idp.ResourceServerType{UserPoolId: row.PoolID, Identifier: row.Identifier, Name: row.Name}
	if err := json.Unmarshal(row.Scopes, &s.Scopes); err != nil {
		return nil, fmt.Errorf("pool: scopes of resource server %s of pool %s: %w", row.Identifier, row.PoolID, err)
	}
	return s, nil
}

// getCustomScopes reads what [Pool.CustomScopes] returns.
func getCustomScopes(tx *store.Tx, poolID string) ([]string, error) {
	rows, err := tx.ListResourceServers(poolID, "", maxResourceServers)
	if err != nil {
		return nil, err
	}
	servers, err := describeResourceServers(rows)
	var scopes []string
	for _, s := range servers {
		for _, scope := range s.Scopes {
			scopes = append(scopes, s.Identifier+"/"+scope.ScopeName)
		}
	}
	return scopes, err
}
