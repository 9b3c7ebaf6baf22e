// Package user is the directory of users: signing up, attributes and sign-in names, passwords, one-time
// codes, and the lockout that guards them. The rules and texts are those of the protocol pages
// "users-and-pools" and "auth-flows".
package user

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/meter"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
)

// Directory is the users of all pools. It is safe for concurrent use. Its errors are faults in Cognito's
// words, or failures of the store.
type Directory struct {
	db     *store.DB
	keys   *secret.Keyring
	sender message.Sender
	turns  turns
	posts  sync.WaitGroup // messages that nobody waits for
	slow   chan struct{}  // holds what the hashes of other systems that are being computed took

	handedOver chan struct{} // a place for each message that a function sends

	failures atomic.Uint64 // how many have been counted by this process

	options      Options
	failuresFrom *meter.Meter
	messagesFrom *meter.Meter
}

// New makes a directory whose messages go to sender. [Directory.With] sets its options.
func New(db *store.DB, keys *secret.Keyring, sender message.Sender) *Directory {
	return &Directory{
		db: db, keys: keys, sender: sender, turns: turns{waiting: map[string]*turn{}}, handedOver: make(chan struct{}, maxHandedOver),
		slow: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
}

// Wait returns when no message is under way any more that an answer did not wait for. Call it before the
// sender is closed.
func (d *Directory) Wait() { d.posts.Wait() }

// The attributes that can be sign-in names or receive messages.
const (
	attrSub       = "sub"
	attrEmail     = "email"
	attrPhone     = "phone_number"
	attrPreferred = "preferred_username"
	verified      = "_verified"
)

// signInAttributes are the attributes that can be sign-in names beside the user name.
var signInAttributes = []string{attrEmail, attrPhone, attrPreferred}

// errNotFound is the answer to an operation on a user who is not there.
var errNotFound = fault.New(idp.CodeUserNotFound, "User does not exist.")

// Find returns the user that a name means to an administrator: the user name, a sign-in alias, or the sub.
func (d *Directory) Find(ctx context.Context, p *pool.Pool, name string) (u store.User, err error) {
	err = d.db.View(ctx, func(tx *store.Tx) error {
		u, err = findAny(tx, p, name)
		return err
	})
	return u, shown(err)
}

// findAny is find for the operations that know a user by its sub, too.
func findAny(tx *store.Tx, p *pool.Pool, name string) (store.User, error) {
	u, err := find(tx, p, name)
	if isNotFound(err) {
		return tx.GetUser(p.ID, name)
	}
	return u, err
}

// find returns the user of a sign-in name.
func find(tx *store.Tx, p *pool.Pool, name string) (store.User, error) {
	u, err := tx.GetUserByUsername(p.ID, p.Key(name))
	if !isNotFound(err) {
		return u, err
	}
	sub, err := aliasOwner(tx, p, name)
	if err != nil {
		return store.User{}, err
	}
	return tx.GetUser(p.ID, sub)
}

// aliasOwner returns the sub of the user who signs in with an attribute's value.
func aliasOwner(tx *store.Tx, p *pool.Pool, name string) (string, error) {
	for _, attr := range signInAttributes {
		if !p.UsernameAttribute(attr) && !p.Alias(attr) {
			continue
		}
		sub, err := tx.GetAlias(p.ID, attr, p.Key(name))
		if !isNotFound(err) {
			return sub, err
		}
	}
	return "", store.ErrNotFound
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// shown turns the store's word for an absent user into the API's.
func shown(err error) error {
	if isNotFound(err) {
		return errNotFound
	}
	return err
}

// SecretHash checks the SECRET_HASH of a request: a client with a secret needs one, over any of the
// user's names; a client without takes none.
func SecretHash(c *pool.Client, hash string, names ...string) error {
	switch {
	case c.HasSecret() && hash == "":
		return fault.Newf(idp.CodeNotAuthorized, "Client %s is configured with secret but SECRET_HASH was not received", c.ID)
	case !c.HasSecret() && hash == "":
		return nil
	case !c.HasSecret() || !c.CheckSecretHash(hash, names...):
		return fault.Newf(idp.CodeNotAuthorized, "Unable to verify secret hash for client %s", c.ID)
	}
	return nil
}

// Attributes lists a user's attributes as the API shows them: sub first, then by name. A client sees
// those that it may read; nil stands for an administrator, who sees all.
func Attributes(p *pool.Pool, c *pool.Client, u store.User) []*idp.AttributeType {
	out := []*idp.AttributeType{{Name: attrSub, Value: u.Sub}}
	for _, name := range sorted(u.Attributes) {
		if name != attrSub && (c == nil || c.CanRead(p, name)) {
			out = append(out, &idp.AttributeType{Name: name, Value: u.Attributes[name]})
		}
	}
	return out
}

// attributesOf reads a list of attributes; of a repeated name the last one counts.
func attributesOf(list []*idp.AttributeType) map[string]string {
	out := make(map[string]string, len(list))
	for _, a := range list {
		out[a.Name] = a.Value
	}
	return out
}

// looksLikeEmail and looksLikePhone tell which kind of sign-in name a text is meant to be.
func looksLikeEmail(s string) bool { return strings.Contains(s, "@") }

func looksLikePhone(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
