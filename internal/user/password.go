package user

import (
	"context"
	"crypto/hmac"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/srp"
	"cognate/internal/store"
)

const (
	saltBytes   = 16
	maxPassword = 256 // characters
)

// The beginnings of InvalidPasswordException's text, which differ by operation.
const (
	policySignUp = "Password did not conform with policy: "
	policyAdmin  = "Password did not conform with password policy: "
	policyOther  = "Password does not conform to policy: "
)

// symbols are the special characters that count as such.
const symbols = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- "

// checkPolicy tells the first thing that a password lacks.
func checkPolicy(p *pool.Pool, prefix, password string) error {
	policy := p.PasswordPolicy()
	reason := ""
	switch n := int64(utf8.RuneCountInString(password)); {
	case n < *policy.MinimumLength:
		reason = "Password not long enough"
	case n > maxPassword:
		reason = "Password too long"
	case *policy.RequireUppercase && !strings.ContainsFunc(password, between('A', 'Z')):
		reason = "Password must have uppercase characters"
	case *policy.RequireLowercase && !strings.ContainsFunc(password, between('a', 'z')):
		reason = "Password must have lowercase characters"
	case *policy.RequireNumbers && !strings.ContainsFunc(password, between('0', '9')):
		reason = "Password must have numeric characters"
	case *policy.RequireSymbols && !strings.ContainsAny(password, symbols):
		reason = "Password must have symbol characters"
	default:
		return nil
	}
	return fault.New(idp.CodeInvalidPassword, prefix+reason)
}

func between(low, high rune) func(rune) bool {
	return func(r rune) bool { return low <= r && r <= high }
}

// newPassword makes the record of a user's password: a fresh salt and the sealed verifier. It takes the
// time of a modular exponentiation, so it is not for an Update.
func (d *Directory) newPassword(p *pool.Pool, u store.User, password string, temporary bool) store.Password {
	salt := secret.RandomBytes(saltBytes)
	salt[0] |= 1 // no leading zero byte, which the wire's integers would lose
	v := srp.Verifier(srp.PoolName(p.ID), u.Username, password, salt)
	return store.Password{
		PoolID: p.ID, Sub: u.Sub, Salt: salt, Temporary: temporary, Set: time.Now().UTC(),
		Sealed: d.keys.Seal(v, passwordAAD(p.ID, u.Sub)),
	}
}

func passwordAAD(poolID, sub string) string { return "password/" + poolID + "/" + sub }

// Verifier opens the SRP verifier of a password record. A foreign one has none: it is an error.
func (d *Directory) Verifier(w store.Password) ([]byte, error) {
	return d.keys.Open(w.Sealed, passwordAAD(w.PoolID, w.Sub))
}

// CheckPassword reports whether a password is the user's. With an empty record, of a user who does not
// exist or has none, it takes the same time and reports false.
func (d *Directory) CheckPassword(p *pool.Pool, u store.User, w store.Password, password string) bool {
	ok, err := d.fits(context.Background(), p, u, w, password)
	return ok && err == nil
}

// fitsVerifier is CheckPassword for a record that holds a verifier, or nothing.
func (d *Directory) fitsVerifier(p *pool.Pool, u store.User, w store.Password, password string) bool {
	if w.Sealed == nil {
		w = d.InventedPassword(p, u.Username)
	}
	want, err := d.Verifier(w)
	got := srp.Verifier(srp.PoolName(p.ID), u.Username, password, w.Salt)
	return hmac.Equal(want, got) && err == nil
}

// checkHistory refuses a password that the user has had, as far back as the pool remembers.
func (d *Directory) checkHistory(ctx context.Context, p *pool.Pool, u store.User, password string) error {
	size := p.PasswordPolicy().PasswordHistorySize
	if size == nil || *size == 0 {
		return nil
	}
	var past []store.Password
	err := d.db.View(ctx, func(tx *store.Tx) (err error) {
		if past, err = tx.ListPasswordHistory(p.ID, u.Sub, int(*size)); err != nil {
			return err
		}
		current, err := tx.GetPassword(p.ID, u.Sub)
		if isNotFound(err) {
			return nil
		}
		past = append(past, current)
		return err
	})
	if err != nil {
		return err
	}
	for _, w := range past {
		ok, err := d.fits(ctx, p, u, w, password)
		if err != nil {
			return err
		}
		if ok {
			return fault.New(idp.CodePasswordHistoryPolicyViolation, "Password has previously been used.")
		}
	}
	return nil
}

// storePassword writes a password. Where the pool keeps a history, it goes there too.
func storePassword(tx *store.Tx, p *pool.Pool, w store.Password) error {
	if size := p.PasswordPolicy().PasswordHistorySize; size != nil && *size > 0 && !w.Temporary {
		if err := tx.AddPasswordHistory(w); err != nil {
			return err
		}
	}
	return tx.PutPassword(w)
}

// temporaryPassword invents a password that the pool's policy accepts.
func temporaryPassword(p *pool.Pool) string {
	// Characters that are read aloud or typed from paper without being taken for others.
	sets := []string{"ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789", "!@#%*-_=+"}
	n := max(int(*p.PasswordPolicy().MinimumLength), 12)
	out := make([]byte, n)
	for i := range out {
		set := sets[i%len(sets)]
		out[i] = set[secretInt(len(set))]
	}
	for i := len(out) - 1; i > 0; i-- {
		j := secretInt(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

// secretInt is a uniform number below n from the system's generator.
func secretInt(n int) int {
	var seed [32]byte
	copy(seed[:], secret.RandomBytes(len(seed)))
	return rand.New(rand.NewChaCha8(seed)).IntN(n)
}
