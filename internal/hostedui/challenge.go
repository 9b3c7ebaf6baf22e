package hostedui

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/fault"
	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/user"
)

// code is the code of a fault, "" for other errors.
func code(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return ""
	}
	return f.Code
}

// turn is the challenge that a form answers.
func (v *visit) turn() Turn {
	form := v.r.PostForm
	return Turn{Session: form.Get(FieldSession), Challenge: form.Get(FieldChallenge), Username: form.Get(FieldUsername)}
}

// proceed shows what comes next in a sign-in, or ends it.
func (v *visit) proceed(step *authn.Step, e *oauth.Entrance, username string) error {
	if step.Challenge == "" {
		return v.enter(e)
	}
	page, err := v.page(step, Turn{Session: step.Session, Challenge: step.Challenge, Username: username})
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, page)
}

// page is the page of a challenge.
func (v *visit) page(step *authn.Step, t Turn) (Page, error) {
	frame := v.frame(PathLogin)
	switch step.Challenge {
	case idp.ChallengeNameTypeSelectChallenge:
		return v.firstFactor(frame, step, t)
	case idp.ChallengeNameTypePassword, idp.ChallengeNameTypePasswordSrp:
		return &PasswordEntry{Frame: frame, Turn: t, Forgot: true}, nil
	case idp.ChallengeNameTypeWebAuthn:
		return &PasskeySignIn{Frame: frame, Turn: t, Options: step.Parameters["CREDENTIAL_REQUEST_OPTIONS"], Other: true}, nil
	case idp.ChallengeNameTypeSelectMfaType:
		return &Choice{Frame: frame, Turn: t, Factors: factorsIn(step, "MFAS_CAN_CHOOSE")}, nil
	case idp.ChallengeNameTypeMfaSetup:
		return v.setUp(frame, factorsIn(step, "MFAS_CAN_SETUP"), t)
	case idp.ChallengeNameTypeNewPasswordRequired:
		return v.newPassword(frame, t, requiredIn(step)), nil
	case idp.ChallengeNameTypeSmsMfa, idp.ChallengeNameTypeSmsOtp, idp.ChallengeNameTypeEmailOtp, idp.ChallengeNameTypeSoftwareTokenMfa:
		if step.Link {
			return v.linkSent(t, step.Parameters["CODE_DELIVERY_DESTINATION"])
		}
		c := codePage(frame, t)
		c.Destination = step.Parameters["CODE_DELIVERY_DESTINATION"]
		return c, nil
	}
	return nil, errors.New("no page for the challenge " + step.Challenge)
}

// firstFactor is the choice of a first factor, or the page of a password where that is all there is.
func (v *visit) firstFactor(frame Frame, step *authn.Step, t Turn) (Page, error) {
	var factors []Factor
	for _, name := range step.Available {
		if name != idp.ChallengeNameTypePasswordSrp { // the same to a person
			factors = append(factors, Factor(name))
		}
	}
	if len(factors) == 1 && factors[0] == Password {
		return &PasswordEntry{Frame: frame, Turn: t, Forgot: true}, nil
	}
	return &Choice{Frame: frame, Turn: t, Factors: factors}, nil
}

// factorsIn are the factors that a parameter of a challenge lists.
func factorsIn(step *authn.Step, parameter string) (out []Factor) {
	_ = json.Unmarshal([]byte(step.Parameters[parameter]), &out) // which the machine has just written
	return out
}

// requiredIn are the attributes that a challenge asks for beside the new password.
func requiredIn(step *authn.Step) (names []string) {
	_ = json.Unmarshal([]byte(step.Parameters["requiredAttributes"]), &names)
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, AttributeField(""))
	}
	return names
}

var codeKinds = map[string]CodeKind{
	idp.ChallengeNameTypeSmsMfa: CodeSMS, idp.ChallengeNameTypeSmsOtp: CodeSMS, idp.ChallengeNameTypeEmailOtp: CodeEmail,
	idp.ChallengeNameTypeSoftwareTokenMfa: CodeApp,
}

func codePage(frame Frame, t Turn) *Code {
	kind := codeKinds[t.Challenge]
	return &Code{Frame: frame, Turn: t, Kind: kind, Resend: kind != CodeApp, Recovery: kind == CodeApp}
}

func (v *visit) newPassword(frame Frame, t Turn, names []string) *NewPassword {
	return &NewPassword{Frame: frame, Turn: t, Policy: policyOf(v.request.Pool), Attributes: v.fields(names, v.r.PostForm)}
}

