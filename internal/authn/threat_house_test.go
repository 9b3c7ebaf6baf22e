package authn_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/pool"
	"cognate/internal/srp"
	"cognate/internal/threat"
	"cognate/internal/user"
)

const publicPassword = "Public-Passw0rd!"

// known knows publicPassword, and whether it has been asked.
type known struct{ asked int }

func (k *known) Has(_ context.Context, password string) (bool, error) {
	k.asked++
	return password == publicPassword, nil
}

// guarded is a house under threat protection.
type guarded struct {
	*house
	threat *threat.Service
	events []threat.Event // as recorders were told of them
	list   known
}

// atHome is where alice signs in, and elsewhere where she does not.
var (
	atHome    = threat.Origin{IP: "203.0.113.1", Agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
	elsewhere = threat.Origin{IP: "198.51.100.1", Agent: "Mozilla/5.0 (Windows NT 10.0) Chrome/156.0.0.0 Safari/537.36"}
)

// underThreat runs a test in a bubble, in a pool with optional second factors by e-mail and software token.
func underThreat(t *testing.T, mode string, test func(*guarded)) {
	inTime(t, func(h *house) {
		g := &guarded{house: h}
		g.threat = threat.New(h.db, h.keys, h.pools, threat.Options{
			Passwords: []threat.Passwords{&g.list}, Pages: func(*pool.Pool) string { return "https://pages.test" },
		})
		defer h.users.Wait()
		g.threat.Subscribe(func(_ context.Context, e threat.Event) { g.events = append(g.events, e) })
		h.users.With(user.Options{Threat: g.threat})
		g.update(&idp.UserPoolAddOnsType{AdvancedSecurityMode: mode})
		test(g)
	})
}

func (g *guarded) update(addOns *idp.UserPoolAddOnsType) {
	g.Helper()
	g.must(g.pools.Update(g.Context(), &idp.UpdateUserPoolRequest{
		UserPoolId: g.pool.ID, UserPoolTier: "PLUS", AutoVerifiedAttributes: []string{"email"}, UserPoolAddOns: addOns,
	}))
	_, err := g.pools.SetMFA(g.Context(), &idp.SetUserPoolMfaConfigRequest{
		UserPoolId: g.pool.ID, MfaConfiguration: "OPTIONAL", EmailMfaConfiguration: &idp.EmailMfaConfigType{},
		SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)},
	})
	g.must(err)
	g.pool, err = g.pools.Pool(g.Context(), g.pool.ID)
	g.must(err)
}

// configure has the same done about all risk.
func (g *guarded) configure(action string, passwords string, exceptions *idp.RiskExceptionConfigurationType) {
	g.Helper()
	all := &idp.AccountTakeoverActionType{Notify: true, EventAction: action}
	_, err := g.threat.SetConfiguration(g.Context(), &idp.SetRiskConfigurationRequest{
		UserPoolId: g.pool.ID, RiskExceptionConfiguration: exceptions,
		AccountTakeoverRiskConfiguration: &idp.AccountTakeoverRiskConfigurationType{
			NotifyConfiguration: &idp.NotifyConfigurationType{SourceArn: "arn:aws:ses:us-east-1:000000000000:identity/a@example.com", From: "a@example.com", ReplyTo: "b@example.com"},
			Actions:             &idp.AccountTakeoverActionsType{LowAction: all, MediumAction: all, HighAction: all},
		},
		CompromisedCredentialsRiskConfiguration: &idp.CompromisedCredentialsRiskConfigurationType{Actions: &idp.CompromisedCredentialsActionsType{EventAction: passwords}},
	})
	g.must(err)
}

func (g *guarded) from(o threat.Origin, name, word string) (*authn.Step, error) {
	return g.machine.Start(g.Context(), &authn.Attempt{
		Pool: g.pool, Client: g.client, Flow: "USER_PASSWORD_AUTH", Origin: o, Parameters: map[string]string{"USERNAME": name, "PASSWORD": word},
	})
}

// granted signs in, and has nothing asked.
func (g *guarded) granted(o threat.Origin, name, word string) {
	g.Helper()
	if step, err := g.from(o, name, word); err != nil || step.Tokens == nil {
		g.Fatalf("%s from %s: %v, %v", name, o.IP, step, err)
	}
}

// last is the last event of a user, as the API shows it.
func (g *guarded) last(name string) *idp.AuthEventType {
	g.Helper()
	u, err := g.users.Find(g.Context(), g.pool, name)
	g.must(err)
	list, _, err := g.threat.List(g.Context(), g.pool, u.Sub, nil, "")
	g.must(err)
	if len(list) == 0 {
		g.Fatalf("%s has no events", name)
	}
	return list[0]
}

// shows checks the last event of a user.
func (g *guarded) shows(name, response, decision, level string, challenges ...string) {
	g.Helper()
	e := g.last(name)
	var have []string
	for _, c := range e.ChallengeResponses {
		have = append(have, c.ChallengeName+":"+c.ChallengeResponse)
	}
	if e.EventResponse != response || e.EventRisk.RiskDecision != decision || e.EventRisk.RiskLevel != level || !slices.Equal(have, challenges) {
		g.Errorf("got %s %s %s %v, want %s %s %s %v", e.EventResponse, e.EventRisk.RiskDecision, e.EventRisk.RiskLevel, have, response, decision, level, challenges)
	}
}

// mailed is the last mail that alice has got, and how many there are.
func (g *guarded) mailed() (subject, body string, n int) {
	g.users.Wait()
	for _, m := range g.inbox.Messages("alice@example.com") {
		if m.Purpose == "AccountTakeOverNotification" {
			subject, body, n = m.Subject, m.Body, n+1
		}
	}
	return subject, body, n
}

func (g *guarded) sub(name string) string {
	g.Helper()
	u, err := g.users.Find(g.Context(), g.pool, name)
	g.must(err)
	return u.Sub
}

// code is the last one that alice got.
func (g *guarded) code() (code string) {
	g.users.Wait()
	for _, m := range g.inbox.Messages("alice@example.com") {
		if m.Code != "" {
			code = string(m.Code)
		}
	}
	return code
}

// answer answers a challenge by e-mail.
func (g *guarded) answer(step *authn.Step, o threat.Origin, code string) *authn.Attempt {
	return &authn.Attempt{
		Pool: g.pool, Client: g.client, Origin: o, Challenge: step.Challenge, Session: step.Session,
		Parameters: map[string]string{"USERNAME": "alice", "EMAIL_OTP_CODE": code},
	}
}

// srpFrom signs in by SRP.
func (g *guarded) srpFrom(o threat.Origin, name, word string) (*authn.Step, error) {
	g.Helper()
	c, err := srp.NewClient()
	g.must(err)
	step, err := g.machine.Start(g.Context(), &authn.Attempt{
		Pool: g.pool, Client: g.client, Flow: "USER_SRP_AUTH", Origin: o, Parameters: map[string]string{"USERNAME": name, "SRP_A": c.A()},
	})
	if err != nil {
		return step, err
	}
	p, at := step.Parameters, srp.Timestamp(time.Now())
	signature, err := c.Sign(srp.PoolName(g.pool.ID), p["USER_ID_FOR_SRP"], word, srp.Challenge{Salt: p["SALT"], B: p["SRP_B"], SecretBlock: p["SECRET_BLOCK"]}, at)
	g.must(err)
	return g.machine.Respond(g.Context(), &authn.Attempt{
		Pool: g.pool, Client: g.client, Challenge: step.Challenge, Origin: o, Parameters: map[string]string{
			"USERNAME": p["USER_ID_FOR_SRP"], "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"], "PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": at,
		},
	})
}
