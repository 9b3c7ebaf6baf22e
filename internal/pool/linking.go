package pool

import (
	"cmp"
	"slices"
	"strings"

	"cognate/api/idp"
)

// DetailLinking is one of the ProviderDetails of all kinds: who may link identities of the provider to users that are there
// already. It is an extension.
const DetailLinking = "account_linking"

// The values of DetailLinking.
const (
	LinkByAdministrator = "administrator"  // AdminLinkProviderForUser alone
	LinkByUser          = "user"           // users, too, who are signed in and sign in at the provider as well
	LinkByVerifiedEmail = "verified_email" // and the server, by an e-mail address that both know to be verified
)

// Linking is who may link identities of the provider, which is one of the pool's: a value of DetailLinking. Where the details say
// nothing it is users, but administrators in a pool with second factors: for who comes from a provider there are none.
func (p *Provider) Linking(of *Pool) string {
	usual := LinkByUser
	if of.MFA() != idp.UserPoolMfaTypeOff {
		usual = LinkByAdministrator
	}
	return cmp.Or(p.Detail(DetailLinking), usual)
}

// takeLinking takes DetailLinking out of details, which the kinds do not know; "" when it is not there.
func takeLinking(details map[string]string) (string, error) {
	linking, there := details[DetailLinking]
	delete(details, DetailLinking)
	known := []string{LinkByAdministrator, LinkByUser, LinkByVerifiedEmail}
	if there && !slices.Contains(known, linking) {
		return "", invalidf("%s must be one of %s.", DetailLinking, strings.Join(known, ", "))
	}
	return linking, nil
}
