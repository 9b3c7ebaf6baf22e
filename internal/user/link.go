package user

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

const (
	maxIdentities     = 5 // of a user
	maxLinkAttributes = 5 // of a provider
	maxLinkValue      = 512
)

// cognitoSubject is the ProviderAttributeName of a provider's own name for a user.
const cognitoSubject = "Cognito_Subject"

var errLinked = fault.New(idp.CodeAliasExists, "SourceUser is already linked to another DestinationUser")

var errLocalSource = invalid("Invalid SourceUser: Cognito users with a username/password may not be passed in as a SourceUser, only as a DestinationUser")

// isLocal reports whether a ProviderName stands for the pool itself.
func isLocal(name string) bool { return strings.EqualFold(name, pool.ProviderSelf) }

// Link gives a user, the destination, an identity that has not signed in yet, the source: whoever signs in through the
// source's provider with the source's value signs in as the destination. Source is the provider, nil where the request
// names none of the pool's.
func (d *Directory) Link(ctx context.Context, p *pool.Pool, source *pool.Provider, in *idp.AdminLinkProviderForUserRequest) error {
	attribute, err := checkLink(p, source, in)
	if err != nil {
		return err
	}
	link := store.Identity{
		PoolID: p.ID, Provider: source.Name, Attribute: attribute, Value: in.SourceUser.ProviderAttributeValue,
		Type: source.Type, Created: time.Now().UTC(),
	}
	return d.db.Update(ctx, func(tx *store.Tx) error {
		was, err := destination(tx, p, in.DestinationUser)
		if err != nil {
			return shown(err)
		}
		if err := checkMutable(p, was); err != nil {
			return err
		}
		link.Sub = was.Sub
		return relink(tx, p, was, func() error { return addLink(tx, link) })
	})
}

// relink writes the identities of a user, and then its attribute of that name.
func relink(tx *store.Tx, p *pool.Pool, was store.User, write func() error) error {
	if err := write(); err != nil {
		return err
	}
	is := was
	if err := setIdentities(tx, &is); err != nil {
		return err
	}
	return change(tx, p, was, is, false)
}

// checkLink looks at a request to link, and returns the attribute of its source: empty for the subject.
func checkLink(p *pool.Pool, source *pool.Provider, in *idp.AdminLinkProviderForUserRequest) (attribute string, err error) {
	from, to := in.SourceUser, in.DestinationUser
	switch {
	case isLocal(from.ProviderName):
		return "", errLocalSource
	case from.ProviderName == "" || from.ProviderAttributeName == "" || from.ProviderAttributeValue == "":
		return "", invalid("Invalid SourceUser: ProviderName, ProviderAttributeName and ProviderAttributeValue are required.")
	case to.ProviderName == "" || to.ProviderAttributeValue == "":
		return "", invalid("Invalid DestinationUser: ProviderName and ProviderAttributeValue are required.")
	case utf8.RuneCountInString(from.ProviderAttributeValue) > maxLinkValue:
		return "", invalid("Invalid SourceUser: ProviderAttributeValue must be no longer than %d characters.", maxLinkValue)
	case source == nil:
		return "", fault.Newf(idp.CodeResourceNotFound, "Identity provider %s does not exist.", from.ProviderName)
	case from.ProviderAttributeName == cognitoSubject:
		return "", nil
	case pool.IsSocial(source.Type):
		return "", invalid("Invalid SourceUser: ProviderAttributeName must be %s for a social identity provider.", cognitoSubject)
	}
	_, known := p.Attribute(from.ProviderAttributeName)
	if !known || source.Mapping[from.ProviderAttributeName] == "" {
		return "", invalid("Invalid SourceUser: the attribute %s is not mapped.", from.ProviderAttributeName)
	}
	return from.ProviderAttributeName, nil
}

// destination returns the user that a link leads to.
func destination(tx *store.Tx, p *pool.Pool, to *idp.ProviderUserIdentifierType) (store.User, error) {
	if isLocal(to.ProviderName) {
		return findAny(tx, p, to.ProviderAttributeValue)
	}
	i, err := tx.GetIdentity(p.ID, to.ProviderName, "", to.ProviderAttributeValue)
	if err != nil {
		return store.User{}, err
	}
	return tx.GetUser(p.ID, i.Sub)
}

// checkMutable: a user who has a value of an immutable custom attribute cannot be linked.
func checkMutable(p *pool.Pool, u store.User) error {
	for _, name := range sorted(u.Attributes) {
		a, ok := p.Attribute(name)
		if ok && strings.Contains(name, "custom:") && a.Mutable != nil && !*a.Mutable {
			return invalid("Invalid DestinationUser: %s: Attribute cannot be updated.", name)
		}
	}
	return nil
}

