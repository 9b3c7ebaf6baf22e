// Package authn is the sign-in machine: [Machine.Start] begins a flow and [Machine.Respond] answers a
// challenge, and both return a [Step], which is the next challenge or the tokens. Doors only render it.
// The order of the steps, the challenges and the texts are those of the protocol pages "auth-flows"
// and "srp".
//
// Between two steps the machine keeps nothing: the Session and SECRET_BLOCK strings that clients carry
// are sealed, bound to pool, client, user and challenge, and expire. Only the end of a flow is written
// down, together with the session that it creates, so that a flow ends once. Sign-ins whose challenges the
// pool's functions make have a row besides, once an answer has been given: see custom.go.
package authn

import (
	"context"
	"log/slog"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/token"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// Machine signs users in. It is safe for concurrent use.
type Machine struct {
	keys   *secret.Keyring
	users  *user.Directory
	tokens *token.Service

	passkeys *passkey.Service
}

// New makes a machine over the directory, the passkeys and the tokens.
func New(keys *secret.Keyring, users *user.Directory, passkeys *passkey.Service, tokens *token.Service) *Machine {
	return &Machine{keys: keys, users: users, passkeys: passkeys, tokens: tokens}
}

// Attempt is one call of a client: the beginning of a flow, or an answer.
type Attempt struct {
	Pool   *pool.Pool
	Client *pool.Client
	Admin  bool // signed by an administrator: other flows are open to it

	Flow      string // an AuthFlow, for Start
	Challenge string // a ChallengeName, for Respond
	Session   string // for Respond

	Parameters map[string]string // AuthParameters or ChallengeResponses
	Metadata   map[string]string // ClientMetadata, for functions
	IP         string            // where the user is, as far as that is known
	Origin     threat.Origin     // the same for threat protection, and by what program

	// Enter makes the attempt one of a page of the server's own: the sign-in ends with a call of Enter in place of
	// tokens, and a page may take a password whatever flows the client allows itself. What Enter writes, it
	// writes together with what also writes, in one Update; of a flow that has ended before it returns
	// [store.ErrExists]. The Sessions of the pages are of no use to clients, and the other way round.
	Enter func(ctx context.Context, e Entry, also func(*store.Tx) error) error
	// Link is where the page is that takes a sign-in link: an absolute address with a query, to which "&link=" and a
	// code are added. Where the pool wants links, a first factor by e-mail is then one, and what it carries is the
	// answer to EMAIL_OTP. The code is of no use without the Session, which the page keeps in the browser that asked.
	// Empty, or without Enter, codes are sent that a person can type.
	Link string

	watching
}

// Entry is a sign-in that has proven all that its pool asks for.
type Entry struct {
	User  store.User
	Flow  string // names the sign-in
	Proof token.Proof
}

// Step is what comes next: a challenge to answer, or the end: Tokens, or for an attempt of a page nothing.
type Step struct {
	Challenge  string
	Session    string // empty for the challenge of a plain SRP flow, whose state is its SECRET_BLOCK
	Parameters map[string]string
	Available  []string // the first factors that the user can choose from, at the start of a choice
	Link       bool     // what was sent is a link, not a code to type
	Tokens     *token.Tokens

	wrong bool // what was answered is wrong, and the next challenge follows all the same
}

// String leaves out the session and the parameters, which hold secrets.
func (a Attempt) String() string {
	return "attempt " + a.Flow + a.Challenge + " at client " + a.Client.ID
}

// GoString is String.
func (a Attempt) GoString() string { return a.String() }

// LogValue is String.
func (a Attempt) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String leaves out the session, the parameters and the tokens.
func (s Step) String() string { return "step " + s.Challenge }

// GoString is String.
func (s Step) GoString() string { return s.String() }

// LogValue is String.
func (s Step) LogValue() slog.Value { return slog.StringValue(s.String()) }

// need returns a parameter that the flow cannot do without.
func (a *Attempt) need(name string) (string, error) {
	if v := a.Parameters[name]; v != "" {
		return v, nil
	}
	return "", fault.New(idp.CodeInvalidParameter, "Missing required parameter "+name)
}

// longestDeviceKey is how long the model lets a DEVICE_KEY be. Nothing longer is one, nor fits into a Session.
const longestDeviceKey = 55

// device is the DEVICE_KEY of an attempt, where the pool knows devices.
func (a *Attempt) device() string {
	key := a.Parameters["DEVICE_KEY"]
	if a.Enter != nil || !a.Pool.RemembersDevices() || len(key) > longestDeviceKey {
		return ""
	}
	return key
}

// flow is how one AuthFlow begins: the client setting that allows it, the refusal when it is not
// allowed, and the first step.
type flow struct {
	setting string
	refusal func(*Attempt) error
	door    access
	start   func(*Machine, context.Context, *Attempt) (*Step, error)
}

// access tells which of the two doors, the public and the administrator's, a flow is open at.
type access int

const (
	both access = iota
	publicOnly
	adminOnly
)

func notEnabled(a *Attempt) error {
	return fault.New(idp.CodeInvalidParameter, a.Flow+" is not enabled for the client.")
}

func passwordNotEnabled(*Attempt) error {
	return fault.New(idp.CodeInvalidParameter, "USER_PASSWORD_AUTH flow not enabled for this client")
}

func adminNotEnabled(*Attempt) error {
	return fault.New(idp.CodeInvalidParameter, "Auth flow not enabled for this client")
}

// refreshNotEnabled tells a client that rotates its refresh tokens what to call instead.
func refreshNotEnabled(a *Attempt) error {
	if rotates, _ := a.Client.Rotation(); rotates {
		return fault.New(idp.CodeUnsupportedOperation, "Refresh token rotation is enabled for the client: use GetTokensFromRefreshToken.")
	}
	return notEnabled(a)
}

var flows = map[string]flow{
	idp.AuthFlowTypeUserSrpAuth:           {"ALLOW_USER_SRP_AUTH", notEnabled, both, (*Machine).startSRP},
	idp.AuthFlowTypeUserPasswordAuth:      {"ALLOW_USER_PASSWORD_AUTH", passwordNotEnabled, publicOnly, (*Machine).startPassword},
	idp.AuthFlowTypeAdminUserPasswordAuth: {"ALLOW_ADMIN_USER_PASSWORD_AUTH", adminNotEnabled, adminOnly, (*Machine).startPassword},
	idp.AuthFlowTypeAdminNoSrpAuth:        {"ALLOW_ADMIN_USER_PASSWORD_AUTH", adminNotEnabled, adminOnly, (*Machine).startPassword},
	idp.AuthFlowTypeCustomAuth:            {"ALLOW_CUSTOM_AUTH", notEnabled, both, (*Machine).startCustom},
	idp.AuthFlowTypeUserAuth:              {"ALLOW_USER_AUTH", notEnabled, both, (*Machine).startChoice},
	idp.AuthFlowTypeRefreshTokenAuth:      {"ALLOW_REFRESH_TOKEN_AUTH", refreshNotEnabled, both, (*Machine).startRefresh},
	idp.AuthFlowTypeRefreshToken:          {"ALLOW_REFRESH_TOKEN_AUTH", refreshNotEnabled, both, (*Machine).startRefresh},
}

// Start begins a flow.
func (m *Machine) Start(ctx context.Context, a *Attempt) (*Step, error) {
	f, ok := flows[a.Flow]
	if !ok || f.door == publicOnly && a.Admin || f.door == adminOnly && !a.Admin {
		return nil, fault.New(idp.CodeInvalidParameter, "Initiate Auth method not supported.")
	}
	if !a.Client.Allows(f.setting) && !a.openToPages() {
		return nil, f.refusal(a)
	}
	start := func() (*Step, error) {
		return user.Discreetly(ctx, a.Client, user.Discretion, func() (*Step, error) {
			step, err := f.start(m, ctx, a)
			return step, m.tried(ctx, a, err)
		})
	}
	if f.setting == idp.ExplicitAuthFlowsTypeAllowRefreshTokenAuth {
		return start() // nobody guesses refresh tokens, and an office's may end all at once
	}
	return user.Watched(m.users, a.IP, start)
}

// openToPages reports whether an attempt is one that pages may make whatever the client allows itself: with a password,
// or right after the user has confirmed the sign-up.
func (a *Attempt) openToPages() bool {
	return a.Enter != nil && (a.Flow == idp.AuthFlowTypeUserPasswordAuth || a.Flow == idp.AuthFlowTypeUserAuth && a.Session != "")
}

// Respond answers a challenge.
func (m *Machine) Respond(ctx context.Context, a *Attempt) (*Step, error) {
	answer, ok := answers[a.Challenge]
	if !ok {
		return nil, errInvalidSession
	}
	if err := a.checkRegion(a.Challenge); err != nil {
		return nil, err
	}
	var after *Step // a wrong answer
	step, err := user.Watched(m.users, a.IP, func() (*Step, error) {
		step, err := user.Discreetly(ctx, a.Client, user.Discretion, func() (*Step, error) {
			step, err := answer(m, ctx, a)
			return step, m.tried(ctx, a, err)
		})
		if err == nil && step.wrong {
			after, err = step, errWrongPassword // to whoever counts guesses
		}
		return step, err
	})
	if after != nil {
		return after, nil
	}
	return step, err
}

// checkRegion refuses the answers by which a user would be changed where the pool is a replica.
func (a *Attempt) checkRegion(challenge string) error {
	changes := challenge == idp.ChallengeNameTypeNewPasswordRequired || challenge == idp.ChallengeNameTypeMfaSetup
	if changes && a.Pool.Secondary() {
		return a.Pool.ErrNotEnabled(idp.CodeOperationNotEnabled, challenge)
	}
	return nil
}

// answers are the challenges that have one, and how it is checked.
var answers = map[string]func(*Machine, context.Context, *Attempt) (*Step, error){
	idp.ChallengeNameTypePasswordVerifier:       (*Machine).verifyPassword,
	idp.ChallengeNameTypeNewPasswordRequired:    (*Machine).newPassword,
	idp.ChallengeNameTypeSoftwareTokenMfa:       (*Machine).answerToken,
	idp.ChallengeNameTypeSmsMfa:                 (*Machine).answerCode,
	idp.ChallengeNameTypeEmailOtp:               (*Machine).answerCode,
	idp.ChallengeNameTypeSmsOtp:                 (*Machine).answerCode,
	idp.ChallengeNameTypeWebAuthn:               (*Machine).answerPasskey,
	idp.ChallengeNameTypeSelectMfaType:          (*Machine).selectFactor,
	idp.ChallengeNameTypeMfaSetup:               (*Machine).setUp,
	idp.ChallengeNameTypeDeviceSrpAuth:          (*Machine).challengeDevice,
	idp.ChallengeNameTypeDevicePasswordVerifier: (*Machine).verifyDevice,
	idp.ChallengeNameTypeSelectChallenge:        (*Machine).selectChallenge,
	idp.ChallengeNameTypePassword:               (*Machine).choosePassword,
	idp.ChallengeNameTypePasswordSrp:            (*Machine).chooseSRP,
	idp.ChallengeNameTypeCustomChallenge:        (*Machine).answerCustom,
}

// startRefresh answers a refresh token.
func (m *Machine) startRefresh(ctx context.Context, a *Attempt) (*Step, error) {
	refresh, err := a.need("REFRESH_TOKEN")
	if err != nil {
		return nil, err
	}
	t, err := m.tokens.Refresh(ctx, a.Pool, a.Client, token.Renewal{
		Refresh: secret.Text(refresh), DeviceKey: a.Parameters["DEVICE_KEY"], Occasion: token.Occasion{Source: trigger.SourceTokensRefresh},
		Check: func(u store.User) error {
			return user.SecretHash(a.Client, a.Parameters["SECRET_HASH"], namesOf(u)...)
		},
	})
	if err != nil {
		return nil, err
	}
	return &Step{Tokens: t}, nil
}

// namesOf are the names that a user may have typed.
func namesOf(u store.User) []string {
	names := []string{u.Username, u.Sub}
	for _, attr := range []string{"email", "phone_number", "preferred_username"} {
		if v := u.Attributes[attr]; v != "" {
			names = append(names, v)
		}
	}
	return names
}

// checkSecretHash checks the SECRET_HASH of a client that has a secret, over what the caller typed or
// any other name of the same user.
func (a *Attempt) checkSecretHash(names ...string) error {
	if typed := a.Parameters["USERNAME"]; typed != "" {
		names = append(names, typed)
	}
	return user.SecretHash(a.Client, a.Parameters["SECRET_HASH"], names...)
}
