package user

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base32"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
)

const (
	seedBytes = 32 // 52 characters of base32, as Cognito's
	stepTime  = 30 * time.Second
)

// Errors of software tokens, in Cognito's words.
var (
	errNoTOTP      = fault.New(idp.CodeSoftwareTokenMFANotFound, "Software Token MFA has not been enabled by the userPool")
	errNoSuchToken = fault.New(idp.CodeSoftwareTokenMFANotFound, "Software Token MFA does not exist for the user.")
	errEnable      = fault.New(idp.CodeEnableSoftwareTokenMFA, "Code mismatch and fail enable Software Token MFA")
	errTokenCode   = fault.New(idp.CodeCodeMismatch, "Invalid code received for user")
	errTokenUsed   = fault.New(idp.CodeExpiredCode, "Your software token has already been used once.")
)

// Seed is the secret of a software token. It prints as nothing.
type Seed []byte

// NewSeed makes the secret of a software token, where the pool offers them.
func NewSeed(p *pool.Pool) (Seed, error) {
	if !p.TOTPFactor() {
		return nil, errNoTOTP
	}
	return secret.RandomBytes(seedBytes), nil
}

// Text is the form in which a person gives the seed to an authenticator app: base32 without padding.
func (s Seed) Text() string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(s)
}

// String hides the seed.
func (s Seed) String() string { return "software token seed" }

// GoString hides the seed.
func (s Seed) GoString() string { return s.String() }

// step returns the time step whose code this is: of now, or one before or after it (RFC 6238, section 5.2).
func (s Seed) step(code string, now time.Time) (int64, bool) {
	current := now.Unix() / int64(stepTime/time.Second)
	for _, step := range []int64{current, current - 1, current + 1} {
		want, err := hotp.GenerateCodeCustom(s.Text(), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return step, true
		}
	}
	return 0, false
}

func tokenAAD(poolID, sub string) string { return "software-token/" + poolID + "/" + sub }

// hasSoftwareToken reports whether a user has a software token that has been set up.
func (d *Directory) hasSoftwareToken(ctx context.Context, p *pool.Pool, sub string) (bool, error) {
	t, err := d.softwareToken(ctx, p, sub)
	return t.Sealed != nil, err
}

// softwareToken returns a user's software token; an empty one when there is none.
func (d *Directory) softwareToken(ctx context.Context, p *pool.Pool, sub string) (t store.SoftwareToken, err error) {
	err = d.db.Look(ctx, func(tx *store.Tx) error {
		t, err = tx.GetSoftwareToken(p.ID, sub)
		return err
	})
	if isNotFound(err) {
		err = nil
	}
	return t, err
}

// AssociateSoftwareToken begins to set up a software token, in place of another that was begun. The one in
// use, if any, stays in use until a code of the new one has come.
func (d *Directory) AssociateSoftwareToken(ctx context.Context, me Self) (Seed, error) {
	seed, err := NewSeed(me.Pool)
	if err != nil {
		return nil, err
	}
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		t, err := tx.GetSoftwareToken(me.Pool.ID, me.User.Sub)
		if err != nil && !isNotFound(err) {
			return err
		}
		t.PoolID, t.Sub = me.Pool.ID, me.User.Sub
		t.Pending = d.keys.Seal(seed, tokenAAD(t.PoolID, t.Sub))
		return tx.PutSoftwareToken(t)
	})
	return seed, shown(err)
}

// PendingSeed is the seed of the software token that is being set up, for a page that shows it again.
func (d *Directory) PendingSeed(ctx context.Context, me Self) (Seed, error) {
	t, err := d.softwareToken(ctx, me.Pool, me.User.Sub)
	if err != nil {
		return nil, err
	}
	if t.Pending == nil {
		return nil, errNoSuchToken
	}
	return d.keys.Open(t.Pending, tokenAAD(t.PoolID, t.Sub))
}

// VerifySoftwareToken ends what AssociateSoftwareToken began, by a code of the new token. Wrong codes count
// as failed sign-ins. A right one takes none of those back: the new token proves nothing of who enrols it.
func (d *Directory) VerifySoftwareToken(ctx context.Context, me Self, code, name string) error {
	if !me.Pool.TOTPFactor() {
		return errNoTOTP
	}
	t, err := d.softwareToken(ctx, me.Pool, me.User.Sub)
	if err != nil {
		return err
	}
	if t.Pending == nil {
		return errNoSuchToken
	}
	seed, err := d.keys.Open(t.Pending, tokenAAD(t.PoolID, t.Sub))
	if err != nil {
		return err
	}
	a := Account{Subject: me.User.Sub}
	step, err := d.checkSeed(ctx, me.Pool, &a, seed, code, errEnable)
	if err != nil {
		return err
	}
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		now, err := tx.GetSoftwareToken(t.PoolID, t.Sub)
		if isNotFound(err) || err == nil && !bytes.Equal(now.Pending, t.Pending) {
			return errEnable // replaced since
		}
		if err != nil {
			return err
		}
		return tx.PutSoftwareToken(store.SoftwareToken{PoolID: t.PoolID, Sub: t.Sub, Sealed: t.Pending, Name: name, Step: step})
	})
	return d.noticed(ctx, me.Pool, t.Sub, message.FactorsChanged, shown(err))
}

