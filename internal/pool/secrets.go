package pool

import (
	"context"
	"slices"
	"strconv"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/secret"
	"cognate/internal/store"
)

const (
	maxSecrets   = 2
	secretLength = 52
	// maxIDPart keeps a secret's id, which begins with the client's, within the
	// 128 characters that the API takes back.
	maxIDPart = 113
)

// secretBinding ties a sealed secret to its row.
func secretBinding(clientID, id string) string { return "client-secret/" + clientID + "/" + id }

// secretID names a secret by its client and the time it was made, as Cognito does;
// here in milliseconds.
func secretID(clientID string, created time.Time) string {
	return clientID[:min(len(clientID), maxIDPart)] + "--" + strconv.FormatInt(created.UnixMilli(), 10)
}

func (r *Registry) sealSecret(clientID, id, value string, created time.Time) store.ClientSecret {
	return store.ClientSecret{
		ClientID: clientID, ID: id, Created: created,
		Sealed: r.keys.Seal([]byte(value), secretBinding(clientID, id)),
	}
}

// AddClientSecret gives a confidential client its second secret. The answer shows
// the value only when it was generated here, and nothing shows it again but
// DescribeUserPoolClient.
func (r *Registry) AddClientSecret(ctx context.Context, in *idp.AddUserPoolClientSecretRequest) (*idp.ClientSecretDescriptorType, error) {
	value := or(in.ClientSecret, secret.RandomAlnum(secretLength))
	made := now()
	var added *clientSecret
	err := r.db.Update(ctx, func(tx *store.Tx) error {
		_, c, err := r.getPoolClient(tx, in.UserPoolId, in.ClientId)
		if err != nil {
			return err
		}
		switch {
		case !c.HasSecret():
			return invalidf("User pool client %s has no client secret.", c.ID)
		case len(c.secrets) >= maxSecrets:
			return fault.Newf(idp.CodeLimitExceeded, "A user pool client can have at most %d client secrets.", maxSecrets)
		}
		created := made
		if last := c.secrets[len(c.secrets)-1].created; !created.After(last) {
			created = last.Add(time.Millisecond) // a later id, and a later place in the list
		}
		added = newClientSecret(secretID(c.ID, created), value, created)
		tx.Notify(kindClient, c.ID)
		return tx.CreateClientSecret(r.sealSecret(c.ID, added.id, value, added.created))
	})
	if err != nil {
		return nil, err
	}
	d := added.describe()
	if in.ClientSecret == "" {
		d.ClientSecretValue = value
	}
	return d, nil
}

// ListClientSecrets describes the secrets of a client, oldest first, without their
// values; none for a public client.
func (r *Registry) ListClientSecrets(ctx context.Context, poolID, clientID string) ([]*idp.ClientSecretDescriptorType, error) {
	var c *Client
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		_, c, err = r.getPoolClient(tx, poolID, clientID)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]*idp.ClientSecretDescriptorType, len(c.secrets))
	for i, s := range c.secrets {
		list[i] = s.describe()
	}
	return list, nil
}

// DeleteClientSecret deletes one of a client's two secrets; the last one stays,
// for without it the client would be public.
func (r *Registry) DeleteClientSecret(ctx context.Context, poolID, clientID, id string) error {
	return r.db.Update(ctx, func(tx *store.Tx) error {
		_, c, err := r.getPoolClient(tx, poolID, clientID)
		if err != nil {
			return err
		}
		switch {
		case !slices.ContainsFunc(c.secrets, func(s *clientSecret) bool { return s.id == id }):
			return fault.Newf(idp.CodeResourceNotFound, "Client secret %s does not exist.", id)
		case len(c.secrets) == 1:
			return invalid("The last client secret of a user pool client cannot be deleted.")
		}
		tx.Notify(kindClient, clientID)
		return tx.DeleteClientSecret(clientID, id)
	})
}
