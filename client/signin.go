package client

import (
	"context"
	"fmt"

	"cognate/api/idp"
	"cognate/internal/srp"
)

// SignIn begins a sign-in with a password, which SRP proves. The user name may be an alias, such as an e-mail address, where the pool
// has them. What the service refuses is an [*Error], such as NotAuthorizedException for a wrong password. At the end the new session takes
// the place of the one that the store has, which is not revoked.
func (c *Client) SignIn(ctx context.Context, username, password string) (Step, error) {
	return c.begin(ctx, idp.AuthFlowTypeUserSrpAuth, username, password)
}

// SignInCustom begins a sign-in with the challenges that the pool's functions make: after a password that SRP proves, unless it is empty.
func (c *Client) SignInCustom(ctx context.Context, username, password string) (Step, error) {
	return c.begin(ctx, idp.AuthFlowTypeCustomAuth, username, password)
}

// SignInByChoice begins a sign-in with a factor that the user chooses among those of the pool: a [*SelectChallenge] comes first, unless
// there is but one.
func (c *Client) SignInByChoice(ctx context.Context, username string) (Step, error) {
	return c.begin(ctx, idp.AuthFlowTypeUserAuth, username, "")
}

// attempt is one sign-in.
type attempt struct {
	client   *Client
	typed    string // the user's name as the user has it
	username string // and, once the server tells, as the pool has it
	password string // until it is proven
	srp      *srp.Client
	device   *device // this machine, where the user has registered it
}

// answer is what both operations of a sign-in answer.
type answer struct {
	challenge, session string
	parameters         map[string]string
	available          []string
	tokens             *idp.AuthenticationResultType
}

func (c *Client) begin(ctx context.Context, flow, username, password string) (Step, error) {
	a := &attempt{client: c, typed: username, username: username}
	if err := a.recall(ctx); err != nil {
		return nil, err
	}
	parameters := map[string]string{"USERNAME": username}
	if password != "" {
		if err := a.prepare(password, parameters); err != nil {
			return nil, err
		}
		if flow == idp.AuthFlowTypeCustomAuth {
			parameters["CHALLENGE_NAME"] = "SRP_A"
		}
	}
	if hash := c.secretHash(username); hash != "" {
		parameters["SECRET_HASH"] = hash
	}
	return a.follow(ctx, func() (answer, error) {
		return a.withDevice(ctx, parameters, func() (answer, error) {
			out, err := Call(ctx, c, idp.InitiateAuth, &idp.InitiateAuthRequest{AuthFlow: flow, ClientId: c.config.ClientID,
				AuthParameters: parameters, ClientMetadata: c.config.Metadata})
			if err != nil {
				return answer{}, err
			}
			return answer{out.ChallengeName, out.Session, out.ChallengeParameters, out.AvailableChallenges, out.AuthenticationResult}, nil
		})
	})
}

// prepare begins the client's half of SRP.
func (a *attempt) prepare(password string, parameters map[string]string) error {
	half, err := srp.NewClient()
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	a.srp, a.password, parameters["SRP_A"] = half, password, half.A()
	return nil
}

// respond answers a challenge.
func (a *attempt) respond(ctx context.Context, challenge, session string, responses map[string]string) (answer, error) {
	responses["USERNAME"] = a.username
	if hash := a.client.secretHash(a.username); hash != "" {
		responses["SECRET_HASH"] = hash
	}
	out, err := Call(ctx, a.client, idp.RespondToAuthChallenge, &idp.RespondToAuthChallengeRequest{ClientId: a.client.config.ClientID,
		ChallengeName: challenge, Session: session, ChallengeResponses: responses, ClientMetadata: a.client.config.Metadata})
	if err != nil {
		return answer{}, err
	}
	return answer{out.ChallengeName, out.Session, out.ChallengeParameters, nil, out.AuthenticationResult}, nil
}

// follow sends what is to be sent and answers the challenges that need no user, up to one that does or the tokens.
func (a *attempt) follow(ctx context.Context, send func() (answer, error)) (Step, error) {
	in, err := send()
	for err == nil && in.tokens == nil {
		a.learnName(in.parameters)
		own := ownAnswers[in.challenge]
		if own == nil {
			return a.ask(in)
		}
		in, err = own(a, ctx, in)
	}
	if err != nil {
		return nil, err
	}
	return a.finish(ctx, in.tokens)
}

// ownAnswers are the challenges that are answered here.
var ownAnswers = map[string]func(*attempt, context.Context, answer) (answer, error){
	idp.ChallengeNameTypePasswordVerifier:       (*attempt).provePassword,
	idp.ChallengeNameTypeDeviceSrpAuth:          (*attempt).beginDevice,
	idp.ChallengeNameTypeDevicePasswordVerifier: (*attempt).proveDevice,
}

// learnName takes the pool's own name of the user, by which the answers that follow go.
func (a *attempt) learnName(parameters map[string]string) {
	for _, name := range []string{"USER_ID_FOR_SRP", "USERNAME"} {
		if is := parameters[name]; is != "" {
			a.username = is
			return
		}
	}
}

// provePassword answers PASSWORD_VERIFIER.
func (a *attempt) provePassword(ctx context.Context, in answer) (answer, error) {
	if a.srp == nil {
		return answer{}, errAnswer
	}
	if err := a.recall(ctx); err != nil {
		return answer{}, err
	}
	responses, err := a.proof(a.srp, srp.PoolName(a.client.config.PoolID), a.username, a.password, in.parameters)
	if err != nil {
		return answer{}, err
	}
	a.srp, a.password = nil, ""
	return a.withDevice(ctx, responses, func() (answer, error) {
		return a.respond(ctx, idp.ChallengeNameTypePasswordVerifier, in.session, responses)
	})
}

// proof proves a password, of a user or a device, by the server's clock.
func (a *attempt) proof(half *srp.Client, group, identity, password string, parameters map[string]string) (map[string]string, error) {
	timestamp := srp.Timestamp(a.client.now())
	block := parameters["SECRET_BLOCK"]
	signature, err := half.Sign(group, identity, password, srp.Challenge{Salt: parameters["SALT"], B: parameters["SRP_B"], SecretBlock: block}, timestamp)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return map[string]string{"PASSWORD_CLAIM_SECRET_BLOCK": block, "PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": timestamp}, nil
}

// finish ends the sign-in: it registers this machine where the pool remembers devices, and stores the session.
func (a *attempt) finish(ctx context.Context, tokens *idp.AuthenticationResultType) (Step, error) {
	session, err := newSession(tokens, "")
	if err != nil {
		return nil, err
	}
	done := &Done{Session: session.copy()}
	var registered *device
	if meta := tokens.NewDeviceMetadata; meta != nil {
		if registered, done.AskToRemember, err = a.register(ctx, session, meta); err != nil {
			return nil, err
		}
	}
	err = a.client.change(ctx, func(s *state) error {
		s.Session = session
		s.keep(registered, session.Username, a.typed)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}
