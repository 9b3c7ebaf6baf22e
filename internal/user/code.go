package user

import (
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
)

// kind is what a code is good for, and for how long.
type kind struct {
	purpose  string
	lifetime time.Duration
	digits   int
}

var (
	codeSignUp = kind{"sign-up", 24 * time.Hour, 6}
	codeVerify = kind{"verify-attribute", 24 * time.Hour, 6}
	codeReset  = kind{"reset-password", time.Hour, 6}
)

var (
	errMismatch = fault.New(idp.CodeCodeMismatch, "Invalid verification code provided, please try again.")
	errExpired  = fault.New(idp.CodeExpiredCode, "Invalid code provided, please request a code again.")
)

// newCode makes a code that goes to an address of a user, of the attribute attr, and the row that knows it
// again.
func (d *Directory) newCode(p *pool.Pool, sub string, k kind, attr, address string) (secret.Text, store.Code) {
	code := secret.Text(secret.RandomDigits(k.digits))
	now := time.Now().UTC()
	c := store.Code{
		PoolID: p.ID, Sub: sub, Purpose: k.purpose, Attribute: k.slot(attr),
		Value: address, Destination: attr, Created: now, Expires: now.Add(k.lifetime),
	}
	c.Hash = d.keys.HashCode(code, p.ID, sub, k.purpose, c.Attribute)
	return code, c
}

// slot is what a new code of the kind replaces: a user has one code to confirm with and one to reset with,
// whichever address they went to, and one to verify each attribute with.
func (k kind) slot(attr string) string {
	if k == codeVerify {
		return attr
	}
	return ""
}

// takeCode checks a code and uses it up. It belongs in the Update that applies what the code is good for:
// an error, also a later one of that Update, leaves the code as it was.
func (d *Directory) takeCode(tx *store.Tx, p *pool.Pool, sub string, k kind, attr, code string) (store.Code, error) {
	c, err := d.checkCode(tx, p, sub, k, attr, code)
	if err != nil {
		return c, err
	}
	return c, tx.DeleteCode(p.ID, sub, k.purpose, c.Attribute)
}

// checkCode is takeCode without using the code up.
func (d *Directory) checkCode(tx *store.Tx, p *pool.Pool, sub string, k kind, attr, code string) (store.Code, error) {
	c, err := tx.GetCode(p.ID, sub, k.purpose, k.slot(attr))
	if isNotFound(err) || err == nil && !time.Now().Before(c.Expires) {
		return c, errExpired
	}
	if err != nil {
		return c, err
	}
	if !d.keys.CheckCode(c.Hash, secret.Text(code), p.ID, sub, k.purpose, c.Attribute) {
		return c, errMismatch
	}
	return c, nil
}

// voidCodes deletes the codes that went to addresses that a user has given up. A code never outlives the
// address that it proves, so one of the kind codeVerify whose address is not the user's is for an address
// that waits to become it.
func voidCodes(tx *store.Tx, was, is store.User) error {
	for _, attr := range []string{attrEmail, attrPhone} {
		if was.Attributes[attr] == is.Attributes[attr] {
			continue
		}
		for _, k := range []kind{codeSignUp, codeVerify, codeReset, {purpose: purposeSignIn}} {
			c, err := tx.GetCode(is.PoolID, is.Sub, k.purpose, k.slot(attr))
			if isNotFound(err) || err == nil && c.Destination != attr {
				continue
			}
			if err != nil {
				return err
			}
			if err := tx.DeleteCode(is.PoolID, is.Sub, k.purpose, c.Attribute); err != nil {
				return err
			}
		}
	}
	return nil
}
