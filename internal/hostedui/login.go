package hostedui

import (
	"net/http"
	"slices"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/awsjson"
	"cognate/internal/browser"
	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/user"
)

// showSignIn is the page that signs in, unless the browser is signed in already and that is enough.
func (v *visit) showSignIn() error {
	login, err := v.login()
	if err != nil {
		return err
	}
	to, err := v.OAuth.Resume(v.ctx, v.request, login)
	if err == nil && to == "" && v.request.Provider != "" {
		return v.to("/oauth2/authorize") // which sends to the provider
	}
	if err != nil || to != "" {
		if err == nil {
			v.redirect(to)
		}
		return err
	}
	n := v.note()
	if n.Notice != "" {
		v.forget()
	}
	name := n.Username
	if v.request.LoginHint != "" {
		name = v.request.LoginHint
	}
	return v.showStart(http.StatusOK, name, func(f *Frame) { f.Notice = n.Notice })
}

// login is who is signed in in the browser; nil for nobody.
func (v *visit) login() (*oauth.Login, error) {
	return v.OAuth.Login(v.ctx, v.request.Pool, v.cookies.Get(v.r, browser.LoginCookie(v.request.Pool.ID)))
}

// managed reports whether the pages are those of managed login: at a domain that says so, and at hosts that are no
// pool's domain.
func (v *visit) managed() (bool, error) {
	owner, err := v.Pools.ByHost(v.ctx, v.r.Host)
	return err == nil && (owner == nil || owner.ManagedLogin(v.r.Host)), err
}

// chooses reports whether users begin with their name alone, and then choose a factor: the classic pages know passwords
// only, as do clients that do not allow the choice.
func (v *visit) chooses() (bool, error) {
	managed, err := v.managed()
	c := v.request.Client
	return managed && c.Allows(idp.ExplicitAuthFlowsTypeAllowUserAuth) && len(v.request.Pool.FirstFactors()) > 1, err
}

// showStart shows the page on which a sign-in begins.
func (v *visit) showStart(status int, username string, edit func(*Frame)) error {
	chooses, err := v.chooses()
	if err != nil {
		return err
	}
	frame, p := v.frame(PathLogin), v.request.Pool
	frame.LanguagePath = PathLogin
	edit(&frame)
	local, others := v.isLocal(), Others{Email: v.r.PostForm.Get(FieldEmail)}
	if others.Providers, others.Domain, err = v.providers(); err != nil {
		return err
	}
	if chooses && local {
		return v.show(status, &SignInStart{
			Frame: frame, Username: username, Names: signInNames(p), SignUp: signsUp(p), Others: others,
			Passkey: slices.Contains(p.FirstFactors(), idp.AuthFactorTypeWebAuthn),
		})
	}
	return v.show(status, &SignIn{
		Frame: frame, Username: username, Names: signInNames(p), Local: local, SignUp: local && signsUp(p), Forgot: local,
		Others: others,
	})
}

// signInNames is what users of a pool can sign in with.
func signInNames(p *pool.Pool) Names {
	if p.HasUsernameAttributes() {
		return signUpNames(p)
	}
	names := NameUsername
	if p.Alias("email") {
		names |= NameEmail
	}
	if p.Alias("phone_number") {
		names |= NamePhone
	}
	return names
}

// signUpNames is what new users of a pool call themselves.
func signUpNames(p *pool.Pool) (names Names) {
	if p.UsernameAttribute("email") {
		names |= NameEmail
	}
	if p.UsernameAttribute("phone_number") {
		names |= NamePhone
	}
	return max(names, NameUsername)
}

// signsUp reports whether people can register themselves.
func signsUp(p *pool.Pool) bool {
	only := p.Settings.AdminCreateUserConfig.AllowAdminCreateUserOnly
	return only == nil || !*only
}

// attempt is a sign-in by this page: it ends in an entrance.
func (v *visit) attempt(username string) (*authn.Attempt, *oauth.Entrance) {
	ip := awsjson.Peer(v.r)
	e := v.OAuth.Entrance(v.request, v.r.UserAgent(), ip)
	parameters := map[string]string{"USERNAME": username}
	if hash := v.request.Client.SecretHash(username); hash != "" {
		parameters["SECRET_HASH"] = hash
	}
	if v.request.Levels != "" {
		parameters["TARGET_ACR_VALUES"] = v.request.Levels
	}
	return &authn.Attempt{
		Pool: v.request.Pool, Client: v.request.Client, IP: ip, Origin: user.Origin(v.ctx, v.request.Client, nil),
		Parameters: parameters, Enter: e.Enter, Link: v.linkAddress(),
	}, e
}

// start takes what the page that signs in sends: an e-mail address whose domain is a provider's, or a sign-in of the pool's own.
func (v *visit) start() error {
	if v.r.PostForm.Get(FieldAction) == ActionDomain {
		return v.byDomain()
	}
	return local((*visit).signIn)(v)
}

// signIn takes what the pages of a sign-in send: the beginning, or the answer to a challenge.
func (v *visit) signIn() error {
	form := v.r.PostForm
	if form.Get(FieldChallenge) != "" {
		return v.answer()
	}
	name := form.Get(FieldUsername)
	if name == "" {
		return v.showStart(http.StatusOK, "", func(f *Frame) { f.FieldErrors = map[string]string{FieldUsername: TextRequired} })
	}
	chooses, err := v.chooses()
	if err != nil {
		return err
	}
	a, e := v.attempt(name)
	a.Flow = idp.AuthFlowTypeUserPasswordAuth
	if chooses && !form.Has(FieldPassword) {
		a.Flow = idp.AuthFlowTypeUserAuth
		if form.Get(FieldAction) == ActionPasskey {
			a.Parameters["PREFERRED_CHALLENGE"] = idp.ChallengeNameTypeWebAuthn
		}
	} else if a.Parameters["PASSWORD"] = form.Get(FieldPassword); a.Parameters["PASSWORD"] == "" {
		return v.showStart(http.StatusOK, name, func(f *Frame) { f.FieldErrors = map[string]string{FieldPassword: TextRequired} })
	}
	step, err := v.Machine.Start(v.ctx, a)
	if err != nil {
		return v.refused(name, err)
	}
	return v.proceed(step, e, name)
}

// refused shows the start of a sign-in again, with why it is refused, or the page by which the user can do something
// about that.
func (v *visit) refused(name string, err error) error {
	text, ok := message(err)
	if !ok {
		return err
	}
	switch code(err) {
	case idp.CodeUserNotConfirmed:
		if err := v.leave(note{Username: name, Notice: text}); err != nil {
			return err
		}
		return v.to(PathConfirm)
	case idp.CodePasswordResetRequired:
		if err := v.leave(note{Username: name, Notice: text}); err != nil {
			return err
		}
		return v.to(PathReset)
	}
	return v.showStart(http.StatusOK, name, func(f *Frame) { f.Error = text })
}

// enter ends a sign-in: the browser is signed in from now on, in place of what it was before, and goes where the request
// says.
func (v *visit) enter(e *oauth.Entrance) error {
	name := browser.LoginCookie(v.request.Pool.ID)
	before := v.cookies.Get(v.r, name)
	v.cookies.Set(v.w, v.r, name, e.Value, oauth.LoginLifetime)
	v.forget()
	if err := v.OAuth.Logout(v.ctx, before); err != nil {
		return err
	}
	to, err := e.Answer(v.ctx)
	if err == nil {
		v.redirect(to)
	}
	return err
}
