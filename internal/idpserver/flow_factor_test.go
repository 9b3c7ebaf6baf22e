package idpserver_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	usedSession = "NotAuthorizedException: Invalid session for the user, session can only be used once."
	wrongTOTP   = "CodeMismatchException: Invalid code received for user"
	usedTOTP    = "ExpiredCodeException: Your software token has already been used once."
	wrongCode   = "CodeMismatchException: Invalid code or auth state for the user."
)

// allFactors are the second factors of a pool that has them all.
const allFactors = `"SoftwareTokenMfaConfiguration":{"Enabled":true},"EmailMfaConfiguration":{},"SmsMfaConfiguration":{"SmsConfiguration":{"SnsCallerArn":"arn:aws:iam::123456789012:role/sms"}}`

// mfa sets the second factors of ${pool}.
func (s *script) mfa(mode, factors string) {
	s.Helper()
	s.Steps(`> SetUserPoolMfaConfig {"UserPoolId":"${pool}","MfaConfiguration":"`+mode+`",`+factors+`}`, `< {"...":1}`)
}

// choice has ${pool} let its users sign in by codes, and makes a client that lets them choose, which is kept
// under the name.
func (s *script) choice(name, settings string) {
	s.Helper()
	s.Steps(`> UpdateUserPool {"UserPoolId":"${pool}","AutoVerifiedAttributes":["email"],"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","EMAIL_OTP","SMS_OTP"]}}}`, `< {}`,
		`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"choice",`+settings+`"ExplicitAuthFlows":["ALLOW_USER_AUTH","ALLOW_USER_PASSWORD_AUTH","ALLOW_ADMIN_USER_PASSWORD_AUTH","ALLOW_USER_SRP_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`,
		`< {"UserPoolClient":{"...":1,"ClientId":"${`+name+`}"}}`)
}

// reachable makes a confirmed user of ${pool} with an address of each kind, which it returns. They are of this
// test alone.
func (s *script) reachable(name string) (email, phone string) {
	s.Helper()
	email, phone = name+"@factor.test", fmt.Sprintf("+1555%07d", len(s.Kept)*1000+len(name))
	s.Kept["phone-of-"+name] = phone
	s.Steps("! user "+name+" "+password+" "+email,
		`> AdminUpdateUserAttributes {"UserPoolId":"${pool}","Username":"`+name+`","UserAttributes":[{"Name":"phone_number","Value":"`+phone+`"}]}`, `< {}`)
	return email, phone
}

// enrol registers a software token of a user who is signed in, by the code of the step before this one.
func (s *script) enrol(access string) (seed string) {
	s.Helper()
	s.Kept["enrolling"] = access
	delete(s.Kept, "seed")
	s.Steps(`> AssociateSoftwareToken {"AccessToken":"${enrolling}"}`, `< {"SecretCode":"${seed}"}`, "! totp ${seed} -1",
		`> VerifySoftwareToken {"AccessToken":"${enrolling}","UserCode":"${totp}"}`, `< {"Status":"SUCCESS"}`)
	return s.Kept["seed"]
}

// holder makes a user whose second factor is a software token, and returns its seed.
func (s *script) holder(name string) (seed string) {
	s.Helper()
	s.Steps("! user "+name+" "+password, "! sign-in "+name+" "+password)
	seed = s.enrol(s.Kept["access"])
	s.prefers(name, `"SoftwareTokenMfaSettings":{"Enabled":true}`)
	return seed
}

func (s *script) prefers(name, settings string) {
	s.Helper()
	s.Steps(`> AdminSetUserMFAPreference {"UserPoolId":"${pool}","Username":"`+name+`",`+settings+`}`, `< {}`)
}

// sent is the last code that went to an address.
func (s *script) sent(to string) string {
	s.Helper()
	s.Steps("! code " + to)
	return s.Kept["code"]
}

// asked checks that an answer is this challenge, and returns its Session.
func (s *script) asked(what string, got answer, challenge string) string {
	s.Helper()
	if got.ChallengeName != challenge || got.Session == "" {
		s.Fatalf("%s: got %q, challenge %q; want %s", what, got.fault(), got.ChallengeName, challenge)
	}
	return got.Session
}

