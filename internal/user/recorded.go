package user

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cognate/internal/passhash"
	"cognate/internal/pool"
	"cognate/internal/srp"
	"cognate/internal/store"
)

// Records are some users of a pool.
type Records struct {
	Users []Record
	// Last is the sub of the last of them.
	Last string
	// MoreDevices is how many devices of them are left out: of a user's, all but the hundred that were last used.
	MoreDevices int64
}

// Records returns the records of up to limit users of a pool whose sub is greater than afterSub, in the order of their subs.
// They are of one moment. It opens what is sealed.
func (d *Directory) Records(ctx context.Context, p *pool.Pool, afterSub string, limit int) (out Records, err error) {
	var users []store.WholeUser
	err = d.db.View(ctx, func(tx *store.Tx) (err error) {
		users, err = tx.ListWholeUsers(p.ID, afterSub, purposeRecovery, limit)
		return err
	})
	if err != nil {
		return out, err
	}
	for _, u := range users {
		r, err := d.record(p, u)
		if err != nil {
			return out, fmt.Errorf("user %s: %w", u.Sub, err)
		}
		out.Users, out.Last = append(out.Users, r), u.Sub
		out.MoreDevices += u.MoreDevices
	}
	return out, nil
}

// record is a user with its secrets in clear.
func (d *Directory) record(p *pool.Pool, u store.WholeUser) (r Record, err error) {
	r = Record{
		Sub: u.Sub, Username: u.Username, Status: u.Status, Enabled: u.Enabled, Created: u.Created, Modified: u.Modified,
		Attributes: u.Attributes, Yields: yielded(p, u), Groups: u.Groups,
	}
	var errs [5]error
	r.Settings, errs[0] = extraOf(u.User)
	errs[1] = d.recordPasswords(&r, u)
	errs[2] = d.recordToken(&r, u.Token)
	errs[3] = d.recordRecovery(&r, u.Codes)
	errs[4] = d.recordDevices(&r, u.Devices)
	for _, k := range u.Passkeys {
		r.Passkeys = append(r.Passkeys, recordPasskey(k))
	}
	for _, i := range u.Identities {
		r.Identities = append(r.Identities, recordIdentity(i))
	}
	return r, errors.Join(errs[:]...)
}

// yielded are the attributes by which a user would sign in if another did not.
func yielded(p *pool.Pool, u store.WholeUser) (out []string) {
	for _, attr := range signInAttributes {
		has := slices.ContainsFunc(u.Aliases, func(a store.Alias) bool { return a.Attribute == attr })
		if !has && owned(p, u.User, attr) != "" {
			out = append(out, attr)
		}
	}
	return out
}

func (d *Directory) recordPasswords(r *Record, u store.WholeUser) error {
	if u.Password != nil {
		w, err := d.recordPassword(u.User, *u.Password)
		if err != nil {
			return err
		}
		r.Password = &w
	}
	for _, past := range u.History {
		w, err := d.recordPassword(u.User, past)
		if err != nil {
			return err
		}
		r.History = append(r.History, w)
	}
	return nil
}

func (d *Directory) recordPassword(u store.User, w store.Password) (PasswordRecord, error) {
	r := PasswordRecord{Temporary: w.Temporary, Set: w.Set}
	if !w.Foreign() {
		verifier, err := d.Verifier(w)
		r.PoolName, r.Username, r.Salt, r.Verifier = srp.PoolName(u.PoolID), u.Username, w.Salt, verifier
		return r, err
	}
	algorithm, hash, err := d.foreignHash(w)
	if err != nil || algorithm != passhash.SRP {
		r.Algorithm, r.Hash = algorithm, hash
		return r, err
	}
	v, err := passhash.ParseVerifier(hash)
	r.PoolName, r.Username, r.Salt, r.Verifier = v.PoolName, v.Username, v.Salt, v.Value
	return r, err
}

func (d *Directory) recordToken(r *Record, t *store.SoftwareToken) error {
	if t == nil || t.Sealed == nil {
		return nil // one that is being set up waits for a code, and is of the moment
	}
	seed, err := d.keys.Open(t.Sealed, tokenAAD(t.PoolID, t.Sub))
	r.SoftwareToken = &TokenRecord{Seed: seed, Name: t.Name, Step: t.Step}
	return err
}

func (d *Directory) recordRecovery(r *Record, codes []store.Code) error {
	for _, c := range codes {
		digest, err := d.openRecovery(c)
		if err != nil {
			return err
		}
		one := RecoveryRecord{Number: c.Attribute, Digest: digest, Created: c.Created}
		if digest == nil {
			one.Keyed = c.Hash
		}
		r.RecoveryCodes = append(r.RecoveryCodes, one)
	}
	return nil
}

func (d *Directory) recordDevices(r *Record, devices []store.Device) error {
	for _, v := range devices {
		verifier, err := d.DeviceVerifier(v)
		if err != nil {
			return err
		}
		r.Devices = append(r.Devices, DeviceRecord{
			Key: v.Key, Group: v.Group, Name: v.Name, Salt: v.Salt, Verifier: verifier, Remembered: v.Remembered, LastIP: v.LastIP,
			Created: v.Created, Modified: v.Modified, Authenticated: v.Authenticated,
		})
	}
	return nil
}

func recordPasskey(k store.Passkey) PasskeyRecord {
	return PasskeyRecord{
		ID: k.ID, RelyingParty: k.RelyingParty, PublicKey: k.PublicKey, Attachment: k.Attachment, Transports: k.Transports,
		Flags: k.Flags, SignCount: k.SignCount, Created: k.Created, LastUsed: k.LastUsed,
	}
}

func recordIdentity(i store.Identity) IdentityRecord {
	return IdentityRecord{
		Provider: i.Provider, Attribute: i.Attribute, Value: i.Value, Type: i.Type, Issuer: i.Issuer, Own: i.Own, Created: i.Created,
	}
}
