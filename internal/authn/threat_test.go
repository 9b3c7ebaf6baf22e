package authn_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// TestOffCostsNothing counts the statements of sign-ins, right and wrong, of a pool without threat protection: they are
// those of a directory that has never heard of it.
func TestOffCostsNothing(t *testing.T) {
	run := func(with bool) (statements []string) {
		inTime(t, func(h *house) {
			if with {
				h.users.With(user.Options{Threat: threat.New(h.db, h.keys, h.pools, threat.Options{Passwords: []threat.Passwords{&known{}}})})
			}
			_, err := h.signIn("alice", password) // which makes keys
			h.must(err)
			h.db.Trace(func(query string, _ []any) { statements = append(statements, query) })
			defer h.db.Trace(nil)
			_, err = h.signIn("alice", password)
			h.must(err)
			_, err = h.signIn("alice", "wrong")
			h.wants(err, "NotAuthorizedException", "Incorrect username or password.")
			_, err = h.signIn("nobody", "wrong")
			h.wants(err, "UserNotFoundException", "User does not exist.")
		})
		return statements
	}
	without, with := run(false), run(true)
	if !slices.Equal(without, with) || len(without) == 0 {
		t.Errorf("%d statements without, %d with:\n%s", len(without), len(with), strings.Join(with, "\n"))
	}
	if slices.ContainsFunc(with, func(q string) bool { return strings.Contains(q, "auth_events") || strings.Contains(q, "risk_") }) {
		t.Error("it reads or writes what is threat protection's")
	}
}

// TestAssessmentIsOneRead counts what a watched sign-in costs beside what it has always cost: one read and one write.
func TestAssessmentIsOneRead(t *testing.T) {
	underThreat(t, "ENFORCED", func(g *guarded) {
		g.granted(atHome, "alice", password)
		var mine []string
		g.db.Trace(func(query string, _ []any) {
			if strings.Contains(query, "auth_events") || strings.Contains(query, "risk_") || strings.Contains(query, "INTO counters") {
				mine = append(mine, strings.Join(strings.Fields(query), " "))
			}
		})
		g.granted(atHome, "alice", password)
		g.db.Trace(nil)
		if len(mine) != 2 || !strings.HasPrefix(mine[0], "SELECT") || !strings.HasPrefix(mine[1], "INSERT INTO auth_events") {
			g.Errorf("%d statements:\n%s", len(mine), strings.Join(mine, "\n"))
		}
	})
}

func TestBlockedByRisk(t *testing.T) {
	underThreat(t, "ENFORCED", func(g *guarded) {
		g.configure("BLOCK", "NO_ACTION", nil)
		g.granted(atHome, "alice", password) // the first of all is no sign
		g.shows("alice", "Pass", "NoRisk", "", "Password:Success")

		// Who does not know the password learns nothing new.
		_, err := g.from(elsewhere, "alice", "wrong")
		g.wants(err, "NotAuthorizedException", "Incorrect username or password.")
		g.shows("alice", "Fail", "AccountTakeover", "Medium", "Password:Failure")
		_, err = g.from(elsewhere, "alice", password)
		g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		g.shows("alice", "Fail", "Block", "Medium", "Password:Success")
		if over, err := g.tokens.Granted(g.Context(), g.last("alice").EventId); err != nil || over {
			g.Errorf("there is a session: %v", err)
		}
		subject, body, n := g.mailed()
		if n != 1 || !strings.Contains(subject, "blocked") || !strings.Contains(body, "198.51.100.1") || !strings.Contains(body, "Chrome, Windows") ||
			!strings.Contains(body, "https://pages.test/feedback?value=Valid&amp;token=") {
			g.Errorf("%d mails: %s\n%s", n, subject, body)
		}

		// By SRP it is the same, and an own network or program is less of a risk.
		_, err = g.srpFrom(elsewhere, "alice", password)
		g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		_, err = g.from(threat.Origin{IP: "203.0.113.200", Agent: elsewhere.Agent}, "alice", password)
		g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		g.shows("alice", "Fail", "Block", "Low", "Password:Success")
		g.granted(threat.Origin{IP: "203.0.113.200", Agent: atHome.Agent}, "alice", password)
	})
}

