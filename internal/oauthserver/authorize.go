package oauthserver

import (
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"cognate/internal/awsjson"
	"cognate/internal/browser"
	"cognate/internal/oauth"
	"cognate/internal/pool"
)

// authorize is /oauth2/authorize (protocol page "oauth-endpoints", section 2): a browser whose user is signed in goes
// back to the client at once, any other to the page that signs in.
func (s *Service) authorize(w http.ResponseWriter, r *http.Request) {
	closed(w)
	request, err := s.oauth.Parse(r.Context(), r.Host, r.URL.RawQuery)
	if err != nil {
		s.turnAway(w, r, err)
		return
	}
	login, err := s.oauth.Login(r.Context(), request.Pool, s.cookies.Get(r, browser.LoginCookie(request.Pool.ID)))
	var to string
	if err == nil {
		to, err = s.oauth.Resume(r.Context(), request, login)
	}
	if err != nil {
		s.turnAway(w, r, err)
		return
	}
	switch {
	case to != "":
		redirect(w, to)
	case request.Provider != "":
		s.depart(w, r, request)
	default:
		redirect(w, "/login?"+r.URL.RawQuery)
	}
}

// depart sends a browser to an identity provider.
func (s *Service) depart(w http.ResponseWriter, r *http.Request, request *oauth.Request) {
	to, binding, err := s.oauth.Depart(r.Context(), request, s.cookies.Get(r, oauth.StateCookie))
	if err != nil {
		s.turnAway(w, r, err)
		return
	}
	s.cookies.SetForPosts(w, r, oauth.StateCookie, binding, oauth.StateLifetime)
	redirect(w, to)
}

// arrive is where browsers come back to from identity providers: /oauth2/idpresponse, by GET or, from Apple, by POST, and
// /saml2/idpresponse (section 8). The login that they get is new, and ends the one that they bring.
func (s *Service) arrive(w http.ResponseWriter, r *http.Request) {
	closed(w)
	form := r.URL.Query()
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxAnswer)
		if err := r.ParseForm(); err != nil {
			s.turnAway(w, r, &oauth.PageError{Code: oauth.ErrRequest.Code})
			return
		}
		form = r.PostForm
	}
	ctx := awsjson.WithCaller(r.Context(), awsjson.Caller{IP: awsjson.Peer(r)})
	to, entrance, err := s.oauth.Arrive(ctx, oauth.Return{
		Host: r.Host, Cookie: s.cookies.Get(r, oauth.StateCookie), Form: form, SAML: r.URL.Path == oauth.PathAssert, Agent: r.UserAgent(), IP: awsjson.Peer(r),
	})
	if err != nil {
		s.turnAway(w, r, err)
		return
	}
	if entrance == nil { // an identity was linked: the browser stays signed in as it was
		redirect(w, to)
		return
	}
	name := browser.LoginCookie(entrance.PoolID())
	before := s.cookies.Get(r, name)
	s.cookies.Set(w, r, name, entrance.Value, oauth.LoginLifetime)
	if err := s.oauth.Logout(ctx, before); err != nil {
		s.turnAway(w, r, err)
		return
	}
	redirect(w, to)
}

// maxAnswer is how many bytes the answer of an identity provider may have: a SAML one has 100,000 characters, which a form
// may write as three bytes each.
const maxAnswer = 400_000

// closed sets the headers of answers that browsers show nothing of.
func closed(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// redirect sends a browser on by GET. The address is one that is registered, or ours: it is not made relative or
// otherwise changed, for a client compares it.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

// turnAway answers an error of an authorization request: to the client, if that may be, else to the browser, with an id under
// which the log says why.
func (s *Service) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	if back, ok := errors.AsType[*oauth.RedirectError](err); ok {
		redirect(w, back.Location)
		return
	}
	id, level := uuid.NewString(), slog.LevelWarn
	shown, ok := errors.AsType[*oauth.PageError](err)
	if !ok {
		shown, level = &oauth.PageError{Code: oauth.ErrServerError.Code}, slog.LevelError
	}
	s.logger.LogAttrs(r.Context(), level, "request failed", slog.String("id", id), slog.String("path", r.URL.Path), slog.Any("cause", err))
	if to := shown.Location(id); to != "" {
		redirect(w, to)
	} else {
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte("<!DOCTYPE html><html lang=\"en\"><title>Error</title><p>" + html.EscapeString(shown.Text) + "</p></html>\n"))
	}
}

