package idpserver_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// offers checks that an answer is the choice between these factors, and returns its Session.
func (s *script) offers(what string, got answer, factors ...string) string {
	s.Helper()
	if !slices.Equal(got.AvailableChallenges, factors) {
		s.Errorf("%s: offered %v, want %v", what, got.AvailableChallenges, factors)
	}
	return s.asked(what, got, "SELECT_CHALLENGE")
}

// The factors that a user has are offered, and each signs in (protocol page "auth-flows", section 6).
func TestChoice(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		email, phone := s.reachable("alice")
		bothDoors(s, "pool", "choice", func(d door) {
			session := s.offers("alice", d.choose("alice", ""), "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP")
			s.offers("a factor that alice has not", d.choose("alice", "WEB_AUTHN"), "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP")
			for factor, to := range map[string]string{"EMAIL_OTP": email, "SMS_OTP": phone} {
				selected := s.asked(factor, d.reply("SELECT_CHALLENGE", s.asked("choice", d.choose("alice", ""), "SELECT_CHALLENGE"), "alice", "ANSWER", factor), factor)
				code := s.sent(to)
				if len(code) != 8 {
					s.Errorf("%s: a code of %d digits", factor, len(code))
				}
				s.granted(factor, d.reply(factor, selected, "alice", factor+"_CODE", code))
				got := d.choose("alice", factor)
				if len(got.AvailableChallenges) != 4 || got.ChallengeParameters["CODE_DELIVERY_DESTINATION"] == "" {
					s.Errorf("%s preferred: %+v", factor, got)
				}
				s.granted(factor+" preferred", d.reply(factor, s.asked(factor, got, factor), "alice", factor+"_CODE", s.sent(to)))
			}
			s.granted("a password along", d.choose("alice", "PASSWORD", "PASSWORD", password))
			s.refused("a wrong one", d.choose("alice", "PASSWORD", "PASSWORD", "wrong"), incorrect)
			s.granted("PASSWORD", d.reply("PASSWORD", s.asked("PASSWORD", d.choose("alice", "PASSWORD"), "PASSWORD"), "alice", "PASSWORD", password))
			s.granted("PASSWORD without selecting it", d.reply("PASSWORD", s.asked("choice", d.choose("alice", ""), "SELECT_CHALLENGE"), "alice", "PASSWORD", password))
			s.refused("no password", d.respond("PASSWORD", session, map[string]string{"USERNAME": "alice"}), "InvalidParameterException: Missing required parameter PASSWORD")
			s.refused("no SRP_A", d.respond("PASSWORD_SRP", session, map[string]string{"USERNAME": "alice"}), "InvalidParameterException: Missing required parameter SRP_A")
			s.refused("no answer", d.respond("SELECT_CHALLENGE", session, map[string]string{"USERNAME": "alice"}), "InvalidParameterException: Missing required parameter ANSWER")
			s.refused("an answer that is none", d.reply("SELECT_CHALLENGE", session, "alice", "ANSWER", "SOFTWARE_TOKEN_MFA"), "InvalidParameterException: Selected challenge is not available for the user.")
			s.granted("the Session, once", d.reply("PASSWORD", session, "alice", "PASSWORD", password))
			s.refused("the Session again", d.reply("PASSWORD", session, "alice", "PASSWORD", password), usedSession)
		})
	})
}

// Choosing SRP leads to the same exchange as USER_SRP_AUTH, along with the name, with a choice, or by name.
func TestChoiceOfSRP(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		s.Steps("! user alice " + password)
		d := s.door("pool", "choice", false)
		ways := map[string]func(a string) answer{
			"along": func(a string) answer { return d.choose("alice", "PASSWORD_SRP", "SRP_A", a) },
			"selected": func(a string) answer {
				session := s.asked("choice", d.choose("alice", ""), "SELECT_CHALLENGE")
				return d.respond("SELECT_CHALLENGE", session, map[string]string{"USERNAME": "alice", "ANSWER": "PASSWORD_SRP", "SRP_A": a})
			},
			"by name": func(a string) answer {
				return d.reply("PASSWORD_SRP", s.asked("SRP", d.choose("alice", "PASSWORD_SRP"), "PASSWORD_SRP"), "alice", "SRP_A", a)
			},
		}
		for way, begin := range ways {
			e := s.exchange(d, begin)
			s.refused(way+": a wrong password", e.answer("wrong"), incorrect)
			s.granted(way, e.answer(password))
			s.refused(way+": again", e.answer(password), incorrect)
		}
	})
}

