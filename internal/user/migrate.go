package user

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// Newcomer is somebody whom the pool does not know, and the pool's function may.
type Newcomer struct {
	Name       string // as typed
	Password   string // as typed; empty where it was forgotten
	Validation trigger.Metadata
	Metadata   trigger.Metadata
}

// Migrate asks the pool's function for a user whom the pool does not know, and makes the one that it tells of (protocol page "triggers",
// section 5). It reports whether there is such a user now; without a function, and where that knows nobody, there is none.
// Whom the function lets in with the password has that password, whatever the pool's policy says. No invitation is sent.
func (d *Directory) Migrate(ctx context.Context, p *pool.Pool, c *pool.Client, n Newcomer) (bool, error) {
	function := p.Functions().UserMigration
	if function == "" {
		return false, nil
	}
	source := trigger.SourceMigrateSignIn
	if n.Password == "" {
		source = trigger.SourceMigrateForgot
	}
	request := trigger.UserMigrationRequest{Password: n.Password, ValidationData: n.Validation, ClientMetadata: n.Metadata}
	response, err := trigger.UserMigration.Call(ctx, d.options.Triggers, function, p.Scene(source, c, n.Name), request)
	if err != nil || len(response.UserAttributes) == 0 {
		return false, err
	}
	u, err := migrant(p, n, response)
	if err == nil {
		err = d.insertMigrant(ctx, p, newcomer{user: u, password: n.Password, force: response.ForceAliasCreation})
	}
	if f, refused := errors.AsType[*fault.Error](err); refused {
		return false, fault.Because(f, idp.CodeUserNotFound, "Exception migrating user in app client "+c.ID)
	}
	return err == nil, err
}

// migrant is the user that a function has told of.
func migrant(p *pool.Pool, n Newcomer, r trigger.UserMigrationResponse) (store.User, error) {
	name, values := n.Name, map[string]string{}
	for attr, value := range r.UserAttributes {
		if attr != "username" {
			values[attr] = value
		} else if !p.HasUsernameAttributes() {
			name = value
		}
	}
	u, err := newUser(p, writer{}, name, values)
	if err != nil {
		return u, err
	}
	switch r.FinalUserStatus {
	case "", idp.UserStatusTypeResetRequired:
		u.Status = idp.UserStatusTypeResetRequired
	case idp.UserStatusTypeConfirmed:
		u.Status = idp.UserStatusTypeConfirmed
	default:
		return u, invalid("finalUserStatus is %q", r.FinalUserStatus)
	}
	if r.EnableSMSMFA {
		if !p.SMSFactor() || u.Attributes[attrPhone] == "" {
			return u, invalid("enableSMSMFA for a user or a pool without SMS")
		}
		if u.Extra, err = json.Marshal(extra{MFASettings: MFASettings{Enabled: []string{FactorSMS}, Preferred: FactorSMS}}); err != nil {
			return u, err
		}
	}
	return u, checkRequired(p, u.Attributes)
}

// insertMigrant writes a user, unless somebody has been quicker: the same sign-in may come twice at once.
func (d *Directory) insertMigrant(ctx context.Context, p *pool.Pool, n newcomer) error {
	if n.user.Status != idp.UserStatusTypeConfirmed {
		n.password = ""
	}
	err := d.insert(ctx, p, n)
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != idp.CodeUsernameExists {
		return err
	}
	// An Update sees what the quicker one wrote; a View may not, yet: SQLite commits many at once.
	return d.db.Update(ctx, func(tx *store.Tx) error {
		_, err := findAny(tx, p, n.user.Username)
		return err
	})
}
