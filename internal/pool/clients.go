package pool

import (
	"context"
	"errors"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/secret"
	"cognate/internal/store"
)

const maxClients = 1000

// CreateClient makes a client, with a secret when in asks for one. A tag of the
// pool may pin its id.
func (r *Registry) CreateClient(ctx context.Context, in *idp.CreateUserPoolClientRequest) (*Client, error) {
	return r.CreateClientAs(ctx, "", in)
}

// CreateClientAs is CreateClient with a given id. An id in use, in whatever pool,
// is an InvalidParameterException.
func (r *Registry) CreateClientAs(ctx context.Context, id string, in *idp.CreateUserPoolClientRequest) (*Client, error) {
	value, err := newSecret(in)
	if err != nil {
		return nil, err
	}
	settings, err := taken[idp.UserPoolClientType](in)
	if err != nil {
		return nil, err
	}
	completeClient(settings)
	doc, err := encodeClient(settings)
	if err != nil {
		return nil, err
	}
	created := now()
	row := store.Client{PoolID: in.UserPoolId, Name: in.ClientName, Settings: doc, Created: created, Modified: created}
	var made *Client
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		p, err := r.getPool(tx, in.UserPoolId)
		if err != nil {
			return err
		}
		if err := r.checkClient(tx, p, settings, value != ""); err != nil {
			return err
		}
		if row.ID, err = newClientID(id, in.ClientName, p.Settings.UserPoolTags); err != nil {
			return err
		}
		made, err = r.insertClient(tx, row, value)
		return err
	})
	return made, err
}

// newSecret returns the secret of a new client, "" when it is to have none.
func newSecret(in *idp.CreateUserPoolClientRequest) (string, error) {
	switch {
	case isTrue(in.GenerateSecret) && in.ClientSecret != "":
		return "", invalid("GenerateSecret and ClientSecret cannot be used together.")
	case isTrue(in.GenerateSecret):
		return secret.RandomAlnum(secretLength), nil
	default:
		return in.ClientSecret, nil
	}
}

func (r *Registry) insertClient(tx *store.Tx, row store.Client, value string) (*Client, error) {
	n, err := tx.CountClients(row.PoolID)
	if err != nil {
		return nil, err
	}
	if n >= maxClients {
		return nil, fault.Newf(idp.CodeLimitExceeded, "The limit of %d app clients of a user pool is reached.", maxClients)
	}
	err = tx.CreateClient(row)
	if errors.Is(err, store.ErrExists) {
		return nil, invalidf("User pool client %s already exists.", row.ID)
	}
	if err != nil {
		return nil, err
	}
	if value != "" {
		sealed := r.sealSecret(row.ID, secretID(row.ID, row.Created), value, row.Created)
		if err := tx.CreateClientSecret(sealed); err != nil {
			return nil, err
		}
	}
	tx.Notify(kindClient, row.ID)
	return r.getClient(tx, row.ID)
}

// DescribeClient returns what DescribeUserPoolClient shows, the secret included,
// read afresh.
func (r *Registry) DescribeClient(ctx context.Context, poolID, clientID string) (*idp.UserPoolClientType, error) {
	var c *Client
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		_, c, err = r.getPoolClient(tx, poolID, clientID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.Describe(), nil
}

// UpdateClient replaces the settings of a client: what in leaves out returns to
// its default, except the name. The secrets stay.
func (r *Registry) UpdateClient(ctx context.Context, in *idp.UpdateUserPoolClientRequest) (*Client, error) {
	var changed *Client
	modified := now()
	err := r.db.Update(ctx, func(tx *store.Tx) error {
		p, c, err := r.getPoolClient(tx, in.UserPoolId, in.ClientId)
		if err != nil {
			return err
		}
		settings, err := taken[idp.UserPoolClientType](in)
		if err != nil {
			return err
		}
		settings.ClientName = or(settings.ClientName, c.Name)
		completeClient(settings)
		if err := r.checkClient(tx, p, settings, c.HasSecret()); err != nil {
			return err
		}
		doc, err := encodeClient(settings)
		if err != nil {
			return err
		}
		if err := tx.UpdateClient(store.Client{ID: c.ID, Name: settings.ClientName, Settings: doc, Modified: modified}); err != nil {
			return err
		}
		tx.Notify(kindClient, c.ID)
		changed, err = r.getClient(tx, c.ID)
		return err
	})
	return changed, err
}

// DeleteClient deletes a client, its secrets and the sign-ins made through it.
func (r *Registry) DeleteClient(ctx context.Context, poolID, clientID string) error {
	return r.db.Update(ctx, func(tx *store.Tx) error {
		if _, _, err := r.getPoolClient(tx, poolID, clientID); err != nil {
			return err
		}
		tx.Notify(kindClient, clientID)
		return tx.DeleteClient(clientID)
	})
}

// ListClients returns up to limit clients of a pool with ids after after, in the
// order of their ids, and the id to go on after, "" at the end.
func (r *Registry) ListClients(ctx context.Context, poolID, after string, limit int) (clients []*idp.UserPoolClientDescription, next string, err error) {
	var rows []store.Client
	err = r.db.View(ctx, func(tx *store.Tx) (err error) {
		if _, err = r.getPool(tx, poolID); err != nil {
			return err
		}
		rows, err = tx.ListClients(poolID, after, limit+1)
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
		clients = append(clients, &idp.UserPoolClientDescription{ClientId: row.ID, UserPoolId: row.PoolID, ClientName: row.Name})
	}
	return clients, next, nil
}