// Item 10: users without a password are asked for nothing else, and users with a temporary one for nothing but
// that.
func TestChoiceOfTheFewFactors(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		d := s.door("pool", "choice", false)
		s.Steps(`> AdminCreateUser {"UserPoolId":"${pool}","Username":"bare","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"email","Value":"bare@choice.test"},{"Name":"email_verified","Value":"true"}]}`,
			`< {"User":{"...":1,"UserStatus":"CONFIRMED"}}`,
			`> AdminCreateUser {"UserPoolId":"${pool}","Username":"invited","TemporaryPassword":"Tempor4ry!","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"email","Value":"invited@choice.test"},{"Name":"email_verified","Value":"true"}]}`,
			`< {"User":{"...":1,"UserStatus":"FORCE_CHANGE_PASSWORD"}}`)
		for _, preferred := range []string{"", "PASSWORD", "PASSWORD_SRP", "SMS_OTP", "EMAIL_OTP"} {
			got := d.choose("bare", preferred)
			session := s.asked("without a password", got, "EMAIL_OTP")
			if !slices.Equal(got.AvailableChallenges, []string{"EMAIL_OTP"}) {
				s.Errorf("without a password: %v", got.AvailableChallenges)
			}
			s.granted("by code", d.reply("EMAIL_OTP", session, "bare", "EMAIL_OTP_CODE", s.sent("bare@choice.test")))
			s.offers("with a temporary password", d.choose("invited", "EMAIL_OTP"), "PASSWORD_SRP", "PASSWORD")
		}
		s.refused("no password", d.password("bare", ""), "InvalidParameterException: Missing required parameter PASSWORD")
		s.refused("any password", d.password("bare", password), incorrect)
		session := s.asked("the temporary one", d.choose("invited", "PASSWORD", "PASSWORD", "Tempor4ry!"), "NEW_PASSWORD_REQUIRED")
		s.granted("and a new one", d.reply("NEW_PASSWORD_REQUIRED", session, "invited", "NEW_PASSWORD", password))
		s.offers("then", d.choose("invited", ""), "PASSWORD_SRP", "PASSWORD", "EMAIL_OTP")

		// A temporary password that is set while a code is on its way.
		s.Steps("! user carol " + password + " carol@choice.test")
		session = s.asked("a code", d.choose("carol", "EMAIL_OTP"), "EMAIL_OTP")
		s.Steps(`> AdminSetUserPassword {"UserPoolId":"${pool}","Username":"carol","Password":"Tempor4ry!","Permanent":false}`, `< {}`)
		s.refused("the code", d.reply("EMAIL_OTP", session, "carol", "EMAIL_OTP_CODE", s.sent("carol@choice.test")), badSession)
		// And an address that is changed.
		s.Steps("! user dave " + password + " dave@choice.test")
		session = s.asked("a code", d.choose("dave", "EMAIL_OTP"), "EMAIL_OTP")
		code := s.sent("dave@choice.test")
		s.Steps(`> AdminUpdateUserAttributes {"UserPoolId":"${pool}","Username":"dave","UserAttributes":[{"Name":"email","Value":"new@choice.test"}]}`, `< {}`)
		s.refused("the code of the old address", d.reply("EMAIL_OTP", session, "dave", "EMAIL_OTP_CODE", code), wrongCode)
	})
}

// A code that signs in confirms who was unconfirmed, and the address that it went to.
func TestChoiceConfirms(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("choice", "")
		d := s.door("pool", "choice", false)
		s.Steps(`> SignUp {"ClientId":"${choice}","Username":"new","Password":"`+password+`","UserAttributes":[{"Name":"email","Value":"new@confirm.test"}]}`, `< {"...":1,"UserConfirmed":false}`)
		s.refused("the password", d.choose("new", "PASSWORD", "PASSWORD", password), "UserNotConfirmedException: User is not confirmed.")
		s.refused("the password by SRP", d.choose("new", "PASSWORD_SRP", "SRP_A", "abc"), "UserNotConfirmedException: User is not confirmed.")
		session := s.asked("a code", d.choose("new", "EMAIL_OTP"), "EMAIL_OTP")
		s.refused("a wrong one", d.reply("EMAIL_OTP", session, "new", "EMAIL_OTP_CODE", "00000000"), wrongCode)
		s.Steps(`> AdminGetUser {"UserPoolId":"${pool}","Username":"new"}`, `< {"...":1,"UserStatus":"UNCONFIRMED"}`)
		s.granted("the code", d.reply("EMAIL_OTP", session, "new", "EMAIL_OTP_CODE", s.sent("new@confirm.test")))
		s.Steps(`> AdminGetUser {"UserPoolId":"${pool}","Username":"new"}`,
			`< {"...":1,"UserStatus":"CONFIRMED","UserAttributes":[{"Name":"sub","Value":"*"},{"Name":"email","Value":"new@confirm.test"},{"Name":"email_verified","Value":"true"}]}`)
		s.granted("the password now", d.choose("new", "PASSWORD", "PASSWORD", password))
		s.Steps(`> AdminResetUserPassword {"UserPoolId":"${pool}","Username":"new"}`, `< {}`)
		session = s.asked("a code", d.choose("new", "EMAIL_OTP"), "EMAIL_OTP")
		s.refused("who must reset the password", d.reply("EMAIL_OTP", session, "new", "EMAIL_OTP_CODE", s.sent("new@confirm.test")), "PasswordResetRequiredException: Password reset required for the user")
	})
}