// TestAudit has risk shown, and nothing done.
func TestAudit(t *testing.T) {
	underThreat(t, "AUDIT", func(g *guarded) {
		g.configure("BLOCK", "BLOCK", &idp.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"198.51.100.0/24"}})
		g.granted(atHome, "alice", password)
		g.granted(elsewhere, "alice", password)
		g.shows("alice", "Pass", "AccountTakeover", "Medium", "Password:Success")
		if _, _, n := g.mailed(); n != 0 {
			g.Errorf("%d mails", n)
		}
		g.must(g.users.Seed(g.Context(), g.pool, "bob", publicPassword, nil))
		g.granted(atHome, "bob", publicPassword)
		if e := g.last("bob"); !*e.EventRisk.CompromisedCredentialsDetected || e.EventRisk.RiskDecision != "NoRisk" {
			g.Errorf("%+v", e.EventRisk)
		}
	})
}

// TestBlockedRange turns away who comes from there before anything is looked at, whoever it is (checklist 9), and
// assesses nobody who comes from where nobody is.
func TestBlockedRange(t *testing.T) {
	underThreat(t, "ENFORCED", func(g *guarded) {
		g.configure("BLOCK", "NO_ACTION", &idp.RiskExceptionConfigurationType{
			BlockedIPRangeList: []string{"192.0.2.0/24", "2001:db8::/32"}, SkippedIPRangeList: []string{"198.51.100.1"},
		})
		g.granted(atHome, "alice", password)
		for _, ip := range []string{"192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1::1"} {
			for _, name := range []string{"alice", "nobody"} {
				for _, word := range []string{password, "wrong"} {
					_, err := g.from(threat.Origin{IP: ip}, name, word)
					g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
				}
			}
		}
		g.shows("alice", "Fail", "Block", "")
		_, err := g.srpFrom(threat.Origin{IP: "192.0.2.7"}, "alice", password)
		g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		g.granted(elsewhere, "alice", password) // skipped
		g.shows("alice", "Pass", "NoRisk", "", "Password:Success")

		// Whoever moves there in the middle is turned away, too.
		g.must(g.users.SetFactors(g.Context(), g.pool, g.sub("alice"), map[string]user.FactorWish{user.FactorEmail: {Enabled: new(true)}}))
		step, err := g.from(atHome, "alice", password)
		g.must(err)
		_, err = g.machine.Respond(g.Context(), g.answer(step, threat.Origin{IP: "192.0.2.7"}, g.code()))
		g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		if _, err := g.machine.Respond(g.Context(), g.answer(step, atHome, g.code())); err != nil {
			g.Error(err)
		}
	})
}

// TestFactorDemanded asks for a second factor that nothing but the risk asks for, and lets nobody in without where one is
// required (checklist 10).
func TestFactorDemanded(t *testing.T) {
	underThreat(t, "ENFORCED", func(g *guarded) {
		g.must(g.users.Seed(g.Context(), g.pool, "bob", password, nil)) // who has no address
		for _, action := range []string{"MFA_REQUIRED", "MFA_IF_CONFIGURED"} {
			g.configure(action, "NO_ACTION", nil)
			for _, name := range []string{"alice", "bob"} {
				g.granted(atHome, name, password)
			}
			o := threat.Origin{IP: "198.51.100.1", Agent: "curl/" + action}
			if action == "MFA_IF_CONFIGURED" {
				o = threat.Origin{IP: "2001:db8::1", Agent: "wget/1"}
			}
			_, _, before := g.mailed()
			step, err := g.from(o, "alice", password)
			g.must(err)
			if step.Challenge != "EMAIL_OTP" || step.Tokens != nil {
				g.Fatalf("%s: %v", action, step)
			}
			g.shows("alice", "InProgress", "AccountTakeover", "Medium", "Password:Success")
			id := g.last("alice").EventId
			_, err = g.machine.Respond(g.Context(), g.answer(step, o, "00000000"))
			g.wants(err, "CodeMismatchException", "Invalid code or auth state for the user.")
			g.shows("alice", "Fail", "AccountTakeover", "Medium", "Password:Success", "Mfa:Failure")
			step, err = g.machine.Respond(g.Context(), g.answer(step, o, g.code()))
			g.must(err)
			g.shows("alice", "Pass", "AccountTakeover", "Medium", "Password:Success", "Mfa:Success")
			if e := g.last("alice"); e.EventId != id || step.Tokens == nil {
				g.Errorf("%s: another event, or no tokens", action)
			}
			if _, _, n := g.mailed(); n != before+1 {
				g.Errorf("%s: %d mails", action, n-before)
			}
			g.granted(o, "alice", password) // known by now

			_, err = g.from(o, "bob", password)
			if action == "MFA_REQUIRED" {
				g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
				g.shows("bob", "Fail", "Block", "Medium", "Password:Success")
				continue
			}
			g.must(err)
			g.shows("bob", "Pass", "AccountTakeover", "Medium", "Password:Success")
		}
	})
}