// addLink writes a link that nobody has and that its user has room for.
func addLink(tx *store.Tx, link store.Identity) error {
	have, err := tx.GetIdentity(link.PoolID, link.Provider, link.Attribute, link.Value)
	switch {
	case err != nil && !isNotFound(err):
		return err
	case err == nil && have.Sub == link.Sub:
		return invalid("SourceUser is already linked to DestinationUser")
	case err == nil && have.Own:
		return invalid("Merging is not currently supported, provide a SourceUser that has not been signed up in order to link")
	case err == nil:
		return errLinked
	}
	if err := tx.CreateIdentity(link); err != nil {
		return err
	}
	rows, err := tx.ListIdentities(link.PoolID, link.Sub, maxIdentities+1)
	if err != nil {
		return err
	}
	if len(rows) > maxIdentities {
		return fault.Newf(idp.CodeLimitExceeded, "The limit of %d identities of a user is reached.", maxIdentities)
	}
	return checkLinkAttributes(tx, link)
}

func checkLinkAttributes(tx *store.Tx, link store.Identity) error {
	for n, attribute := 0, ""; ; n++ {
		var err error
		attribute, err = tx.NextIdentityAttribute(link.PoolID, link.Provider, attribute)
		if isNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if n == maxLinkAttributes {
			return fault.Newf(idp.CodeLimitExceeded, "The limit of %d source attributes of an identity provider is reached.", maxLinkAttributes)
		}
	}
}

// Unlink takes an identity from the user who has it. The identity that a user was made for goes as well: the user is
// left without a way to sign in through that provider. For the pool itself it takes the password of a local user, who
// then signs in through providers alone. Browsers in which the user is signed in are not, any more.
func (d *Directory) Unlink(ctx context.Context, p *pool.Pool, in *idp.AdminDisableProviderForUserRequest) error {
	who := in.User
	switch {
	case who.ProviderName == "" || who.ProviderAttributeName == "" || who.ProviderAttributeValue == "":
		return invalid("Invalid User: ProviderName, ProviderAttributeName and ProviderAttributeValue are required.")
	case isLocal(who.ProviderName) && who.ProviderAttributeName != cognitoSubject:
		return invalid("Invalid User: ProviderAttributeName must be %s for a Cognito user.", cognitoSubject)
	case isLocal(who.ProviderName):
		return d.disablePassword(ctx, p, who.ProviderAttributeValue)
	}
	attribute := who.ProviderAttributeName
	if attribute == cognitoSubject {
		attribute = ""
	}
	return shown(d.db.Update(ctx, func(tx *store.Tx) error {
		i, err := tx.GetIdentity(p.ID, who.ProviderName, attribute, who.ProviderAttributeValue)
		if isNotFound(err) {
			return unknownIdentity(tx, p, who.ProviderName)
		}
		if err != nil {
			return err
		}
		was, err := tx.GetUser(p.ID, i.Sub)
		if err != nil {
			return err
		}
		return relink(tx, p, was, func() error { return dropIdentity(tx, i, "") })
	}))
}

// dropIdentity deletes an identity, and ends the browser logins of its user, who may have come by it, but for the one with the ID
// except.
func dropIdentity(tx *store.Tx, i store.Identity, except string) error {
	if err := tx.DeleteIdentity(i); err != nil {
		return err
	}
	return tx.EndLoginSessions(i.PoolID, i.Sub, except, time.Now().UTC())
}

// unknownIdentity says what of an identity that nobody has is unknown.
func unknownIdentity(tx *store.Tx, p *pool.Pool, provider string) error {
	_, err := tx.GetIdentityProvider(p.ID, provider)
	if errors.Is(err, store.ErrNotFound) {
		return fault.Newf(idp.CodeResourceNotFound, "Identity provider %s does not exist.", provider)
	}
	if err != nil {
		return err
	}
	return errNotFound
}

func (d *Directory) disablePassword(ctx context.Context, p *pool.Pool, name string) error {
	u, err := d.Find(ctx, p, name)
	if err != nil {
		return err
	}
	err = d.alter(ctx, p, u.Sub, func(tx *store.Tx, u *store.User) error {
		u.Status = idp.UserStatusTypeExternalProvider
		return tx.DeletePassword(p.ID, u.Sub)
	})
	return aliasExists(p, err)
}