// choose begins a sign-in by choice.
func (d door) choose(name, preferred string, more ...string) answer {
	d.Helper()
	parameters := map[string]string{"USERNAME": name}
	if preferred != "" {
		parameters["PREFERRED_CHALLENGE"] = preferred
	}
	for i := 0; i+1 < len(more); i += 2 {
		parameters[more[i]] = more[i+1]
	}
	return d.initiate("USER_AUTH", parameters)
}

// reply answers a challenge with one parameter.
func (d door) reply(challenge, session, name, parameter, value string) answer {
	d.Helper()
	return d.respond(challenge, session, map[string]string{"USERNAME": name, parameter: value})
}

// Item 10: whichever way the first factor was proven, the second follows, and nothing is granted before.
func TestSecondFactorAfterEveryFirst(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		s.mfa("OPTIONAL", allFactors)
		bothDoors(s, "pool", "choice", func(d door) {
			ways := map[string]func(name string) answer{
				"srp":      func(name string) answer { return d.srp(name, password) },
				"password": func(name string) answer { return d.password(name, password) },
				"choice":   func(name string) answer { return d.choose(name, "PASSWORD", "PASSWORD", password) },
				"select": func(name string) answer {
					session := s.asked("choice", d.choose(name, ""), "SELECT_CHALLENGE")
					return d.respond("SELECT_CHALLENGE", session, map[string]string{"USERNAME": name, "ANSWER": "PASSWORD", "PASSWORD": password})
				},
				"new": func(name string) answer {
					s.Steps(`> AdminSetUserPassword {"UserPoolId":"${pool}","Username":"`+name+`","Password":"Tempor4ry!","Permanent":false}`, `< {}`)
					session := s.asked("temporary", d.password(name, "Tempor4ry!"), "NEW_PASSWORD_REQUIRED")
					return d.reply("NEW_PASSWORD_REQUIRED", session, name, "NEW_PASSWORD", password)
				},
			}
			for way, first := range ways {
				name := fmt.Sprintf("%s-%t", way, d.admin)
				seed := s.holder(name)
				got := first(name)
				session := s.asked(way, got, "SOFTWARE_TOKEN_MFA")
				if got.AuthenticationResult != nil || got.ChallengeParameters["USER_ID_FOR_SRP"] != name {
					s.Errorf("%s: %+v", way, got)
				}
				s.refused(way+": a wrong code", d.reply("SOFTWARE_TOKEN_MFA", session, name, "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed, "5")), wrongTOTP)
				code := s.TOTP(seed)
				s.granted(way, d.reply("SOFTWARE_TOKEN_MFA", session, name, "SOFTWARE_TOKEN_MFA_CODE", code))
				s.refused(way+": the Session again", d.reply("SOFTWARE_TOKEN_MFA", session, name, "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed, "1")), usedSession)
				session = s.asked(way, d.password(name, password), "SOFTWARE_TOKEN_MFA")
				s.refused(way+": the code again", d.reply("SOFTWARE_TOKEN_MFA", session, name, "SOFTWARE_TOKEN_MFA_CODE", code), usedTOTP)
			}
		})
	})
}

// Item 16: of two sign-ins that send the same code at once, one is granted.
func TestSoftwareTokenAtOnce(t *testing.T) {
	onEngines(t, func(s *script) {
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "client", false)
		seed := s.holder("alice")
		var sessions [4]string
		for i := range sessions {
			sessions[i] = s.asked("password", d.password("alice", password), "SOFTWARE_TOKEN_MFA")
		}
		code := s.TOTP(seed)
		won := s.atOnce(len(sessions), func(i int) answer {
			return d.reply("SOFTWARE_TOKEN_MFA", sessions[i], "alice", "SOFTWARE_TOKEN_MFA_CODE", code)
		}, usedTOTP)
		if won != 1 {
			s.Errorf("%d sign-ins were granted by one code", won)
		}
	})
}

// atOnce asks n times at once; those that are not granted must be refused in one of these ways. It returns how
// many were.
func (s *script) atOnce(n int, ask func(int) answer, refusals ...string) (won int) {
	s.Helper()
	answers := make([]answer, n)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = ask(i) })
	}
	group.Wait()
	for _, a := range answers {
		if a.AuthenticationResult != nil {
			won++
		} else if !slices.Contains(refusals, a.fault()) {
			s.Errorf("at once: got %q, challenge %q; want one of %q", a.fault(), a.ChallengeName, refusals)
		}
	}
	return won
}

