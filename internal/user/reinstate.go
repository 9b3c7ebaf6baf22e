package user

import (
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/passhash"
	"cognate/internal/pool"
	"cognate/internal/srp"
	"cognate/internal/store"
)

// RecordOrigin is where records come from.
type RecordOrigin struct {
	PoolID  string
	KeyMark []byte // of the directory that made them: see [Directory.KeyMark]
}

const (
	maxGroupName = 128
	// maxAttributeName is more bytes than the name of an attribute can have, and not too many to be told in a report.
	maxAttributeName = 200
	maxText          = 2048 // characters of the texts of a record that have no bound of their own
	maxMany          = 500  // groups, devices, passkeys and accounts of a record, each far more than a user has
	maxPast          = 24   // passwords, as many as a pool can forbid to use again
)

// Reinstate checks all of a record that needs no look at other users, or says which rule it breaks. The user keeps its sub,
// its name, its status and its times. What the pool now has as sign-in names is derived anew; attributes keep the pool's
// schema, but that those which it requires are there is not asked, and neither is its password policy.
//
// An SRP verifier of a pool of another name, or of another user name, is kept as a hash of another system is: it proves
// nothing by SRP until the password has come once. Recovery codes that only the master key can check that they were made
// with are left out where that is another one, or the pool is.
func (d *Directory) Reinstate(p *pool.Pool, from RecordOrigin, r Record) (Recruit, error) {
	if len(r.Groups) > maxMany || len(r.Devices) > maxMany || len(r.Passkeys) > maxMany || len(r.Identities) > maxMany ||
		len(r.History) > maxPast || len(r.RecoveryCodes) > recoveryCodes {
		return Recruit{}, errRecord
	}
	u, err := reinstated(p, r)
	if err != nil {
		return Recruit{}, err
	}
	w := store.WholeUser{User: u, Groups: r.Groups}
	if err := errors.Join(
		checkTexts(r), d.givePasswords(p, &w, r), d.giveToken(&w, r.SoftwareToken), d.giveRecovery(&w, from, r.RecoveryCodes),
		d.giveDevices(&w, r.Devices), givePasskeys(&w, r.Passkeys), giveIdentities(&w, r.Identities),
	); err != nil {
		return Recruit{}, err
	}
	for _, attr := range signInAttributes {
		if key := owned(p, u, attr); key != "" && !slices.Contains(r.Yields, attr) {
			w.Aliases = append(w.Aliases, store.Alias{Attribute: attr, Key: key})
		}
	}
	return Recruit{user: w, kept: true}, nil
}

var errRecord = invalid("A part of the record is missing, repeated or too long.")

// reinstated is the row of a record's user.
func reinstated(p *pool.Pool, r Record) (u store.User, err error) {
	if id, err := uuid.Parse(r.Sub); err != nil || id.String() != r.Sub {
		return u, invalid("The sub is not a UUID in lower case.")
	}
	if err := checkRecordName(p, r); err != nil {
		return u, err
	}
	switch r.Status {
	case idp.UserStatusTypeUnconfirmed, idp.UserStatusTypeConfirmed, idp.UserStatusTypeResetRequired,
		idp.UserStatusTypeForceChangePassword, idp.UserStatusTypeExternalProvider, idp.UserStatusTypeArchived,
		idp.UserStatusTypeCompromised, idp.UserStatusTypeUnknown:
	default:
		return u, invalid("The status is not one that a user can have.")
	}
	if r.Created.IsZero() || r.Modified.IsZero() {
		return u, errRecord
	}
	u = store.User{
		PoolID: p.ID, Sub: r.Sub, Username: r.Username, UsernameKey: p.Key(r.Username), Status: r.Status, Enabled: r.Enabled,
		Created: r.Created.UTC(), Modified: r.Modified.UTC(),
	}
	if u.Attributes, err = recordedAttributes(p, r); err != nil {
		return u, err
	}
	u.Extra, err = recordedExtra(r.Settings)
	return u, err
}

// checkRecordName checks the user name as whoever made the user has: a user of whom a provider tells has its name from there.
func checkRecordName(p *pool.Pool, r Record) error {
	federated := slices.ContainsFunc(r.Identities, func(i IdentityRecord) bool { return i.Own })
	switch {
	case r.Username == "" || utf8.RuneCountInString(r.Username) > maxUsername || !store.IsText(r.Username):
		return invalid("The user name is missing, longer than %d characters or not a text.", maxUsername)
	case federated || r.Username == r.Sub:
		return nil
	case p.HasUsernameAttributes():
		return invalid("The user name is not the sub, in a pool where users have no other.")
	}
	return checkUsername(p, r.Username)
}

