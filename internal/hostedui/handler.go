package hostedui

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/awsjson"
	"cognate/internal/browser"
	"cognate/internal/fault"
	"cognate/internal/oauth"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/token"
	"cognate/internal/user"
)

// Core is what the door stands on.
type Core struct {
	Keys     *secret.Keyring
	Pools    *pool.Registry
	Users    *user.Directory
	Passkeys *passkey.Service
	Tokens   *token.Service
	OAuth    *oauth.Service
	Machine  *authn.Machine
}

// Service shows the pages of all pools. It is safe for concurrent use.
type Service struct {
	Core
	view    *View
	cookies browser.Cookies
	logger  *slog.Logger
	themes  themes
}

// New makes the door over the core.
func New(c Core, view *View, cookies browser.Cookies, logger *slog.Logger) *Service {
	return &Service{Core: c, view: view, cookies: cookies, logger: logger}
}

// Register adds the door's paths to mux.
func (s *Service) Register(mux *http.ServeMux) {
	for path, page := range map[string]struct{ get, post func(*visit) error }{
		PathLogin:          {(*visit).showSignIn, (*visit).start},
		PathSignUp:         {local((*visit).showSignUp), local((*visit).signUp)},
		PathConfirm:        {local((*visit).showConfirm), local((*visit).confirm)},
		PathResend:         {local((*visit).showConfirm), local((*visit).resend)},
		PathForgot:         {local((*visit).showForgot), local((*visit).forgot)},
		PathReset:          {local((*visit).showReset), local((*visit).reset)},
		oauth.PageAccount:  {(*visit).showAccount, (*visit).account},
		oauth.PagePasskeys: {(*visit).offerPasskey, (*visit).addPasskey},
		PathLink:           {local((*visit).showLink), local((*visit).link)},
	} {
		mux.HandleFunc("GET "+path, s.serve(path, page.get))
		mux.HandleFunc("POST "+path, s.serve(path, posted(page.post)))
	}
	mux.HandleFunc("GET /confirmUser", s.confirmUser)
	mux.HandleFunc("GET /confirmUser/{$}", s.confirmUser)
	mux.HandleFunc("GET "+threat.FeedbackPath, s.feedback)
	mux.HandleFunc("POST "+threat.FeedbackPath, s.feedback)
	mux.HandleFunc("GET /error", s.failure)
	mux.Handle(AssetsPattern, s.view.Assets())
	mux.HandleFunc(ThemePattern, s.theme)
	mux.HandleFunc(pool.BrandingPattern, s.branding)
}

// visit is one request for a page.
type visit struct {
	*Service
	w    http.ResponseWriter
	r    *http.Request
	ctx  context.Context
	path string
	// request is the authorization request that all pages carry along. It is nil on the error page alone.
	request  *oauth.Request
	language string
	look     *Theme
}

// maxForm is how many bytes a form may have.
const maxForm = 64 << 10

// errForged is told to who sends a form that is not of a page of ours, or of one from before cookies were cleared.
var errForged = &pageError{http.StatusForbidden, TextFormExpired}

// pageError is an error that ends on the error page, with what it says.
type pageError struct {
	status int
	text   string
}

// Error implements error.
func (e *pageError) Error() string { return e.text }

// serve runs a handler of a page. What it returns as an error is shown, or sent to the client.
func (s *Service) serve(path string, handle func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := s.visit(w, r, path)
		err := v.open()
		if err == nil {
			err = handle(v)
		}
		if err != nil && err != errShown {
			v.fail(err)
		}
	}
}

// visit begins to answer a request.
func (s *Service) visit(w http.ResponseWriter, r *http.Request, path string) *visit {
	v := &visit{Service: s, w: w, r: r, path: path}
	v.ctx = awsjson.WithCaller(r.Context(), awsjson.Caller{IP: awsjson.Peer(r), Agent: r.UserAgent()})
	v.setLanguage()
	v.protect()
	return v
}

