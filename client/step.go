package client

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/api/idp"
)

// Step is where a sign-in stands: [*Done], or what the user is asked for, as one of [*MFA], [*SelectMFA], [*SetupMFA], [*SetupTOTP],
// [*NewPassword], [*Custom], [*SelectChallenge] and [*Passkey]. Their methods answer, and return the step that follows. An answer that
// is refused, such as a code with CodeMismatchException, can be given again at the same step; one that is taken ends the step. Steps
// expire, after three minutes where the app client does not say otherwise. They are not safe for concurrent use.
type Step interface{ isStep() }

func (*Done) isStep()            {}
func (*MFA) isStep()             {}
func (*SelectMFA) isStep()       {}
func (*SetupMFA) isStep()        {}
func (*SetupTOTP) isStep()       {}
func (*NewPassword) isStep()     {}
func (*Custom) isStep()          {}
func (*SelectChallenge) isStep() {}
func (*Passkey) isStep()         {}

// Factor is what proves who a user is.
type Factor string

// The factors.
const (
	SMS      Factor = "SMS"   // a code sent by SMS
	Email    Factor = "EMAIL" // a code sent by e-mail
	TOTP     Factor = "TOTP"  // a code of an authenticator app
	Password Factor = "PASSWORD"
	WebAuthn Factor = "WEB_AUTHN" // a passkey
)

// factors are the names that challenges have for them.
var factors = map[string]Factor{
	idp.ChallengeNameTypeSmsMfa: SMS, idp.ChallengeNameTypeSmsOtp: SMS, idp.ChallengeNameTypeEmailOtp: Email,
	idp.ChallengeNameTypeSoftwareTokenMfa: TOTP, idp.ChallengeNameTypePassword: Password, idp.ChallengeNameTypePasswordSrp: Password,
	idp.ChallengeNameTypeWebAuthn: WebAuthn,
}

// Done is the end: the user is signed in, and the session is in the store.
type Done struct {
	Session *Session
	// AskToRemember says that the user is to be asked whether the pool shall remember this machine: [Client.RememberDevice].
	AskToRemember bool
}

// turn is the user's turn at a challenge.
type turn struct {
	attempt            *attempt
	challenge, session string
}

// String hides what a step holds: some is secret.
func (t turn) String() string { return "Step{" + t.challenge + "}" }

// GoString hides what a step holds: some is secret.
func (t turn) GoString() string { return t.String() }

// LogValue hides what a step holds: some is secret.
func (t turn) LogValue() slog.Value { return slog.StringValue(t.String()) }

func (t *turn) answer(ctx context.Context, responses map[string]string) (Step, error) {
	return t.attempt.follow(ctx, func() (answer, error) { return t.attempt.respond(ctx, t.challenge, t.session, responses) })
}

// MFA asks for a code: of a second factor, or sent as the only one.
type MFA struct {
	turn
	Factor      Factor // SMS, Email or TOTP
	Destination string // where the code was sent to, in part; empty for TOTP
}

// codes are what the answers are called.
var codes = map[string]string{
	idp.ChallengeNameTypeSmsMfa: "SMS_MFA_CODE", idp.ChallengeNameTypeSmsOtp: "SMS_OTP_CODE", idp.ChallengeNameTypeEmailOtp: "EMAIL_OTP_CODE",
	idp.ChallengeNameTypeSoftwareTokenMfa: "SOFTWARE_TOKEN_MFA_CODE",
}

// Answer gives the code.
func (s *MFA) Answer(ctx context.Context, code string) (Step, error) {
	return s.answer(ctx, map[string]string{codes[s.challenge]: code})
}

// SelectMFA asks which second factor to use.
type SelectMFA struct {
	turn
	Factors []Factor
	names   []string
}

// Answer chooses one of the Factors. A code is sent where it is SMS or Email, and an [*MFA] follows.
func (s *SelectMFA) Answer(ctx context.Context, f Factor) (Step, error) {
	name, err := pick(s.names, f)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, map[string]string{"ANSWER": name})
}

