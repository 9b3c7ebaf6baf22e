package identitypool

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"cognate/api/identity"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// maxDeveloperUser is how many characters the identifier of a user of the developer's may have.
const maxDeveloperUser = 1024

var (
	errNotDeveloper = invalid("Please provide a valid developer provider")
	errNoSearch     = invalid("Please provide an IdentityId or a DeveloperUserIdentifier")
	errLongUser     = invalid("The developer user identifier has more than 1024 characters.")
	errRegistered   = fault.New(identity.CodeDeveloperUserAlreadyRegistered,
		"The developer user identifier is already registered with another identity.")
	errOtherUser = conflict("The developer user identifier is registered with another identity.")
)

func noDeveloperUser(id string) error {
	return fault.Newf(identity.CodeResourceNotFound, "Developer user '%s' not found.", id)
}

// DeveloperToken returns the token of the identity of a user whom the developer's own server has signed in, and the
// identity's id. Whoever signs the request is believed about the user, and about whose identity it is: logins that nobody
// has, of the developer's provider and of public ones, become those of the identity that is named, of the one that has the
// others, or of a new one.
func (r *Registry) DeveloperToken(ctx context.Context, in *identity.GetOpenIdTokenForDeveloperIdentityInput) (*identity.GetOpenIdTokenForDeveloperIdentityResponse, error) {
	p, err := r.view(ctx, in.IdentityPoolId)
	if err != nil {
		return nil, err
	}
	proven, err := r.proveDeveloper(ctx, p, in.Logins)
	if err != nil {
		return nil, err
	}
	id := ""
	if in.IdentityId == "" {
		id, err = r.identify(ctx, p, proven)
	} else {
		id, err = r.register(ctx, p, in.IdentityId, proven)
	}
	if err != nil {
		return nil, err
	}
	lifetime := developerLifetime
	if in.TokenDuration != nil {
		lifetime = time.Duration(*in.TokenDuration) * time.Second
	}
	text, err := r.tokens.SignOpenID(ctx, r.openID(newEntry(p, id, proven), in.PrincipalTags), lifetime)
	return &identity.GetOpenIdTokenForDeveloperIdentityResponse{IdentityId: id, Token: text}, err
}

// proveDeveloper is prove for logins of which one is at the developer's own provider: that comes first.
func (r *Registry) proveDeveloper(ctx context.Context, p *pool, logins map[string]string) ([]login, error) {
	user, ok := logins[p.DeveloperProviderName]
	switch {
	case !ok || p.DeveloperProviderName == "":
		return nil, errNotDeveloper
	case utf8.RuneCountInString(user) > maxDeveloperUser:
		return nil, errLongUser
	}
	public := maps.Clone(logins)
	delete(public, p.DeveloperProviderName)
	proven, err := r.prove(ctx, p, public)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == identity.CodeExternalService {
		err = invalid(f.Message) // the operation has no such error
	}
	return append([]login{p.developerLogin(user)}, proven...), err
}

func (p *pool) developerLogin(user string) login {
	return login{provider: p.DeveloperProviderName, userID: user, developer: true}
}

// register makes logins, of which the first is the developer's, those of an identity.
func (r *Registry) register(ctx context.Context, p *pool, id string, logins []login) (survivor string, err error) {
	owner, err := r.ownerOf(ctx, p.IdentityPoolId, logins)
	if err != nil || owner == id {
		return owner, err
	}
	at := now()
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		j := joint{tx: tx, at: at}
		if err := j.collect(p.IdentityPoolId, logins); err != nil {
			return err
		}
		if err := j.claim(p.IdentityPoolId, id, logins[0]); err != nil {
			return err
		}
		survivor, err = j.unite()
		return err
	})
	return survivor, err
}

// claim has an identity be a user of the developer's, unless that is another one's.
func (j *joint) claim(poolID, id string, user login) error {
	i, err := getIdentity(j.tx, id)
	switch {
	case err != nil:
		return err
	case i.PoolID != poolID:
		return noIdentity(id)
	case !i.Enabled:
		return forbidden(id)
	}
	owners, err := ownersOf(j.tx, poolID, []login{user})
	if err != nil {
		return err
	}
	if owners[0] != "" && owners[0] != id {
		return errRegistered
	}
	if j.includes(id) {
		return nil
	}
	if err := j.add(poolID, id); err != nil {
		return err
	}
	j.sort()
	return nil
}