// setUp is the page that sets up a second factor, or the choice of one.
func (v *visit) setUp(frame Frame, factors []Factor, t Turn) (Page, error) {
	switch {
	case len(factors) != 1:
		return &Choice{Frame: frame, Turn: t, Factors: factors}, nil
	case factors[0] == TOTP:
		return v.setUpTOTP(frame, t)
	}
	return &EmailSetup{Frame: frame, Turn: t}, nil
}

// setUpTOTP is the page of a new seed.
func (v *visit) setUpTOTP(frame Frame, t Turn) (Page, error) {
	a, _ := v.attempt(t.Username)
	a.Session = t.Session
	seed, session, err := v.Machine.AssociateSoftwareToken(v.ctx, a)
	if err != nil {
		return nil, err
	}
	t.Session = session
	return v.totpPage(frame, t, seed, t.Username), nil
}

// totpPage shows a seed, under the name of the account.
func (v *visit) totpPage(frame Frame, t Turn, seed user.Seed, account string) *TOTPSetup {
	issuer := v.request.Pool.Host()
	if issuer == "" {
		issuer = v.request.Pool.Settings.Name
	}
	label := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account}
	label.RawQuery = strings.ReplaceAll(url.Values{"secret": {seed.Text()}, "issuer": {issuer}}.Encode(), "+", "%20")
	return &TOTPSetup{Frame: frame, Turn: t, Secret: seed.Text(), URI: label.String()}
}

// answer takes the answer to a challenge, or what else the page of one offers.
func (v *visit) answer() error {
	t := v.turn()
	switch v.r.PostForm.Get(FieldAction) {
	case ActionOther:
		return v.restart(t.Username)
	case ActionResend:
		return v.sendAgain(t)
	case ActionRecovery:
		c := codePage(v.frame(PathLogin), t)
		c.Kind, c.Recovery = CodeRecovery, false
		return v.show(http.StatusOK, c)
	}
	a, e := v.attempt(t.Username)
	a.Session, a.Challenge = t.Session, t.Challenge
	done, err := v.fill(a)
	if err != nil || done {
		if err != nil {
			return v.again(t, err)
		}
		return nil
	}
	step, err := v.Machine.Respond(v.ctx, a)
	if err != nil {
		return v.again(t, err)
	}
	return v.proceed(step, e, t.Username)
}

// restart begins the choice of a first factor anew.
func (v *visit) restart(name string) error {
	a, e := v.attempt(name)
	a.Flow = idp.AuthFlowTypeUserAuth
	step, err := v.Machine.Start(v.ctx, a)
	if err != nil {
		return v.refused(name, err)
	}
	return v.proceed(step, e, name)
}

// sendAgain sends the code of a challenge again.
func (v *visit) sendAgain(t Turn) error {
	a, _ := v.attempt(t.Username)
	a.Session = t.Session
	step, err := v.Machine.Resend(v.ctx, a)
	if err != nil {
		return v.again(t, err)
	}
	t.Session = step.Session
	page, err := v.page(step, t)
	if err != nil {
		return err
	}
	page.frame().Notice = TextCodeSent
	return v.show(http.StatusOK, page)
}

// codeFields are the parameters that the codes of challenges go by.
var codeFields = map[string]string{
	idp.ChallengeNameTypeSmsMfa: "SMS_MFA_CODE", idp.ChallengeNameTypeSmsOtp: "SMS_OTP_CODE",
	idp.ChallengeNameTypeEmailOtp: "EMAIL_OTP_CODE", idp.ChallengeNameTypeSoftwareTokenMfa: "SOFTWARE_TOKEN_MFA_CODE",
}

// errRepeat and errRequired are what the pages find wrong by themselves.
var (
	errRepeat   = fault.New("", TextPasswordsDiffer)
	errRequired = fault.New("", TextRequired)
)

// fill puts what the form says into an answer. It reports done when it has shown a page instead.
func (v *visit) fill(a *authn.Attempt) (done bool, err error) {
	form := v.r.PostForm
	switch {
	case codeFields[a.Challenge] != "":
		code := strings.ReplaceAll(form.Get(FieldCode), " ", "")
		if code == "" {
			return false, errRequired
		}
		a.Parameters[codeFields[a.Challenge]] = code
	case a.Challenge == idp.ChallengeNameTypeNewPasswordRequired:
		return false, v.fillNewPassword(a)
	case a.Challenge == idp.ChallengeNameTypeMfaSetup:
		return v.fillSetup(a)
	case a.Challenge == idp.ChallengeNameTypeWebAuthn:
		a.Parameters["CREDENTIAL"] = form.Get(FieldCredential)
	case form.Has(FieldPassword):
		a.Parameters["ANSWER"], a.Parameters["PASSWORD"] = idp.ChallengeNameTypePassword, form.Get(FieldPassword)
		if a.Parameters["PASSWORD"] == "" {
			return false, errRequired
		}
	case form.Get(FieldAnswer) == string(Password): // asked for on a page of its own
		return true, v.show(http.StatusOK, &PasswordEntry{Frame: v.frame(PathLogin), Turn: v.turn(), Forgot: true, Other: true})
	default:
		a.Parameters["ANSWER"] = form.Get(FieldAnswer)
	}
	return false, nil
}