// logout is /logout (section 7): the login ends, on the server too, before anything else is looked at, and the browser
// goes to one of the client's URIs.
func (s *Service) logout(w http.ResponseWriter, r *http.Request) {
	closed(w)
	q := r.URL.Query()
	if q.Get("client_id") == "" {
		s.turnAway(w, r, missing("client_id"))
		return
	}
	p, c, err := s.oauth.Client(r.Context(), r.Host, q.Get("client_id"))
	if err == nil && c == nil {
		err = &oauth.PageError{Code: oauth.ErrRequest.Code}
	}
	var login *oauth.Login
	if err == nil {
		login, err = s.endLogin(w, r, p)
	}
	var to string
	if err == nil {
		to, err = afterLogout(p, c, q)
	}
	if err == nil {
		to, err = s.leave(w, r, p, login, to)
	}
	if err != nil {
		s.turnAway(w, r, err)
		return
	}
	redirect(w, to)
}

// endLogin ends the login of a browser, and returns what it was; nil when there was none.
func (s *Service) endLogin(w http.ResponseWriter, r *http.Request, p *pool.Pool) (*oauth.Login, error) {
	name := browser.LoginCookie(p.ID)
	value := s.cookies.Get(r, name)
	login, err := s.oauth.Login(r.Context(), p, value)
	if err != nil {
		return nil, err
	}
	s.cookies.Clear(w, r, name)
	return login, s.oauth.Logout(r.Context(), value)
}

// leave is where a browser goes on that has been signed out: by way of the provider at which it was signed in, if need be.
func (s *Service) leave(w http.ResponseWriter, r *http.Request, p *pool.Pool, login *oauth.Login, on string) (string, error) {
	to, binding, err := s.oauth.Leave(r.Context(), p, login, on, s.cookies.Get(r, oauth.StateCookie))
	if err != nil || to == "" {
		return on, err
	}
	s.cookies.SetForPosts(w, r, oauth.StateCookie, binding, oauth.StateLifetime)
	return to, nil
}

// left is where browsers come back to from a provider that has signed them out: /saml2/logout.
func (s *Service) left(w http.ResponseWriter, r *http.Request) {
	closed(w)
	r.Body = http.MaxBytesReader(w, r.Body, maxAnswer)
	if err := r.ParseForm(); err != nil {
		s.turnAway(w, r, &oauth.PageError{Code: oauth.ErrRequest.Code})
		return
	}
	to, err := s.oauth.Left(r.Context(), oauth.Return{Cookie: s.cookies.Get(r, oauth.StateCookie), Form: r.PostForm})
	if err != nil {
		s.turnAway(w, r, err)
		return
	}
	redirect(w, to)
}

func missing(name string) error {
	return &oauth.PageError{Code: oauth.ErrRequest.Code, Text: "Required String parameter '" + name + "' is not present"}
}

// afterLogout is where a browser goes that has been signed out: the logout URI as it is, or the page that signs in
// again, for an answer that goes to redirect_uri.
func afterLogout(p *pool.Pool, c *pool.Client, q url.Values) (string, error) {
	if to := q.Get("logout_uri"); to != "" {
		if !c.AfterLogout(to) {
			return "", &oauth.PageError{Code: "redirect_mismatch", ClientID: c.ID}
		}
		return to, nil
	}
	switch to := q.Get("redirect_uri"); {
	case to == "":
		return "", missing("redirect_uri")
	case !c.Callback(to):
		return "", &oauth.PageError{Code: "redirect_mismatch", ClientID: c.ID}
	case q.Get("response_type") == "":
		return "", missing("response_type")
	}
	q.Del("identity_provider")
	return "/login?" + q.Encode(), nil
}