// pick is the first of the names that stands for a factor.
func pick(names []string, f Factor) (string, error) {
	i := slices.IndexFunc(names, func(name string) bool { return factors[name] == f })
	if i < 0 {
		return "", fmt.Errorf("client: %s cannot be chosen", f)
	}
	return names[i], nil
}

// SetupMFA asks the user to set a second factor up, which the pool demands.
type SetupMFA struct {
	turn
	Factors []Factor // TOTP and Email can be set up here; for SMS the user needs a phone number first
}

// TOTP begins to set up an authenticator app.
func (s *SetupMFA) TOTP(ctx context.Context) (*SetupTOTP, error) {
	out, err := Call(ctx, s.attempt.client, idp.AssociateSoftwareToken, &idp.AssociateSoftwareTokenRequest{Session: s.session})
	if err != nil {
		return nil, err
	}
	next := s.turn
	next.session = out.Session
	return &SetupTOTP{turn: next, Secret: out.SecretCode}, nil
}

// Email sends a code to an address, which becomes the user's second factor when the [*MFA] that follows is answered.
func (s *SetupMFA) Email(ctx context.Context, address string) (Step, error) {
	return s.answer(ctx, map[string]string{"EMAIL": address})
}

// SetupTOTP shows the secret of an authenticator app, and asks for a code of it.
type SetupTOTP struct {
	turn
	Secret string // base32
}

// URI is what QR codes for authenticator apps hold. The issuer is the app's name, as users know it.
func (s *SetupTOTP) URI(issuer string) string {
	query := "secret=" + s.Secret + "&issuer=" + url.QueryEscape(issuer)
	return (&url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + s.attempt.username, RawQuery: query}).String()
}

// Answer gives a code of the app, and the app's name for the user to know it by, which may be empty.
func (s *SetupTOTP) Answer(ctx context.Context, code, name string) (Step, error) {
	out, err := Call(ctx, s.attempt.client, idp.VerifySoftwareToken, &idp.VerifySoftwareTokenRequest{Session: s.session, UserCode: code, FriendlyDeviceName: name})
	if err != nil {
		return nil, err
	}
	if out.Status != idp.VerifySoftwareTokenResponseTypeSuccess {
		return nil, &Error{Code: idp.CodeEnableSoftwareTokenMFA, Message: "Code mismatch and fail enable Software Token MFA"}
	}
	s.session = out.Session
	return s.answer(ctx, map[string]string{})
}

// NewPassword asks for a new password in the place of a temporary one.
type NewPassword struct {
	turn
	Attributes map[string]string // what the user has
	Required   []string          // attributes that the user has not, and must have
}

// Answer gives the password, and attributes: all that are Required, and others that the app client may write.
func (s *NewPassword) Answer(ctx context.Context, password string, attributes map[string]string) (Step, error) {
	responses := map[string]string{"NEW_PASSWORD": password}
	for name, value := range attributes {
		responses[attributePrefix+name] = value
	}
	return s.answer(ctx, responses)
}

// Custom is a challenge of the pool's functions.
type Custom struct {
	turn
	Parameters map[string]string
}

// Answer answers it. Whether that was right is for what follows to tell: another Custom, [*Done] or an error.
func (s *Custom) Answer(ctx context.Context, answer string) (Step, error) {
	return s.answer(ctx, map[string]string{"ANSWER": answer})
}

// SelectChallenge asks which first factor to use.
type SelectChallenge struct {
	turn
	Factors []Factor
	names   []string
}

// Password signs in with the password, which SRP proves where the server lets it.
func (s *SelectChallenge) Password(ctx context.Context, password string) (Step, error) {
	responses := map[string]string{}
	if !slices.Contains(s.names, idp.ChallengeNameTypePasswordSrp) {
		responses["PASSWORD"] = password
		return s.choose(ctx, Password, responses)
	}
	if err := s.attempt.prepare(password, responses); err != nil {
		return nil, err
	}
	return s.choose(ctx, Password, responses)
}

// Code has a code sent, by SMS or Email; an [*MFA] asks for it.
func (s *SelectChallenge) Code(ctx context.Context, f Factor) (Step, error) {
	return s.choose(ctx, f, map[string]string{})
}