// Item 15: a code that was sent is good for one sign-in, once, and not after another was sent; also where it is
// sent many times at once.
func TestSentCodes(t *testing.T) {
	onEngines(t, func(s *script) {
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "client", false)
		for _, c := range []struct{ factor, settings, parameter string }{
			{"SMS_MFA", `"SMSMfaSettings":{"Enabled":true}`, "SMS_MFA_CODE"},
			{"EMAIL_OTP", `"EmailMfaSettings":{"Enabled":true}`, "EMAIL_OTP_CODE"},
		} {
			name := "of-" + strings.ToLower(c.factor)
			email, phone := s.reachable(name)
			to, digits := email, 8
			if c.factor == "SMS_MFA" {
				to, digits = phone, 6
			}
			s.prefers(name, c.settings)
			begin := func() (session, code string) {
				got := d.password(name, password)
				if p := got.ChallengeParameters; p["CODE_DELIVERY_DESTINATION"] == "" || strings.Contains(p["CODE_DELIVERY_DESTINATION"], to) {
					s.Errorf("sent to %v", p)
				}
				session = s.asked(c.factor, got, c.factor)
				return session, s.sent(to)
			}
			try := func(session, code string) answer { return d.reply(c.factor, session, name, c.parameter, code) }
			first, old := begin()
			second, code := begin()
			if len(code) != digits {
				s.Errorf("%s: a code of %d digits", c.factor, len(code))
			}
			s.refused("the code that was replaced", try(first, old), wrongCode)
			s.refused("the code of another sign-in", try(first, code), wrongCode)
			s.refused("the old code in the new sign-in", try(second, old), wrongCode)
			s.refused("no code", try(second, ""), "InvalidParameterException: Missing required parameter "+c.parameter)
			if won := s.atOnce(4, func(int) answer { return try(second, code) }, wrongCode, usedSession); won != 1 {
				s.Errorf("%d sign-ins were granted by one code", won)
			}
			third, _ := begin()
			s.refused("a code that was used", try(third, code), wrongCode)
			s.granted("its own", try(third, s.sent(to)))
		}
		// The address that has received a code is verified.
		s.Steps(`> AdminGetUser {"UserPoolId":"${pool}","Username":"of-sms_mfa"}`,
			`< {"...":1,"UserAttributes":["*","*","*",{"Name":"phone_number","Value":"*"},{"Name":"phone_number_verified","Value":"true"}]}`)
	})
}

// Item 15: a code is bound to the medium that it went by.
func TestSentCodeOfTheOtherMedium(t *testing.T) {
	onEngines(t, func(s *script) {
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "client", false)
		email, _ := s.reachable("alice")
		s.prefers("alice", `"SMSMfaSettings":{"Enabled":true},"EmailMfaSettings":{"Enabled":true}`)
		got := d.password("alice", password)
		session := s.asked("both", got, "SELECT_MFA_TYPE")
		if got.ChallengeParameters["MFAS_CAN_CHOOSE"] != `["SMS_MFA","EMAIL_OTP"]` {
			s.Errorf("%v", got.ChallengeParameters)
		}
		bySMS := s.asked("SMS", d.reply("SELECT_MFA_TYPE", session, "alice", "ANSWER", "SMS_MFA"), "SMS_MFA")
		byMail := s.asked("e-mail", d.reply("SELECT_MFA_TYPE", session, "alice", "ANSWER", "EMAIL_MFA"), "EMAIL_OTP")
		s.refused("the mail's code for SMS", d.reply("SMS_MFA", bySMS, "alice", "SMS_MFA_CODE", s.sent(email)), wrongCode)
		for _, answer := range []string{"SOFTWARE_TOKEN_MFA", "WEB_AUTHN", "PASSWORD", "", strings.Repeat("x", 50<<10)} {
			want := "InvalidParameterException: Invalid MFA type selected."
			if answer == "" {
				want = "InvalidParameterException: Missing required parameter ANSWER"
			}
			s.refused("to choose "+answer, d.reply("SELECT_MFA_TYPE", session, "alice", "ANSWER", answer), want)
		}
		s.granted("the mail's code", d.reply("EMAIL_OTP", byMail, "alice", "EMAIL_OTP_CODE", s.sent(email)))
		s.refused("to choose again", d.reply("EMAIL_OTP", byMail, "alice", "EMAIL_OTP_CODE", s.sent(email)), usedSession)
	})
}