// own names the pages that have no client waiting for an answer.
var own = map[string]string{oauth.PageAccount: "account", oauth.PagePasskeys: "passkeys"}

// open reads the authorization request, and whether there may be pages for it.
func (v *visit) open() (err error) {
	query := v.r.URL.RawQuery
	if name := own[v.path]; name != "" && !v.r.URL.Query().Has(oauth.PageParameter) {
		query += "&" + oauth.PageParameter + "=" + name
	}
	if v.request, err = v.OAuth.Parse(v.ctx, v.r.Host, query); err != nil {
		return err
	}
	if v.request.Never() && v.path != PathLogin { // which may answer without a page
		return v.OAuth.Refuse(v.request, oauth.ErrLoginRequired)
	}
	if p := v.request.Pool; p.Secondary() && v.path != PathLogin {
		return p.ErrNotEnabled(idp.CodeOperationNotEnabled, "This page") // it changes users
	}
	v.allow()
	return v.dress()
}

// local is a handler of a page for the pool's own users. A client that takes those of other providers alone has none.
func local(handle func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		if !v.isLocal() {
			return v.to(PathLogin)
		}
		return handle(v)
	}
}

// isLocal reports whether the client takes the pool's own users.
func (v *visit) isLocal() bool {
	return v.request.Client.HasProvider(pool.ProviderSelf)
}

// posted is a handler of forms: those of other sites' pages do not get through.
func posted(handle func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.r.ParseForm(); err != nil {
			return &pageError{http.StatusBadRequest, TextFormExpired}
		}
		if v.cookies.Forged(v.r) {
			return errForged
		}
		if !isTyped(v.r.PostForm) {
			return &pageError{http.StatusBadRequest, TextInvalid}
		}
		return handle(v)
	}
}

// maxName is how many characters a field of a page takes that says who somebody is.
const maxName = 128

// isTyped reports whether a form holds what can be typed into one of ours. The core is not asked about anything else.
func isTyped(form url.Values) bool {
	for _, values := range form {
		if slices.ContainsFunc(values, func(value string) bool { return !store.IsText(value) }) {
			return false
		}
	}
	return utf8.RuneCountInString(form.Get(FieldUsername)) <= maxName
}

// valid reports whether an input meets the constraints of its operation, which the core leaves to the doors. Its error is for
// the user.
func valid[In, Out any](op api.Op[In, Out], in *In) error {
	err := awsjson.Validate(op, in)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return fault.New(f.Code, TextInvalid)
	}
	return err
}

