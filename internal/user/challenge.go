package user

import (
	"context"
	"errors"
	"fmt"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// CustomSignIn is a sign-in whose challenges the pool's functions make (protocol page "triggers", section 5). None of
// its functions is called in a transaction, and whoever has one called must be ready to wait for it.
type CustomSignIn struct {
	Pool     *pool.Pool
	Client   *pool.Client
	Account  Account
	Name     string // by which the account was asked for: what functions see of one that nobody has
	Results  []trigger.ChallengeResult
	Metadata trigger.Metadata // that came along with the last answer
}

// ErrNoChallenges is the answer where the pool does not name a function that is needed.
var ErrNoChallenges = fault.New(idp.CodeInvalidParameter, "Custom auth lambda trigger is not configured for the user pool.")

// maxChallenge is how many bytes a function may say of a challenge, public and private together.
const maxChallenge = 64 << 10

func (s *CustomSignIn) scene(source string) trigger.Scene {
	name := s.Name
	if s.Account.Exists() {
		name = s.Account.User.Username
	}
	return s.Pool.Scene(source, s.Client, name)
}

func (s *CustomSignIn) attributes() trigger.Attributes {
	if !s.Account.Exists() {
		return nil
	}
	return trigger.AttributesOf(s.Account.User)
}

// DefineChallenge has the pool's function say what comes next: see [trigger.DefineAuthChallengeResponse.Next].
func (d *Directory) DefineChallenge(ctx context.Context, s CustomSignIn) (string, error) {
	function := s.Pool.Functions().DefineAuthChallenge
	if function == "" {
		return "", ErrNoChallenges
	}
	request := trigger.DefineAuthChallengeRequest{
		UserAttributes: s.attributes(), Session: s.Results, ClientMetadata: s.Metadata, UserNotFound: !s.Account.Exists(),
	}
	scene := s.scene(trigger.SourceDefineAuthChallenge)
	response, err := trigger.DefineAuthChallenge.Call(ctx, d.options.Triggers, function, scene, request)
	if err != nil {
		return "", err
	}
	return response.Next()
}

// CreateChallenge has the pool's function make a challenge.
func (d *Directory) CreateChallenge(ctx context.Context, s CustomSignIn) (made trigger.CreateAuthChallengeResponse, err error) {
	function := s.Pool.Functions().CreateAuthChallenge
	if function == "" {
		return made, ErrNoChallenges
	}
	request := trigger.CreateAuthChallengeRequest{
		UserAttributes: s.attributes(), ChallengeName: idp.ChallengeNameTypeCustomChallenge, Session: s.Results,
		ClientMetadata: s.Metadata, UserNotFound: !s.Account.Exists(),
	}
	scene := s.scene(trigger.SourceCreateAuthChallenge)
	made, err = trigger.CreateAuthChallenge.Call(ctx, d.options.Triggers, function, scene, request)
	if err == nil && sizeOf(made) > maxChallenge {
		err = trigger.Unrecognizable(fmt.Errorf("a challenge of more than %d bytes", maxChallenge))
	}
	return made, err
}

func sizeOf(made trigger.CreateAuthChallengeResponse) (n int) {
	for _, parameters := range []trigger.Metadata{made.Public, made.Private} {
		for name, value := range parameters {
			n += len(name) + len(value)
		}
	}
	if made.Metadata != nil {
		n += len(*made.Metadata)
	}
	return n
}

// VerifyChallenge has the pool's function look at an answer. It belongs into [Directory.GuardCall].
func (d *Directory) VerifyChallenge(ctx context.Context, s CustomSignIn, private trigger.Metadata, answer string) (bool, error) {
	function := s.Pool.Functions().VerifyAuthChallengeResponse
	if function == "" {
		return false, ErrNoChallenges
	}
	request := trigger.VerifyAuthChallengeRequest{
		UserAttributes: s.attributes(), Private: private, Answer: answer, ClientMetadata: s.Metadata,
		UserNotFound: !s.Account.Exists(),
	}
	scene := s.scene(trigger.SourceVerifyAuthChallenge)
	response, err := trigger.VerifyAuthChallenge.Call(ctx, d.options.Triggers, function, scene, request)
	return err == nil && response.Right(), err
}

// Challenge returns what is kept of a flow; what is not there is empty.
func (d *Directory) Challenge(ctx context.Context, flow string) (c store.Challenge, err error) {
	err = d.db.Look(ctx, func(tx *store.Tx) error {
		c, err = tx.GetChallenge(flow)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return store.Challenge{}, nil
	}
	return c, err
}

// KeepChallenge is the write that keeps the state of a subject's next challenge. Who asks for it has proven nothing, so
// that there is a limit to it.
func (d *Directory) KeepChallenge(p *pool.Pool, subject string, c store.Challenge) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		if err := limitKeptChallenge.spend(tx, p, subject); err != nil {
			return tooMany(err)
		}
		return tx.PutChallenge(c)
	}
}
