package user

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/srp"
	"cognate/internal/store"
)

// How long answers take at least that must not show whether there is such a user: longer than any of the
// work that differs.
const (
	Discretion  = 5 * time.Millisecond   // of answers that read and compute
	sendingTime = 100 * time.Millisecond // of answers that send something to those who exist
)

// Discreetly gives an answer no sooner than after the given time, where the client hides who exists.
func Discreetly[T any](ctx context.Context, c *pool.Client, least time.Duration, answer func() (T, error)) (T, error) {
	if !c.HidesUsers() {
		return answer()
	}
	then := time.NewTimer(least)
	defer then.Stop()
	out, err := answer()
	select {
	case <-then.C:
	case <-ctx.Done():
	}
	return out, err
}

// maxUsername is how many characters a user name has at most, and a sign-in alias.
const maxUsername = 128

// InventedName is the USER_ID_FOR_SRP of a name that nobody has: what a user of that name would have. In pools
// whose user names are made by the server, and for aliases, that is another than the name, and no user's; the
// name for that one is itself, as it is for a user.
func (d *Directory) InventedName(p *pool.Pool, name string) string {
	alias := strings.ContainsAny(name, "@+") && len(p.Settings.AliasAttributes) > 0
	if id, ok := d.invented(p, name); ok {
		return id
	}
	if p.HasUsernameAttributes() || alias || utf8.RuneCountInString(name) > maxUsername {
		return d.invent(p, d.keys.MAC("invented-user", p.ID, p.Key(name))).String()
	}
	if p.CaseSensitive() {
		return name
	}
	return strings.ToLower(name)
}

// invent makes an id of a seed's first 8 bytes, of the form that a sub has, a UUID of version 4. Its second half
// shows to us that it is no user's.
func (d *Directory) invent(p *pool.Pool, seed []byte) (id uuid.UUID) {
	copy(id[:8], seed)
	id[6] = id[6]&0x0f | 0x40
	copy(id[8:], d.keys.MAC("invented-user-check", p.ID, string(id[:8])))
	id[8] = id[8]&0x3f | 0x80
	return id
}

// invented reads a name that InventedName has made.
func (d *Directory) invented(p *pool.Pool, name string) (string, bool) {
	id, err := uuid.Parse(name)
	if err != nil || id.String() != p.Key(name) {
		return "", false
	}
	return id.String(), d.invent(p, id[:]) == id
}

// InventedPassword is the record of a user name without a password: always the same for the same name, of the form
// and size that real ones have, so that it takes as long to work with, and such that no password fits it.
func (d *Directory) InventedPassword(p *pool.Pool, username string) store.Password {
	salt := d.keys.MAC("srp-fake-salt", p.ID, p.Key(username))[:saltBytes]
	salt[0] |= 1
	v := make([]byte, srp.Bytes)
	rand.NewChaCha8([32]byte(d.keys.MAC("srp-fake-verifier", p.ID, p.Key(username)))).Read(v)
	v[0] &= 0x7f // less than N
	return store.Password{PoolID: p.ID, Salt: salt, Sealed: d.keys.Seal(v, passwordAAD(p.ID, ""))}
}

// pretend answers for a name that nobody has as for one that somebody has: it counts, and says that a code
// went somewhere, always to the same place for the same name.
func (d *Directory) pretend(ctx context.Context, p *pool.Pool, name string, limits ...limit) (*idp.CodeDeliveryDetailsType, error) {
	if err := d.spend(ctx, p, d.unknownSubject(p, name), limits...); err != nil {
		return nil, err
	}
	switch {
	case looksLikePhone(name):
		return details(attrPhone, name), nil
	case looksLikeEmail(name):
		return details(attrEmail, p.Key(name)), nil
	}
	attr := usualAttribute(p)
	return details(attr, d.inventedAddress(p, attr, name)), nil
}

// usualAttribute is where codes of the pool go most of the time.
func usualAttribute(p *pool.Pool) string {
	if s := p.Settings.AccountRecoverySetting; s != nil && len(mechanisms(s)) > 0 {
		return mechanisms(s)[0]
	}
	if p.AutoVerified(attrPhone) && !p.AutoVerified(attrEmail) {
		return attrPhone
	}
	return attrEmail
}

// inventedAddress looks like an address when it is masked, and is always the same for the same name.
func (d *Directory) inventedAddress(p *pool.Pool, attr, name string) string {
	const letters, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	m := d.keys.MAC("pretended-address", p.ID, p.Key(name))
	if medium(attr) == message.Email {
		return pick(letters, m[:1]) + "@" + pick(letters, m[1:2])
	}
	return "+1555" + pick(digits, m[:7])
}

func pick(alphabet string, random []byte) string {
	out := make([]byte, len(random))
	for i, b := range random {
		out[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(out)
}

// pretendReset answers a code for a name that nobody has: as wrong where a code was pretended to be sent,
// as expired where none was.
func (d *Directory) pretendReset(ctx context.Context, p *pool.Pool, name string) error {
	subject := d.unknownSubject(p, name)
	var asked bool
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.GetCounter(p.ID, subject, limitForgotSend.kind)
		if err != nil {
			return err
		}
		asked = c.Count > 0 && time.Since(c.Last) < codeReset.lifetime
		return limitForgot.spend(tx, p, subject)
	})
	switch {
	case err != nil:
		return err
	case asked:
		return errMismatch
	}
	return errExpired
}
