package user

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// errNoUser is how the public operations around sign-up and reset call a user who is not there.
var errNoUser = fault.New(idp.CodeUserNotFound, "Username/client id combination not found.")

// SignUp registers a user, unconfirmed, and sends a code where the pool verifies an address by itself.
// Everything is checked before anything is written, in this order: secret hash, whether the pool allows it,
// user name, password, attributes, and last whether the name is free.
func (d *Directory) SignUp(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.SignUpRequest) (*idp.SignUpResponse, error) {
	return watched(ctx, d, func() (*idp.SignUpResponse, error) { return d.signUp(ctx, p, c, in) })
}

func (d *Directory) signUp(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.SignUpRequest) (*idp.SignUpResponse, error) {
	if err := SecretHash(c, in.SecretHash, in.Username); err != nil {
		return nil, err
	}
	if only := p.Settings.AdminCreateUserConfig.AllowAdminCreateUserOnly; only != nil && *only {
		return nil, fault.New(idp.CodeNotAuthorized, "SignUp is not permitted for this user pool")
	}
	if err := checkUsername(p, in.Username); err != nil {
		return nil, err
	}
	values := attributesOf(in.UserAttributes)
	if in.Password != "" || !needsNoPassword(p, c, in.Username, values) {
		if err := d.checkNew(ctx, p, policySignUp, in.Password); err != nil {
			return nil, err
		}
	}
	u, err := newUser(p, writer{client: c}, in.Username, values)
	if err != nil {
		return nil, err
	}
	u.Status = idp.UserStatusTypeUnconfirmed
	if u.Extra, err = json.Marshal(extra{SignedUp: true}); err != nil {
		return nil, err
	}
	if err := checkRequired(p, u.Attributes); err != nil {
		return nil, err
	}
	if p.Alias(attrPreferred) && u.Attributes[attrPreferred] != "" {
		return nil, invalid("Preferred username cannot be provided for unconfirmed account, since user pool is configured for preferred username alias.")
	}
	force := false
	if p.Functions().PreSignUp != "" {
		if u, force, err = d.askSignUp(ctx, p, c, u, in); err != nil {
			return nil, err
		}
	}
	return d.register(ctx, p, c, registration{u, in.Password, force, in.ClientMetadata})
}

// askSignUp has the pool's function settle a new user, whose name is free. force takes the address that it has verified from
// whoever signs in with it.
func (d *Directory) askSignUp(ctx context.Context, p *pool.Pool, c *pool.Client, u store.User, in *idp.SignUpRequest) (_ store.User, force bool, err error) {
	err = d.db.View(ctx, func(tx *store.Tx) error {
		free, err := isFree(tx, p, u.UsernameKey, u.Sub)
		if err == nil && !free {
			err = store.ErrExists
		}
		return err
	})
	if err != nil {
		return u, false, usernameExists(p, err, "User already exists")
	}
	response, err := d.preSignUp(ctx, p, p.Scene(trigger.SourcePreSignUp, c, in.Username), u, in.ValidationData, in.ClientMetadata)
	if err == nil {
		err = settle(&u, response)
	}
	return u, response.AutoVerifyEmail || response.AutoVerifyPhone, err
}

// registration is a user who signs up.
type registration struct {
	user     store.User
	password string // empty for none
	force    bool   // take over the sign-in aliases of others
	metadata trigger.Metadata
}

// needsNoPassword reports whether a user can sign up without a password: pool and client allow to sign in
// by a code, and the address that it would go to is given and verified at sign-up.
func needsNoPassword(p *pool.Pool, c *pool.Client, name string, values map[string]string) bool {
	if !c.Allows(idp.ExplicitAuthFlowsTypeAllowUserAuth) {
		return false
	}
	factors := map[string]string{idp.AuthFactorTypeEmailOtp: attrEmail, idp.AuthFactorTypeSmsOtp: attrPhone}
	return slices.ContainsFunc(p.Settings.Policies.SignInPolicy.AllowedFirstAuthFactors, func(factor string) bool {
		attr := factors[factor]
		return attr != "" && p.AutoVerified(attr) && (values[attr] != "" || usernameAttribute(p, name) == attr)
	})
}