// stand is a live Session and all that its user could answer any challenge with.
type stand struct {
	user, challenge, session string
	knows                    map[string]string
}

// stands makes a Session of every challenge.
func (s *script) stands(d door) (out []stand) {
	s.Helper()
	add := func(name string, got answer, challenge string, knows map[string]string) {
		s.Helper()
		out = append(out, stand{name, challenge, s.asked(challenge, got, challenge), knows})
	}
	factor := func(name, settings string) (email, phone, seed string) {
		email, phone = s.reachable(name)
		s.Steps("! sign-in " + name + " " + password)
		seed = s.enrol(s.Kept["access"])
		if settings != "" {
			s.prefers(name, settings)
		}
		return email, phone, seed
	}
	knows := func(name, email, phone, seed string) map[string]string {
		k := map[string]string{
			"PASSWORD": password, "NEW_PASSWORD": "NewPassw0rd!", "ANSWER": "PASSWORD", "EMAIL": "new@factor.test", "SRP_A": "abc",
			"SOFTWARE_TOKEN_MFA_CODE": s.TOTP(seed), "EMAIL_OTP_CODE": "00000000", "SMS_OTP_CODE": "00000000", "SMS_MFA_CODE": "000000",
			"CREDENTIAL": "{}", "DEVICE_KEY": "us-east-1_00000000-0000-4000-8000-000000000000", "USERNAME": name,
		}
		for to, parameters := range map[string][]string{email: {"EMAIL_OTP_CODE"}, phone: {"SMS_MFA_CODE", "SMS_OTP_CODE"}} {
			if sent := s.House.Inbox.Messages(to); len(sent) > 0 {
				for _, p := range parameters {
					k[p] = string(sent[len(sent)-1].Code)
				}
			}
		}
		return k
	}
	for challenge, settings := range map[string]string{
		"SMS_MFA": `"SMSMfaSettings":{"Enabled":true}`, "EMAIL_OTP": `"EmailMfaSettings":{"Enabled":true}`, "SOFTWARE_TOKEN_MFA": `"SoftwareTokenMfaSettings":{"Enabled":true}`,
		"SELECT_MFA_TYPE": `"SMSMfaSettings":{"Enabled":true},"SoftwareTokenMfaSettings":{"Enabled":true}`,
	} {
		name := "second-" + strings.ToLower(challenge)
		email, phone, seed := factor(name, settings)
		got := d.password(name, password)
		add(name, got, challenge, knows(name, email, phone, seed))
	}
	for _, challenge := range []string{"SELECT_CHALLENGE", "PASSWORD", "PASSWORD_SRP", "EMAIL_OTP", "SMS_OTP"} {
		name := "first-" + strings.ToLower(challenge)
		email, phone, seed := factor(name, "")
		got := d.choose(name, challenge)
		add(name, got, challenge, knows(name, email, phone, seed))
	}
	email, phone, seed := factor("invited", "")
	s.Steps(`> AdminSetUserPassword {"UserPoolId":"${pool}","Username":"invited","Password":"Tempor4ry!","Permanent":false}`, `< {}`)
	add("invited", d.password("invited", "Tempor4ry!"), "NEW_PASSWORD_REQUIRED", knows("invited", email, phone, seed))
	return out
}