func (v *visit) fillNewPassword(a *authn.Attempt) error {
	form := v.r.PostForm
	if form.Get(FieldNewPassword) == "" {
		return errRequired
	}
	if form.Get(FieldNewPassword) != form.Get(FieldRepeat) {
		return errRepeat
	}
	a.Parameters["NEW_PASSWORD"] = form.Get(FieldNewPassword)
	for field, values := range form {
		if strings.HasPrefix(field, AttributeField("")) && values[0] != "" {
			a.Parameters[field] = values[0]
		}
	}
	return nil
}

// fillSetup answers MFA_SETUP: by the choice of a factor, an address, or the first code of an app.
func (v *visit) fillSetup(a *authn.Attempt) (done bool, err error) {
	form := v.r.PostForm
	switch {
	case form.Get(FieldEmail) != "":
		a.Parameters["EMAIL"] = form.Get(FieldEmail)
		return false, nil
	case form.Has(FieldCode):
		a.Session, err = v.Machine.VerifySoftwareToken(v.ctx, a, strings.ReplaceAll(form.Get(FieldCode), " ", ""), "")
		return false, err
	case form.Get(FieldAnswer) != "":
		page, err := v.setUp(v.frame(PathLogin), []Factor{Factor(form.Get(FieldAnswer))}, v.turn())
		if err != nil {
			return false, err
		}
		return true, v.show(http.StatusOK, page)
	}
	return false, errRequired
}

// Errors that leave nothing of a sign-in to go on with begin with this.
const sessionOver = "Invalid session for the user"

// again shows the page of a challenge once more, with what was wrong with the answer; or the start, when the sign-in
// cannot go on.
func (v *visit) again(t Turn, err error) error {
	text, ok := message(err)
	if !ok {
		return err
	}
	page := v.samePage(t)
	if page == nil || strings.HasPrefix(text, sessionOver) || slices.Contains([]string{idp.CodeUserNotConfirmed, idp.CodePasswordResetRequired}, code(err)) {
		return v.refused(t.Username, err)
	}
	page.frame().Error = text
	return v.show(http.StatusOK, page)
}

// samePage is the page that a form was on; nil when it cannot be made again.
func (v *visit) samePage(t Turn) Page {
	frame, form := v.frame(PathLogin), v.r.PostForm
	switch {
	case codeFields[t.Challenge] != "":
		return codePage(frame, t)
	case t.Challenge == idp.ChallengeNameTypeNewPasswordRequired:
		return v.newPassword(frame, t, attributesIn(form))
	case t.Challenge == idp.ChallengeNameTypeMfaSetup && form.Has(FieldEmail):
		return &EmailSetup{Frame: frame, Turn: t, Email: form.Get(FieldEmail)}
	case t.Challenge == idp.ChallengeNameTypeMfaSetup && form.Has(FieldCode):
		a, _ := v.attempt(t.Username)
		a.Session = t.Session
		seed, err := v.Machine.Seed(a)
		if err != nil {
			return nil
		}
		return v.totpPage(frame, t, seed, t.Username)
	case form.Has(FieldPassword):
		return &PasswordEntry{Frame: frame, Turn: t, Forgot: true}
	}
	return nil
}

// attributesIn are the attributes that a form has fields for.
func attributesIn(form url.Values) (names []string) {
	for field := range form {
		if name, ok := strings.CutPrefix(field, AttributeField("")); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func policyOf(p *pool.Pool) Policy {
	have := p.PasswordPolicy()
	on := func(b *bool) bool { return b != nil && *b }
	out := Policy{Uppercase: on(have.RequireUppercase), Lowercase: on(have.RequireLowercase), Number: on(have.RequireNumbers), Symbol: on(have.RequireSymbols)}
	if have.MinimumLength != nil {
		out.MinLength = int(*have.MinimumLength)
	}
	return out
}