// TestNoWeakerFactor never has a risk ask for less than what was due: a user's own factor, and not the channel that
// resets the password; and who is required to prove more cannot set up what to prove it by.
func TestNoWeakerFactor(t *testing.T) {
	underThreat(t, "ENFORCED", func(g *guarded) {
		g.configure("MFA_REQUIRED", "NO_ACTION", nil)
		g.granted(atHome, "alice", password)
		p := *g.pool
		settings := *p.Settings
		settings.AccountRecoverySetting = &idp.AccountRecoverySettingType{RecoveryMechanisms: []*idp.RecoveryOptionType{{Name: "verified_email", Priority: 1}}}
		p.Settings = &settings
		g.pool = &p
		_, err := g.from(elsewhere, "alice", password)
		g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
	})
	underThreat(t, "ENFORCED", func(g *guarded) {
		g.configure("MFA_REQUIRED", "NO_ACTION", nil)
		g.must(g.users.Seed(g.Context(), g.pool, "bob", password, nil))
		g.granted(atHome, "bob", password)
		_, err := g.pools.SetMFA(g.Context(), &idp.SetUserPoolMfaConfigRequest{
			UserPoolId: g.pool.ID, MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)},
		})
		g.must(err)
		g.pool, err = g.pools.Pool(g.Context(), g.pool.ID)
		g.must(err)
		step, err := g.from(atHome, "bob", password)
		g.must(err)
		if step.Challenge != "MFA_SETUP" {
			g.Errorf("at home: %v", step)
		}
		_, err = g.from(elsewhere, "bob", password)
		g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
	})
}

// TestPublicPasswords refuses passwords that have become public, each on its occasion (checklist 3).
func TestPublicPasswords(t *testing.T) {
	underThreat(t, "ENFORCED", func(g *guarded) {
		g.must(g.users.Seed(g.Context(), g.pool, "bob", publicPassword, nil))
		g.configure("NO_ACTION", "BLOCK", nil)
		_, err := g.from(atHome, "bob", "wrong")
		g.wants(err, "NotAuthorizedException", "Incorrect username or password.")
		if g.list.asked != 0 {
			g.Error("a wrong password was looked up")
		}
		_, err = g.from(atHome, "bob", publicPassword)
		g.wants(err, "PasswordResetRequiredException", "Password reset required for user due to security reasons.")
		g.shows("bob", "Fail", "Block", "", "Password:Success")
		if e := g.last("bob"); !*e.EventRisk.CompromisedCredentialsDetected {
			g.Errorf("%+v", e.EventRisk)
		}
		_, err = g.from(atHome, "bob", publicPassword)
		g.wants(err, "PasswordResetRequiredException", "Password reset required for the user")
		_, err = g.srpFrom(atHome, "bob", publicPassword)
		g.wants(err, "PasswordResetRequiredException", "Password reset required for the user")

		// Where it is to be set.
		_, err = g.users.SignUp(g.Context(), g.pool, g.client, &idp.SignUpRequest{ClientId: g.client.ID, Username: "eve", Password: publicPassword})
		g.wants(err, "InvalidPasswordException", "Provided password cannot be used for security reasons.")
		g.granted(atHome, "alice", password)
		me := user.Self{Pool: g.pool, Client: g.client, User: store.User{PoolID: g.pool.ID, Sub: g.sub("alice")}}
		g.wants(g.users.ChangePassword(g.Context(), me, password, publicPassword), "InvalidPasswordException", "Provided password cannot be used for security reasons.")
		if e := g.last("alice"); e.EventType != "PasswordChange" || e.EventResponse != "Fail" || !*e.EventRisk.CompromisedCredentialsDetected || e.EventRisk.RiskDecision != "Block" {
			g.Errorf("%+v %+v", e, e.EventRisk)
		}
		g.granted(atHome, "alice", password)
		_, err = g.threat.SetConfiguration(g.Context(), &idp.SetRiskConfigurationRequest{
			UserPoolId: g.pool.ID, CompromisedCredentialsRiskConfiguration: &idp.CompromisedCredentialsRiskConfigurationType{
				EventFilter: []string{"SIGN_UP"}, Actions: &idp.CompromisedCredentialsActionsType{EventAction: "BLOCK"},
			},
		})
		g.must(err)
		g.must(g.users.ChangePassword(g.Context(), me, password, publicPassword))
		g.granted(atHome, "alice", publicPassword)
	})
}

