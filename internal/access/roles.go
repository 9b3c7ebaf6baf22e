package access

import (
	"context"
	"fmt"
	"time"

	"cognate/internal/credential"
	"cognate/internal/policy"
	"cognate/internal/store"
)

// PutRole says what sessions of a role may do, in place of what was said before.
func (r *Registry) PutRole(ctx context.Context, arn string, d *policy.Document) error {
	if _, ok := credential.ParseRole(arn); !ok {
		return ErrARN
	}
	row := store.Role{ARN: arn, Policy: d.Text(), Modified: time.Now()}
	return r.update(ctx, ErrNoRole, func(tx *store.Tx) error { return tx.PutRole(row) })
}

// Roles returns all roles that have a policy, in the order of their ARNs.
func (r *Registry) Roles(ctx context.Context) (roles []Role, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		roles, err = listRoles(tx)
		return err
	})
	return roles, err
}

func listRoles(tx *store.Tx) (roles []Role, err error) {
	rows, err := tx.ListRoles()
	for _, row := range rows {
		d, err := policy.Parse([]byte(row.Policy))
		if err != nil {
			return nil, fmt.Errorf("access: role %s: %w", row.ARN, err)
		}
		roles = append(roles, Role{ARN: row.ARN, Policy: d, Modified: row.Modified})
	}
	return roles, err
}

// DeleteRole takes the policy of a role away: its sessions may do nothing then. ErrNoRole when it has none.
func (r *Registry) DeleteRole(ctx context.Context, arn string) error {
	return r.update(ctx, ErrNoRole, func(tx *store.Tx) error { return tx.DeleteRole(arn) })
}
