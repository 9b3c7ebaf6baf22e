package hostedui

import (
	"net/http"

	"cognate/internal/oauth"
)

// signedIn is who is signed in in the browser; for nobody it leads to the page that signs in, and from there back.
func (v *visit) signedIn() (*oauth.Login, error) {
	login, err := v.login()
	if err == nil && login == nil {
		return nil, v.to(PathLogin)
	}
	return login, err
}

// offerPasskey is the page on which the browser makes a passkey.
func (v *visit) offerPasskey() error {
	login, err := v.signedIn()
	if login == nil || err != nil {
		return err
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
