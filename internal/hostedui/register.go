package hostedui

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/pool"
)

// passwordless reports whether people sign up without a password: they get by with a code by e-mail, to an address that
// is verified on the way. Who wants a password sets one on the account page.
func (v *visit) passwordless() (bool, error) {
	p := v.request.Pool
	chooses, err := v.chooses()
	needs := p.UsernameAttribute("email") || slices.Contains(p.Required(), "email")
	return chooses && needs && p.AutoVerified("email") && slices.Contains(p.FirstFactors(), idp.AuthFactorTypeEmailOtp), err
}

// showSignUp is the page that registers a user, where that is allowed.
func (v *visit) showSignUp() error { return v.signUpPage(v.request.LoginHint, nil, func(*Frame) {}) }

func (v *visit) signUpPage(name string, form url.Values, edit func(*Frame)) error {
	if !signsUp(v.request.Pool) {
		return v.to(PathLogin)
	}
	without, err := v.passwordless()
	if err != nil {
		return err
	}
	buttons, _, err := v.providers()
	if err != nil {
		return err
	}
	frame := v.frame(PathSignUp)
	frame.LanguagePath = PathSignUp
	edit(&frame)
	return v.show(http.StatusOK, &SignUp{
		Frame: frame, Username: name, Names: signUpNames(v.request.Pool), Attributes: v.fields(v.signUpAttributes(), form),
		Policy: policyOf(v.request.Pool), Passwordless: without, Others: Others{Providers: buttons},
	})
}

// signUpAttributes are the attributes that the pool requires, but for that which is the username; and, if it verifies an address and
// there is none among them, that address: nobody could confirm the sign-up otherwise.
func (v *visit) signUpAttributes() []string {
	p, names := v.request.Pool, []string{}
	only := ""
	if len(p.Settings.UsernameAttributes) == 1 {
		only = p.Settings.UsernameAttributes[0]
	}
	for _, name := range p.Required() {
		if name != "sub" && name != only {
			names = append(names, name)
		}
	}
	verifies := p.Settings.AutoVerifiedAttributes
	asked := func(name string) bool { return slices.Contains(names, name) || p.UsernameAttribute(name) }
	if len(verifies) > 0 && !slices.ContainsFunc(verifies, asked) {
		names = append(names, slices.Min(verifies)) // the e-mail address before the number
	}
	return names
}

// fields are attributes of the pool as fields of a form, filled in with what was typed before.
func (v *visit) fields(names []string, form url.Values) (out []Attribute) {
	for _, name := range names {
		if a, ok := v.request.Pool.Attribute(name); ok {
			f := field(a, form.Get(AttributeField(name)))
			f.Required = true
			out = append(out, f)
		}
	}
	return out
}

func field(a *idp.SchemaAttributeType, value string) Attribute {
	f := Attribute{Name: a.Name, Value: value, Type: a.AttributeDataType, Required: a.Required != nil && *a.Required}
	if c := a.StringAttributeConstraints; c != nil {
		f.MinLength, f.MaxLength = number(c.MinLength), number(c.MaxLength)
	}
	if c := a.NumberAttributeConstraints; c != nil {
		f.Min, f.Max = c.MinValue, c.MaxValue
	}
	return f
}

// attributes are those of the page that a form gives a value. The page acts for a client that may write others, too: a form
// may not, or anybody could by hand.
func (v *visit) attributes() (out []*idp.AttributeType) {
	form := v.r.PostForm
	for _, name := range v.signUpAttributes() {
		if value := form.Get(AttributeField(name)); value != "" {
			out = append(out, &idp.AttributeType{Name: name, Value: value})
		}
	}
	return out
}

// signUp registers a user.
func (v *visit) signUp() error {
	form, c := v.r.PostForm, v.request.Client
	name := form.Get(FieldUsername)
	if wrong := v.checkSignUp(form); len(wrong) > 0 {
		return v.signUpPage(name, form, func(f *Frame) { f.FieldErrors = wrong })
	}
	in := &idp.SignUpRequest{
		ClientId: c.ID, SecretHash: c.SecretHash(name), Username: name, Password: form.Get(FieldPassword), UserAttributes: v.attributes(),
	}
	var out *idp.SignUpResponse
	err := valid(idp.SignUp, in)
	if err == nil {
		out, err = v.Users.SignUp(v.ctx, v.request.Pool, c, in)
	}
	if err != nil {
		text, ok := message(err)
		if !ok {
			return err
		}
		return v.signUpPage(name, form, func(f *Frame) { f.Error = text })
	}
	if out.UserConfirmed {
		if err := v.leave(note{Username: name, Notice: TextConfirmed}); err != nil {
			return err
		}
		return v.to(PathLogin)
	}
	a, _ := v.attempt(name)
	session, err := v.Machine.SignUpSession(v.ctx, a, out.UserSub)
	if err != nil {
		return err
	}
	if err := v.leave(sentNote(note{Username: name, Session: session}, out.CodeDeliveryDetails)); err != nil {
		return err
	}
	return v.to(PathConfirm)
}

func (v *visit) checkSignUp(form url.Values) map[string]string {
	wrong := map[string]string{}
	if form.Get(FieldUsername) == "" {
		wrong[FieldUsername] = TextRequired
	}
	for _, name := range v.signUpAttributes() {
		if form.Get(AttributeField(name)) == "" {
			wrong[AttributeField(name)] = TextRequired
		}
	}
	if form.Has(FieldPassword) {
		checkPasswords(form, FieldPassword, wrong)
	}
	return wrong
}