// register writes a new user, and sends the first code to one who is to be confirmed.
func (d *Directory) register(ctx context.Context, p *pool.Pool, c *pool.Client, r registration) (*idp.SignUpResponse, error) {
	var w store.Password
	u := r.user
	if r.password != "" {
		w = d.newPassword(p, u, r.password, false)
	}
	isConfirmed := u.Status == idp.UserStatusTypeConfirmed
	attr := autoVerified(p, u)
	if isConfirmed {
		attr = ""
	}
	if attr != "" {
		if err := d.causeMessage(ctx); err != nil {
			return nil, err
		}
	}
	code, row := d.newCode(p, u.Sub, codeSignUp, attr, u.Attributes[attr])
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		if err := checkUnlikeProviders(tx, p, u.Username); err != nil {
			return err
		}
		if err := create(tx, p, u, r.force); err != nil {
			return err
		}
		if r.password != "" {
			if err := storePassword(tx, p, w); err != nil {
				return err
			}
		}
		if attr == "" {
			return nil
		}
		if err := d.spendMessage(tx, p, message.SignUp, attr, row.Value); err != nil {
			return err
		}
		return tx.PutCode(row)
	})
	if err != nil {
		return nil, usernameExists(p, err, "User already exists")
	}
	out := &idp.SignUpResponse{UserSub: u.Sub, UserConfirmed: isConfirmed}
	if isConfirmed {
		return out, d.confirmed(ctx, p, c, trigger.SourceConfirmSignUp, u.Sub, r.metadata)
	}
	if attr != "" {
		v := delivery{user: u, attr: attr, to: row.Value, code: code, purpose: message.SignUp, client: c, metadata: r.metadata}
		v.link = d.confirmationLink(p, c, v)
		out.CodeDeliveryDetails, err = d.send(ctx, p, v)
	}
	return out, err
}

// checkUnlikeProviders keeps people who sign up from taking the name that somebody who comes from a provider will have.
func checkUnlikeProviders(tx *store.Tx, p *pool.Pool, name string) error {
	if !strings.Contains(name, "_") {
		return nil
	}
	providers, err := tx.ListIdentityProviders(p.ID, "", pool.MaxProviders)
	for _, provider := range providers {
		if strings.HasPrefix(p.Key(name), p.Key(provider.Name+"_")) {
			return invalid("Username cannot begin with the name of an identity provider and an underscore.")
		}
	}
	return err
}

// newUser makes the row of a user who does not exist yet, from the name and attributes that writer gives.
func newUser(p *pool.Pool, w writer, name string, values map[string]string) (u store.User, err error) {
	now := time.Now().UTC()
	u = store.User{PoolID: p.ID, Sub: uuid.NewString(), Username: name, Enabled: true, Created: now, Modified: now}
	if err := checkUsername(p, name); err != nil {
		return u, err
	}
	own := map[string]string{}
	if attr := usernameAttribute(p, name); attr != "" {
		u.Username = u.Sub
		own[attr] = name
		delete(values, attr)
	} else if !p.CaseSensitive() {
		u.Username = strings.ToLower(name)
	}
	u.UsernameKey = p.Key(u.Username)
	// The name is the user's to give, whatever attributes the client may write.
	own, err = writer{}.check(p, own, "")
	if err != nil {
		return u, err
	}
	edits, err := w.check(p, values, "")
	if err != nil {
		return u, err
	}
	maps.Copy(edits, own)
	u.Attributes = merged(nil, edits)
	for _, attr := range []string{attrEmail, attrPhone} {
		if w.client == nil && edits[attr+verified] == "" {
			delete(u.Attributes, attr+verified) // an administrator says nothing of it
		}
	}
	return u, nil
}

// usernameAttribute is the attribute that a user name is the value of, in a pool where it is one.
func usernameAttribute(p *pool.Pool, name string) string {
	switch {
	case p.UsernameAttribute(attrEmail) && looksLikeEmail(name):
		return attrEmail
	case p.UsernameAttribute(attrPhone) && looksLikePhone(name):
		return attrPhone
	}
	return ""
}

// checkUsername applies the rules of the pool's way of naming users.
func checkUsername(p *pool.Pool, name string) error {
	email, phone := p.UsernameAttribute(attrEmail), p.UsernameAttribute(attrPhone)
	switch {
	case p.HasUsernameAttributes() && usernameAttribute(p, name) != "":
		return nil
	case email && phone:
		return invalid("Username should be either an email or a phone number.")
	case email:
		return invalid("Username should be an email.")
	case phone:
		return invalid("Username should be a phone number.")
	case p.Alias(attrEmail) && message.IsEmail(name):
		return invalid("Username cannot be of email format, since user pool is configured for email alias.")
	case p.Alias(attrPhone) && message.IsPhone(name):
		return invalid("Username cannot be of phone number format, since user pool is configured for phone number alias.")
	}
	return nil
}

