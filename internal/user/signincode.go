package user

import (
	"context"
	"crypto/rand"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
)

const purposeSignIn = "sign-in"

var errSignInCode = fault.New(idp.CodeCodeMismatch, "Invalid code or auth state for the user.")

// SignInCode is a code that is sent during a sign-in: as a second factor, or as the only one.
type SignInCode struct {
	Flow     string // the sign-in that it is good for
	Attr     string // email or phone_number
	Address  string // where it goes; the user's own address unless that is being set up
	Digits   int
	Lifetime time.Duration
	// Link makes the code a long one, which an e-mail carries in a link: this address, whose query goes on with it as
	// the parameter link. Digits does not matter then.
	Link string
	// Metadata is what the app has sent for functions.
	Metadata map[string]string
}

// newCode is a code to type, or one of 130 bits that nobody types.
func (s SignInCode) newCode() secret.Text {
	if s.Link != "" {
		return secret.Text(rand.Text())
	}
	return secret.Text(secret.RandomDigits(s.Digits))
}

// link is the link that carries a code; empty for one that is typed.
func (s SignInCode) link(code secret.Text) string {
	if s.Link == "" {
		return ""
	}
	return s.Link + "&link=" + string(code)
}

// binding is what the hash of a code is bound to.
func (s SignInCode) binding(p *pool.Pool, sub string) []string {
	return []string{p.ID, sub, purposeSignIn, s.Flow, s.Attr}
}

// SendSignInCode makes a code and sends it, as it is or in a link. A user has one at a time: the one before is void, in whichever
// sign-in it was asked for.
func (d *Directory) SendSignInCode(ctx context.Context, p *pool.Pool, c *pool.Client, u store.User, s SignInCode) (*idp.CodeDeliveryDetailsType, error) {
	code := s.newCode()
	now := time.Now().UTC()
	row := store.Code{
		PoolID: p.ID, Sub: u.Sub, Purpose: purposeSignIn, Value: s.Address, Destination: s.Attr, Created: now, Expires: now.Add(s.Lifetime),
		Hash: d.keys.HashCode(code, s.binding(p, u.Sub)...),
	}
	if err := d.causeMessage(ctx); err != nil {
		return nil, err
	}
	full, err := d.keepCode(ctx, p, message.Authentication, row, nil, limitSignInCode)
	switch {
	case err != nil:
		return nil, shown(tooMany(err))
	case full && c.HidesUsers():
		return details(s.Attr, s.Address), nil // as for a name that nobody has
	case full:
		return nil, errTooMany
	}
	v := delivery{user: u, attr: s.Attr, to: s.Address, code: code, purpose: message.Authentication, link: s.link(code), client: c, metadata: s.Metadata}
	if c.HidesUsers() {
		return d.post(ctx, p, v), nil
	}
	sent, err := d.send(ctx, p, v)
	return sent, undelivered(d.unspent(ctx, p, u.Sub, err, limitSignInCode))
}

// CleanEmail returns an e-mail address in the form in which the pool keeps it, or tells what is wrong with it.
func CleanEmail(p *pool.Pool, c *pool.Client, address string) (string, error) {
	out, err := writer{client: c, first: true}.check(p, map[string]string{attrEmail: address}, "user.")
	return out[attrEmail], err
}

// PretendSignInCode answers as SendSignInCode does, for a name that nobody has.
func (d *Directory) PretendSignInCode(ctx context.Context, p *pool.Pool, name, attr string) (*idp.CodeDeliveryDetailsType, error) {
	if err := d.causeMessage(ctx); err != nil {
		return nil, err
	}
	if err := d.spend(ctx, p, d.unknownSubject(p, name), limitSignInCode); err != nil {
		return nil, tooMany(err)
	}
	if attr == attrPhone && looksLikePhone(name) || attr == attrEmail && looksLikeEmail(name) {
		return details(attr, p.Key(name)), nil
	}
	return details(attr, d.inventedAddress(p, attr, name)), nil
}

// ProveSignInCode checks a code under the lockout: it must have been sent for the flow and attribute of s. It
// returns what uses it up and marks the address as verified, and a user who was unconfirmed as confirmed. That
// belongs in the transaction that grants the sign-in. For an account of nobody every code is wrong.
func (d *Directory) ProveSignInCode(ctx context.Context, p *pool.Pool, a *Account, s SignInCode, code string) (*store.User, func(*store.Tx) error, error) {
	var row store.Code
	err := d.Guard(ctx, p, a, func() error {
		return d.db.View(ctx, func(tx *store.Tx) (err error) {
			row, err = d.checkSignInCode(tx, p, a.User.Sub, s, code)
			return err
		})
	})
	if err != nil {
		return nil, nil, err
	}
	is := proven(a.User, row)
	return &is, func(tx *store.Tx) error {
		row, err := d.checkSignInCode(tx, p, a.User.Sub, s, code)
		if err != nil {
			return err
		}
		if err := tx.DeleteCode(p.ID, row.Sub, purposeSignIn, ""); err != nil {
			return err
		}
		was, err := tx.GetUser(p.ID, row.Sub)
		if err != nil {
			return err
		}
		is := proven(was, row)
		if is.Status == was.Status && is.Attributes[row.Destination+verified] == was.Attributes[row.Destination+verified] &&
			is.Attributes[row.Destination] == was.Attributes[row.Destination] {
			return nil
		}
		return aliasExists(p, change(tx, p, was, is, false))
	}, nil
}

func (d *Directory) checkSignInCode(tx *store.Tx, p *pool.Pool, sub string, s SignInCode, code string) (store.Code, error) {
	c, err := tx.GetCode(p.ID, sub, purposeSignIn, "")
	if isNotFound(err) {
		return c, errSignInCode
	}
	if err != nil {
		return c, err
	}
	if !d.keys.CheckCode(c.Hash, secret.Text(code), s.binding(p, sub)...) {
		return c, errSignInCode
	}
	if !time.Now().Before(c.Expires) {
		return c, errExpired
	}
	return c, nil
}

// proven is a user who has shown to receive what is sent to an address.
func proven(u store.User, c store.Code) store.User {
	u.Attributes = merged(u.Attributes, map[string]string{c.Destination: c.Value, c.Destination + verified: "true"})
	if u.Status == idp.UserStatusTypeUnconfirmed {
		u.Status = idp.UserStatusTypeConfirmed
	}
	return u
}

// tooMany words errLimit for the operations that declare no LimitExceededException.
func tooMany(err error) error {
	if err == errLimit {
		return errTooMany
	}
	return err
}