// protect sets the headers of all pages: nothing is kept, framed, guessed, sent on to others, or loaded from
// elsewhere.
func (v *visit) protect() {
	h := v.w.Header()
	h.Set("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self)")
	h.Set("Content-Security-Policy", policy("'self'", "'none'"))
	if v.cookies.ByTLS(v.r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func policy(forms, frames string) string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action " + forms +
		"; frame-ancestors " + frames + "; base-uri 'none'"
}

// allow fits the policy to the request. The forms of a page may end where the answer goes: browsers hold form-action
// against the redirects that follow, too, and the client's own page may redirect once more; others are addresses that they may
// lead to besides. Pages of other origins may
// frame it where the operator wants that for the client.
func (v *visit) allow(others ...string) {
	forms, frames := "'self'", "'none'"
	for _, address := range append(others, v.request.RedirectURI) {
		u, err := url.Parse(address)
		if err != nil || u.Scheme == "" {
			continue
		}
		for _, scheme := range []string{" https:", " " + u.Scheme + ":"} {
			if !strings.Contains(forms, scheme) {
				forms += scheme
			}
		}
	}
	if origins := v.request.Pool.FrameAncestors(v.request.Client.Name); len(origins) > 0 {
		frames = "'self' " + strings.Join(origins, " ")
		v.w.Header().Del("X-Frame-Options") // which cannot name origins
	}
	v.w.Header().Set("Content-Security-Policy", policy(forms, frames))
}

const (
	languageCookie   = "lang"
	languageLifetime = 365 * 24 * time.Hour
)

// setLanguage takes the language that the address names, which it remembers, or the one remembered, or the browser's.
func (v *visit) setLanguage() {
	asked := v.r.URL.Query().Get("lang")
	v.language = v.view.Language(asked, v.cookies.Get(v.r, languageCookie), v.r.Header.Get("Accept-Language"))
	if asked != "" && v.r.Method == http.MethodGet {
		v.cookies.Set(v.w, v.r, languageCookie, v.language, languageLifetime)
	}
}

// frame is what a page has in common with all.
func (v *visit) frame(action string) Frame {
	f := Frame{Language: v.language, Theme: v.look, Action: action, Token: v.cookies.FormToken(v.w, v.r)}
	if v.request != nil {
		q := url.Values{}
		for name, values := range v.request.Query {
			if name != "lang" {
				q[name] = values
			}
		}
		f.Query = q.Encode()
		f.Terms = v.terms()
	}
	if v.r.Method == http.MethodGet {
		f.LanguagePath = v.path
	}
	return f
}

// show answers with a page.
func (v *visit) show(status int, p Page) error { return v.view.Render(v.w, status, p) }

// to sends the browser to a path of ours, with the request along.
func (v *visit) to(path string) error {
	v.redirect(path + "?" + v.request.Query.Encode())
	return nil
}

// redirect sends the browser on by GET, to an address that a client compares to the letter.
func (v *visit) redirect(to string) {
	v.w.Header().Set("Location", to)
	v.w.WriteHeader(http.StatusFound)
}

// fail ends a request that has failed.
func (v *visit) fail(err error) {
	status, f := http.StatusInternalServerError, &Failure{Frame: v.frame(""), Code: oauth.ErrServerError.Code}
	f.LanguagePath = ""
	if back, ok := errors.AsType[*oauth.RedirectError](err); ok {
		v.redirect(back.Location)
		return
	}
	if said, ok := errors.AsType[*oauth.PageError](err); ok {
		status, f.Code, f.Error = http.StatusBadRequest, said.Code, said.Text
	} else if said, ok := errors.AsType[*pageError](err); ok {
		status, f.Code, f.Error = said.status, "", said.text
	} else if said, ok := errors.AsType[*fault.Error](err); ok {
		status, f.Code, f.Error = http.StatusBadRequest, "", said.Message
	} else {
		f.Request = uuid.NewString()
		v.logger.ErrorContext(v.ctx, "page failed", "id", f.Request, "path", v.path, "cause", err)
	}
	v.present(status, f)
}

// present shows a page that is the last that can be shown.
func (v *visit) present(status int, p Page) {
	if err := v.show(status, p); err != nil {
		v.logger.ErrorContext(v.ctx, "page failed", "path", v.path, "cause", err)
		http.Error(v.w, "Internal error.", http.StatusInternalServerError)
	}
}

// failure is the error page, where other doors send browsers.
func (s *Service) failure(w http.ResponseWriter, r *http.Request) {
	v, q := s.visit(w, r, "/error"), r.URL.Query()
	f := &Failure{Frame: v.frame(""), Code: known(q.Get("error"))}
	f.LanguagePath = ""
	if id, err := uuid.Parse(q.Get(oauth.ParameterRequestID)); err == nil {
		f.Request = id.String()
	}
	if f.Code == errState {
		f.Error = TextSignInFailed
	}
	v.present(http.StatusBadRequest, f)
}

// errState is Cognito's word for a browser that comes back from a provider without having been sent there.
const errState = "Invalid state"

// known keeps the error page from showing what anybody writes into its address.
func known(code string) string {
	if code == errState {
		return code
	}
	if len(code) > 40 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return oauth.ErrRequest.Code
	}
	return code
}

// message is what an error says to the user; ok is false for one that is the server's own.
func message(err error) (text string, ok bool) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return "", false
	}
	return f.Message, true
}
