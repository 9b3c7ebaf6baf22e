package idpserver_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/scripttest"
	"cognate/internal/srp"
)

// TestPasswordsAsTyped holds that a password is what was typed, all of it and nothing else (checklist 2): SRP
// clients compute with those very bytes.
func TestPasswordsAsTyped(t *testing.T) {
	const base = "Pa5$"
	long := func(n int, of string) string { return base + strings.Repeat(of, n-len(base)) }
	composed, decomposed := norm.NFC.String("Caf\u00e9-Pa5$word"), norm.NFD.String("Caf\u00e9-Pa5$word")
	onEngines(t, func(s *script) {
		d := s.door("pool", "client", false)
		signUp := func(name, word string) answer {
			return s.ask("SignUp", map[string]any{"ClientId": d.client, "Username": name, "Password": word})
		}
		for name, c := range map[string]struct {
			word   string
			others []string // that are not it
		}{
			"64":         {long(64, "x"), []string{long(63, "x"), long(65, "x")}},
			"73":         {long(73, "x"), []string{long(72, "x")}}, // where bcrypt stops
			"256":        {long(256, "x"), []string{long(255, "x"), long(64, "x")}},
			"256-wide":   {long(256, "\U0001f600"), []string{long(255, "\U0001f600"), long(256, "\U0001f601")}},
			"composed":   {composed, []string{decomposed}},
			"decomposed": {decomposed, []string{composed}},
			"ligature":   {"o\ufb03ce-Pa5$", []string{"office-Pa5$"}}, // the same by NFKC
			"fullwidth":  {"\uff21\uff22-Pa5$word", []string{"AB-Pa5$word"}},
		} {
			if got := signUp(name, c.word); got.Type != "" {
				s.Errorf("%s: %s", name, got.fault())
				continue
			}
			s.Steps(`> AdminConfirmSignUp {"UserPoolId":"${pool}","Username":"`+name+`"}`, `< {}`)
			s.granted(name, d.password(name, c.word))
			s.granted(name+" by SRP", d.srp(name, c.word))
			for _, other := range c.others {
				s.refused(name+", another", d.password(name, other), incorrect)
				s.refused(name+", another by SRP", d.srp(name, other), incorrect)
				s.granted(name, d.password(name, c.word)) // ends the count of failures
			}
		}
		tooShort := "InvalidPasswordException: Password did not conform with policy: Password not long enough"
		s.refused("seven characters of many bytes", signUp("short", "Pa5$\U0001f600\U0001f600\U0001f600"), tooShort)
		if got := signUp("eight", "Pa5$\U0001f600\U0001f600\U0001f600\U0001f600"); got.Type != "" {
			s.Errorf("eight characters: %s", got.fault())
		}
		if got := signUp("long", long(257, "x")); got.Type != "InvalidParameterException" && got.Type != "InvalidPasswordException" {
			s.Errorf("257 characters: %s", got.fault())
		}
	})
}

const allFlows = `["ALLOW_USER_SRP_AUTH","ALLOW_USER_PASSWORD_AUTH","ALLOW_ADMIN_USER_PASSWORD_AUTH","ALLOW_USER_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]`

// hashed are the operations that take a SECRET_HASH beside a user name, and for each a request that is right but
// for that.
var hashed = map[string]map[string]any{
	"SignUp":                 {"Password": password},
	"ConfirmSignUp":          {"ConfirmationCode": "123456"},
	"ResendConfirmationCode": {},
	"ForgotPassword":         {},
	"ConfirmForgotPassword":  {"ConfirmationCode": "123456", "Password": password},
}

