package user

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/passhash"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// Candidate is a user as a file to import tells of one.
type Candidate struct {
	Username   string
	Attributes map[string]string // by name; an empty value is none
	MFA        string            // whether the user signs in with a code by SMS, too: true, false or empty
	Algorithm  string            // of Hash, by Cognito's name
	Hash       string            // of the password; empty for none

	// Elsewhere says that the candidate is a user of another system: nobody has to vouch for an address of who has a password.
	Elsewhere bool
	Disabled  bool
	Created   time.Time // zero for now
}

// Recruit is a candidate who can be imported, as far as one can tell without a look at the pool's other users.
type Recruit struct {
	user store.WholeUser
	kept bool // the user has been one before, and keeps its sub
}

// errUnverified is Cognito's text, but for the full stop that the log adds.
var errUnverified = invalid("The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true)")

// Recruit checks all of a candidate that needs no look at other users, or says which rule it breaks. A user with a password
// hash is confirmed, and so is one of a pool where users need no password; any other has to reset it first. The pool's
// password policy is not asked.
func (d *Directory) Recruit(p *pool.Pool, c Candidate) (Recruit, error) {
	if err := checkCandidate(p, &c); err != nil {
		return Recruit{}, err
	}
	u, err := newUser(p, writer{}, c.Username, c.Attributes)
	if err != nil {
		return Recruit{}, err
	}
	if err := checkRequired(p, u.Attributes); err != nil {
		return Recruit{}, err
	}
	if !c.Elsewhere || c.Hash == "" {
		if err := checkVouched(p, u); err != nil {
			return Recruit{}, err
		}
	}
	if u.Enabled = !c.Disabled; !c.Created.IsZero() {
		u.Created = c.Created.UTC()
	}
	if u.Extra, err = importedMFA(p, u, c.MFA); err != nil {
		return Recruit{}, err
	}
	r := Recruit{user: store.WholeUser{User: u}}
	if err := d.giveHash(&r.user, c); err != nil {
		return Recruit{}, err
	}
	r.user.Status = idp.UserStatusTypeResetRequired
	if r.user.Password != nil || passwordless(p) {
		r.user.Status = idp.UserStatusTypeConfirmed
	}
	for _, attr := range signInAttributes {
		if key := owned(p, r.user.User, attr); key != "" {
			r.user.Aliases = append(r.user.Aliases, store.Alias{Attribute: attr, Key: key})
		}
	}
	return r, nil
}

// checkCandidate checks what requests to the API have checked when they get here, and brings values into the API's form.
func checkCandidate(p *pool.Pool, c *Candidate) error {
	if c.Username == "" {
		return invalid("The User Record does not set cognito:username")
	}
	if utf8.RuneCountInString(c.Username) > 128 || !isName(c.Username) {
		return invalid("cognito:username must have at most 128 characters, none of them a space or a control character")
	}
	if attr := usernameAttribute(p, c.Username); attr != "" && c.Attributes[attr] != "" && p.Key(c.Attributes[attr]) != p.Key(c.Username) {
		return invalid("cognito:username and %s differ, and users sign in with %[1]s", attr)
	}
	if birth := c.Attributes["birthdate"]; birth != "" {
		at, err := time.Parse("01/02/2006", birth)
		if err != nil {
			return invalid("Invalid birthdate format. Must be mm/dd/yyyy")
		}
		c.Attributes["birthdate"] = at.Format(time.DateOnly)
	}
	return nil
}

// isName reports whether a text has only the characters that the API takes in user names.
func isName(s string) bool {
	isOther := func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P) }
	return store.IsText(s) && !strings.ContainsFunc(s, isOther)
}

// checkVouched refuses a user of whom the file vouches for no address that the pool would verify by itself.
func checkVouched(p *pool.Pool, u store.User) error {
	for _, attr := range []string{attrEmail, attrPhone} {
		if p.AutoVerified(attr) && u.Attributes[attr] != "" && u.Attributes[attr+verified] == "true" {
			return nil
		}
	}
	return errUnverified
}

// importedMFA is the extra of a user whose column cognito:mfa_enabled has a value.
func importedMFA(p *pool.Pool, u store.User, value string) ([]byte, error) {
	mode := p.MFA()
	switch value = strings.ToLower(value); {
	case value != "" && value != "true" && value != "false":
		return nil, invalid("cognito:mfa_enabled is neither true nor false")
	case value == "true" && mode == idp.UserPoolMfaTypeOff:
		return nil, invalid("cognito:mfa_enabled must be false or empty: MFA is off for the user pool")
	case value == "false" && mode == idp.UserPoolMfaTypeOn:
		return nil, invalid("cognito:mfa_enabled must be true or empty: the user pool requires MFA")
	case value != "true" || mode == idp.UserPoolMfaTypeOn:
		return nil, nil
	case !p.SMSFactor() || u.Attributes[attrPhone] == "":
		return nil, invalid("User does not have delivery config set to turn on SMS_MFA")
	}
	return json.Marshal(extra{MFASettings: MFASettings{Enabled: []string{FactorSMS}, Preferred: FactorSMS}})
}

// giveHash gives a user the password that a candidate has a hash of.
func (d *Directory) giveHash(u *store.WholeUser, c Candidate) error {
	if c.Hash == "" {
		return nil
	}
	if _, err := passhash.Parse(c.Algorithm, c.Hash); err != nil {
		return invalid("password_hash is not a hash that can be imported: %v", err)
	}
	u.Password = &store.Password{
		PoolID: u.PoolID, Sub: u.Sub, Set: u.Modified,
		Sealed: d.keys.Seal([]byte(c.Algorithm+" "+c.Hash), foreignAAD(u.PoolID, u.Sub)),
	}
	return nil
}
