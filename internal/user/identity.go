package user

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/federation"
	"cognate/internal/pool"
	"cognate/internal/store"
)

const attrIdentities = "identities"

// identity is an entry of the attribute identities, in the order of Cognito's members.
type identity struct {
	UserID       string  `json:"userId"`
	ProviderName string  `json:"providerName"`
	ProviderType string  `json:"providerType"`
	Issuer       *string `json:"issuer"`
	Primary      bool    `json:"primary"`
	DateCreated  int64   `json:"dateCreated"` // in milliseconds
}

// setIdentities writes the attribute identities of a user from the rows of its identities.
func setIdentities(tx *store.Tx, u *store.User) error {
	rows, err := tx.ListIdentities(u.PoolID, u.Sub, maxIdentities+1)
	if err != nil {
		return err
	}
	u.Attributes = maps.Clone(u.Attributes)
	if u.Attributes[attrIdentities] = describeIdentities(rows); len(rows) == 0 {
		delete(u.Attributes, attrIdentities)
	}
	return nil
}

func describeIdentities(rows []store.Identity) string {
	list := make([]identity, len(rows))
	for i, row := range rows {
		list[i] = identity{
			UserID: row.Value, ProviderName: row.Provider, ProviderType: row.Type, Primary: row.Own,
			DateCreated: row.Created.UnixMilli(),
		}
		if row.Issuer != "" {
			list[i].Issuer = &row.Issuer
		}
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // there is nothing in it that cannot be written
	}
	return string(text)
}

// refused is an error of a federated sign-in, for the app.
func refused(format string, args ...any) error {
	return &federation.Error{Code: "invalid_request", Description: fmt.Sprintf(format, args...)}
}

// Federate signs in whom a provider has told of, through a client: the user who has that identity, or is linked to it,
// whose mapped attributes it brings up to date; otherwise a new user of the provider's own. It never takes anybody for a
// user because of an e-mail address or another name, unless an administrator has linked just that. An assertion with a
// Once works once. What refuses the sign-in is a [*federation.Error]; any other error is the server's.
func (d *Directory) Federate(ctx context.Context, p *pool.Pool, c *pool.Client, provider *pool.Provider, a *federation.Assertion) (store.User, error) {
	f, err := newFederated(p, provider, a)
	if err != nil {
		return store.User{}, err
	}
	f.client = c
	if err := d.inbound(ctx, f); err != nil {
		return store.User{}, err
	}
	if err := d.beforeFederated(ctx, f); err != nil {
		return store.User{}, err
	}
	u, ok, err := d.unchanged(ctx, f)
	if err != nil {
		return store.User{}, err
	}
	if ok {
		return u, d.afterFederated(ctx, f, false, u)
	}
	var was, is store.User
	err = d.db.Update(ctx, func(tx *store.Tx) (err error) {
		if err := f.use(tx); err != nil {
			return err
		}
		was, is, err = f.signIn(tx)
		return err
	})
	if err != nil {
		return store.User{}, err
	}
	if was.Sub != "" {
		d.notifyMoved(ctx, p, was)
	}
	return is, d.afterFederated(ctx, f, was.Sub == "", is)
}

// unchanged is the user of a sign-in that changes nothing, as most do: it costs no transaction that writes. ok is false for all
// others.
func (d *Directory) unchanged(ctx context.Context, f *federated) (u store.User, ok bool, err error) {
	if f.assertion.Once != "" {
		return u, false, nil
	}
	err = d.db.View(ctx, func(tx *store.Tx) error {
		i, err := tx.GetIdentity(f.pool.ID, f.provider.Name, "", f.assertion.Subject)
		if err != nil || i.Issuer != f.assertion.Issuer {
			return err
		}
		if u, err = tx.GetUser(f.pool.ID, i.Sub); err != nil || !u.Enabled {
			return err
		}
		edits, err := f.edits(tx, u)
		ok = err == nil && len(edits) == 0 && len(f.missing(u.Attributes)) == 0
		return nil // what is wrong is found once more, and told, by who would write
	})
	if isNotFound(err) {
		err = nil
	}
	return u, ok, err
}