// TestSecretHashEverywhere asks every operation of a client with a secret without it, with another user's, and
// with one made with a secret that is none any more (checklist 11). It fails when an operation comes that
// nobody has thought of here.
func TestSecretHashEverywhere(t *testing.T) {
	for _, op := range idp.Service.Operations {
		if op.Auth != api.Signed && slices.ContainsFunc(op.Input.Members, func(m api.Member) bool { return m.Name == "SecretHash" }) && hashed[op.Name] == nil {
			t.Errorf("%s takes a SecretHash, and is not asked without", op.Name)
		}
	}
	onEngines(t, func(s *script) {
		s.Steps("! user alice "+password+" alice@hash.test",
			`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"keeper","GenerateSecret":true,"ExplicitAuthFlows":`+allFlows+`}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${keeper}","ClientSecret":"${secret}"}}`)
		client, secret := s.Kept["keeper"], s.Kept["secret"]
		missing := "NotAuthorizedException: Client " + client + " is configured with secret but SECRET_HASH was not received"
		unfit := "NotAuthorizedException: Unable to verify secret hash for client " + client
		wrong := map[string]string{
			"another user's":   srp.SecretHash("bob", client, secret),
			"another client's": srp.SecretHash("alice", s.Kept["client"], secret),
			"another secret's": srp.SecretHash("alice", client, "x"+secret),
			"garbage":          "garbage",
		}
		for op, in := range hashed {
			ask := func(hash string) answer {
				full := map[string]any{"ClientId": client, "Username": "alice"}
				for k, v := range in {
					full[k] = v
				}
				if hash != "" {
					full["SecretHash"] = hash
				}
				return s.ask(op, full)
			}
			s.refused(op+" without a hash", ask(""), missing)
			for what, hash := range wrong {
				s.refused(op+" with "+what, ask(hash), unfit)
			}
			if got := ask(srp.SecretHash("alice", client, secret)).fault(); got == missing || got == unfit {
				s.Errorf("%s with the right hash: %s", op, got)
			}
		}
		bothDoors(s, "pool", "keeper", func(d door) {
			for flow, parameter := range map[string][2]string{
				"USER_SRP_AUTH": {"SRP_A", "2"}, "USER_PASSWORD_AUTH": {"PASSWORD", password}, "ADMIN_USER_PASSWORD_AUTH": {"PASSWORD", password},
				"USER_AUTH": {"PREFERRED_CHALLENGE", "PASSWORD"},
			} {
				if strings.HasPrefix(flow, "ADMIN") != d.admin && flow != "USER_SRP_AUTH" && flow != "USER_AUTH" {
					continue
				}
				ask := func(hash string) answer {
					p := map[string]string{"USERNAME": "alice", parameter[0]: parameter[1]}
					if hash != "" {
						p["SECRET_HASH"] = hash
					}
					return d.initiate(flow, p)
				}
				s.refused(flow+" without a hash", ask(""), missing)
				for what, hash := range wrong {
					s.refused(flow+" with "+what, ask(hash), unfit)
				}
				if got := ask(srp.SecretHash("alice", client, secret)); got.Type != "" {
					s.Errorf("%s with the right hash: %s", flow, got.fault())
				}
			}
		})
	})
}

// TestNoSecretForThePublic looks for members that could hold a client's secret in the outputs of all operations
// that need no signature (checklist 11).
func TestNoSecretForThePublic(t *testing.T) {
	for _, op := range idp.Service.Operations {
		if op.Auth == api.Signed || op.Output == nil {
			continue
		}
		for _, m := range op.Output.Members {
			if strings.Contains(m.Name, "ClientSecret") {
				t.Errorf("%s answers %s", op.Name, m.Name)
			}
		}
	}
}