// LookupDeveloper finds the identity of a user of the developer's, or checks that it is the one that is named; one of id and
// user may be empty. It returns the identity's id and all of the developer's users that it is, in the order of their
// identifiers.
func (r *Registry) LookupDeveloper(ctx context.Context, poolID, id, user string) (identityID string, users []string, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		p, err := getPool(tx, poolID)
		if err != nil {
			return err
		}
		if identityID, err = p.findDeveloper(tx, id, user); err != nil {
			return err
		}
		logins, err := tx.ListIdentityLogins(poolID, identityID)
		users = p.developerUsers(logins)
		return err
	})
	return identityID, users, err
}

// findDeveloper returns the id of the identity that is asked for.
func (p *pool) findDeveloper(tx *store.Tx, id, user string) (string, error) {
	switch {
	case p.DeveloperProviderName == "":
		return "", errNotDeveloper
	case id == "" && user == "":
		return "", errNoSearch
	case user == "":
		i, err := getIdentity(tx, id)
		if err == nil && i.PoolID != p.IdentityPoolId {
			err = noIdentity(id)
		}
		return id, err
	}
	owner, err := p.ownerOfDeveloper(tx, user)
	if err == nil && id != "" && owner != id {
		err = errOtherUser
	}
	return owner, err
}

// ownerOfDeveloper returns the id of the identity that is a user of the developer's.
func (p *pool) ownerOfDeveloper(tx *store.Tx, user string) (string, error) {
	found, err := tx.GetIdentityLogin(p.developerLogin(user).row(p.IdentityPoolId))
	if errors.Is(err, store.ErrNotFound) {
		return "", noDeveloperUser(user)
	}
	return found.IdentityID, err
}

func (p *pool) developerUsers(logins []store.IdentityLogin) []string {
	users := []string{}
	for _, l := range logins {
		if l.Developer {
			users = append(users, l.UserID)
		}
	}
	slices.Sort(users)
	return users
}

// developerPool reads a pool whose own provider has to be the one that is named.
func developerPool(tx *store.Tx, poolID, provider string) (*pool, error) {
	p, err := getPool(tx, poolID)
	if err == nil && (provider == "" || p.DeveloperProviderName != provider) {
		return nil, errNotDeveloper
	}
	return p, err
}

// MergeDevelopers makes the identities of two of the developer's users one, that of the destination, and returns its id. The
// other one is disabled.
func (r *Registry) MergeDevelopers(ctx context.Context, in *identity.MergeDeveloperIdentitiesInput) (id string, err error) {
	at := now()
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		p, err := developerPool(tx, in.IdentityPoolId, in.DeveloperProviderName)
		if err != nil {
			return err
		}
		source, err := p.ownerOfDeveloper(tx, in.SourceUserIdentifier)
		if err != nil {
			return err
		}
		if id, err = p.ownerOfDeveloper(tx, in.DestinationUserIdentifier); err != nil || id == source {
			return err
		}
		j := joint{tx: tx, at: at}
		for _, id := range []string{id, source} {
			if err := j.add(in.IdentityPoolId, id); err != nil {
				return err
			}
		}
		_, err = j.unite()
		return err
	})
	return id, err
}

// UnlinkDeveloper takes a user of the developer's from an identity. One that has no login left is disabled, as by
// [Registry.Unlink].
func (r *Registry) UnlinkDeveloper(ctx context.Context, in *identity.UnlinkDeveloperIdentityInput) error {
	at := now()
	return r.db.Update(ctx, func(tx *store.Tx) error {
		p, err := developerPool(tx, in.IdentityPoolId, in.DeveloperProviderName)
		if err != nil {
			return err
		}
		i, err := getIdentity(tx, in.IdentityId)
		if err != nil {
			return err
		}
		owner, err := p.ownerOfDeveloper(tx, in.DeveloperUserIdentifier)
		switch {
		case err != nil:
			return err
		case i.PoolID != in.IdentityPoolId:
			return noIdentity(i.ID)
		case owner != i.ID:
			return errOtherUser
		}
		i.Modified = at
		return takeLogins(tx, i, func(l store.IdentityLogin) bool { return l.Developer && l.UserID == in.DeveloperUserIdentifier })
	})
}