// federated is one sign-in through a provider.
type federated struct {
	pool      *pool.Pool
	client    *pool.Client
	provider  *pool.Provider
	assertion *federation.Assertion
	values    map[string]string // of the mapped attributes that are delivered
	known     bool              // a function was called for a user who is there, and none for a new one: there must be none
}

func newFederated(p *pool.Pool, provider *pool.Provider, a *federation.Assertion) (*federated, error) {
	if !store.IsText(a.Subject) || a.Subject == "" || utf8.RuneCountInString(a.Subject) > maxLinkValue {
		return nil, refused("The subject that the provider names cannot be that of a user.")
	}
	return &federated{pool: p, provider: provider, assertion: a, values: federation.Map(provider.Mapping, a.Claims)}, nil
}

// use uses the assertion up, at whichever of the pool's providers of its issuer.
func (f *federated) use(tx *store.Tx) error {
	if f.assertion.Once == "" {
		return nil
	}
	err := tx.UseAssertion(f.pool.ID, cmp.Or(f.assertion.Issuer, f.provider.Name), f.assertion.Once, f.assertion.Until)
	if errors.Is(err, store.ErrExists) {
		return refused("Invalid SAML response received: The assertion has been used already. ")
	}
	return err
}

// signIn returns the user as it was, empty when it is new, and as it is now.
func (f *federated) signIn(tx *store.Tx) (was, is store.User, err error) {
	i, err := f.find(tx)
	if isNotFound(err) && f.pool.Secondary() {
		return was, is, refused("User does not exist.") // nobody is made outside of the pool's own region
	}
	if isNotFound(err) {
		i, err = f.linkByEmail(tx)
	}
	if isNotFound(err) && f.known {
		return was, is, refused("User does not exist.") // any more
	}
	if isNotFound(err) {
		is, err = f.create(tx)
		return store.User{}, is, err
	}
	if err != nil {
		return was, is, err
	}
	if was, err = tx.GetUser(f.pool.ID, i.Sub); err != nil {
		return was, is, err
	}
	if !was.Enabled {
		return was, is, refused("User is not enabled")
	}
	is, err = f.update(tx, was, i)
	return was, is, err
}

// find returns the identity that the assertion is of: the provider's subject, or else a link that an administrator made
// to the value of a mapped attribute; ErrNotFound when there is none.
func (f *federated) find(tx *store.Tx) (store.Identity, error) {
	i, err := tx.GetIdentity(f.pool.ID, f.provider.Name, "", f.assertion.Subject)
	if !isNotFound(err) {
		return i, err
	}
	for attribute := ""; ; {
		attribute, err = tx.NextIdentityAttribute(f.pool.ID, f.provider.Name, attribute)
		if err != nil {
			return i, err
		}
		value := f.values[attribute]
		if value == "" {
			continue
		}
		i, err = tx.GetIdentity(f.pool.ID, f.provider.Name, attribute, value)
		if !isNotFound(err) {
			return i, err
		}
	}
}

// update brings a user up to date with what the assertion says.
func (f *federated) update(tx *store.Tx, was store.User, i store.Identity) (store.User, error) {
	edits, err := f.edits(tx, was)
	if err != nil {
		return was, err
	}
	is := was
	is.Attributes = merged(was.Attributes, edits)
	if missing := f.missing(is.Attributes); len(missing) > 0 {
		return was, refused("attributes required: [%s]", strings.Join(missing, ", "))
	}
	known, err := f.settle(tx, i)
	if err != nil {
		return was, err
	}
	if known && len(edits) == 0 {
		return was, nil
	}
	if err := setIdentities(tx, &is); err != nil {
		return was, err
	}
	is.Modified = time.Now().UTC()
	return is, adopt(tx, f.pool, was, is)
}