// create inserts a user with the sign-in names that follow from the attributes. A name that others sign in
// with is an error of syncAliases or ErrExists.
func create(tx *store.Tx, p *pool.Pool, u store.User, force bool) error {
	if err := createNamed(tx, p, u); err != nil {
		return err
	}
	return syncAliases(tx, p, store.User{}, u, force)
}

// createNamed inserts a user; ErrExists when others sign in with its name.
func createNamed(tx *store.Tx, p *pool.Pool, u store.User) error {
	if err := checkRules(tx, p); err != nil {
		return err
	}
	if free, err := isFree(tx, p, u.UsernameKey, u.Sub); err != nil || !free {
		return cmp.Or(err, store.ErrExists)
	}
	if _, err := aliasOwner(tx, p, u.UsernameKey); err == nil {
		return store.ErrExists
	} else if !isNotFound(err) {
		return err
	}
	return tx.CreateUser(u)
}

// autoVerified is the attribute of a user that the pool verifies by itself: the phone number before the
// e-mail address. It is empty when the user has neither.
func autoVerified(p *pool.Pool, u store.User) string {
	for _, attr := range []string{attrPhone, attrEmail} {
		if p.AutoVerified(attr) && u.Attributes[attr] != "" {
			return attr
		}
	}
	return ""
}

// publicUser finds the user of a public operation and checks the secret hash. hidden is true when there is
// none and the client does not show that.
func (d *Directory) publicUser(ctx context.Context, p *pool.Pool, c *pool.Client, name, hash string) (u store.User, hidden bool, err error) {
	err = d.db.View(ctx, func(tx *store.Tx) error {
		u, err = findAny(tx, p, name)
		return err
	})
	if err != nil && !isNotFound(err) {
		return u, false, err
	}
	if err := SecretHash(c, hash, name, u.Username, u.Sub); err != nil {
		return u, false, err
	}
	if err != nil && !c.HidesUsers() {
		return u, false, errNoUser
	}
	return u, err != nil, nil
}

// ConfirmSignUp confirms a user by the code, and verifies the address that the code went to. It returns the
// user's sub.
func (d *Directory) ConfirmSignUp(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.ConfirmSignUpRequest) (string, error) {
	return watched(ctx, d, func() (string, error) {
		return Discreetly(ctx, c, Discretion, func() (string, error) { return d.confirmSignUp(ctx, p, c, in) })
	})
}

func (d *Directory) confirmSignUp(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.ConfirmSignUpRequest) (string, error) {
	u, hidden, err := d.publicUser(ctx, p, c, in.Username, in.SecretHash)
	if err != nil {
		return "", err
	}
	if hidden {
		if err := d.spend(ctx, p, d.unknownSubject(p, in.Username), limitConfirm); err != nil {
			return "", err
		}
		return "", errExpired
	}
	if u.Status != idp.UserStatusTypeUnconfirmed {
		return "", notUnconfirmed(u)
	}
	if err := d.spend(ctx, p, u.Sub, limitConfirm); err != nil {
		return "", err
	}
	force := in.ForceAliasCreation != nil && *in.ForceAliasCreation
	err = d.db.Update(ctx, func(tx *store.Tx) error { return d.confirm(tx, p, u.Sub, in.ConfirmationCode, force) })
	if err != nil {
		return u.Sub, aliasExists(p, shown(err))
	}
	return u.Sub, d.confirmed(ctx, p, c, trigger.SourceConfirmSignUp, u.Sub, in.ClientMetadata)
}

func notUnconfirmed(u store.User) error {
	return fault.New(idp.CodeNotAuthorized, "User cannot be confirmed. Current status is "+u.Status)
}

// confirm takes the code and writes the new state.
func (d *Directory) confirm(tx *store.Tx, p *pool.Pool, sub, code string, force bool) error {
	was, err := tx.GetUser(p.ID, sub)
	if err != nil {
		return err
	}
	if was.Status != idp.UserStatusTypeUnconfirmed {
		return notUnconfirmed(was)
	}
	c, err := d.takeCode(tx, p, sub, codeSignUp, "", code)
	if err != nil {
		return err
	}
	if was.Attributes[c.Destination] != c.Value {
		return errExpired
	}
	is := was
	is.Status = idp.UserStatusTypeConfirmed
	is.Attributes = merged(was.Attributes, map[string]string{c.Destination + verified: "true"})
	return change(tx, p, was, is, force)
}