// TestGuessesAreBounded keeps no more of what anybody can try than its bound, and nothing that the lockout refuses
// (checklist 5).
func TestGuessesAreBounded(t *testing.T) {
	underThreat(t, "AUDIT", func(g *guarded) {
		u, err := g.users.Find(g.Context(), g.pool, "alice")
		g.must(err)
		count := func() (n int) {
			for token, first := "", true; first || token != ""; first = false {
				list, next, err := g.threat.List(g.Context(), g.pool, u.Sub, nil, token)
				g.must(err)
				n, token = n+len(list), next
			}
			return n
		}
		for range 40 {
			_, _ = g.from(atHome, "alice", "wrong")
		}
		if n := count(); n != 5 {
			g.Errorf("%d events of five failures, the last of which locks, want 5", n)
		}
		// Who blocks guesses makes no failures, but events.
		g.update(&idp.UserPoolAddOnsType{AdvancedSecurityMode: "ENFORCED"})
		g.configure("NO_ACTION", "NO_ACTION", &idp.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"192.0.2.0/24"}})
		for range 100 {
			_, _ = g.from(threat.Origin{IP: "192.0.2.7"}, "alice", "wrong")
		}
		if n := count(); n != 30 {
			g.Errorf("%d events, want 30", n)
		}
		time.Sleep(time.Hour)
		_, _ = g.from(threat.Origin{IP: "192.0.2.7"}, "alice", "wrong")
		if n := count(); n != 31 {
			g.Errorf("%d events after an hour, want 31", n)
		}
	})
}

// TestOthersCannotMakeSuspect fails as often as the lockout lets anybody, and has the user come from its usual place
// (checklist 6).
func TestOthersCannotMakeSuspect(t *testing.T) {
	underThreat(t, "ENFORCED", func(g *guarded) {
		g.configure("BLOCK", "NO_ACTION", nil)
		g.granted(atHome, "alice", password)
		for range 12 {
			_, _ = g.from(elsewhere, "alice", "wrong")
			time.Sleep(5 * time.Minute)
		}
		g.granted(atHome, "alice", password)
		g.shows("alice", "Pass", "NoRisk", "", "Password:Success")
		// For whom is not at home the failures count.
		for range 4 {
			_, _ = g.from(elsewhere, "alice", "wrong")
		}
		_, err := g.from(elsewhere, "alice", password)
		g.wants(err, "NotAuthorizedException", "Unable to login because of security reasons.")
		g.shows("alice", "Fail", "Block", "High", "Password:Success")
	})
}

// TestRecorders are told of each step of a sign-in once it is committed.
func TestRecorders(t *testing.T) {
	underThreat(t, "ENFORCED", func(g *guarded) {
		g.configure("MFA_REQUIRED", "NO_ACTION", nil)
		g.granted(atHome, "alice", password)
		step, err := g.from(elsewhere, "alice", password)
		g.must(err)
		_, err = g.machine.Respond(g.Context(), g.answer(step, elsewhere, g.code()))
		g.must(err)
		var have []string
		for _, e := range g.events {
			have = append(have, fmt.Sprintf("%s %s %s %s %s %v", e.Type, e.Response, e.Username, e.Risk.Level, e.Context.IP, e.ID == g.events[len(g.events)-1].ID))
		}
		want := []string{"SignIn Pass alice  203.0.113.1 false", "SignIn InProgress alice Medium 198.51.100.1 true", "SignIn Pass alice Medium 198.51.100.1 true"}
		if !slices.Equal(have, want) {
			g.Errorf("%q", have)
		}
	})
}

// TestDifferentModes has sign-ins by functions watched as the pool says for them alone.
func TestDifferentModes(t *testing.T) {
	underThreat(t, "AUDIT", func(g *guarded) {
		for _, custom := range []string{"", "AUDIT", "ENFORCED"} {
			var more *idp.AdvancedSecurityAdditionalFlowsType
			if custom != "" {
				more = &idp.AdvancedSecurityAdditionalFlowsType{CustomAuthMode: custom}
			}
			g.update(&idp.UserPoolAddOnsType{AdvancedSecurityMode: "AUDIT", AdvancedSecurityAdditionalFlows: more})
			g.configure("BLOCK", "NO_ACTION", &idp.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"192.0.2.0/24"}})
			w, err := g.threat.Watch(g.Context(), g.pool, g.client, threat.Origin{IP: "192.0.2.7"}, true)
			g.must(err)
			if (w != nil) != (custom != "") || w.Shut() != (custom == "ENFORCED") {
				g.Errorf("%q: watched %v, shut %v", custom, w != nil, w.Shut())
			}
			if w, err = g.threat.Watch(g.Context(), g.pool, g.client, threat.Origin{IP: "192.0.2.7"}, false); err != nil || w == nil || w.Shut() {
				g.Errorf("%q: standard sign-ins: %v", custom, err)
			}
		}
	})
}