// recordedAttributes are the attributes of a record, by the pool's schema.
func recordedAttributes(p *pool.Pool, r Record) (map[string]string, error) {
	out := make(map[string]string, len(r.Attributes))
	for name, value := range r.Attributes {
		if name == attrIdentities {
			continue // follows below
		}
		if name == attrSub || value == "" || len(name) > maxAttributeName {
			return nil, errRecord
		}
		a, ok := p.Attribute(name)
		if !ok {
			return nil, schemaError("", name, "Attribute does not exist in the schema.\n")
		}
		var err error
		if out[name], err = clean(p, a, name, value); err != nil {
			return nil, err
		}
	}
	if len(r.Identities) > 0 {
		rows := make([]store.Identity, len(r.Identities))
		for i, one := range r.Identities {
			rows[i] = one.row(p.ID, r.Sub)
		}
		out[attrIdentities] = describeIdentities(rows)
	}
	return out, nil
}

// recordedExtra checks a choice of second factors.
func recordedExtra(e extra) ([]byte, error) {
	known := []string{FactorSMS, FactorTOTP, FactorEmail}
	for i, factor := range e.Enabled {
		if !slices.Contains(known, factor) || slices.Contains(e.Enabled[:i], factor) {
			return nil, errRecord
		}
	}
	if e.Preferred != "" && !slices.Contains(e.Enabled, e.Preferred) {
		return nil, errRecord
	}
	if e.Enabled == nil && e.Passkey == nil && !e.SignedUp {
		return nil, nil
	}
	return json.Marshal(e)
}

// checkTexts bounds what has no other bound than the record.
func checkTexts(r Record) error {
	texts := slices.Clone(r.Groups)
	for i, name := range texts {
		if name == "" || utf8.RuneCountInString(name) > maxGroupName || slices.Contains(texts[:i], name) {
			return errRecord
		}
	}
	if t := r.SoftwareToken; t != nil {
		texts = append(texts, t.Name)
	}
	for _, v := range r.Devices {
		texts = append(texts, v.Key, v.Group, v.Name, v.LastIP)
	}
	for _, k := range r.Passkeys {
		texts = append(texts, k.ID, k.RelyingParty, k.Attachment, k.Transports)
	}
	for _, i := range r.Identities {
		texts = append(texts, i.Provider, i.Attribute, i.Value, i.Type, i.Issuer)
	}
	for _, text := range texts {
		if utf8.RuneCountInString(text) > maxText || !store.IsText(text) {
			return errRecord
		}
	}
	return nil
}

func (d *Directory) givePasswords(p *pool.Pool, u *store.WholeUser, r Record) error {
	if r.Password != nil {
		w, err := d.reinstatedPassword(p, u.User, *r.Password)
		if err != nil {
			return err
		}
		u.Password = &w
	}
	for _, past := range r.History {
		w, err := d.reinstatedPassword(p, u.User, past)
		if err != nil {
			return err
		}
		u.History = append(u.History, w)
	}
	return nil
}

func (d *Directory) reinstatedPassword(p *pool.Pool, u store.User, r PasswordRecord) (store.Password, error) {
	w := store.Password{PoolID: p.ID, Sub: u.Sub, Temporary: r.Temporary, Set: r.Set.UTC()}
	if r.Algorithm == "" {
		verifier, err := srp.ParseVerifier(r.Verifier)
		if err != nil || len(r.Salt) == 0 {
			return w, invalid("The SRP verifier of a password is none, or has no salt.")
		}
		if r.PoolName == srp.PoolName(p.ID) && r.Username == u.Username {
			w.Salt, w.Sealed = r.Salt, d.keys.Seal(verifier, passwordAAD(p.ID, u.Sub))
			return w, nil
		}
		v := passhash.Verifier{PoolName: r.PoolName, Username: r.Username, Salt: r.Salt, Value: verifier}
		r.Algorithm, r.Hash = passhash.SRP, v.Text()
	}
	if _, err := passhash.Parse(r.Algorithm, r.Hash); err != nil {
		return w, invalid("The hash of a password cannot be imported: %v", err)
	}
	w.Sealed = d.keys.Seal([]byte(r.Algorithm+" "+r.Hash), foreignAAD(p.ID, u.Sub))
	return w, nil
}