// checkPasswords looks at a new password and its repetition.
func checkPasswords(form url.Values, field string, wrong map[string]string) {
	switch {
	case form.Get(field) == "":
		wrong[field] = TextRequired
	case form.Get(field) != form.Get(FieldRepeat):
		wrong[FieldRepeat] = TextPasswordsDiffer
	}
}

// sentNote adds where a code went.
func sentNote(n note, sent *idp.CodeDeliveryDetailsType) note {
	if sent == nil {
		return n
	}
	n.Destination, n.Kind = sent.Destination, CodeEmail
	if sent.DeliveryMedium == idp.DeliveryMediumTypeSms {
		n.Kind = CodeSMS
	}
	return n
}

// showConfirm is the page that asks for the code of a sign-up.
func (v *visit) showConfirm() error {
	n := v.note()
	if n.Username == "" {
		return v.to(PathLogin)
	}
	return v.confirmPage(n, func(f *Frame) { f.Notice = n.Notice })
}

func (v *visit) confirmPage(n note, edit func(*Frame)) error {
	frame := v.frame(PathConfirm)
	frame.LanguagePath = PathConfirm
	edit(&frame)
	return v.show(http.StatusOK, &Confirm{Frame: frame, Username: n.Username, Kind: n.Kind, Destination: n.Destination, Resend: true})
}

// confirm takes the code of a sign-up, and signs the user in who has just signed up in this browser.
func (v *visit) confirm() error {
	form, n := v.r.PostForm, v.noteFor(v.r.PostForm.Get(FieldUsername))
	if form.Get(FieldAction) == ActionResend {
		return v.resend()
	}
	code := strings.TrimSpace(form.Get(FieldCode))
	if code == "" {
		return v.confirmPage(n, func(f *Frame) { f.FieldErrors = map[string]string{FieldCode: TextRequired} })
	}
	a, e := v.attempt(n.Username)
	a.Session = n.Session
	confirm := func() (string, error) { return v.confirmCode(v.request.Pool, v.request.Client, n.Username, code) }
	session, err := v.Machine.Confirm(v.ctx, a, confirm)
	if text, _ := message(err); strings.HasPrefix(text, sessionOver) { // the code is good for longer than the session
		a.Session, n.Session = "", ""
		_, err = v.Machine.Confirm(v.ctx, a, confirm)
	}
	if err != nil {
		text, ok := message(err)
		if !ok {
			return err
		}
		return v.confirmPage(n, func(f *Frame) { f.Error = text })
	}
	// After another browser's sign-up, who knows the code may not know the password. A level is reached by signing in only.
	if n.Session == "" || v.request.Levels != "" {
		if err := v.leave(note{Username: n.Username, Notice: TextConfirmed}); err != nil {
			return err
		}
		return v.to(PathLogin)
	}
	a.Session, a.Flow = session, idp.AuthFlowTypeUserAuth
	step, err := v.Machine.Start(v.ctx, a)
	if err != nil {
		return v.refused(n.Username, err)
	}
	return v.proceed(step, e, n.Username)
}

// noteFor is the note of a form about a user; the form's name counts when the two differ, as with pages in two tabs.
func (v *visit) noteFor(name string) note {
	if n := v.note(); n.Username == name {
		return n
	}
	return note{Username: name}
}

func (v *visit) confirmCode(p *pool.Pool, c *pool.Client, name, code string) (sub string, err error) {
	in := &idp.ConfirmSignUpRequest{ClientId: c.ID, SecretHash: c.SecretHash(name), Username: name, ConfirmationCode: code}
	if err := valid(idp.ConfirmSignUp, in); err != nil {
		return "", err
	}
	return v.Users.ConfirmSignUp(v.ctx, p, c, in)
}

// resend sends the code of a sign-up again.
func (v *visit) resend() error {
	n, c := v.noteFor(v.r.PostForm.Get(FieldUsername)), v.request.Client
	in := &idp.ResendConfirmationCodeRequest{ClientId: c.ID, SecretHash: c.SecretHash(n.Username), Username: n.Username}
	var sent *idp.CodeDeliveryDetailsType
	err := valid(idp.ResendConfirmationCode, in)
	if err == nil {
		sent, err = v.Users.ResendConfirmationCode(v.ctx, v.request.Pool, c, in)
	}
	if err != nil {
		text, ok := message(err)
		if !ok {
			return err
		}
		return v.confirmPage(n, func(f *Frame) { f.Error = text })
	}
	n = sentNote(n, sent)
	n.Notice = TextCodeSent
	if err := v.leave(n); err != nil {
		return err
	}
	return v.to(PathConfirm)
}

// confirmUser is where the link of a verification e-mail leads (protocol page "oauth-endpoints", section 1). It signs
// nobody in.
func (s *Service) confirmUser(w http.ResponseWriter, r *http.Request) {
	v := s.visit(w, r, "/confirmUser")
	q := r.URL.Query()
	p, c, err := s.OAuth.Client(v.ctx, r.Host, q.Get("client_id"))
	if err == nil && c == nil || len(q["user_name"]) != 1 || len(q["confirmation_code"]) != 1 || !isTyped(q) {
		err = &pageError{http.StatusBadRequest, "Invalid code provided, please request a code again."}
	}
	if err == nil && p.Secondary() {
		err = p.ErrNotEnabled(idp.CodeOperationNotEnabled, "This page")
	}
	if err == nil {
		_, err = v.confirmCode(p, c, q.Get("user_name"), q.Get("confirmation_code"))
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.present(http.StatusOK, &Confirmed{Frame: v.frame(""), Continue: template.URL(c.DefaultCallback())})
}

func number(text string) (n int) {
	for _, digit := range text {
		if digit < '0' || digit > '9' || n > 1<<20 {
			return 0
		}
		n = 10*n + int(digit-'0')
	}
	return n
}
