package hostedui

import (
	"net/http"
	"time"

	"cognate/internal/browser"
	"cognate/internal/oauth"
)

// signedIn is who is signed in in the browser, in a way that the client takes; for nobody it leads to the page that signs in, and
// from there back.
func (v *visit) signedIn() (*oauth.Login, error) {
	login, err := v.login()
	if err != nil || login != nil && v.request.Takes(login) {
		return login, err
	}
	return nil, v.to(PathLogin)
}

// recently is how young a sign-in must be for what will open the account for long.
const recently = 10 * time.Minute

func isRecent(l *oauth.Login) bool { return time.Since(l.Created) < recently }

// signInAgain ends a login that is too old, and leads to the page that signs in, and from there back.
func (v *visit) signInAgain(l *oauth.Login) error {
	if err := v.OAuth.EndLogin(v.ctx, v.request.Pool, l.User.Sub, l.ID); err != nil {
		return err
	}
	v.cookies.Clear(v.w, v.r, browser.LoginCookie(v.request.Pool.ID))
	if err := v.leave(note{Notice: TextSignInAgain}); err != nil {
		return err
	}
	return v.to(PathLogin)
}

// offerPasskey is the page on which the browser makes a passkey.
func (v *visit) offerPasskey() error {
	login, err := v.signedIn()
	if login == nil || err != nil {
		return err
	}
	if isExternal(login.User) {
		v.leavePasskeys()
		return nil
	}
	return v.passkeyPage(login, func(*Frame) {})
}

func (v *visit) passkeyPage(login *oauth.Login, edit func(*Frame)) error {
	options, err := v.Passkeys.Begin(v.ctx, v.request.Pool, login.User, v.request.Client.ID)
	if err != nil {
		return err
	}
	frame := v.frame(oauth.PagePasskeys)
	edit(&frame)
	return v.show(http.StatusOK, &PasskeyOffer{Frame: frame, Options: string(options), Skip: true})
}

// addPasskey takes the passkey that the browser has made.
func (v *visit) addPasskey() error {
	login, err := v.signedIn()
	if login == nil || err != nil {
		return err
	}
	if v.r.PostForm.Get(FieldAction) == ActionSkip {
		v.leavePasskeys()
		return nil
	}
	switch {
	case isExternal(login.User):
		return errForged
	case !isRecent(login):
		return v.signInAgain(login)
	}
	credential := []byte(v.r.PostForm.Get(FieldCredential))
	err = v.Passkeys.Complete(v.ctx, v.request.Pool, login.User, v.request.Client.ID, credential)
	if err == nil {
		v.leavePasskeys()
		return nil
	}
	text, ok := message(err)
	if !ok {
		return err
	}
	return v.passkeyPage(login, func(f *Frame) { f.Error = text })
}

// leavePasskeys goes on to where the request leads: to its answer, to its redirect URI, or to the account.
func (v *visit) leavePasskeys() {
	q := v.request.Query
	q.Del(oauth.PageParameter)
	switch {
	case q.Get("response_type") != "":
		v.redirect("/oauth2/authorize?" + q.Encode())
	case v.request.RedirectURI != "":
		v.redirect(v.request.RedirectURI)
	default:
		v.redirect(oauth.PageAccount + "?" + q.Encode())
	}
}