func (d *Directory) giveToken(u *store.WholeUser, t *TokenRecord) error {
	if t == nil {
		return nil
	}
	if len(t.Seed) == 0 || len(t.Seed) > 1024 {
		return errRecord
	}
	u.Token = &store.SoftwareToken{
		PoolID: u.PoolID, Sub: u.Sub, Sealed: d.keys.Seal(t.Seed, tokenAAD(u.PoolID, u.Sub)), Name: t.Name, Step: t.Step,
	}
	return nil
}

func (d *Directory) giveRecovery(u *store.WholeUser, from RecordOrigin, codes []RecoveryRecord) error {
	same := from.PoolID == u.PoolID && string(from.KeyMark) == string(d.KeyMark())
	for i, r := range codes {
		n, err := strconv.Atoi(r.Number)
		twice := slices.ContainsFunc(codes[:i], func(other RecoveryRecord) bool { return other.Number == r.Number })
		if err != nil || n < 0 || n >= recoveryCodes || twice || (len(r.Digest) == 32) == (len(r.Keyed) == 32) {
			return errRecord
		}
		c := store.Code{PoolID: u.PoolID, Sub: u.Sub, Purpose: purposeRecovery, Attribute: r.Number, Created: r.Created.UTC(), Expires: never}
		if c.Hash = r.Keyed; len(r.Digest) == 32 {
			c.Hash = d.sealRecovery(c, r.Digest)
		} else if !same {
			continue
		}
		u.Codes = append(u.Codes, c)
	}
	return nil
}

func (d *Directory) giveDevices(u *store.WholeUser, devices []DeviceRecord) error {
	for i, r := range devices {
		twice := slices.ContainsFunc(devices[:i], func(other DeviceRecord) bool { return other.Key == r.Key })
		verifier, err := srp.ParseVerifier(r.Verifier)
		if err != nil || twice || r.Key == "" || r.Group == "" || len(r.Salt) == 0 || len(r.Salt) > maxDeviceSalt {
			return errRecord
		}
		v := store.Device{
			PoolID: u.PoolID, Sub: u.Sub, Key: r.Key, Group: r.Group, Name: r.Name, Salt: r.Salt, Remembered: r.Remembered,
			LastIP: r.LastIP, Created: r.Created.UTC(), Modified: r.Modified.UTC(), Authenticated: r.Authenticated.UTC(),
		}
		v.Sealed = d.keys.Seal(verifier, deviceAAD(v))
		u.Devices = append(u.Devices, v)
	}
	return nil
}

func givePasskeys(u *store.WholeUser, keys []PasskeyRecord) error {
	for i, r := range keys {
		twice := slices.ContainsFunc(keys[:i], func(other PasskeyRecord) bool { return other.ID == r.ID })
		if twice || r.ID == "" || r.RelyingParty == "" || len(r.PublicKey) == 0 {
			return errRecord
		}
		u.Passkeys = append(u.Passkeys, store.Passkey{
			PoolID: u.PoolID, ID: r.ID, Sub: u.Sub, RelyingParty: r.RelyingParty, PublicKey: r.PublicKey, Attachment: r.Attachment,
			Transports: r.Transports, Flags: r.Flags, SignCount: r.SignCount, Created: r.Created.UTC(), LastUsed: r.LastUsed.UTC(),
		})
	}
	return nil
}

func giveIdentities(u *store.WholeUser, identities []IdentityRecord) error {
	for i, r := range identities {
		twice := slices.ContainsFunc(identities[:i], func(other IdentityRecord) bool {
			return other.Provider == r.Provider && other.Attribute == r.Attribute && other.Value == r.Value
		})
		if twice || r.Provider == "" || r.Value == "" {
			return errRecord
		}
		u.Identities = append(u.Identities, r.row(u.PoolID, u.Sub))
	}
	return nil
}

func (r IdentityRecord) row(poolID, sub string) store.Identity {
	return store.Identity{
		PoolID: poolID, Provider: r.Provider, Attribute: r.Attribute, Value: r.Value, Type: r.Type, Sub: sub, Issuer: r.Issuer,
		Own: r.Own, Created: r.Created.UTC(),
	}
}
