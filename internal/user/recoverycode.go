package user

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
)

// A recovery code stands in for a second factor that is lost. It has 80 bits, so a hash of it is enough to keep. It is
// sealed rather than keyed, so that it can move to another server with its user.
const (
	recoveryCodes   = 10
	recoveryBytes   = 10
	recoveryLength  = 16 // of a code, without hyphens
	purposeRecovery = "recovery"
)

// recoveryAlphabet leaves out I, O, 0 and 1, which are easily taken for each other.
const recoveryAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

var recoveryEncoding = base32.NewEncoding(recoveryAlphabet).WithPadding(base32.NoPadding)

// RecoveryCodes is what is known of a user's recovery codes. A zero Created means that there are none.
type RecoveryCodes struct {
	Left    int
	Created time.Time
}

// CreateRecoveryCodes makes a user's recovery codes, in place of those that were there, and returns them: they
// are shown this once.
func (d *Directory) CreateRecoveryCodes(ctx context.Context, p *pool.Pool, sub string) ([]secret.Text, time.Time, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	codes := make([]secret.Text, recoveryCodes)
	rows := make([]store.Code, recoveryCodes)
	for i := range codes {
		text := recoveryEncoding.EncodeToString(secret.RandomBytes(recoveryBytes))
		codes[i] = readable(text)
		rows[i] = store.Code{PoolID: p.ID, Sub: sub, Purpose: purposeRecovery, Attribute: strconv.Itoa(i), Created: now, Expires: never}
		rows[i].Hash = d.sealRecovery(rows[i], recoveryDigest(sub, text))
	}
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteCodes(p.ID, sub, purposeRecovery); err != nil {
			return err
		}
		for _, row := range rows {
			if err := tx.PutCode(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, now, shown(err)
	}
	d.Notify(ctx, p, sub, message.FactorsChanged)
	return codes, now, nil
}

// readable sets hyphens between groups of four.
func readable(code string) secret.Text {
	var groups []string
	for ; code != ""; code = code[4:] {
		groups = append(groups, code[:4])
	}
	return secret.Text(strings.Join(groups, "-"))
}

// recoveryDigest is what is kept of a recovery code: of the same code of another user it is another.
func recoveryDigest(sub, code string) []byte {
	sum := sha256.Sum256([]byte("recovery-code/" + sub + "/" + code))
	return sum[:]
}

func (d *Directory) sealRecovery(c store.Code, digest []byte) []byte {
	return d.keys.Seal(digest, strings.Join(recoveryBinding(c), "/"))
}

// openRecovery returns the digest of a recovery code, and nil for a row of the time when they were hashes under the master
// key.
func (d *Directory) openRecovery(c store.Code) ([]byte, error) {
	if len(c.Hash) == sha256.Size {
		return nil, nil
	}
	return d.keys.Open(c.Hash, strings.Join(recoveryBinding(c), "/"))
}

func (d *Directory) isRecoveryCode(c store.Code, code string) bool {
	digest, err := d.openRecovery(c)
	if digest == nil && err == nil {
		return d.keys.CheckCode(c.Hash, secret.Text(code), recoveryBinding(c)...)
	}
	return err == nil && hmac.Equal(digest, recoveryDigest(c.Sub, code))
}

func recoveryBinding(c store.Code) []string {
	return []string{c.PoolID, c.Sub, c.Purpose, c.Attribute}
}

// DescribeRecoveryCodes tells how many recovery codes a user has left.
func (d *Directory) DescribeRecoveryCodes(ctx context.Context, p *pool.Pool, sub string) (r RecoveryCodes, err error) {
	err = d.db.Look(ctx, func(tx *store.Tx) error {
		rows, err := tx.ListCodes(p.ID, sub, purposeRecovery)
		r = RecoveryCodes{Left: len(rows)}
		if len(rows) > 0 {
			r.Created = rows[0].Created
		}
		return err
	})
	return r, err
}

// DeleteRecoveryCodes deletes a user's recovery codes, if there are any.
func (d *Directory) DeleteRecoveryCodes(ctx context.Context, p *pool.Pool, sub string) error {
	err := d.db.Update(ctx, func(tx *store.Tx) error { return tx.DeleteCodes(p.ID, sub, purposeRecovery) })
	return d.noticed(ctx, p, sub, message.FactorsChanged, err)
}

// LooksLikeRecoveryCode reports whether a text has the form of a recovery code, and so is no code of another
// kind.
func LooksLikeRecoveryCode(text string) bool {
	code := bare(text)
	return len(code) == recoveryLength && strings.Trim(code, recoveryAlphabet) == ""
}

// bare forgives what people do to a code that they type: hyphens, spaces, small letters.
func bare(text string) string {
	return strings.ToUpper(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '-' || r == ' ' }), ""))
}

// HasRecoveryCode reports whether a text is one of the user's recovery codes, without using it up.
func (d *Directory) HasRecoveryCode(ctx context.Context, p *pool.Pool, sub, text string) (has bool, err error) {
	err = d.db.Look(ctx, func(tx *store.Tx) error {
		_, has, err = d.findRecoveryCode(tx, p, sub, text)
		return err
	})
	return has, err
}

// UseRecoveryCode uses up one of the user's recovery codes. It belongs in the Update that grants what the code is
// good for. false: there is no such code, or not any more, and nothing has changed.
func (d *Directory) UseRecoveryCode(tx *store.Tx, p *pool.Pool, sub, text string) (bool, error) {
	c, ok, err := d.findRecoveryCode(tx, p, sub, text)
	if err != nil || !ok {
		return false, err
	}
	return true, tx.DeleteCode(c.PoolID, c.Sub, c.Purpose, c.Attribute)
}

func (d *Directory) findRecoveryCode(tx *store.Tx, p *pool.Pool, sub, text string) (store.Code, bool, error) {
	if !LooksLikeRecoveryCode(text) {
		return store.Code{}, false, nil
	}
	rows, err := tx.ListCodes(p.ID, sub, purposeRecovery)
	if err != nil {
		return store.Code{}, false, err
	}
	for _, c := range rows {
		if d.isRecoveryCode(c, bare(text)) {
			return c, true, nil
		}
	}
	return store.Code{}, false, nil
}