// A code does not confirm an address with which another user signs in.
func TestChoiceOfATakenAddress(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps(`> CreateUserPool {"PoolName":"alias","AliasAttributes":["email"],"AutoVerifiedAttributes":["email"],"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","EMAIL_OTP"]}}}`, `< {"UserPool":{"...":1,"Id":"${alias}"}}`,
			`> CreateUserPoolClient {"UserPoolId":"${alias}","ClientName":"c","ExplicitAuthFlows":["ALLOW_USER_AUTH"]}`, `< {"UserPoolClient":{"...":1,"ClientId":"${alias-client}"}}`,
			`> AdminCreateUser {"UserPoolId":"${alias}","Username":"owner","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"email","Value":"one@taken.test"},{"Name":"email_verified","Value":"true"}]}`, `< {"...":1}`,
			`> SignUp {"ClientId":"${alias-client}","Username":"second","Password":"`+password+`","UserAttributes":[{"Name":"email","Value":"one@taken.test"}]}`, `< {"...":1}`)
		d := s.door("alias", "alias-client", false)
		session := s.asked("second", d.choose("second", "EMAIL_OTP"), "EMAIL_OTP")
		s.refused("its code", d.reply("EMAIL_OTP", session, "second", "EMAIL_OTP_CODE", s.sent("one@taken.test")), "AliasExistsException: An account with the email already exists.")
		s.Steps(`> AdminGetUser {"UserPoolId":"${alias}","Username":"second"}`, `< {"...":1,"UserStatus":"UNCONFIRMED"}`)
		session = s.asked("by the address", d.choose("one@taken.test", ""), "EMAIL_OTP")
		s.granted("its owner", d.reply("EMAIL_OTP", session, "one@taken.test", "EMAIL_OTP_CODE", s.sent("one@taken.test")))
	})
}

// Item 9: a name that nobody has is offered what a user has, always the same, and every answer is as wrong.
func TestChoiceOfUnknownUser(t *testing.T) {
	onEngines(t, func(s *script) {
		s.choice("discreet", `"PreventUserExistenceErrors":"ENABLED",`)
		s.Steps("! user alice " + password + " alice@hidden.test")
		s.choice("open", "")
		s.refused("where it shows", s.door("pool", "open", false).choose("nobody", ""), "UserNotFoundException: User does not exist.")
		bothDoors(s, "pool", "discreet", func(d door) {
			for _, preferred := range []string{"", "EMAIL_OTP", "PASSWORD", "PASSWORD_SRP", "SMS_OTP"} {
				real, fake, again := d.choose("alice", preferred), d.choose("nobody", preferred), d.choose("NOBODY", preferred)
				if fake.ChallengeName != real.ChallengeName || !slices.Equal(fake.AvailableChallenges, real.AvailableChallenges) || len(fake.Session) != len(real.Session) {
					s.Errorf("%s: %q of %v; for who exists %q of %v", preferred, fake.ChallengeName, fake.AvailableChallenges, real.ChallengeName, real.AvailableChallenges)
				}
				if !slices.Equal(slices.Sorted(maps.Keys(fake.ChallengeParameters)), slices.Sorted(maps.Keys(real.ChallengeParameters))) || !maps.Equal(fake.ChallengeParameters, again.ChallengeParameters) {
					s.Errorf("%s: %v, then %v; for who exists %v", preferred, fake.ChallengeParameters, again.ChallengeParameters, real.ChallengeParameters)
				}
				if to := real.ChallengeParameters["CODE_DELIVERY_DESTINATION"]; len(to) != len(fake.ChallengeParameters["CODE_DELIVERY_DESTINATION"]) {
					s.Errorf("%s: sent to %s", preferred, fake.ChallengeParameters["CODE_DELIVERY_DESTINATION"])
				}
			}
			name := fmt.Sprintf("nobody-%t", d.admin)
			for what, c := range map[string]struct {
				got  answer
				want string
			}{
				"a password":    {d.choose(name, "PASSWORD", "PASSWORD", password), incorrect},
				"a code":        {d.reply("EMAIL_OTP", s.asked("a code", d.choose(name, "EMAIL_OTP"), "EMAIL_OTP"), name, "EMAIL_OTP_CODE", "12345678"), wrongCode},
				"another name":  {d.reply("EMAIL_OTP", s.asked("a code", d.choose(name, "EMAIL_OTP"), "EMAIL_OTP"), "alice", "EMAIL_OTP_CODE", "12345678"), badSession},
				"a choice":      {d.respond("SELECT_CHALLENGE", s.asked("a choice", d.choose(name, ""), "SELECT_CHALLENGE"), map[string]string{"USERNAME": name, "ANSWER": "PASSWORD", "PASSWORD": password}), incorrect},
				"a wrong sort":  {d.reply("SELECT_CHALLENGE", s.asked("a choice", d.choose(name, ""), "SELECT_CHALLENGE"), name, "ANSWER", "SMS_OTP"), "InvalidParameterException: Selected challenge is not available for the user."},
				"an SRP answer": {s.exchange(d, func(a string) answer { return d.choose(name, "PASSWORD_SRP", "SRP_A", a) }).answer(password), incorrect},
			} {
				s.refused(what, c.got, c.want)
			}
		})
	})
}