// Item 10: a Session answers its own challenge and no other, of its own user and client and no other: every
// Session is tried with every challenge, and with all that its user knows.
func TestChallengesCannotBeSwapped(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		s.mfa("OPTIONAL", allFactors)
		s.Steps(`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"second","ExplicitAuthFlows":["ALLOW_USER_AUTH"]}`, `< {"UserPoolClient":{"...":1,"ClientId":"${second}"}}`)
		d, second := s.door("pool", "choice", false), s.door("pool", "second", false)
		challenges := []string{
			"SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE", "MFA_SETUP", "PASSWORD_VERIFIER", "CUSTOM_CHALLENGE", "SELECT_CHALLENGE",
			"DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER", "ADMIN_NO_SRP_AUTH", "NEW_PASSWORD_REQUIRED", "SMS_OTP", "PASSWORD", "WEB_AUTHN", "PASSWORD_SRP",
		}
		for _, st := range s.stands(d) {
			what := st.user + "'s " + st.challenge
			for _, other := range challenges {
				skips := st.challenge == "SELECT_CHALLENGE" && strings.HasPrefix(other, "PASSWORD") // which may be left out
				if other == st.challenge || skips {
					continue
				}
				want := badSession
				if other == "PASSWORD_VERIFIER" { // which has no Session
					want = "InvalidParameterException: Missing required parameter PASSWORD_CLAIM_SECRET_BLOCK"
				}
				s.refused(what+" as "+other, d.respond(other, st.session, st.knows), want)
			}
			s.refused(what+" at another client", second.respond(st.challenge, st.session, st.knows), badSession)
			as := maps.Clone(st.knows)
			as["USERNAME"] = "invited"
			if st.user == "invited" {
				as["USERNAME"] = "first-password"
			}
			s.refused(what+" of another user", d.respond(st.challenge, st.session, as), badSession)
			for _, op := range []string{"AssociateSoftwareToken", "VerifySoftwareToken"} {
				in := map[string]any{"Session": st.session}
				if op == "VerifySoftwareToken" {
					in["UserCode"] = "123456"
				}
				s.refused(op+" with "+what, s.ask(op, in), badSession)
			}
			in := map[string]any{"ClientId": d.client, "AuthFlow": "USER_AUTH", "Session": st.session, "AuthParameters": map[string]string{"USERNAME": st.user}}
			s.refused("to begin with "+what, s.ask("InitiateAuth", in), badSession)
		}
	})
}

// Item 10: nothing leads around a second factor.
func TestSecondFactorCannotBeAvoided(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "choice", false)
		email, _ := s.reachable("alice")

		// A code that was asked for while it was enough is not when it is answered.
		session := s.asked("a code alone", d.choose("alice", "EMAIL_OTP"), "EMAIL_OTP")
		code := s.sent(email)
		byChoice := s.asked("a choice", d.choose("alice", ""), "SELECT_CHALLENGE")
		s.prefers("alice", `"SMSMfaSettings":{"Enabled":true}`)
		s.refused("a code alone", d.reply("EMAIL_OTP", session, "alice", "EMAIL_OTP_CODE", code), badSession)
		s.refused("to choose it", d.reply("SELECT_CHALLENGE", byChoice, "alice", "ANSWER", "EMAIL_OTP"), "InvalidParameterException: Selected challenge is not available for the user.")
		for _, preferred := range []string{"", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"} {
			got := d.choose("alice", preferred)
			s.asked("preferring "+preferred, got, "SELECT_CHALLENGE")
			if !slices.Equal(got.AvailableChallenges, []string{"PASSWORD_SRP", "PASSWORD"}) {
				s.Errorf("preferring %q: %v", preferred, got.AvailableChallenges)
			}
		}
		s.asked("the password by choice", d.choose("alice", "PASSWORD", "PASSWORD", password), "SMS_MFA")
		s.refused("refreshing with a Session", d.initiate("REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": session}), "NotAuthorizedException: Invalid Refresh Token.")
		s.refused("refreshing with a Session", s.ask("GetTokensFromRefreshToken", map[string]any{"ClientId": d.client, "RefreshToken": session}), "NotAuthorizedException: Invalid Refresh Token.")
	})
}

