package hostedui

import (
	"cmp"
	"slices"

	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/user"
)

// identitiesOf lists the user's accounts at identity providers that have signed in, and the providers of the client's of which
// the user may link one.
func (o *owner) identitiesOf(a *Account) error {
	rows, err := o.Users.Identities(o.ctx, o.request.Pool, o.me.User.Sub)
	if err != nil {
		return err
	}
	var list Identities
	for _, row := range rows {
		if row.Attribute == "" {
			list.List = append(list.List, Identity{Provider{Name: row.Provider}, row.Value, row.Created, row.Own})
		}
	}
	if len(rows) < user.MaxIdentities {
		if list.Add, err = o.addable(rows); err != nil {
			return err
		}
	}
	if len(list.List)+len(list.Add) > 0 {
		a.Identities = &list
	}
	return nil
}

// addable are the providers at which the user has no account yet and may link one. The page's forms may lead to them.
func (o *owner) addable(rows []store.Identity) (out []Provider, err error) {
	var addresses []string
	for _, name := range o.request.Client.Providers() {
		if slices.ContainsFunc(rows, func(row store.Identity) bool { return row.Provider == name }) {
			continue
		}
		may, err := o.OAuth.Linkable(o.ctx, o.request, name)
		if err != nil {
			return nil, err
		}
		if !may {
			continue
		}
		p, err := o.Pools.Provider(o.ctx, o.request.Pool, name)
		if err != nil {
			return nil, err
		}
		out = append(out, Provider{Name: name})
		addresses = append(addresses, startOf(p))
	}
	o.allow(addresses...)
	return out, nil
}

// startOf is where sign-ins at a provider begin.
func startOf(p *pool.Provider) string {
	return cmp.Or(p.Detail("authorize_url"), p.Detail("SSORedirectBindingURI"))
}

// linkIdentity sends the browser to a provider; who signs in there is linked.
func (o *owner) linkIdentity() error {
	to, binding, err := o.OAuth.DepartToLink(o.ctx, o.request, o.login, o.r.PostForm.Get(FieldName), o.cookies.Get(o.r, oauth.StateCookie))
	if err != nil {
		return err
	}
	o.cookies.SetForPosts(o.w, o.r, oauth.StateCookie, binding, oauth.StateLifetime)
	o.redirect(to)
	return errShown
}

func (o *owner) unlinkIdentity() error {
	form := o.r.PostForm
	return o.Users.UnlinkSelf(o.ctx, o.request.Pool, o.me.User.Sub, form.Get(FieldName), form.Get(FieldID), o.login.ID)
}

// linkResult takes what has become of a link from the request, and returns what the page says of it.
func (o *owner) linkResult() func(*Account) {
	result := o.request.Query.Get(oauth.ParameterLinked)
	o.request.Query.Del(oauth.ParameterLinked)
	return func(a *Account) {
		switch result {
		case oauth.LinkDone:
			a.Notice = TextIdentityLinked
		case oauth.LinkTaken:
			a.Error = TextIdentityTaken
		case oauth.LinkFull:
			a.Error = TextIdentitiesFull
		case oauth.LinkFailed:
			a.Error = TextLinkFailed
		}
	}
}