// change writes a user whose attributes or state have changed, and what follows from that: sign-in names,
// and the end of codes that went elsewhere. Every change of a user goes through it.
func change(tx *store.Tx, p *pool.Pool, was, is store.User, force bool) error {
	if err := checkRules(tx, p); err != nil {
		return err
	}
	is.Modified = time.Now().UTC()
	if err := tx.UpdateUser(is); err != nil {
		return err
	}
	if err := voidCodes(tx, was, is); err != nil {
		return err
	}
	if was.Status == idp.UserStatusTypeExternalProvider && is.Status != was.Status {
		return syncFreeAliases(tx, p, was, is)
	}
	return syncAliases(tx, p, was, is, force)
}

// ResendConfirmationCode sends an unconfirmed user a new code; the old one is void.
func (d *Directory) ResendConfirmationCode(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.ResendConfirmationCodeRequest) (*idp.CodeDeliveryDetailsType, error) {
	return watched(ctx, d, func() (*idp.CodeDeliveryDetailsType, error) { return d.resendConfirmationCode(ctx, p, c, in) })
}

func (d *Directory) resendConfirmationCode(ctx context.Context, p *pool.Pool, c *pool.Client, in *idp.ResendConfirmationCodeRequest) (*idp.CodeDeliveryDetailsType, error) {
	u, hidden, err := d.publicUser(ctx, p, c, in.Username, in.SecretHash)
	if err != nil {
		return nil, err
	}
	if !hidden && u.Status != idp.UserStatusTypeUnconfirmed {
		return nil, invalid("User is already confirmed.")
	}
	attr := autoVerified(p, u)
	if attr == "" && !(c.HidesUsers() && (p.AutoVerified(attrEmail) || p.AutoVerified(attrPhone))) {
		return nil, invalid("Cannot resend codes. Auto verification not turned on.")
	}
	return Discreetly(ctx, c, sendingTime, func() (*idp.CodeDeliveryDetailsType, error) {
		if err := d.causeMessage(ctx); err != nil {
			return nil, err
		}
		if hidden || attr == "" || !u.Enabled && c.HidesUsers() {
			return d.pretend(ctx, p, in.Username, limitResend)
		}
		if err := d.spend(ctx, p, u.Sub, limitResend); err != nil {
			return nil, err
		}
		return d.issue(ctx, p, c, issue{u, codeSignUp, attr, message.ResendCode, in.ClientMetadata, []limit{limitResend}})
	})
}

// issue is a code that a user is to get at the address of an attribute.
type issue struct {
	user     store.User
	kind     kind
	attr     string
	purpose  message.Purpose
	metadata trigger.Metadata
	spent    []limit // what it has cost the user
}

// issue makes a code, keeps it and sends it to the user's address.
func (d *Directory) issue(ctx context.Context, p *pool.Pool, c *pool.Client, i issue) (*idp.CodeDeliveryDetailsType, error) {
	to := i.user.Attributes[i.attr]
	code, row := d.newCode(p, i.user.Sub, i.kind, i.attr, to)
	full, err := d.keepCode(ctx, p, i.purpose, row)
	switch {
	case err != nil:
		return nil, shown(err)
	case full && c.HidesUsers():
		return details(i.attr, to), nil // as for a name that nobody has
	case full:
		return nil, errLimit
	}
	v := delivery{user: i.user, attr: i.attr, to: to, code: code, purpose: i.purpose, client: c, metadata: i.metadata}
	v.link = d.confirmationLink(p, c, v)
	if c.HidesUsers() {
		return d.post(ctx, p, v), nil
	}
	sent, err := d.send(ctx, p, v)
	return sent, d.unspent(ctx, p, i.user.Sub, err, i.spent...)
}

// keepCode writes a code that is sent next, in one transaction with what it costs. full: so much has been sent
// to its address that this message must not be, and the code that was there stays.
func (d *Directory) keepCode(ctx context.Context, p *pool.Pool, purpose message.Purpose, row store.Code, limits ...limit) (full bool, err error) {
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		if full, err = d.afford(tx, p, purpose, row, limits...); full || err != nil {
			return err
		}
		return tx.PutCode(row)
	})
	return full, err
}

// afford counts a code that is sent next against the limits of its user and its address, in the transaction that keeps it.
func (d *Directory) afford(tx *store.Tx, p *pool.Pool, purpose message.Purpose, row store.Code, limits ...limit) (full bool, err error) {
	for _, l := range limits {
		if err := l.spend(tx, p, row.Sub); err != nil {
			return false, err
		}
	}
	err = d.spendMessage(tx, p, purpose, row.Destination, row.Value)
	if err == errLimit {
		return true, nil
	}
	return false, err
}