// settle makes of a link to an attribute one to the subject that has now shown itself, and keeps who issued the
// assertion. It reports whether nothing of that was to be done.
func (f *federated) settle(tx *store.Tx, i store.Identity) (known bool, err error) {
	if i.Attribute == "" && i.Issuer == f.assertion.Issuer {
		return true, nil
	}
	i.Issuer = f.assertion.Issuer
	if i.Attribute == "" {
		return false, tx.SetIdentityIssuer(i)
	}
	if err := tx.DeleteIdentity(i); err != nil {
		return false, err
	}
	i.Attribute, i.Value = "", f.assertion.Subject
	return false, tx.CreateIdentity(i)
}

// name is the username of the user whom the provider has told of.
func (f *federated) name() string {
	name := f.provider.Name + "_" + f.assertion.Subject
	if !f.pool.CaseSensitive() {
		name = strings.ToLower(name)
	}
	return name
}

// draft is the user whom the provider has told of, not written yet, and its identity.
func (f *federated) draft(tx *store.Tx) (u store.User, own store.Identity, err error) {
	now, name := time.Now().UTC(), f.name()
	if utf8.RuneCountInString(name) > maxUsername {
		return u, own, refused("Invalid user attributes: username: String must be no longer than %d characters\n ", maxUsername)
	}
	u = store.User{
		PoolID: f.pool.ID, Sub: uuid.NewString(), Username: name, UsernameKey: f.pool.Key(name), Enabled: true,
		Status: idp.UserStatusTypeExternalProvider, Created: now, Modified: now,
	}
	edits, err := f.edits(tx, u)
	if err != nil {
		return u, own, err
	}
	u.Attributes = merged(nil, edits)
	if missing := f.missing(u.Attributes); len(missing) > 0 {
		return u, own, refused("attributes required: [%s]", strings.Join(missing, ", "))
	}
	own = f.identity(u.Sub)
	own.Own, own.Created = true, now
	return u, own, nil
}

// create makes the user whom the provider has told of.
func (f *federated) create(tx *store.Tx) (store.User, error) {
	u, own, err := f.draft(tx)
	if err != nil {
		return u, err
	}
	u.Attributes[attrIdentities] = describeIdentities([]store.Identity{own})
	// An address of somebody's is not in the way of the name: anybody could have one like it.
	free, err := isFree(tx, f.pool, u.UsernameKey, u.Sub)
	if err == nil {
		err = checkRules(tx, f.pool)
	}
	if err == nil && !free {
		err = refused("Already found an entry for username %s", u.Username)
	}
	if err != nil {
		return u, err
	}
	if err := tx.CreateUser(u); err != nil {
		return u, err
	}
	if err := tx.CreateIdentity(own); err != nil {
		return u, err
	}
	if err := syncFreeAliases(tx, f.pool, store.User{}, u); err != nil {
		return u, err
	}
	return u, f.join(tx, u)
}

// join puts a new user into the provider's group, unless an administrator has deleted that.
func (f *federated) join(tx *store.Tx, u store.User) error {
	_, err := tx.GetGroup(f.pool.ID, f.provider.Group())
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = tx.AddMember(f.pool.ID, f.provider.Group(), u.Sub)
	return err
}

// missing are the attributes that the pool requires and the values lack.
func (f *federated) missing(values map[string]string) []string {
	return slices.DeleteFunc(f.pool.Required(), func(name string) bool { return values[name] != "" })
}

// adopt is change for a user whose attributes a provider vouches for: they take no sign-in name from anybody. One that
// another user has stays there.
func adopt(tx *store.Tx, p *pool.Pool, was, is store.User) error {
	if err := checkRules(tx, p); err != nil {
		return err
	}
	if err := tx.UpdateUser(is); err != nil {
		return err
	}
	if err := voidCodes(tx, was, is); err != nil {
		return err
	}
	return syncFreeAliases(tx, p, was, is)
}
