package hostedui

import (
	"net/http"
	"strings"

	"cognate/api/idp"
)

// showForgot is the page that asks whose password to reset.
func (v *visit) showForgot() error { return v.forgotPage(v.request.LoginHint, func(*Frame) {}) }

func (v *visit) forgotPage(name string, edit func(*Frame)) error {
	frame := v.frame(PathForgot)
	frame.LanguagePath = PathForgot
	edit(&frame)
	return v.show(http.StatusOK, &Forgot{Frame: frame, Username: name, Names: signInNames(v.request.Pool)})
}

// forgot sends the code to reset a password with.
func (v *visit) forgot() error {
	name := v.r.PostForm.Get(FieldUsername)
	if name == "" {
		return v.forgotPage(name, func(f *Frame) { f.FieldErrors = map[string]string{FieldUsername: TextRequired} })
	}
	sent, err := v.sendReset(name)
	if err != nil {
		text, ok := message(err)
		if !ok {
			return err
		}
		return v.forgotPage(name, func(f *Frame) { f.Error = text })
	}
	if err := v.leave(sentNote(note{Username: name}, sent)); err != nil {
		return err
	}
	return v.to(PathReset)
}

func (v *visit) sendReset(name string) (*idp.CodeDeliveryDetailsType, error) {
	c := v.request.Client
	in := &idp.ForgotPasswordRequest{ClientId: c.ID, SecretHash: c.SecretHash(name), Username: name}
	if err := valid(idp.ForgotPassword, in); err != nil {
		return nil, err
	}
	return v.Users.ForgotPassword(v.ctx, v.request.Pool, c, in)
}

// showReset is the page that takes the code and a new password.
func (v *visit) showReset() error {
	n := v.note()
	if n.Username == "" {
		return v.to(PathForgot)
	}
	return v.resetPage(n, func(f *Frame) { f.Notice = n.Notice })
}

func (v *visit) resetPage(n note, edit func(*Frame)) error {
	frame := v.frame(PathReset)
	frame.LanguagePath = PathReset
	edit(&frame)
	return v.show(http.StatusOK, &Reset{
		Frame: frame, Username: n.Username, Kind: n.Kind, Destination: n.Destination, Policy: policyOf(v.request.Pool), Resend: true,
	})
}

// reset sets a new password by the code. The user signs in with it then.
func (v *visit) reset() error {
	form := v.r.PostForm
	n := v.noteFor(form.Get(FieldUsername))
	if form.Get(FieldAction) == ActionResend {
		return v.resendReset(n)
	}
	wrong := map[string]string{}
	if checkPasswords(form, FieldNewPassword, wrong); form.Get(FieldCode) == "" {
		wrong[FieldCode] = TextRequired
	}
	if len(wrong) > 0 {
		return v.resetPage(n, func(f *Frame) { f.FieldErrors = wrong })
	}
	c := v.request.Client
	in := &idp.ConfirmForgotPasswordRequest{
		ClientId: c.ID, SecretHash: c.SecretHash(n.Username), Username: n.Username,
		ConfirmationCode: strings.TrimSpace(form.Get(FieldCode)), Password: form.Get(FieldNewPassword),
	}
	err := valid(idp.ConfirmForgotPassword, in)
	if err == nil {
		err = v.Users.ConfirmForgotPassword(v.ctx, v.request.Pool, c, in)
	}
	if err != nil {
		text, ok := message(err)
		if !ok {
			return err
		}
		return v.resetPage(n, func(f *Frame) { f.Error = text })
	}
	if err := v.leave(note{Username: n.Username, Notice: TextPasswordChanged}); err != nil {
		return err
	}
	return v.to(PathLogin)
}

func (v *visit) resendReset(n note) error {
	sent, err := v.sendReset(n.Username)
	if err != nil {
		text, ok := message(err)
		if !ok {
			return err
		}
		return v.resetPage(n, func(f *Frame) { f.Error = text })
	}
	n = sentNote(n, sent)
	n.Notice = TextCodeSent
	if err := v.leave(n); err != nil {
		return err
	}
	return v.to(PathReset)
}
