package hostedui

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/browser"
	"cognate/internal/oauth"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/user"
)

// errShown says that an action has answered by itself.
var errShown = errors.New("shown")

// action is what a form of the account page does, and what it says when it is done.
type action struct {
	do     func(*owner) error
	notice string
	asks   demand
}

// demand is what an action asks of who does it.
type demand uint8

const (
	anybody demand = 0
	// ownUser is a user of the pool's own: what it is about is the identity provider's business for the others.
	ownUser demand = 1
	// recent is somebody who has signed in not long ago: what is made will open the account for long.
	recent demand = 2
)

var actions = map[string]action{
	AccountAttributes:    {(*owner).saveAttributes, TextSaved, anybody},
	AccountSendCode:      {(*owner).sendCode, "", anybody},
	AccountVerify:        {(*owner).verify, TextVerified, anybody},
	AccountPassword:      {(*owner).changePassword, TextPasswordChanged, ownUser},
	AccountFactors:       {(*owner).saveFactors, TextSaved, ownUser},
	AccountTOTP:          {(*owner).beginTOTP, "", ownUser | recent},
	"":                   {(*owner).finishTOTP, TextAppAdded, ownUser},
	AccountRecoveryCodes: {(*owner).makeRecoveryCodes, "", ownUser | recent},
	AccountAddPasskey:    {(*owner).goToPasskeys, "", ownUser | recent},
	AccountDeletePasskey: {(*owner).deletePasskey, TextPasskeyDeleted, anybody},
	AccountForgetDevice:  {(*owner).forgetDevice, TextDeviceForgotten, anybody},
	AccountLink:          {(*owner).linkIdentity, "", recent},
	AccountUnlink:        {(*owner).unlinkIdentity, TextIdentityUnlinked, anybody},
	AccountEndSession:    {(*owner).endSession, TextSessionEnded, anybody},
	AccountEndOthers:     {(*owner).endOthers, TextSessionsEnded, anybody},
	AccountSignOut:       {(*owner).signOut, "", anybody},
	AccountDelete:        {(*owner).deleteAccount, "", recent},
}

// account takes a form of the account page. What went well leads back to the page, so that it is not done twice; what
// did not is told there.
func (v *visit) account() error {
	o, err := v.owned()
	if o == nil || err != nil {
		return err
	}
	action, ok := actions[v.r.PostForm.Get(FieldAction)]
	if !ok || action.asks&ownUser != 0 && o.isExternal() {
		return errForged
	}
	if action.asks&recent != 0 && !isRecent(o.login) {
		return v.signInAgain(o.login)
	}
	err = action.do(o)
	if err == errShown {
		return nil
	}
	if err == nil {
		if err := v.leave(note{Notice: action.notice}); err != nil {
			return err
		}
		return v.to(oauth.PageAccount)
	}
	if _, ok := message(err); !ok {
		return err
	}
	return o.tell(err)
}

// tell shows the account with an error.
func (o *owner) tell(err error) error {
	text, _ := message(err)
	if o.r.PostForm.Get(FieldAction) == "" { // the page that sets up an app
		seed, err := o.Users.PendingSeed(o.ctx, o.me)
		if err != nil {
			return err
		}
		page := o.totp(seed)
		page.Error = text
		return o.show(http.StatusOK, page)
	}
	return o.page(func(a *Account) { a.Error = text })
}

// saveAttributes writes what has changed, all or nothing; a field that is empty now deletes its attribute.
func (o *owner) saveAttributes() error {
	if !o.lends() {
		return errForged
	}
	form, was := o.r.PostForm, o.me.User.Attributes
	var changed []*idp.AttributeType
	for _, name := range attributesIn(form) {
		if value := form.Get(AttributeField(name)); value != was[name] {
			changed = append(changed, &idp.AttributeType{Name: name, Value: value})
		}
	}
	if len(changed) == 0 {
		return nil
	}
	sent, err := o.Users.Update(o.ctx, o.me, changed)
	if err != nil || len(sent) == 0 {
		return err
	}
	return o.asked(sent[0].AttributeName)
}

