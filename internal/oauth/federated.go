package oauth

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"cognate/internal/authn"
	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/token"
)

// Where browsers come back to from identity providers.
const (
	PathCallback = "/oauth2/idpresponse"
	PathAssert   = "/saml2/idpresponse"
	PathLeft     = "/saml2/logout"
)

// errState is the answer to a browser that comes back without having been sent away, or after too long.
var errState = &PageError{Code: "Invalid state"}

// callback is the absolute address that a provider sends browsers back to.
func (s *Service) callback(p *pool.Pool, kind string) string {
	pages, _ := s.Addresses(p)
	if kind == saml {
		return pages + PathAssert
	}
	return pages + PathCallback
}

const saml = "SAML"

// findProvider reads which identity provider a request is for: by its name, or by an identifier of it. It must be one of
// the client's.
func (s *Service) findProvider(ctx context.Context, r *Request) error {
	name, identifier := r.Query.Get("identity_provider"), r.Query.Get("idp_identifier")
	if name == "" && identifier != "" {
		found, err := s.pools.ProviderFor(ctx, r.Pool, identifier)
		if _, unknown := errors.AsType[*fault.Error](err); unknown {
			return s.Refuse(r, errProvider)
		}
		if err != nil {
			return err
		}
		name = found.Name
	}
	if name != "" && !r.Client.HasProvider(name) {
		return s.Refuse(r, errProvider)
	}
	if r.Own = name == pool.ProviderSelf; !r.Own {
		r.Provider = name
	}
	return nil
}

// Depart sends a browser to the provider of a request. cookie is what the browser brought as StateCookie, and binding what it
// is to keep as such.
func (s *Service) Depart(ctx context.Context, r *Request, cookie string) (to, binding string, err error) {
	return s.depart(ctx, r, "", cookie)
}

// depart is Depart, to link an identity where a login is named.
func (s *Service) depart(ctx context.Context, r *Request, link, cookie string) (to, binding string, err error) {
	provider, err := s.pools.Provider(ctx, r.Pool, r.Provider)
	if _, gone := errors.AsType[*fault.Error](err); gone {
		return "", "", s.Refuse(r, errProvider)
	}
	if err != nil {
		return "", "", err
	}
	query := r.Query.Encode()
	if len(query) > maxCarried {
		return "", "", s.Refuse(r, ErrRequest)
	}
	st := state{Pool: r.Pool.ID, Provider: provider.Name, Flow: token.NewFlow(), ID: "_" + uuid.NewString(), Query: query, Link: link,
		Verifier: base64.RawURLEncoding.EncodeToString(secret.RandomBytes(tokenBytes))}
	text, binding, err := s.sealState(st, cookie)
	if err != nil {
		return "", "", err
	}
	to, err = provider.Begin(ctx, federation.Request{
		ID: st.ID, State: text, Callback: s.callback(r.Pool, provider.Type), LoginHint: r.LoginHint, Prompt: r.providerPrompt(), Verifier: st.Verifier,
	})
	if err != nil {
		return "", "", s.failed(ctx, r, provider, err)
	}
	return to, binding, nil
}

// providerPrompt is the prompt for a provider: all but "none", which no page of a provider can keep.
func (r *Request) providerPrompt() string {
	if r.Never() {
		return ""
	}
	return strings.Join(r.Prompt, " ")
}

// Return is a browser that comes back from a provider.
type Return struct {
	Host   string
	Cookie string // what it brings as StateCookie
	Form   url.Values
	SAML   bool // by POST at PathAssert, where the answers of SAML providers come, and no others
	Agent  string
	IP     string
}

// Arrive signs in whom a browser brings an answer about, and returns where it goes on, and its login. An error is a
// [*RedirectError] for the app, a [*PageError] when no app is known, or the server's own. A browser that went away to link an
// identity gets no login.
func (s *Service) Arrive(ctx context.Context, b Return) (location string, e *Entrance, err error) {
	r, st, err := s.recall(ctx, b)
	if err != nil {
		return "", nil, err
	}
	provider, err := s.pools.Provider(ctx, r.Pool, st.Provider)
	if _, gone := errors.AsType[*fault.Error](err); gone {
		return "", nil, s.Refuse(r, errProvider)
	}
	if err != nil {
		return "", nil, err
	}
	if b.SAML != (provider.Type == saml) || st.ID == "" && provider.Detail("IDPInit") != "true" {
		return "", nil, errState
	}
	a, err := provider.Finish(ctx, federation.Callback{ID: st.ID, Callback: s.callback(r.Pool, provider.Type), Verifier: st.Verifier, Form: b.Form})
	if st.Link != "" {
		return linked(r, s.link(ctx, r.Pool, provider, st, a, err)), nil, nil
	}
	if err != nil {
		return "", nil, s.failed(ctx, r, provider, err)
	}
	u, err := s.users.Federate(ctx, r.Pool, r.Client, provider, a)
	if err != nil {
		return "", nil, s.failed(ctx, r, provider, err)
	}
	e = s.Entrance(r, b.Agent, b.IP)
	e.provider, e.session = provider.Name, a.Session
	err = e.Enter(ctx, authn.Entry{User: u, Flow: st.Flow}, func(*store.Tx) error { return nil })
	if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound) {
		return "", nil, errState // the answer has come before, or the user has just been deleted
	}
	if err != nil {
		return "", nil, err
	}
	location, err = e.Answer(ctx)
	return location, e, err
}