// TestStatesShutEveryDoor brings a user who is signed in into each state that shuts it out, and tries every way
// in, and what the tokens of before are good for (checklist 13).
func TestStatesShutEveryDoor(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps(`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"all","ExplicitAuthFlows":`+allFlows+`}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${all}"}}`, "! let client ${all}")
		public, admin := s.door("pool", "client", false), s.door("pool", "client", true)
		for state, step := range map[string]string{
			"disabled": `AdminDisableUser`, "deleted": `AdminDeleteUser`, "reset": `AdminResetUserPassword`,
		} {
			s.Steps("! user "+state+" "+password+" "+state+"@state.test", "! sign-in "+state+" "+password)
			access, refresh := s.Kept["access"], s.Kept["refresh"]
			begun := public.begin(state)
			if got := s.ask(step, map[string]any{"UserPoolId": public.pool, "Username": state}); got.Type != "" {
				s.Fatal(got.fault())
			}
			self := func(op string, in map[string]any) func() answer {
				return func() answer {
					if in == nil {
						in = map[string]any{}
					}
					in["AccessToken"] = access
					return s.ask(op, in)
				}
			}
			for way, try := range map[string]func() answer{
				"password":       func() answer { return public.password(state, password) },
				"admin password": func() answer { return admin.password(state, password) },
				"SRP under way":  func() answer { return begun.answer(password) },
				"admin SRP": func() answer {
					if state == "deleted" {
						return admin.initiate("USER_SRP_AUTH", map[string]string{"USERNAME": state, "SRP_A": "2"})
					}
					return admin.srp(state, password)
				},
				"USER_AUTH": func() answer {
					return public.initiate("USER_AUTH", map[string]string{"USERNAME": state, "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": password})
				},
				"refresh": func() answer {
					return public.initiate("REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": refresh})
				},
				"admin refresh": func() answer {
					return admin.initiate("REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": refresh})
				},
				"GetTokensFromRefreshToken": func() answer {
					return s.ask("GetTokensFromRefreshToken", map[string]any{"ClientId": public.client, "RefreshToken": refresh})
				},
				"GetUser":                self("GetUser", nil),
				"ChangePassword":         self("ChangePassword", map[string]any{"PreviousPassword": password, "ProposedPassword": "NewPassw0rd!"}),
				"UpdateUserAttributes":   self("UpdateUserAttributes", map[string]any{"UserAttributes": []map[string]string{{"Name": "name", "Value": "A"}}}),
				"AssociateSoftwareToken": self("AssociateSoftwareToken", nil),
				"DeleteUser":             self("DeleteUser", nil),
			} {
				got := try()
				if got.Type == "" || got.AuthenticationResult != nil || strings.Contains(got.Type, "Internal") {
					s.Errorf("%s of a user who is %s: got %q, challenge %q, tokens %t", way, state, got.fault(), got.ChallengeName, got.AuthenticationResult != nil)
				}
			}
		}
		s.Steps(`> SignUp {"ClientId":"${client}","Username":"unconfirmed","Password":"`+password+`"}`, `< {"...":1}`)
		for way, got := range map[string]answer{
			"password":       public.password("unconfirmed", password),
			"admin password": admin.password("unconfirmed", password),
			"USER_AUTH":      public.initiate("USER_AUTH", map[string]string{"USERNAME": "unconfirmed", "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": password}),
		} {
			s.refused("unconfirmed: "+way, got, "UserNotConfirmedException: User is not confirmed.")
		}
	})
}

// TestUnknownNamesTakeAsLong measures, at a client that hides who exists, answers about users and about names
// that nobody has: their medians differ by no more than noise (checklist 9).
func TestUnknownNamesTakeAsLong(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps("! user alice "+password+" alice@time.test",
			`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"discreet","PreventUserExistenceErrors":"ENABLED","ExplicitAuthFlows":`+scripttest.EveryFlow+`}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${discreet}"}}`)
		d := s.door("pool", "discreet", false)
		for what, ask := range map[string]func(name string) answer{
			"SRP":              func(name string) answer { return d.begin(name).got },
			"a wrong proof":    func(name string) answer { return d.srp(name, "wrong") }, // a lock answers no sooner
			"a wrong password": func(name string) answer { return d.password(name, "wrong") },
		} {
			if ratio := s.compared(ask); ratio > 1.3 {
				s.Errorf("%s: %.2f times as long for one as for the other", what, ratio)
			}
		}
	})
}

// compared is how many times longer the slower of a user and a name that nobody has takes, at the best of
// three measurements: other tests run beside it.
func (s *script) compared(ask func(name string) answer) float64 {
	best := 0.0
	for try := range 3 {
		var took [2][]time.Duration
		for range 31 {
			for i, name := range []string{"alice", "nobody"} {
				begun := time.Now()
				ask(name)
				took[i] = append(took[i], time.Since(begun))
			}
		}
		slices.Sort(took[0])
		slices.Sort(took[1])
		a, b := took[0][15].Seconds(), took[1][15].Seconds()
		if ratio := max(a/b, b/a); try == 0 || ratio < best {
			best = ratio
		}
	}
	return best
}
