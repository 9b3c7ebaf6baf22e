package hostedui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/pool"
)

// others are the client's identity providers besides the pool itself.
func (v *visit) others() (out []pool.ProviderDescription, err error) {
	all, err := v.Pools.Providers(v.ctx, v.request.Pool)
	for _, name := range v.request.Client.Providers() {
		i := slices.IndexFunc(all, func(d pool.ProviderDescription) bool { return d.Name == name })
		if i >= 0 {
			out = append(out, all[i])
		}
	}
	return out, err
}

// providers are the buttons of the client's other identity providers, and whether there is a box for an e-mail address, by whose
// domain the SAML providers are found that have identifiers (protocol page "federation", section 9).
func (v *visit) providers() (buttons []Provider, box bool, err error) {
	others, err := v.others()
	if err != nil {
		return nil, false, err
	}
	if box, err = v.hasBox(others); err != nil {
		return nil, false, err
	}
	for _, d := range others {
		if !box || !isFound(d) {
			buttons = append(buttons, Provider{Name: d.Name, URL: v.leading(d.Name, "")})
		}
	}
	return buttons, box, nil
}

// isFound reports whether a provider is one that is found by a domain.
func isFound(d pool.ProviderDescription) bool {
	return d.Type == idp.IdentityProviderTypeTypeSaml && len(d.Identifiers) > 0
}

// hasBox: in managed login the branding says so, on the classic pages every SAML provider must have an identifier.
func (v *visit) hasBox(others []pool.ProviderDescription) (bool, error) {
	if !slices.ContainsFunc(others, isFound) {
		return false, nil
	}
	managed, err := v.managed()
	if managed || err != nil {
		return v.look != nil && v.look.DomainBox, err
	}
	return !slices.ContainsFunc(others, func(d pool.ProviderDescription) bool {
		return d.Type == idp.IdentityProviderTypeTypeSaml && !isFound(d)
	}), nil
}

// leading is the address that leads to a provider, with the request along, for whoever has an e-mail address; "" is anybody.
func (v *visit) leading(provider, email string) string {
	q := url.Values{}
	for key, values := range v.request.Query {
		q[key] = values
	}
	q.Set("identity_provider", provider)
	if email != "" {
		q.Set("login_hint", email)
	}
	return "/oauth2/authorize?" + q.Encode()
}

// byDomain leads to the provider that has the domain of an e-mail address as an identifier.
func (v *visit) byDomain() error {
	email := strings.TrimSpace(v.r.PostForm.Get(FieldEmail))
	domain := email[strings.LastIndexByte(email, '@')+1:]
	others, err := v.others()
	if err != nil {
		return err
	}
	for _, d := range others {
		if isFound(d) && slices.ContainsFunc(d.Identifiers, func(i string) bool { return strings.EqualFold(i, domain) }) {
			v.redirect(v.leading(d.Name, email))
			return nil
		}
	}
	wrong := TextNoProvider
	if email == "" {
		wrong = TextRequired
	}
	return v.showStart(http.StatusOK, "", func(f *Frame) { f.FieldErrors = map[string]string{FieldEmail: wrong} })
}
