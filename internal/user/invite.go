package user

import (
	"context"
	"errors"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// AdminCreate creates a user with a temporary password, given or invented, and sends an invitation unless
// in.MessageAction is SUPPRESS; with RESEND it gives a user who has not come yet a new password and
// another invitation instead. Required attributes may be missing: the user supplies them with the first
// password of its own. When the invitation fails, a CodeDeliveryFailureException, the user is there
// nonetheless and can be invited again.
//
// In a pool where users sign in without passwords, a user for whom none is given has none and is
// confirmed at once.
func (d *Directory) AdminCreate(ctx context.Context, p *pool.Pool, in *idp.AdminCreateUserRequest) (store.User, error) {
	if in.MessageAction == idp.MessageActionTypeResend {
		return d.inviteAgain(ctx, p, in)
	}
	u, err := newUser(p, writer{}, in.Username, attributesOf(in.UserAttributes))
	if err != nil {
		return u, err
	}
	u.Status = idp.UserStatusTypeForceChangePassword
	password := in.TemporaryPassword
	if password == "" && passwordless(p) {
		u.Status = idp.UserStatusTypeConfirmed
		err = checkRequired(p, u.Attributes)
	} else {
		password, err = d.invitationPassword(ctx, p, password)
	}
	if err != nil {
		return u, err
	}
	if p.Functions().PreSignUp != "" { // which may refuse, but settles nothing
		if _, err := d.preSignUp(ctx, p, p.Scene(trigger.SourcePreSignUpAdmin, nil, u.Username), u, in.ValidationData, in.ClientMetadata); err != nil {
			return u, err
		}
	}
	force := in.ForceAliasCreation != nil && *in.ForceAliasCreation
	if err := d.insert(ctx, p, newcomer{u, password, true, force}); err != nil {
		return u, err
	}
	return u, d.invite(ctx, p, u, password, in)
}

// passwordless reports whether users of the pool can do without a password.
func passwordless(p *pool.Pool) bool {
	return slices.ContainsFunc(p.Settings.Policies.SignInPolicy.AllowedFirstAuthFactors, func(factor string) bool {
		return factor == idp.AuthFactorTypeEmailOtp || factor == idp.AuthFactorTypeSmsOtp
	})
}

// invitationPassword is the given password if it can be chosen, and an invented one if none is given.
func (d *Directory) invitationPassword(ctx context.Context, p *pool.Pool, given string) (string, error) {
	if given == "" {
		return temporaryPassword(p), nil
	}
	return given, d.checkNew(ctx, p, policyAdmin, given)
}

// newcomer is a user to be created, with the password if it has one.
type newcomer struct {
	user      store.User
	password  string
	temporary bool
	force     bool // take over the sign-in aliases of others
}

// insert writes a new user with password and sign-in names, all or nothing.
func (d *Directory) insert(ctx context.Context, p *pool.Pool, n newcomer) error {
	var w store.Password
	if n.password != "" {
		w = d.newPassword(p, n.user, n.password, n.temporary)
	}
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		if err := create(tx, p, n.user, n.force); err != nil || n.password == "" {
			return err
		}
		return storePassword(tx, p, w)
	})
	return accountExists(p, err)
}

// accountExists is usernameExists for operations that know no AliasExistsException. Cognito, too, calls
// an address that another user signs in with a user name that exists there.
func accountExists(p *pool.Pool, err error) error {
	if c, ok := errors.AsType[conflict](err); ok && !p.UsernameAttribute(c.attr) {
		return fault.Newf(idp.CodeUsernameExists, "An account with the %s already exists.", c.attr)
	}
	return usernameExists(p, err, "User account already exists")
}

// inviteAgain replaces the temporary password of a user who has not signed in yet.
func (d *Directory) inviteAgain(ctx context.Context, p *pool.Pool, in *idp.AdminCreateUserRequest) (store.User, error) {
	u, err := d.Find(ctx, p, in.Username)
	if err != nil {
		return u, err
	}
	if err := checkInvited(u, in.Username); err != nil {
		return u, err
	}
	password, err := d.invitationPassword(ctx, p, in.TemporaryPassword)
	if err != nil {
		return u, err
	}
	w := d.newPassword(p, u, password, true)
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.GetUser(p.ID, w.Sub)
		if err != nil {
			return err
		}
		if err := checkInvited(was, in.Username); err != nil {
			return err
		}
		if err := storePassword(tx, p, w); err != nil {
			return err
		}
		if err := change(tx, p, was, was, false); err != nil {
			return err
		}
		u, err = tx.GetUser(p.ID, w.Sub)
		return err
	})
	if err != nil {
		return u, shown(err)
	}
	return u, d.invite(ctx, p, u, password, in)
}

// checkInvited refuses a user who has come already. name is what the administrator calls the user.
func checkInvited(u store.User, name string) error {
	if u.Status == idp.UserStatusTypeForceChangePassword {
		return nil
	}
	return fault.Newf(idp.CodeUnsupportedUserState, "Resend not possible. %s status is not FORCE_CHANGE_PASSWORD", name)
}

// invite sends the temporary password by the desired media. A user who cannot be reached gets nothing, and
// nor does one without a password whom the message could only tell a password.
func (d *Directory) invite(ctx context.Context, p *pool.Pool, u store.User, password string, in *idp.AdminCreateUserRequest) (err error) {
	if in.MessageAction == idp.MessageActionTypeSuppress {
		return nil
	}
	for _, attr := range invitedBy(u, in.DesiredDeliveryMediums) {
		v := delivery{
			user: u, attr: attr, to: u.Attributes[attr], code: secret.Text(password), purpose: message.AdminCreateUser, called: signInName(p, u),
			metadata: in.ClientMetadata,
		}
		_, custom := customSender(p, v)
		if password == "" && custom == "" && strings.Contains(template(p, message.AdminCreateUser, medium(attr)).Body, "{####}") {
			continue
		}
		_, failed := d.send(ctx, p, v)
		if failed != nil && err == nil {
			err = failed // the other medium may work all the same
		}
	}
	return err
}

// invitedBy lists the attributes to send an invitation to: the desired ones that the user has, else the
// one that it has. SMS is what is desired when nothing is said.
func invitedBy(u store.User, media []string) []string {
	if len(media) == 0 {
		media = []string{idp.DeliveryMediumTypeSms}
	}
	var desired, have []string
	for _, attr := range []string{attrPhone, attrEmail} {
		if u.Attributes[attr] == "" {
			continue
		}
		have = append(have, attr)
		if slices.Contains(media, string(medium(attr))) {
			desired = append(desired, attr)
		}
	}
	if len(desired) > 0 {
		return desired
	}
	return have
}

// signInName is what a user is told to sign in with: the address where that is the user name, for nobody
// remembers a sub.
func signInName(p *pool.Pool, u store.User) string {
	for _, attr := range []string{attrEmail, attrPhone} {
		if p.UsernameAttribute(attr) && u.Attributes[attr] != "" {
			return u.Attributes[attr]
		}
	}
	return u.Username
}