// Item 55: whatever stands in a parameter, the answer is one of the API's own.
func TestSignInParameters(t *testing.T) {
	long := strings.Repeat("x", 50<<10)
	values := []string{`"` + long + `"`, `"` + strings.Repeat("-", 50<<10) + `"`, `"\u0000"`, `"a\u0000b"`, "\"\xff\"", "\"a\xc3\"", `""`, `"\ud800"`, `null`, `7`, `{}`, `"éü漢字"`}
	onEngines(t, func(s *script) {
		s.choice("choice", `"PreventUserExistenceErrors":"ENABLED",`)
		d := s.door("pool", "choice", false)
		s.Steps(`> UpdateUserPool {"UserPoolId":"${pool}","AutoVerifiedAttributes":["email"],"DeviceConfiguration":{"ChallengeRequiredOnNewDevice":true},"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","EMAIL_OTP","SMS_OTP"]}}}`, `< {}`)
		s.mfa("OPTIONAL", allFactors)
		tries := 0
		try := func(op, member string, in map[string]any, spoil string) {
			for _, value := range values {
				body := spoiled(t, in, member, spoil, value)
				code, text := s.Call(op, body, true)
				if tries++; code >= 500 {
					s.Errorf("%s, %s of %.40q: %d %s", op, spoil, value, code, text)
				}
			}
		}
		for _, flow := range []map[string]string{
			{"AuthFlow": "USER_AUTH", "USERNAME": "nobody", "PREFERRED_CHALLENGE": "EMAIL_OTP", "PASSWORD": "x", "SRP_A": "abc", "SECRET_HASH": "x", "DEVICE_KEY": "x", "TARGET_ACR_VALUES": "urn:cognito:loa:1", "MAX_AGE": "1", "ACCESS_TOKEN": "x"},
			{"AuthFlow": "USER_AUTH", "USERNAME": "alice", "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": "x", "DEVICE_KEY": "x"},
			{"AuthFlow": "USER_SRP_AUTH", "USERNAME": "alice", "SRP_A": "abc", "DEVICE_KEY": "x"},
		} {
			parameters := maps.Clone(flow)
			delete(parameters, "AuthFlow")
			for name := range parameters {
				try("InitiateAuth", "AuthParameters", map[string]any{"ClientId": d.client, "AuthFlow": flow["AuthFlow"], "AuthParameters": parameters}, name)
			}
		}
		try("InitiateAuth", "", map[string]any{"ClientId": d.client, "AuthFlow": "USER_AUTH", "AuthParameters": map[string]string{"USERNAME": "alice"}}, "Session")
		for _, st := range s.stands(d) {
			st.knows["SECRET_HASH"] = ""
			for name := range st.knows {
				responses := maps.Clone(st.knows)
				for _, code := range []string{"EMAIL_OTP_CODE", "SMS_OTP_CODE", "SMS_MFA_CODE", "SOFTWARE_TOKEN_MFA_CODE"} {
					if code != name {
						responses[code] = "0"
					}
				}
				try("RespondToAuthChallenge", "ChallengeResponses", map[string]any{"ClientId": d.client, "ChallengeName": st.challenge, "Session": st.session, "ChallengeResponses": responses}, name)
			}
			try("RespondToAuthChallenge", "", map[string]any{"ClientId": d.client, "ChallengeName": st.challenge, "ChallengeResponses": st.knows}, "Session")
			try("AssociateSoftwareToken", "", map[string]any{}, "Session")
			try("VerifySoftwareToken", "", map[string]any{"Session": st.session, "UserCode": "123456"}, "FriendlyDeviceName")
			try("VerifySoftwareToken", "", map[string]any{"Session": st.session, "FriendlyDeviceName": "x"}, "UserCode")
		}
		if tries < 500 {
			s.Errorf("only %d requests were made", tries)
		}
	})
}

