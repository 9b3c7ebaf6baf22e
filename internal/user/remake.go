package user

import (
	"context"
	"errors"
	"maps"
	"slices"

	"cognate/api/cognate"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

const (
	remakePage = 256
	// maxConflicts is how many conflicts an answer lists; it tells the number of all.
	maxConflicts = 1000
)

// errRules is the answer to a request that has read a pool before [Directory.Remake] changed it. Asked again it meets the new rules.
var errRules = fault.New(idp.CodeInternalError, "The user pool has just been changed. Please try again.")

// checkRules makes sure that a pool is still what p says of it. Every transaction that writes names or attributes begins with it.
func checkRules(tx *store.Tx, p *pool.Pool) error {
	rules, err := tx.PoolRules(p.ID)
	if err == nil && rules != p.Rules() {
		return errRules
	}
	return err
}

// Remake changes what Cognito lets nobody change of a pool, with its users: their sign-in names follow the new rules, and
// attributes that are removed go with their values. If a user, a client or an identity provider stands against it, nothing is
// changed, and neither is in a dry run, which lists what does. The pool is not to be importing users.
//
// All is one transaction, whose time and whose locks grow with the number of users: on SQLite other writes wait for it.
func (d *Directory) Remake(ctx context.Context, pools *pool.Registry, id string, m pool.Remake, dry bool) (*cognate.ChangeUserPoolResponse, error) {
	var r *remaking
	err := pools.Remake(ctx, id, m, func(tx *store.Tx, was, is *pool.Pool) error {
		r = &remaking{tx: tx, was: was, is: is, change: m, out: cognate.ChangeUserPoolResponse{Conflicts: []*cognate.ConflictType{}}}
		if err := r.run(pools); err != nil {
			return err
		}
		if dry || r.out.ConflictCount > 0 {
			return errUndo
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errUndo):
		return nil, err
	case err != nil && !dry:
		return nil, invalid("Conflicts with the change: %d. A dry run lists them.", r.out.ConflictCount)
	}
	r.out.Applied = err == nil
	return &r.out, nil
}

// errUndo ends a transaction that is to leave nothing.
var errUndo = errors.New("user: undone on purpose")

// remaking is one change of a pool and its users.
type remaking struct {
	tx      *store.Tx
	was, is *pool.Pool
	change  pool.Remake
	out     cognate.ChangeUserPoolResponse
}

func (r *remaking) run(pools *pool.Registry) error {
	if err := r.tx.Bulky(); err != nil {
		return err
	}
	uses, err := pools.AttributeUses(r.tx, r.was, r.change.RemovedAttributes)
	if err != nil {
		return err
	}
	for _, u := range uses {
		reason := cognate.ConflictReasonTypeClientUsesAttribute
		if u.Provider != "" {
			reason = cognate.ConflictReasonTypeProviderUsesAttribute
		}
		r.conflict(cognate.ConflictType{Reason: reason, Attribute: u.Attribute, ClientId: u.ClientID, ProviderName: u.Provider})
	}
	for _, attr := range signInAttributes {
		if isSignInName(r.was, attr) && !isSignInName(r.is, attr) {
			if err := r.tx.DeleteAliases(r.is.ID, attr); err != nil {
				return err
			}
		}
	}
	// Names are given only after all that are given up are free.
	for _, pass := range []func([]store.User) error{r.reshape, r.rename} {
		if err := r.each(pass); err != nil {
			return err
		}
	}
	return nil
}

// isSignInName reports whether users of a pool sign in with an attribute.
func isSignInName(p *pool.Pool, attr string) bool { return p.UsernameAttribute(attr) || p.Alias(attr) }

// each calls fn with all users, some at a time.
func (r *remaking) each(fn func([]store.User) error) error {
	q := store.UserQuery{PoolID: r.is.ID, Limit: remakePage}
	for {
		users, keys, err := r.tx.ListUsers(q)
		if err != nil || len(users) == 0 {
			return err
		}
		if err := fn(users); err != nil {
			return err
		}
		last := len(users) - 1
		q.AfterKey, q.AfterSub = keys[last], users[last].Sub
	}
}

func (r *remaking) conflict(c cognate.ConflictType) {
	r.out.ConflictCount++
	if len(r.out.Conflicts) < maxConflicts {
		r.out.Conflicts = append(r.out.Conflicts, &c)
	}
}

func (r *remaking) conflictOf(u store.User, reason, attr, value string) {
	r.conflict(cognate.ConflictType{Reason: reason, UserSub: u.Sub, Username: u.Username, Attribute: attr, Value: value})
}

// reshape gives users the attributes of the new schema, and takes from them the names that they do not have any more.
func (r *remaking) reshape(users []store.User) error {
	for _, u := range users {
		r.out.UserCount++
		now := u
		now.Attributes = r.attributes(u)
		changed := !maps.Equal(now.Attributes, u.Attributes)
		if changed {
			if err := r.tx.UpdateUser(now); err != nil {
				return err
			}
		}
		if changed || !slices.Equal(names(r.was, u), names(r.is, now)) {
			r.out.ChangedUserCount++
		}
		if err := r.giveUp(u, now); err != nil {
			return err
		}
	}
	return nil
}

// names are the keys by which a user signs in: by the user name, then by the attributes.
func names(p *pool.Pool, u store.User) []string {
	out := []string{p.Key(u.Username)}
	for _, attr := range signInAttributes {
		out = append(out, owned(p, u, attr))
	}
	return out
}

// attributes are those of a user under the new schema, of which it tells what does not fit.
func (r *remaking) attributes(u store.User) map[string]string {
	out := maps.Clone(u.Attributes)
	for _, name := range r.change.RemovedAttributes {
		delete(out, name)
	}
	for _, change := range r.change.Attributes {
		a, _ := r.is.Attribute(change.Name)
		value := out[a.Name]
		if value == "" && *a.Required {
			r.conflictOf(u, cognate.ConflictReasonTypeAttributeMissing, a.Name, "")
		}
		fit, err := clean(r.is, a, a.Name, value)
		if err != nil {
			r.conflictOf(u, cognate.ConflictReasonTypeValueInvalid, a.Name, value)
		} else if value != "" {
			out[a.Name] = fit
		}
	}
	return out
}

// giveUp takes names from a user that it has no more.
func (r *remaking) giveUp(u, now store.User) error {
	left := !r.is.HasUsernameAttributes() || u.Status == idp.UserStatusTypeExternalProvider
	for _, attr := range signInAttributes {
		old, key := owned(r.was, u, attr), owned(r.is, now, attr)
		left = left || key != ""
		if old == "" || old == key || !isSignInName(r.is, attr) {
			continue
		}
		if err := r.tx.DeleteAlias(r.is.ID, attr, u.Sub); err != nil {
			return err
		}
	}
	if !left {
		r.conflictOf(u, cognate.ConflictReasonTypeNoSignInName, "", "")
	}
	return nil
}

// rename gives users their names under the new rules.
func (r *remaking) rename(users []store.User) error {
	wanted := make([]wantedName, 0, len(users))
	for _, u := range users {
		if key := r.is.Key(u.Username); key != u.UsernameKey {
			wanted = append(wanted, wantedName{u, "", key})
		}
		for _, attr := range signInAttributes {
			if key := owned(r.is, u, attr); key != "" && key != owned(r.was, u, attr) {
				wanted = append(wanted, wantedName{u, attr, key})
			}
		}
	}
	owners, err := r.owners(wanted)
	if err != nil {
		return err
	}
	aliases := map[string][]store.Alias{}
	for _, w := range wanted {
		if other := slices.IndexFunc(owners[w.key], func(sub string) bool { return sub != w.user.Sub }); other >= 0 {
			r.taken(w, owners[w.key][other])
			continue
		}
		owners[w.key] = append(owners[w.key], w.user.Sub)
		if w.attr != "" {
			aliases[w.user.Sub] = append(aliases[w.user.Sub], store.Alias{Attribute: w.attr, Key: w.key})
		} else if err := r.tx.SetUsernameKey(r.is.ID, w.user.Sub, w.key); err != nil {
			return err
		}
	}
	return r.tx.CreateAliases(r.is.ID, aliases)
}

// taken tells that another user has a name. An address of somebody who comes from a provider is no name, then, as ever.
func (r *remaking) taken(w wantedName, other string) {
	if w.attr != "" && w.user.Status == idp.UserStatusTypeExternalProvider {
		return
	}
	r.conflict(cognate.ConflictType{
		Reason: cognate.ConflictReasonTypeNameInUse, UserSub: w.user.Sub, Username: w.user.Username, Attribute: w.attr, Value: w.key,
		OtherUserSub: other,
	})
}

// wantedName is a name that a user has by the new rules: of an attribute, or the user name.
type wantedName struct {
	user      store.User
	attr, key string
}

func (r *remaking) owners(wanted []wantedName) (map[string][]string, error) {
	keys := make([]string, len(wanted))
	for i, w := range wanted {
		keys[i] = w.key
	}
	return r.tx.NameOwners(r.is.ID, keys)
}