// checkSeed finds the step of a code under the lockout; wrong is the answer when there is none.
func (d *Directory) checkSeed(ctx context.Context, p *pool.Pool, a *Account, seed Seed, code string, wrong error) (step int64, err error) {
	err = d.Guard(ctx, p, a, func() error {
		var ok bool
		if step, ok = seed.step(code, time.Now()); !ok {
			return wrong
		}
		return nil
	})
	return step, err
}

// EnrolSoftwareToken checks the first code of a token that is set up during a sign-in, and returns what
// registers it.
func (d *Directory) EnrolSoftwareToken(ctx context.Context, p *pool.Pool, a *Account, seed Seed, code, name string) (func(*store.Tx) error, error) {
	step, err := d.checkSeed(ctx, p, a, seed, code, errEnable)
	if err != nil {
		return nil, err
	}
	row := store.SoftwareToken{PoolID: p.ID, Sub: a.User.Sub, Name: name, Step: step}
	row.Sealed = d.keys.Seal(seed, tokenAAD(row.PoolID, row.Sub))
	return func(tx *store.Tx) error { return tx.PutSoftwareToken(row) }, nil
}

// TokenName is the name that the user gave the software token.
func (d *Directory) TokenName(ctx context.Context, p *pool.Pool, sub string) (string, error) {
	t, err := d.softwareToken(ctx, p, sub)
	return t.Name, err
}

// ProveToken checks a code of a user's software token, or one of the recovery codes in its place, under the
// lockout. It returns what uses it up, which belongs in the transaction that grants the sign-in: a code that
// has been used by then is refused there.
func (d *Directory) ProveToken(ctx context.Context, p *pool.Pool, a *Account, code string) (use func(*store.Tx) error, err error) {
	if LooksLikeRecoveryCode(code) {
		return d.proveRecoveryCode(ctx, p, a, code)
	}
	t, err := d.softwareToken(ctx, p, a.User.Sub)
	if err != nil {
		return nil, err
	}
	if t.Sealed == nil {
		return nil, errNoSuchToken
	}
	seed, err := d.keys.Open(t.Sealed, tokenAAD(t.PoolID, t.Sub))
	if err != nil {
		return nil, err
	}
	step, err := d.checkSeed(ctx, p, a, seed, code, errTokenCode)
	if err != nil {
		return nil, err
	}
	if step <= t.Step {
		return nil, errTokenUsed
	}
	return func(tx *store.Tx) error {
		now, err := tx.GetSoftwareToken(t.PoolID, t.Sub)
		switch {
		case isNotFound(err) || err == nil && !bytes.Equal(now.Sealed, t.Sealed):
			return errTokenCode // replaced since
		case err != nil:
			return err
		case now.Step >= step:
			return errTokenUsed
		}
		now.Step = step
		return tx.PutSoftwareToken(now)
	}, nil
}

// proveRecoveryCode is ProveToken for a recovery code.
func (d *Directory) proveRecoveryCode(ctx context.Context, p *pool.Pool, a *Account, code string) (use func(*store.Tx) error, err error) {
	err = d.Guard(ctx, p, a, func() error {
		has, err := d.HasRecoveryCode(ctx, p, a.User.Sub, code)
		if err == nil && !has {
			err = errTokenCode
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) error {
		used, err := d.UseRecoveryCode(tx, p, a.User.Sub, code)
		if err == nil && !used {
			err = errTokenCode
		}
		return err
	}, nil
}

// DeleteSoftwareToken takes a user's software token away, and the choice of it. That there is none is no
// error.
func (d *Directory) DeleteSoftwareToken(ctx context.Context, p *pool.Pool, sub string) error {
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.GetUser(p.ID, sub)
		if err != nil {
			return err
		}
		if err := tx.DeleteSoftwareToken(p.ID, sub); err != nil {
			return err
		}
		return editSettings(tx, p, was, func(s *MFASettings) error { s.drop(FactorTOTP); return nil })
	})
	return d.noticed(ctx, p, sub, message.FactorsChanged, shown(err))
}