// Passkey signs in with a passkey: a [*Passkey] follows.
func (s *SelectChallenge) Passkey(ctx context.Context) (Step, error) {
	return s.choose(ctx, WebAuthn, map[string]string{})
}

// choose answers with a factor; where the server has chosen itself, its challenge is answered.
func (s *SelectChallenge) choose(ctx context.Context, f Factor, responses map[string]string) (Step, error) {
	name, err := pick(s.names, f)
	if err != nil {
		return nil, err
	}
	if f == Password && slices.Contains(s.names, idp.ChallengeNameTypePasswordSrp) {
		name = idp.ChallengeNameTypePasswordSrp
	}
	if s.challenge == idp.ChallengeNameTypeSelectChallenge {
		responses["ANSWER"] = name
	}
	return s.answer(ctx, responses)
}

// Passkey asks for a passkey's proof.
type Passkey struct {
	turn
	Options string // PublicKeyCredentialRequestOptions of WebAuthn, as JSON
}

// Answer gives the AuthenticationResponse of WebAuthn, as JSON.
func (s *Passkey) Answer(ctx context.Context, credential string) (Step, error) {
	return s.answer(ctx, map[string]string{"CREDENTIAL": credential})
}

// ask makes the step of a challenge.
func (a *attempt) ask(in answer) (Step, error) {
	t, p := turn{a, in.challenge, in.session}, in.parameters
	switch in.challenge {
	case idp.ChallengeNameTypeSmsMfa, idp.ChallengeNameTypeSmsOtp, idp.ChallengeNameTypeEmailOtp, idp.ChallengeNameTypeSoftwareTokenMfa:
		return &MFA{turn: t, Factor: factors[in.challenge], Destination: p["CODE_DELIVERY_DESTINATION"]}, nil
	case idp.ChallengeNameTypeSelectMfaType:
		names, err := list(p["MFAS_CAN_CHOOSE"])
		return checked(&SelectMFA{turn: t, Factors: known(names), names: names}, err)
	case idp.ChallengeNameTypeMfaSetup:
		names, err := list(p["MFAS_CAN_SETUP"])
		return checked(&SetupMFA{turn: t, Factors: known(names)}, err)
	case idp.ChallengeNameTypeNewPasswordRequired:
		return newPassword(t, p)
	case idp.ChallengeNameTypeCustomChallenge:
		return &Custom{turn: t, Parameters: p}, nil
	case idp.ChallengeNameTypeSelectChallenge:
		return &SelectChallenge{turn: t, Factors: known(in.available), names: in.available}, nil
	case idp.ChallengeNameTypePassword, idp.ChallengeNameTypePasswordSrp:
		return &SelectChallenge{turn: t, Factors: []Factor{Password}, names: []string{in.challenge}}, nil
	case idp.ChallengeNameTypeWebAuthn:
		return &Passkey{turn: t, Options: p["CREDENTIAL_REQUEST_OPTIONS"]}, nil
	}
	return nil, fmt.Errorf("client: the challenge %q is not known", in.challenge)
}

// checked is a step unless making it has failed.
func checked(s Step, err error) (Step, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

const attributePrefix = "userAttributes."

// newPassword reads the parameters of NEW_PASSWORD_REQUIRED, which are JSON in strings.
func newPassword(t turn, parameters map[string]string) (Step, error) {
	s := &NewPassword{turn: t, Attributes: map[string]string{}}
	if text := parameters["userAttributes"]; text != "" {
		if json.Unmarshal([]byte(text), &s.Attributes) != nil {
			return nil, errAnswer
		}
	}
	required, err := list(parameters["requiredAttributes"])
	if err != nil {
		return nil, err
	}
	for _, name := range required {
		s.Required = append(s.Required, strings.TrimPrefix(name, attributePrefix))
	}
	return s, nil
}

// list reads a list that is JSON in a string.
func list(text string) (out []string, err error) {
	if text == "" {
		return nil, nil
	}
	if json.Unmarshal([]byte(text), &out) != nil {
		return nil, errAnswer
	}
	return out, nil
}

// known are the factors among names, each once.
func known(names []string) (out []Factor) {
	for _, name := range names {
		if f := factors[name]; f != "" && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}
