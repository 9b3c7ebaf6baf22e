// Package pool holds the rules of user pools and their app clients: what is
// filled in, what is refused and in which words, and what may change later.
//
// A [Pool] and a [Client] are parsed, immutable snapshots that all readers
// share; a [Registry] reads, caches and changes them.
//
// Some tags of a pool (UserPoolTags) are settings of Cognate's own:
//
//   - cognate:id pins the id of a pool that is created with it: a full id
//     (us-east-1_ExaMPle), whose part before the last "_" becomes the pool's
//     region, or the part after it alone. _custom_id_, floci:override-id and
//     ms-custom-id, which other emulators of Cognito read, mean the same.
//   - cognate:client-id:<ClientName> pins the id of the client that is created
//     in the pool under that name, for clients have no tags.
//   - cognate:issuer says what tokens name as their issuer; see [Pool.Issuer].
//   - cognate:sign-in-links, enabled or disabled, says whether pages send links
//     in place of sign-in codes; see [Pool.SignInLinks].
//   - cognate:frame-ancestors:<ClientName> lists the origins whose pages may
//     frame those of the client; see [Pool.FrameAncestors].
//
// Tags under "cognate:" survive an update that gives no tags at all.
package pool

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cognate/api/idp"
	"cognate/internal/store"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Pool is a user pool as it was when it was read. Nothing in it, Settings
// included, may be changed: readers share it, without locks.
type Pool struct {
	ID, Region, Name string
	// Settings is what DescribeUserPool shows, with every default filled in,
	// except EstimatedNumberOfUsers.
	Settings          *idp.UserPoolType
	Created, Modified time.Time

	rules        int64          // see Rules
	settings     *settings      // Settings is a part of it
	served       string         // the region in which it is served
	replica      *store.Replica // nil where that is its own
	attributes   map[string]*idp.SchemaAttributeType
	customScopes []string
	hosts        []string // the custom domain first
	managed      []string // those of the hosts with managed login
}

// Rules counts the changes that [Registry.Remake] has made of the pool. Who writes users by the rules of p compares it with the
// row's: see [store.Tx.PoolRules].
func (p *Pool) Rules() int64 { return p.rules }

// ARN returns the Amazon Resource Name of the pool.
func (p *Pool) ARN() string { return p.Settings.Arn }

// CaseSensitive reports whether user names and aliases that differ in case only
// belong to different users, which is so unless the pool was created otherwise.
func (p *Pool) CaseSensitive() bool {
	return p.Settings.UsernameConfiguration == nil || p.Settings.UsernameConfiguration.CaseSensitive
}

// Key returns what a user name or alias is stored and looked up under: two names
// mean the same user if and only if their keys are equal. Key(Key(n)) == Key(n).
//
// In every pool names are taken in Unicode normal form C, for "é" as one
// character and as two look the same. In a case-insensitive pool they are case
// folded besides (Unicode section 3.13, D145, canonical caseless matching), which
// also joins what lower-casing keeps apart: "ß" and "ẞ", "σ" and "ς", "K" and the
// Kelvin sign. ASCII names are just lower-cased.
func (p *Pool) Key(username string) string {
	folds := !p.CaseSensitive()
	switch {
	case isASCII(username) && folds:
		return strings.ToLower(username)
	case isASCII(username):
		return username
	case folds:
		// A Caser must not be shared between goroutines, so it is made here.
		return norm.NFC.String(cases.Fold().String(norm.NFD.String(username)))
	default:
		return norm.NFC.String(username)
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// UsernameAttribute reports whether users sign up with name (email,
// phone_number) in place of a user name.
func (p *Pool) UsernameAttribute(name string) bool {
	return slices.Contains(p.Settings.UsernameAttributes, name)
}

// HasUsernameAttributes reports whether users have no user name of their own.
func (p *Pool) HasUsernameAttributes() bool { return len(p.Settings.UsernameAttributes) > 0 }

// Alias reports whether users may sign in with name (email, phone_number,
// preferred_username) besides their user name.
func (p *Pool) Alias(name string) bool { return slices.Contains(p.Settings.AliasAttributes, name) }

// AutoVerified reports whether a code is sent to verify a new value of name
// (email, phone_number).
func (p *Pool) AutoVerified(name string) bool {
	return slices.Contains(p.Settings.AutoVerifiedAttributes, name)
}

// Attribute returns the schema of an attribute by its full name: "email",
// "custom:x", "dev:custom:x". Types and flags are always filled in.
func (p *Pool) Attribute(name string) (*idp.SchemaAttributeType, bool) {
	a, ok := p.attributes[name]
	return a, ok
}

// Required returns the names of the attributes that every user must have, in
// schema order, without sub, which nobody supplies. The slice is the caller's.
func (p *Pool) Required() []string {
	var names []string
	for _, a := range p.Settings.SchemaAttributes {
		if *a.Required && a.Name != attrSub {
			names = append(names, a.Name)
		}
	}
	return names
}

// PasswordPolicy returns the policy with all defaults filled in. Only
// PasswordHistorySize may be nil, which means no history.
func (p *Pool) PasswordPolicy() idp.PasswordPolicyType { return *p.Settings.Policies.PasswordPolicy }

// TemporaryPasswordValidity returns how long a temporary password lasts.
func (p *Pool) TemporaryPasswordValidity() time.Duration {
	return time.Duration(*p.Settings.Policies.PasswordPolicy.TemporaryPasswordValidityDays) * 24 * time.Hour
}

// VerifyBeforeUpdate reports whether a new value of attr (email, phone_number)
// takes effect only when it has been verified.
func (p *Pool) VerifyBeforeUpdate(attr string) bool {
	u := p.Settings.UserAttributeUpdateSettings
	return u != nil && slices.Contains(u.AttributesRequireVerificationBeforeUpdate, attr)
}

// Issuer returns the tag cognate:issuer, which says what the tokens of the pool
// name as their issuer: "" or "self" (this server), "aws", or an absolute URL
// without a slash at its end.
func (p *Pool) Issuer() string { return p.Settings.UserPoolTags[tagIssuer] }

// SignInLinks reports whether the pages of the pool send a link where an e-mail
// with a code is the first factor: the tag cognate:sign-in-links.
func (p *Pool) SignInLinks() bool { return p.Settings.UserPoolTags[tagLinks] == tagEnabled }

// FrameAncestors are the origins whose pages may frame the sign-in pages of the client of
// a name; none for most. Browsers keep cookies from frames of other sites, so that it
// works between hosts of one site.
func (p *Pool) FrameAncestors(clientName string) []string {
	return strings.Fields(p.Settings.UserPoolTags[tagFrames+clientName])
}
