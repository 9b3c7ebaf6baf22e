package oauth

import (
	"context"
	"errors"
	"log/slog"
	"net/url"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/pool"
)

// Who is signed in can link an identity: the browser is sent to the provider as for a sign-in, and whoever signs in there can
// sign in as the user from then on. It is an extension, of the account page.

// ParameterLinked tells the page that a browser comes back to what has become of the link: one of the values below.
const ParameterLinked = "linked"

// The values of ParameterLinked.
const (
	LinkDone   = "done"
	LinkTaken  = "taken"  // the identity is another user's
	LinkFull   = "full"   // the user has as many as there may be
	LinkFailed = "failed" // the log says why
)

// DepartToLink is [Service.Depart] to a provider whose identity is to be linked to the user of a login, for the page of r. The
// provider must be one of the client's, and must let users link; any other is an error as an unknown one is.
func (s *Service) DepartToLink(ctx context.Context, r *Request, l *Login, provider, cookie string) (to, binding string, err error) {
	may, err := s.Linkable(ctx, r, provider)
	if err != nil {
		return "", "", err
	}
	if !may {
		return "", "", s.Refuse(r, errProvider)
	}
	there := *r
	there.Provider = provider
	return s.depart(ctx, &there, l.ID, cookie)
}

// Linkable reports whether users may link identities of a provider through the client of a request.
func (s *Service) Linkable(ctx context.Context, r *Request, provider string) (bool, error) {
	if provider == pool.ProviderSelf || !r.Client.HasProvider(provider) {
		return false, nil
	}
	p, err := s.pools.Provider(ctx, r.Pool, provider)
	if _, gone := errors.AsType[*fault.Error](err); gone {
		return false, nil
	}
	return err == nil && p.Linking(r.Pool) != pool.LinkByAdministrator, err
}

// link links the identity of an assertion, or of none because of err, to the user of a state's login, which must not have ended. It
// returns a value of ParameterLinked.
func (s *Service) link(ctx context.Context, p *pool.Pool, provider *pool.Provider, st state, a *federation.Assertion, err error) string {
	var l *Login
	if err == nil {
		l, err = s.login(ctx, p, st.Link)
	}
	if err == nil && l == nil {
		err = errors.New("the user has signed out")
	}
	if err == nil {
		once := *a
		once.Once, once.Until = st.Flow, st.Expires // the way there is good for one link
		err = s.users.LinkSelf(ctx, p, provider, &once, l.User.Sub)
	}
	if err == nil {
		return LinkDone
	}
	slog.WarnContext(ctx, "linking an identity failed", "pool", p.ID, "provider", provider.Name, "cause", causeOf(err))
	f, _ := errors.AsType[*fault.Error](err)
	switch {
	case f != nil && f.Code == idp.CodeAliasExists:
		return LinkTaken
	case f != nil && f.Code == idp.CodeLimitExceeded:
		return LinkFull
	}
	return LinkFailed
}

// linked is where a browser goes back to.
func linked(r *Request, result string) string {
	q := url.Values{}
	for name, values := range r.Query {
		q[name] = values
	}
	q.Set(ParameterLinked, result)
	return r.Page + "?" + q.Encode()
}