// Item 10: a set-up that was begun does not lead around a factor that the user has by now.
func TestSetupAfterAFactor(t *testing.T) {
	onEngines(t, func(s *script) {
		s.mfa("ON", `"SoftwareTokenMfaConfiguration":{"Enabled":true},"EmailMfaConfiguration":{}`)
		d := s.door("pool", "client", false)
		setup := func(name string) string {
			got := d.password(name, password)
			if list := got.ChallengeParameters["MFAS_CAN_SETUP"]; list != `["SOFTWARE_TOKEN_MFA","EMAIL_OTP"]` {
				s.Errorf("can set up %s", list)
			}
			return s.asked("set-up", got, "MFA_SETUP")
		}
		begin := func(session string) (seed, begun string) {
			delete(s.Kept, "seed")
			delete(s.Kept, "begun")
			s.Kept["setup"] = session
			s.Steps(`> AssociateSoftwareToken {"Session":"${setup}"}`, `< {"SecretCode":"${seed}","Session":"${begun}"}`)
			return s.Kept["seed"], s.Kept["begun"]
		}
		verify := func(session, code string) answer {
			return s.ask("VerifySoftwareToken", map[string]any{"Session": session, "UserCode": code})
		}

		// By a software token, while others are under way.
		s.Steps("! user alice " + password)
		old, mailed := setup("alice"), setup("alice")
		mailed = s.asked("by e-mail", d.reply("MFA_SETUP", mailed, "alice", "EMAIL", "stranger@factor.test"), "EMAIL_OTP")
		code := s.sent("stranger@factor.test")
		oldSeed, oldBegun := begin(old)
		seed, begun := begin(setup("alice"))
		ready := verify(begun, s.TOTP(seed, "-1"))
		if ready.Session == "" {
			s.Fatalf("not verified: %s", ready.fault())
		}
		s.refused("an older set-up", verify(oldBegun, s.TOTP(oldSeed)), badSession)
		s.refused("to begin with an older one", s.ask("AssociateSoftwareToken", map[string]any{"Session": old}), badSession)
		s.refused("an older set-up by e-mail", d.reply("EMAIL_OTP", mailed, "alice", "EMAIL_OTP_CODE", code), badSession)
		s.refused("an older set-up, now by e-mail", d.reply("MFA_SETUP", old, "alice", "EMAIL", "stranger@factor.test"), badSession)
		s.refused("one that is not verified", d.respond("MFA_SETUP", begun, map[string]string{"USERNAME": "alice"}), badSession)
		s.granted("the Session of what was verified", d.respond("MFA_SETUP", ready.Session, map[string]string{"USERNAME": "alice"}))
		session := s.asked("then", d.password("alice", password), "SOFTWARE_TOKEN_MFA")
		s.refused("the code of the enrolment", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed, "-1")), usedTOTP)
		s.granted("the next code", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed)))
		s.Steps(`> AdminGetUser {"UserPoolId":"${pool}","Username":"alice"}`, `< {"...":1,"UserAttributes":[{"Name":"sub","Value":"*"}]}`)

		// By an address, while a software token is under way.
		s.Steps("! user bob " + password)
		old = setup("bob")
		oldSeed, oldBegun = begin(old)
		session = setup("bob")
		s.refused("no address", d.reply("MFA_SETUP", session, "bob", "EMAIL", "nonsense"), "InvalidParameterException: Invalid email address format.")
		first := s.asked("by e-mail", d.reply("MFA_SETUP", session, "bob", "EMAIL", "Bob@Factor.test"), "EMAIL_OTP")
		second := s.asked("by another", d.reply("MFA_SETUP", session, "bob", "email", "bob@factor.test"), "EMAIL_OTP")
		s.refused("a wrong code", d.reply("EMAIL_OTP", first, "bob", "EMAIL_OTP_CODE", "00000000"), wrongCode)
		s.granted("by e-mail", d.reply("EMAIL_OTP", second, "bob", "EMAIL_OTP_CODE", s.sent("bob@factor.test")))
		s.refused("an older set-up", verify(oldBegun, s.TOTP(oldSeed)), badSession)
		s.Steps(`> AdminGetUser {"UserPoolId":"${pool}","Username":"bob"}`, `< {"...":1,"UserAttributes":[{"Name":"sub","Value":"*"},{"Name":"email","Value":"bob@factor.test"},{"Name":"email_verified","Value":"true"}]}`)
		s.asked("then", d.password("bob", password), "EMAIL_OTP")
	})
}