// recall finds the request that a browser was sent away with. Without one, a SAML provider may have begun by itself: its
// RelayState is then a request for the app, which names the provider (section 8 of the protocol page "federation").
func (s *Service) recall(ctx context.Context, b Return) (*Request, state, error) {
	text := firstOf(b.Form, "state", "RelayState")
	st, ok := s.openState(text, b.Cookie)
	if !ok && b.SAML && b.Form.Get("SAMLResponse") != "" && strings.Contains(text, "client_id=") {
		st, ok = state{Flow: token.NewFlow(), Query: text}, true
	}
	if !ok || st.Logout != "" {
		return nil, st, errState
	}
	r, err := s.Parse(ctx, b.Host, st.Query)
	if err != nil {
		return nil, st, err
	}
	if st.Pool == "" {
		st.Pool, st.Provider = r.Pool.ID, r.Provider
	}
	if r.Pool.ID != st.Pool || st.Provider == "" {
		return nil, st, errState
	}
	return r, st, nil
}

// firstOf is the first of a form's values that is there.
func firstOf(form url.Values, names ...string) string {
	for _, name := range names {
		if v := form.Get(name); v != "" {
			return v
		}
	}
	return ""
}

// failed is what an app is told of a sign-in at a provider that has failed; the log has the cause.
func (s *Service) failed(ctx context.Context, r *Request, p *pool.Provider, err error) error {
	told := &Error{Code: ErrServerError.Code}
	if known, ok := errors.AsType[*federation.Error](err); ok {
		told = &Error{Code: known.Code, Description: cut(known.Description)}
	}
	if len(told.Code) > maxCode || !errorCode.MatchString(told.Code) {
		told.Code = ErrRequest.Code
	}
	slog.WarnContext(ctx, "a sign-in at an identity provider failed", "pool", r.Pool.ID, "provider", p.Name, "error", told.Error(), "cause", causeOf(err))
	return s.Refuse(r, told)
}

// maxTold bounds what is told on of a provider's words, whether to the app or to the log: they come through the browser.
const maxTold = 500

// A code of an error (RFC 6749 section 4.1.2.1) is told on if it has these letters and no more than so many.
const maxCode = 64

var errorCode = regexp.MustCompile(`^[!#-\[\]-~]+$`)

func cut(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxTold)], "")
}

// causeOf is what the log is told of an error of a provider.
func causeOf(err error) string {
	if known, ok := errors.AsType[*federation.Error](err); ok && known.Cause != nil {
		err = known.Cause
	}
	return cut(err.Error())
}

// Leave ends a login at its provider, where the provider knows it and its details want that (section 8): it returns where to send
// the browser, which then goes on to an address, and what the browser is to keep as StateCookie. For most logins it returns "".
func (s *Service) Leave(ctx context.Context, p *pool.Pool, l *Login, on, cookie string) (to, binding string, err error) {
	if l == nil || l.session == nil {
		return "", "", nil
	}
	provider, logouter, err := s.logouter(ctx, p, l.Provider)
	if err != nil || logouter == nil || provider.Detail("IDPSignout") != "true" {
		return "", "", err
	}
	st := state{Pool: p.ID, Provider: provider.Name, ID: "_" + uuid.NewString(), Logout: on}
	text, binding, err := s.sealState(st, cookie)
	if err != nil {
		return "", "", err
	}
	pages, _ := s.Addresses(p)
	to, err = logouter.Logout(ctx, *l.session, st.ID, text, pages+PathLeft)
	return to, binding, err
}

// logouter is a provider that may end sign-ins; nil when it is gone, or ends none.
func (s *Service) logouter(ctx context.Context, p *pool.Pool, name string) (*pool.Provider, federation.Logouter, error) {
	provider, err := s.pools.Provider(ctx, p, name)
	if _, gone := errors.AsType[*fault.Error](err); gone {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	logouter, _ := provider.Provider.(federation.Logouter)
	return provider, logouter, nil
}

// Left is a browser that comes back from the provider that Leave sent it to. It returns where it goes on.
func (s *Service) Left(ctx context.Context, b Return) (string, error) {
	st, ok := s.openState(b.Form.Get("RelayState"), b.Cookie)
	if !ok || st.Logout == "" {
		return "", errState
	}
	p, err := s.pools.Pool(ctx, st.Pool)
	if err != nil {
		return "", errState
	}
	_, logouter, err := s.logouter(ctx, p, st.Provider)
	if err != nil {
		return "", err
	}
	pages, _ := s.Addresses(p)
	if logouter == nil {
		return "", errState
	}
	if err := logouter.LoggedOut(ctx, b.Form, st.ID, pages+PathLeft); err != nil {
		slog.WarnContext(ctx, "a sign-out at an identity provider failed", "pool", p.ID, "provider", st.Provider, "cause", causeOf(err))
	}
	return st.Logout, nil // signed out here, whatever the provider says
}

// Describe returns the description of a pool that one of its providers reads (SAML 2.0 metadata); nil when there is no such
// provider, or it reads none.
func (s *Service) Describe(ctx context.Context, p *pool.Pool, name string) ([]byte, error) {
	provider, err := s.pools.Provider(ctx, p, name)
	if _, gone := errors.AsType[*fault.Error](err); gone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, ok := provider.Provider.(federation.Describer)
	if !ok {
		return nil, nil
	}
	pages, _ := s.Addresses(p)
	return d.Describe(pages+PathAssert, pages+PathLeft)
}