// spoiled is a request one of whose members, or one entry of which, is this piece of JSON.
func spoiled(t *testing.T, in map[string]any, member, name, value string) string {
	t.Helper()
	const mark = `"the value to spoil"`
	out := maps.Clone(in)
	if member == "" {
		out[name] = json.RawMessage(mark)
	} else {
		entries := map[string]any{name: json.RawMessage(mark)}
		for k, v := range in[member].(map[string]string) {
			if k != name {
				entries[k] = v
			}
		}
		out[member] = entries
	}
	body, err := json.Marshal(out)
	if err != nil || !strings.Contains(string(body), mark) {
		t.Fatalf("%v: %s", err, body)
	}
	return strings.Replace(string(body), mark, value, 1)
}

// Item 9: the id that an answer gives for an address is good in the next call, whether or not anybody has it.
func TestInventedIdIsAsGood(t *testing.T) {
	onEngines(t, func(s *script) {
		s.newPoolOf("mail", `"UsernameAttributes":["email"],"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","EMAIL_OTP"]}}`, "real@id.test",
			`{"Name":"email_verified","Value":"true"}`)
		s.Steps(`> CreateUserPoolClient {"UserPoolId":"${mail}","ClientName":"d","PreventUserExistenceErrors":"ENABLED","ExplicitAuthFlows":["ALLOW_USER_SRP_AUTH","ALLOW_USER_AUTH"]}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${hides}"}}`)
		d := s.door("mail", "hides", false)
		for _, name := range []string{"real@id.test", "nobody@id.test"} {
			first := d.begin(name)
			second := d.begin(first.id)
			if second.id != first.id || second.got.ChallengeParameters["SALT"] != first.got.ChallengeParameters["SALT"] {
				s.Errorf("%s: %+v, then %+v", name, first.got.ChallengeParameters, second.got.ChallengeParameters)
			}
			got := d.choose(name, "EMAIL_OTP")
			session := s.asked(name, got, "EMAIL_OTP")
			s.refused(name, d.reply("EMAIL_OTP", session, got.ChallengeParameters["USER_ID_FOR_SRP"], "EMAIL_OTP_CODE", "00000000"), wrongCode)
			for range 4 {
				s.refused(name, first.answer("wrong"), incorrect)
			}
			s.refused(name+" by its id", d.begin(first.id).answer(password), exceeded)
		}
	})
}

// Item 9: that a user is disabled shows once the passkey is proven, and not before.
func TestDisabledWithPasskey(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps(`> UpdateUserPool {"UserPoolId":"${pool}","Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","WEB_AUTHN"]}}}`, `< {}`,
			`> SetUserPoolMfaConfig {"UserPoolId":"${pool}","WebAuthnConfiguration":{"RelyingPartyId":"example.com"}}`, `< {"...":1}`,
			`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"c","PreventUserExistenceErrors":"ENABLED","ExplicitAuthFlows":["ALLOW_USER_AUTH"]}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${hides}"}}`,
			"! user alice "+password, "! sign-in alice "+password, "! new-passkey https://example.com",
			`> CompleteWebAuthnRegistration {"AccessToken":"${access}","Credential":${credential}}`, `< {}`,
			`> AdminDisableUser {"UserPoolId":"${pool}","Username":"alice"}`, `< {}`)
		d := s.door("pool", "hides", false)
		got := d.choose("alice", "WEB_AUTHN")
		session := s.asked("a passkey", got, "WEB_AUTHN")
		s.refused("no proof", d.reply("WEB_AUTHN", session, "alice", "CREDENTIAL", "{}"), incorrect)
		s.UsePasskey("https://example.com", got.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"])
		var credential string
		if err := json.Unmarshal([]byte(`"`+s.Kept["proof"]+`"`), &credential); err != nil {
			s.Fatal(err)
		}
		s.refused("the proof", d.reply("WEB_AUTHN", session, "alice", "CREDENTIAL", credential), "NotAuthorizedException: User is disabled.")
	})
}
