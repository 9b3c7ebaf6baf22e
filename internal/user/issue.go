package user

import (
	"context"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/trigger"
)

// issue is a code that a user is to get at the address of an attribute.
type issue struct {
	user     store.User
	kind     kind
	attr     string
	purpose  message.Purpose
	metadata trigger.Metadata
	spent    []limit // what it has cost the user
	event    *threat.Event
}

// issue makes a code, keeps it and sends it to the user's address.
func (d *Directory) issue(ctx context.Context, p *pool.Pool, c *pool.Client, i issue) (*idp.CodeDeliveryDetailsType, error) {
	to := i.user.Attributes[i.attr]
	code, row := d.newCode(p, i.user.Sub, i.kind, i.attr, to)
	full, err := d.keepCode(ctx, p, i.purpose, row, i.event.Put)
	switch {
	case err != nil:
		return nil, shown(err)
	case full && c.HidesUsers():
		return details(i.attr, to), nil // as for a name that nobody has
	case full:
		return nil, errLimit
	}
	d.options.Threat.Committed(ctx, i.event)
	v := delivery{user: i.user, attr: i.attr, to: to, code: code, purpose: i.purpose, client: c, metadata: i.metadata}
	v.link = d.confirmationLink(p, c, v)
	if c.HidesUsers() {
		return d.post(ctx, p, v), nil
	}
	sent, err := d.send(ctx, p, v)
	return sent, d.unspent(ctx, p, i.user.Sub, err, i.spent...)
}

// keepCode writes a code that is sent next, in one transaction with what it costs and what also writes, if anything. full: so much has been sent
// to its address that this message must not be, and the code that was there stays.
func (d *Directory) keepCode(ctx context.Context, p *pool.Pool, purpose message.Purpose, row store.Code, also write, limits ...limit) (full bool, err error) {
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		if full, err = d.afford(tx, p, purpose, row, limits...); full || err != nil {
			return err
		}
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
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