// sendCode sends a code to an address that is to be verified, and asks for it.
func (o *owner) sendCode() error {
	if !o.lends() {
		return errForged
	}
	name := o.r.PostForm.Get(FieldName)
	if _, err := o.Users.SendVerification(o.ctx, o.me, name); err != nil {
		return err
	}
	return o.asked(name)
}

// asked shows the account with the field for the code of an address.
func (o *owner) asked(name string) error {
	u, err := o.Users.Find(o.ctx, o.request.Pool, o.me.User.Sub)
	if err != nil {
		return err
	}
	o.me.User = u
	if err := o.page(func(a *Account) { a.ask(name, ""); a.Notice = TextCodeSent }); err != nil {
		return err
	}
	return errShown
}

// ask shows the field for the code of an address, with what was wrong with the one before.
func (a *Account) ask(name, wrong string) {
	i := slices.IndexFunc(a.Attributes, func(f Attribute) bool { return f.Name == name })
	if i >= 0 {
		a.Attributes[i].Verification, a.Attributes[i].CodeError = CodeSent, wrong
	}
}

func (o *owner) verify() error {
	if !o.lends() {
		return errForged
	}
	form := o.r.PostForm
	err := o.Users.VerifyAttribute(o.ctx, o.me, form.Get(FieldName), strings.TrimSpace(form.Get(FieldCode)))
	if text, ok := message(err); ok {
		if err := o.page(func(a *Account) { a.ask(form.Get(FieldName), text) }); err != nil {
			return err
		}
		return errShown
	}
	return err
}

// changePassword replaces the password. That ends all logins, so that this browser gets a new one.
func (o *owner) changePassword() error {
	form, wrong := o.r.PostForm, map[string]string{}
	if checkPasswords(form, FieldNewPassword, wrong); len(wrong) > 0 {
		if err := o.page(func(a *Account) { a.FieldErrors = wrong }); err != nil {
			return err
		}
		return errShown
	}
	in := &idp.ChangePasswordRequest{AccessToken: "page", PreviousPassword: form.Get(FieldOldPassword), ProposedPassword: form.Get(FieldNewPassword)}
	if err := valid(idp.ChangePassword, in); err != nil {
		return err
	}
	if err := o.Users.ChangePassword(o.ctx, o.me, form.Get(FieldOldPassword), form.Get(FieldNewPassword)); err != nil {
		return err
	}
	_, e := o.attempt(o.me.User.Username)
	entry := authn.Entry{User: o.me.User, Flow: token.NewFlow(), Proof: o.login.Proof}
	if err := e.Enter(o.ctx, entry, func(tx *store.Tx) error { return nil }); err != nil {
		return err
	}
	o.cookies.Set(o.w, o.r, browser.LoginCookie(o.request.Pool.ID), e.Value, oauth.LoginLifetime)
	return nil
}

// saveFactors turns second factors on and off, and prefers one. One that cannot be used stays as it is.
func (o *owner) saveFactors() error {
	form := o.r.PostForm
	able, err := o.Users.AbleFactors(o.ctx, o.request.Pool, o.me.User)
	if err != nil {
		return err
	}
	wishes := map[string]user.FactorWish{}
	for _, factor := range able {
		on := slices.Contains(form[FieldEnabled], factor)
		wishes[factor] = user.FactorWish{Enabled: new(on), Preferred: new(on && form.Get(FieldPreferred) == factor)}
	}
	return o.Users.SetFactors(o.ctx, o.request.Pool, o.me.User.Sub, wishes)
}

func (o *owner) beginTOTP() error {
	seed, err := o.Users.AssociateSoftwareToken(o.ctx, o.me)
	if err != nil {
		return err
	}
	if err := o.show(http.StatusOK, o.totp(seed)); err != nil {
		return err
	}
	return errShown
}

func (o *owner) totp(seed user.Seed) *TOTPSetup {
	page := o.totpPage(o.frame(oauth.PageAccount), Turn{}, seed, o.name())
	page.Cancel = oauth.PageAccount
	return page
}