// Item 10: of many set-ups that end at once, one registers its factor, and the others grant nothing.
func TestSetupsAtOnce(t *testing.T) {
	onEngines(t, func(s *script) {
		s.mfa("ON", `"SoftwareTokenMfaConfiguration":{"Enabled":true},"EmailMfaConfiguration":{}`)
		d := s.door("pool", "client", false)
		s.Steps("! user alice " + password)
		begin := func() string { return s.asked("set-up", d.password("alice", password), "MFA_SETUP") }
		mailed := s.asked("by e-mail", d.reply("MFA_SETUP", begin(), "alice", "EMAIL", "once@factor.test"), "EMAIL_OTP")
		mail := s.sent("once@factor.test")
		var sessions, codes [3]string
		for i := range sessions {
			delete(s.Kept, "seed")
			delete(s.Kept, "begun")
			s.Kept["setup"] = begin()
			s.Steps(`> AssociateSoftwareToken {"Session":"${setup}"}`, `< {"SecretCode":"${seed}","Session":"${begun}"}`)
			sessions[i], codes[i] = s.Kept["begun"], s.TOTP(s.Kept["seed"])
		}
		var registered atomic.Int32
		s.atOnce(len(sessions)+1, func(i int) answer {
			if i == len(sessions) {
				a := d.reply("EMAIL_OTP", mailed, "alice", "EMAIL_OTP_CODE", mail)
				if a.AuthenticationResult != nil {
					registered.Add(1)
				}
				return a
			}
			a := s.ask("VerifySoftwareToken", map[string]any{"Session": sessions[i], "UserCode": codes[i]})
			if a.Session != "" {
				registered.Add(1)
			}
			return a
		}, badSession, ": ")
		if n := registered.Load(); n != 1 {
			s.Errorf("%d factors were registered", n)
		}
	})
}

// Item 17: a reset neither removes a second factor nor stands in for it.
func TestResetKeepsTheSecondFactor(t *testing.T) {
	onEngines(t, func(s *script) {
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "client", false)
		email, _ := s.reachable("alice")
		s.Steps("! sign-in alice " + password)
		seed := s.enrol(s.Kept["access"])
		s.prefers("alice", `"SoftwareTokenMfaSettings":{"Enabled":true}`)
		reset := func(op, word string) {
			s.Kept["word"] = word
			s.Steps(op, `< {"...":1}`, "! code "+email,
				`> ConfirmForgotPassword {"ClientId":"${client}","Username":"alice","Password":"${word}","ConfirmationCode":"${code}"}`, `< {}`)
		}
		reset(`> ForgotPassword {"ClientId":"${client}","Username":"alice"}`, "Reset0ne!")
		session := s.asked("after the reset", d.password("alice", "Reset0ne!"), "SOFTWARE_TOKEN_MFA")
		s.refused("the reset's code", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.Kept["code"]), wrongTOTP)
		s.granted("the token's code", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed)))
		session = s.asked("before a reset", d.password("alice", "Reset0ne!"), "SOFTWARE_TOKEN_MFA")
		reset(`> AdminResetUserPassword {"UserPoolId":"${pool}","Username":"alice"}`, "Reset2wo!")
		s.refused("a Session from before", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed, "1")), badSession)
		session = s.asked("after the administrator's", d.srp("alice", "Reset2wo!"), "SOFTWARE_TOKEN_MFA")
		s.granted("the token's code", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed, "1")))

		// And it never goes where the codes of the second factor go.
		email, _ = s.reachable("bob")
		s.prefers("bob", `"EmailMfaSettings":{"Enabled":true}`)
		before := len(s.House.Inbox.Messages(email))
		s.refused("by the factor's medium", s.ask("ForgotPassword", map[string]any{"ClientId": d.client, "Username": "bob"}),
			"InvalidParameterException: Cannot reset password for the user as there is no registered/verified email or phone_number")
		s.refused("by the factor's medium", s.ask("AdminResetUserPassword", map[string]any{"UserPoolId": d.pool, "Username": "bob"}),
			"InvalidParameterException: Cannot reset password for the user as there is no registered/verified email or phone_number")
		if len(s.House.Inbox.Messages(email)) != before {
			s.Error("a code was sent")
		}
		s.Steps(`> AdminUpdateUserAttributes {"UserPoolId":"${pool}","Username":"bob","UserAttributes":[{"Name":"phone_number_verified","Value":"true"}]}`, `< {}`,
			`> ForgotPassword {"ClientId":"${client}","Username":"bob"}`, `< {"CodeDeliveryDetails":{"AttributeName":"phone_number","DeliveryMedium":"SMS","Destination":"*"}}`)
	})
}

