package user

import (
	"errors"

	"cognate/internal/pool"
	"cognate/internal/store"
)

// ErrMember says that there is such a user already.
var ErrMember = errors.New("the user already exists")

// Enlist creates recruits in a transaction. Of each it returns nil, [ErrMember], or a fault that says why there is no such
// user; any other failure ends the transaction. Triggers are not called, and no message is sent.
//
// All at once are created those whose names nobody has, neither in the pool nor among them; the others go one by one, under
// the rules of whoever signs up. An account at a provider or a passkey of another user is [store.ErrExists], which ends the
// transaction: [Directory.EnlistEach] tells whose it is.
func (d *Directory) Enlist(tx *store.Tx, p *pool.Pool, recruits []Recruit) ([]error, error) {
	if err := checkRules(tx, p); err != nil {
		return nil, err
	}
	taken, err := namesTaken(tx, p, recruits)
	if err != nil {
		return nil, err
	}
	held, err := held(tx, p, recruits)
	if err != nil {
		return nil, err
	}
	results := make([]error, len(recruits))
	var free []store.WholeUser
	var rest []int
	for i, r := range recruits {
		switch {
		case held[r.user.Sub]:
			results[i] = ErrMember
		case r.meets(taken):
			rest = append(rest, i)
		default:
			free = append(free, r.user)
		}
	}
	if err := tx.CreateUsers(free); err != nil {
		return nil, err
	}
	for _, i := range rest {
		if results[i], err = enlist(tx, p, recruits[i].user); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// EnlistEach is [Directory.Enlist] one by one.
func (d *Directory) EnlistEach(tx *store.Tx, p *pool.Pool, recruits []Recruit) (results []error, err error) {
	if err := checkRules(tx, p); err != nil {
		return nil, err
	}
	results = make([]error, len(recruits))
	for i, r := range recruits {
		if results[i], err = enlist(tx, p, r.user); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// held are the subs of recruits who have been users before that are those of users.
func held(tx *store.Tx, p *pool.Pool, recruits []Recruit) (map[string]bool, error) {
	var subs []string
	for _, r := range recruits {
		if r.kept {
			subs = append(subs, r.user.Sub)
		}
	}
	return tx.HeldSubs(p.ID, subs)
}

// names are the keys by which others may have come before a recruit.
func (r Recruit) names() []string {
	names := []string{r.user.UsernameKey}
	if r.kept {
		names = append(names, r.user.Sub)
	}
	for _, a := range r.user.Aliases {
		names = append(names, a.Key)
	}
	return names
}

func (r Recruit) meets(taken map[string]bool) bool {
	for _, name := range r.names() {
		if taken[name] {
			return true
		}
	}
	return false
}

// namesTaken are the names of recruits that users of the pool have, or several recruits.
func namesTaken(tx *store.Tx, p *pool.Pool, recruits []Recruit) (map[string]bool, error) {
	first, taken := map[string]int{}, map[string]bool{}
	var names []string
	for i, r := range recruits {
		for _, name := range r.names() {
			if other, ok := first[name]; !ok {
				first[name] = i
				names = append(names, name)
			} else if other != i {
				taken[name] = true
			}
		}
	}
	owners, err := tx.NameOwners(p.ID, names)
	for name := range owners {
		taken[name] = true
	}
	return taken, err
}

// enlist creates one user, or nothing of it.
func enlist(tx *store.Tx, p *pool.Pool, u store.WholeUser) (refused, failed error) {
	err := createNamed(tx, p, u.User)
	if errors.Is(err, store.ErrExists) {
		return ErrMember, nil
	}
	if err != nil {
		return nil, err
	}
	if refused, failed = claimAliases(tx, p, u); refused == nil && failed == nil {
		refused, failed = giveBelongings(tx, u)
	}
	if refused != nil && failed == nil {
		failed = tx.DeleteUser(p.ID, u.Sub) // it was made in this transaction
	}
	return refused, failed
}

// claimAliases gives a new user its sign-in names, but for what another has.
func claimAliases(tx *store.Tx, p *pool.Pool, u store.WholeUser) (refused, failed error) {
	for _, a := range u.Aliases {
		err := claim(tx, p, a.Attribute, a.Key, u.Sub, false)
		c, taken := errors.AsType[conflict](err)
		switch {
		case taken && p.UsernameAttribute(c.attr):
			return ErrMember, nil
		case taken:
			return accountExists(p, err), nil
		case err != nil:
			return nil, err
		}
	}
	return nil, nil
}

var (
	errIdentityTaken = invalid("Another user has the account at an identity provider.")
	errPasskeyTaken  = invalid("Another user has the passkey.")
)

// giveBelongings gives a new user what else belongs to it, but for what another has.
func giveBelongings(tx *store.Tx, u store.WholeUser) (refused, failed error) {
	for _, i := range u.Identities {
		if err := tx.CreateIdentity(i); errors.Is(err, store.ErrExists) {
			return errIdentityTaken, nil
		} else if err != nil {
			return nil, err
		}
	}
	for _, k := range u.Passkeys {
		if err := tx.CreatePasskey(k); errors.Is(err, store.ErrExists) {
			return errPasskeyTaken, nil
		} else if err != nil {
			return nil, err
		}
	}
	return nil, giveRest(tx, u)
}

// giveRest gives a new user what no other can have.
func giveRest(tx *store.Tx, u store.WholeUser) error {
	var errs []error
	if u.Password != nil {
		errs = append(errs, tx.PutPassword(*u.Password))
	}
	for _, w := range u.History {
		errs = append(errs, tx.AddPasswordHistory(w))
	}
	if u.Token != nil {
		errs = append(errs, tx.PutSoftwareToken(*u.Token))
	}
	for _, c := range u.Codes {
		errs = append(errs, tx.PutCode(c))
	}
	for _, v := range u.Devices {
		errs = append(errs, tx.CreateDevice(v))
	}
	for _, name := range u.Groups {
		_, err := tx.AddMember(u.PoolID, name, u.Sub)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