// finishTOTP registers an app by its first code, and asks for its codes from now on.
func (o *owner) finishTOTP() error {
	code := strings.ReplaceAll(o.r.PostForm.Get(FieldCode), " ", "")
	if err := o.Users.VerifySoftwareToken(o.ctx, o.me, code, ""); err != nil {
		return err
	}
	return o.Users.SetFactors(o.ctx, o.request.Pool, o.me.User.Sub, map[string]user.FactorWish{
		user.FactorTOTP: {Enabled: new(true), Preferred: new(true)},
	})
}

// makeRecoveryCodes shows new codes this once: the page that does is the answer to the form.
func (o *owner) makeRecoveryCodes() error {
	codes, _, err := o.Users.CreateRecoveryCodes(o.ctx, o.request.Pool, o.me.User.Sub)
	if err != nil {
		return err
	}
	err = o.page(func(a *Account) {
		if a.RecoveryCodes == nil {
			return
		}
		for _, c := range codes {
			a.RecoveryCodes.New = append(a.RecoveryCodes.New, string(c))
		}
	})
	if err != nil {
		return err
	}
	return errShown
}

func (o *owner) goToPasskeys() error {
	o.request.Query.Del("response_type") // from there back to the account
	o.request.Query.Del(oauth.PageParameter)
	if err := o.to(oauth.PagePasskeys); err != nil {
		return err
	}
	return errShown
}

func (o *owner) deletePasskey() error {
	return o.Passkeys.Delete(o.ctx, o.request.Pool, o.me.User.Sub, o.r.PostForm.Get(FieldID))
}

func (o *owner) forgetDevice() error {
	return o.Users.ForgetDevice(o.ctx, o.request.Pool, o.me.User.Sub, o.r.PostForm.Get(FieldID))
}

// endSession ends a browser's login or an app's session: their ids do not look alike.
func (o *owner) endSession() error {
	p, sub, id := o.request.Pool, o.me.User.Sub, o.r.PostForm.Get(FieldID)
	if err := o.OAuth.EndLogin(o.ctx, p, sub, id); err != nil {
		return err
	}
	err := o.Tokens.EndSession(o.ctx, p.ID, sub, id)
	if _, gone := message(err); gone {
		return nil // it has ended, be it just now
	}
	return err
}

func (o *owner) endOthers() error {
	if err := o.OAuth.EndLogins(o.ctx, o.request.Pool, o.me.User.Sub, o.login.ID); err != nil {
		return err
	}
	return o.Tokens.SignOut(o.ctx, o.request.Pool.ID, o.me.User.Sub)
}

// signOut ends the login of this browser.
func (o *owner) signOut() error {
	name := browser.LoginCookie(o.request.Pool.ID)
	if err := o.OAuth.Logout(o.ctx, o.cookies.Get(o.r, name)); err != nil {
		return err
	}
	o.cookies.Clear(o.w, o.r, name)
	frame := o.frame("")
	if err := o.show(http.StatusOK, &SignedOut{Frame: frame, Continue: PathLogin + "?" + o.request.Query.Encode()}); err != nil {
		return err
	}
	return errShown
}

// deleteAccount deletes the user.
func (o *owner) deleteAccount() error {
	if !o.deletes() {
		return errForged
	}
	if o.r.PostForm.Get(FieldSure) != "yes" {
		if err := o.page(func(a *Account) { a.Error = TextNotSure }); err != nil {
			return err
		}
		return errShown
	}
	if err := o.Users.Remove(o.ctx, o.request.Pool, o.me.User.Sub); err != nil {
		return err
	}
	o.cookies.Clear(o.w, o.r, browser.LoginCookie(o.request.Pool.ID))
	frame := o.frame("")
	frame.Notice = TextAccountDeleted
	if err := o.show(http.StatusOK, &SignedOut{Frame: frame}); err != nil {
		return err
	}
	return errShown
}