// Item 5: wrong codes count with wrong passwords, and a lock shuts every way.
func TestLockoutByCodes(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "choice", false)
		seed := s.holder("alice")
		session := s.asked("password", d.password("alice", password), "SOFTWARE_TOKEN_MFA")
		email, _ := s.reachable("bob")
		alone := s.asked("a code alone", d.choose("bob", "EMAIL_OTP"), "EMAIL_OTP")
		for range 2 {
			s.refused("a wrong code", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", s.TOTP(seed, "5")), wrongTOTP)
			s.refused("a wrong recovery code", d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", "AAAA-BBBB-CCCC-DDDD"), wrongTOTP)
			for range 2 {
				s.refused("a wrong code alone", d.reply("EMAIL_OTP", alone, "bob", "EMAIL_OTP_CODE", "00000000"), wrongCode)
			}
		}
		s.refused("a wrong password", d.password("alice", "wrong"), incorrect)
		s.refused("the right password", d.srp("alice", password), exceeded)
		s.refused("a wrong password", d.password("bob", "wrong"), incorrect)
		s.refused("the right code", d.reply("EMAIL_OTP", alone, "bob", "EMAIL_OTP_CODE", s.sent(email)), exceeded)
	})
}

// Item 21: a recovery code signs in once in place of a software token's.
func TestRecoveryCodeSignsIn(t *testing.T) {
	onEngines(t, func(s *script) {
		s.mfa("OPTIONAL", allFactors)
		d := s.door("pool", "client", false)
		s.Steps("! user alice "+password, "! sign-in alice "+password)
		s.enrol(s.Kept["access"])
		codes := func() (out struct{ RecoveryCodes []string }) {
			_, text := s.Call("Cognate.CreateRecoveryCodes", `{"AccessToken":"`+s.Kept["access"]+`"}`, false)
			if err := json.Unmarshal(text, &out); err != nil || len(out.RecoveryCodes) != 10 {
				s.Fatalf("%v: %s", err, text)
			}
			return out
		}
		set := codes().RecoveryCodes
		s.prefers("alice", `"SoftwareTokenMfaSettings":{"Enabled":true}`)
		try := func(session, code string) answer {
			return d.reply("SOFTWARE_TOKEN_MFA", session, "alice", "SOFTWARE_TOKEN_MFA_CODE", code)
		}
		begin := func() string { return s.asked("password", d.password("alice", password), "SOFTWARE_TOKEN_MFA") }
		s.granted("a recovery code", try(begin(), set[0]))
		session := begin()
		s.refused("the same", try(session, set[0]), wrongTOTP)
		s.granted("another, as people type it", try(session, strings.ToLower(strings.ReplaceAll(set[1], "-", " "))))
		sessions := []string{begin(), begin(), begin()}
		if won := s.atOnce(len(sessions), func(i int) answer { return try(sessions[i], set[2]) }, wrongTOTP); won != 1 {
			s.Errorf("%d sign-ins were granted by one recovery code", won)
		}
		codes()
		s.refused("one of the old set", try(begin(), set[3]), wrongTOTP)
		email, _ := s.reachable("bob")
		s.prefers("bob", `"EmailMfaSettings":{"Enabled":true}`)
		session = s.asked("e-mail", d.password("bob", password), "EMAIL_OTP")
		s.refused("in place of an e-mail's code", d.reply("EMAIL_OTP", session, "bob", "EMAIL_OTP_CODE", set[4]), wrongCode)
		s.granted("the e-mail's code", d.reply("EMAIL_OTP", session, "bob", "EMAIL_OTP_CODE", s.sent(email)))
	})
}