// TestCustomUnderThreat watches sign-ins whose challenges functions make: at their end, for then something is proven, and
// what a risk demands comes on top.
func TestCustomUnderThreat(t *testing.T) {
	onEngines(t, func(h *house) {
		q := h.quizzes("LEGACY")
		g := &guarded{house: h, threat: threat.New(h.db, h.keys, h.pools, threat.Options{})}
		h.users.With(user.Options{Triggers: trigger.New(q, slog.New(slog.DiscardHandler)), Threat: g.threat})
		h.must(h.pools.Update(h.Context(), &idp.UpdateUserPoolRequest{
			UserPoolId: h.pool.ID, UserPoolTier: "PLUS", AutoVerifiedAttributes: []string{"email"}, LambdaConfig: h.pool.Settings.LambdaConfig,
			UserPoolAddOns: &idp.UserPoolAddOnsType{
				AdvancedSecurityMode: "AUDIT", AdvancedSecurityAdditionalFlows: &idp.AdvancedSecurityAdditionalFlowsType{CustomAuthMode: "ENFORCED"},
			},
		}))
		h.withMFA("OPTIONAL", user.FactorEmail)
		g.configure("MFA_REQUIRED", "NO_ACTION", nil)
		guess := func(o threat.Origin, answer string) (*authn.Step, error) {
			h.Helper()
			step := h.asks(h.machine.Start(h.Context(), &authn.Attempt{
				Pool: h.pool, Client: h.client, Flow: "CUSTOM_AUTH", Origin: o, Parameters: map[string]string{"USERNAME": "alice"},
			}))("CUSTOM_CHALLENGE")
			return h.machine.Respond(h.Context(), &authn.Attempt{
				Pool: h.pool, Client: h.client, Challenge: step.Challenge, Session: step.Session, Origin: o,
				Parameters: map[string]string{"USERNAME": "alice", "ANSWER": answer},
			})
		}
		h.grants(guess(atHome, "42"))
		g.shows("alice", "Pass", "NoRisk", "")
		step := h.asks(guess(elsewhere, "42"))("EMAIL_OTP")
		g.shows("alice", "InProgress", "AccountTakeover", "Medium")
		h.grants(h.machine.Respond(h.Context(), g.answer(step, elsewhere, g.code())))
		g.shows("alice", "Pass", "AccountTakeover", "Medium", "Mfa:Success")
		g.configure("BLOCK", "NO_ACTION", nil)
		step, err := guess(threat.Origin{IP: "192.0.2.1", Agent: "curl/8"}, "42")
		h.refuses(step, err)("NotAuthorizedException", "Unable to login because of security reasons.")
	})
}

// TestOddOrigins has anything come along with a wrong password: it is kept as text, or not at all (checklist 55).
func TestOddOrigins(t *testing.T) {
	underThreat(t, "ENFORCED", func(g *guarded) {
		for _, odd := range []string{"\x00", "\xff", strings.Repeat("x", 50)} {
			_, err := g.machine.Start(g.Context(), &authn.Attempt{
				Pool: g.pool, Client: g.client, Flow: "USER_PASSWORD_AUTH", Origin: threat.Origin{IP: odd, Agent: odd, Encoded: odd},
				Parameters: map[string]string{"USERNAME": "alice", "PASSWORD": "wrong", "DEVICE_KEY": odd},
			})
			g.wants(err, "NotAuthorizedException", "Incorrect username or password.")
		}
		g.shows("alice", "Fail", "NoRisk", "", "Password:Failure")
	})
}

// TestEventsExpire sweeps events once they have been kept for as long as they are to be.
func TestEventsExpire(t *testing.T) {
	underThreat(t, "AUDIT", func(g *guarded) {
		g.granted(atHome, "alice", password)
		sub := g.sub("alice")
		for _, c := range []struct {
			wait time.Duration
			want int
		}{{threat.DefaultKeep - time.Hour, 1}, {2 * time.Hour, 0}} {
			time.Sleep(c.wait)
			for n := 1; n > 0; {
				var err error
				n, err = g.db.Sweep(g.Context(), time.Now().UTC(), 100)
				g.must(err)
			}
			list, _, err := g.threat.List(g.Context(), g.pool, sub, nil, "")
			g.must(err)
			if len(list) != c.want {
				g.Errorf("%d events, want %d", len(list), c.want)
			}
		}
	})
}
