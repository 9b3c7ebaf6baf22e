package user

import (
	"context"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// ChallengeCode is a code, or a link that carries one, which the server's own function for challenges has sent. What it
// is good for, the function knows.
type ChallengeCode struct {
	Sub      string // the user's; empty for a name that nobody has
	Name     string // by which the user was asked for
	Code     secret.Text
	Link     string // empty for a code to type
	Metadata trigger.Metadata
}

// errNoAddress is the answer to users who could not prove anything by an e-mail.
var errNoAddress = fault.New(idp.CodeInvalidParameter, "The user has no verified e-mail address.")

// sendingTimeout is how long a message may take that somebody waits for, however long a function may.
const sendingTimeout = 10 * time.Second

// SendChallengeCode sends a code to the verified e-mail address of a user, and returns where it went, masked. It costs
// what a sign-in code does. Where the client hides who exists it only pretends for users without such an address, as
// for names that nobody has.
func (d *Directory) SendChallengeCode(ctx context.Context, p *pool.Pool, c *pool.Client, s ChallengeCode) (string, error) {
	var u store.User
	if s.Sub != "" {
		a, err := d.SignInBySub(ctx, p, s.Sub)
		if err != nil {
			return "", err
		}
		u = a.User
	}
	if u.Attributes[attrEmail] == "" || u.Attributes[attrEmail+verified] != "true" {
		if !c.HidesUsers() {
			return "", errNoAddress
		}
		sent, err := d.PretendSignInCode(ctx, p, s.Name, attrEmail)
		if err != nil {
			return "", err
		}
		return sent.Destination, nil
	}
	return d.sendChallengeCode(ctx, p, c, u, s)
}

func (d *Directory) sendChallengeCode(ctx context.Context, p *pool.Pool, c *pool.Client, u store.User, s ChallengeCode) (string, error) {
	if err := d.causeMessage(ctx); err != nil {
		return "", err
	}
	v := delivery{
		user: u, attr: attrEmail, to: u.Attributes[attrEmail], code: s.Code, purpose: message.Authentication, link: s.Link,
		client: c, metadata: s.Metadata,
	}
	destination := details(v.attr, v.to).Destination
	var full bool
	err := d.db.Update(ctx, func(tx *store.Tx) (err error) {
		full, err = d.afford(tx, p, v.purpose, store.Code{Sub: u.Sub, Destination: v.attr, Value: v.to}, limitSignInCode)
		return err
	})
	switch {
	case err != nil:
		return "", tooMany(err)
	case full && c.HidesUsers():
		return destination, nil
	case full:
		return "", errTooMany
	case c.HidesUsers():
		d.post(ctx, p, v)
		return destination, nil
	}
	// A function that takes too long is called again: what is under way must not be sent twice.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendingTimeout)
	defer cancel()
	_, err = d.send(ctx, p, v)
	return destination, d.unspent(ctx, p, u.Sub, err, limitSignInCode)
}
