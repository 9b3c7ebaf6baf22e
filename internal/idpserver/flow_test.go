package idpserver_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/scripttest"
	"cognate/internal/srp"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
)

const (
	incorrect  = "NotAuthorizedException: Incorrect username or password."
	exceeded   = "NotAuthorizedException: Password attempts exceeded"
	badSession = "NotAuthorizedException: Invalid session for the user."
	password   = "Passw0rd!"
)

// script is a script whose steps a test gives, and what the tests of sign-ins ask besides.
type script struct{ *scripttest.Script }

// onEngines runs a test on both engines, each time in a house and a pool of its own.
func onEngines(t *testing.T, test func(*script)) {
	engines.Each(t, func(t *testing.T, db *store.DB) { test(&script{scripttest.New(t, db, idp.Service)}) })
}

// answer is what a sign-in operation says, success or error.
type answer struct {
	Type                 string `json:"__type"`
	Message              string `json:"message"`
	ChallengeName        string
	Session              string
	ChallengeParameters  map[string]string
	AvailableChallenges  []string
	AuthenticationResult *struct{ AccessToken, IdToken, RefreshToken string }
}

func (a answer) fault() string { return a.Type + ": " + a.Message }

// ask calls an operation. It may be called from many goroutines at once.
func (s *script) ask(op string, in map[string]any) (a answer) {
	s.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		s.Fatal(err)
	}
	if _, text := s.Call(op, string(body), true); len(text) > 0 {
		if err := json.Unmarshal(text, &a); err != nil {
			s.Errorf("%s: %v: %s", op, err, text)
		}
	}
	return a
}

func (s *script) refused(what string, got answer, want string) {
	s.Helper()
	if got.fault() != want {
		s.Errorf("%s: got %q, challenge %q, tokens %t; want %s", what, got.fault(), got.ChallengeName, got.AuthenticationResult != nil, want)
	}
}

func (s *script) granted(what string, got answer) {
	s.Helper()
	if got.AuthenticationResult == nil {
		s.Fatalf("%s: got %q, challenge %q; want tokens", what, got.fault(), got.ChallengeName)
	}
}

// door is the public or the administrator's way to sign in at one client.
type door struct {
	*script
	pool, client string
	admin        bool
}

func (s *script) door(pool, client string, admin bool) door {
	return door{s, s.Kept[pool], s.Kept[client], admin}
}

func (d door) call(op string, in map[string]any) answer {
	d.Helper()
	in["ClientId"] = d.client
	if d.admin {
		op, in["UserPoolId"] = "Admin"+op, d.pool
	}
	return d.ask(op, in)
}

func (d door) initiate(flow string, parameters map[string]string) answer {
	d.Helper()
	return d.call("InitiateAuth", map[string]any{"AuthFlow": flow, "AuthParameters": parameters})
}

func (d door) respond(challenge, session string, responses map[string]string) answer {
	d.Helper()
	in := map[string]any{"ChallengeName": challenge, "ChallengeResponses": responses}
	if session != "" {
		in["Session"] = session
	}
	return d.call("RespondToAuthChallenge", in)
}

// password signs in with the password in clear.
func (d door) password(name, word string) answer {
	d.Helper()
	flow := "USER_PASSWORD_AUTH"
	if d.admin {
		flow = "ADMIN_USER_PASSWORD_AUTH"
	}
	return d.initiate(flow, map[string]string{"USERNAME": name, "PASSWORD": word})
}

// exchange is an SRP sign-in under way.
type exchange struct {
	door
	client *srp.Client
	got    answer
	id     string // USER_ID_FOR_SRP
}

// begin sends SRP_A and expects the challenge.
func (d door) begin(name string) exchange {
	d.Helper()
	return d.exchange(d, func(a string) answer {
		return d.initiate("USER_SRP_AUTH", map[string]string{"USERNAME": name, "SRP_A": a})
	})
}

// exchange is begin in whichever way SRP_A is sent.
func (s *script) exchange(d door, send func(a string) answer) exchange {
	s.Helper()
	c, err := srp.NewClient()
	if err != nil {
		s.Fatal(err)
	}
	got := send(c.A())
	if got.ChallengeName != "PASSWORD_VERIFIER" {
		s.Fatalf("SRP: got %q, challenge %q", got.fault(), got.ChallengeName)
	}
	return exchange{d, c, got, got.ChallengeParameters["USER_ID_FOR_SRP"]}
}

// proof is the answer to the challenge, signed over the given block and time.
func (e exchange) proof(word, block, at string) map[string]string {
	e.Helper()
	p := e.got.ChallengeParameters
	sig, err := e.client.Sign(srp.PoolName(e.pool), e.id, word, srp.Challenge{Salt: p["SALT"], B: p["SRP_B"], SecretBlock: block}, at)
	if err != nil {
		sig = "AAAA" // of a block that cannot even be decoded
	}
	return map[string]string{"USERNAME": e.id, "PASSWORD_CLAIM_SECRET_BLOCK": block, "PASSWORD_CLAIM_SIGNATURE": sig, "TIMESTAMP": at}
}

func (e exchange) answer(word string) answer {
	e.Helper()
	return e.respond("PASSWORD_VERIFIER", "", e.proof(word, e.got.ChallengeParameters["SECRET_BLOCK"], srp.Timestamp(time.Now())))
}

// srp signs in by SRP.
func (d door) srp(name, word string) answer {
	d.Helper()
	return d.begin(name).answer(word)
}

// bothDoors runs a test at the public door and at the administrator's.
func bothDoors(s *script, pool, client string, test func(door)) {
	for _, admin := range []bool{false, true} {
		test(s.door(pool, client, admin))
	}
}

// Item 7: the right password, and no other.
func TestSRP(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps("! user alice " + password)
		bothDoors(s, "pool", "client", func(d door) {
			e := d.begin("alice")
			keys := slices.Sorted(maps.Keys(e.got.ChallengeParameters))
			if want := []string{"SALT", "SECRET_BLOCK", "SRP_B", "USERNAME", "USER_ID_FOR_SRP"}; !slices.Equal(keys, want) || e.got.Session != "" {
				s.Errorf("challenge of %v, Session %q", keys, e.got.Session)
			}
			if e.id != "alice" || e.got.ChallengeParameters["USERNAME"] != "alice" {
				s.Errorf("identity %q", e.id)
			}
			s.refused("wrong password", e.answer("passw0rd!"), incorrect)
			got := d.srp("alice", password)
			s.granted("right password", got)
			s.Kept["access"] = got.AuthenticationResult.AccessToken
			s.Steps(`> GetUser {"AccessToken":"${access}"}`, `< {"...":1,"Username":"alice"}`)
			s.granted("any case of the name", d.srp("ALICE", password))
		})
	})
}

// Item 7: public values that would give the shared secret away, or that are none.
func TestSRPPublicValue(t *testing.T) {
	n, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF", 16)
	twice := new(big.Int).Lsh(n, 1)
	onEngines(t, func(s *script) {
		s.Steps("! user alice " + password)
		bothDoors(s, "pool", "client", func(d door) {
			for what, a := range map[string]string{
				"0": "0", "00": "0000", "N": n.Text(16), "2N": twice.Text(16), "N in capitals": strings.ToUpper(n.Text(16)),
				"a sign": "-2", "a prefix": "0x2", "a space": " 2", "no hex": "nothing", "100 kB": strings.Repeat("f", 100<<10),
			} {
				s.refused("SRP_A of "+what, d.initiate("USER_SRP_AUTH", map[string]string{"USERNAME": "alice", "SRP_A": a}), incorrect)
			}
			got := d.initiate("USER_SRP_AUTH", map[string]string{"USERNAME": "alice", "SRP_A": strings.Repeat("f", 1<<20)})
			if got.Type != "InvalidParameterException" && got.Type != "RequestEntityTooLargeException" {
				s.Errorf("SRP_A of a megabyte: %s, challenge %q", got.fault(), got.ChallengeName)
			}
		})
	})
}

// Item 8: a SECRET_BLOCK is of one pool, client, user and exchange, and nobody else makes one.
func TestSecretBlock(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps("! user alice "+password, "! user bob "+password, "! other-pool",
			`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"second","ExplicitAuthFlows":`+scripttest.EveryFlow+`}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${second}"}}`)
		d := s.door("pool", "client", false)
		now := srp.Timestamp(time.Now())
		e := d.begin("alice")
		block := e.got.ChallengeParameters["SECRET_BLOCK"]
		for what := range forgeries(block) { // each counts as a failure: so each has a user of its own
			name := "forged-" + strings.ReplaceAll(what, " ", "-")
			s.Steps("! user " + name + " " + password)
			e := d.begin(name)
			forged := forgeries(e.got.ChallengeParameters["SECRET_BLOCK"])[what]
			s.refused("a block "+what, e.respond("PASSWORD_VERIFIER", "", e.proof(password, forged, now)), incorrect)
		}
		s.refused("another exchange's block", e.respond("PASSWORD_VERIFIER", "", e.proof(password, d.begin("alice").got.ChallengeParameters["SECRET_BLOCK"], now)), incorrect)
		right := e.proof(password, block, now)
		s.refused("another client", s.door("pool", "second", false).respond("PASSWORD_VERIFIER", "", right), incorrect)
		s.refused("another pool", s.door("other-pool", "other-client", false).respond("PASSWORD_VERIFIER", "", right), incorrect)
		asBob := maps.Clone(right)
		asBob["USERNAME"] = "bob"
		s.refused("another user", d.respond("PASSWORD_VERIFIER", "", asBob), incorrect)
		s.Steps(`> AdminSetUserPassword {"UserPoolId":"${pool}","Username":"alice","Password":"`+password+`","Permanent":true}`, `< {}`)
		s.granted("a fresh exchange", d.srp("alice", password))
		for range 5 {
			s.refused("a forged block", e.respond("PASSWORD_VERIFIER", "", e.proof(password, "QUJD", now)), incorrect)
		}
		s.refused("the right proof after five forged blocks", d.srp("alice", password), "NotAuthorizedException: Password attempts exceeded")
	})
}

// forgeries are blocks that are not ours, some of them very like the one given.
func forgeries(block string) map[string]string {
	raw, err := base64.StdEncoding.DecodeString(block)
	if err != nil {
		return map[string]string{"that is base64": block}
	}
	flipped := func(i int) string {
		c := slices.Clone(raw)
		c[i] ^= 1
		return base64.StdEncoding.EncodeToString(c)
	}
	return map[string]string{
		"with another first bit": flipped(0), "with another middle bit": flipped(len(raw) / 2), "with another last bit": flipped(len(raw) - 1),
		"cut short": base64.StdEncoding.EncodeToString(raw[:len(raw)-1]), "of zeros": base64.StdEncoding.EncodeToString(make([]byte, len(raw))),
		"that is no base64": "not base64!",
	}
}

// Item 8: a SECRET_BLOCK brings tokens once, also to those who ask at the same time.
func TestSecretBlockOnce(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps("! user alice " + password)
		bothDoors(s, "pool", "client", func(d door) {
			e := d.begin("alice")
			s.granted("the first time", e.answer(password))
			s.refused("the second time", e.answer(password), incorrect)
			e = d.begin("alice")
			var answers [4]answer
			var group sync.WaitGroup
			for i := range answers {
				group.Go(func() { answers[i] = e.answer(password) })
			}
			group.Wait()
			won := 0
			for _, a := range answers {
				if a.AuthenticationResult != nil {
					won++
				} else {
					s.refused("at once", a, incorrect)
				}
			}
			if won != 1 {
				s.Errorf("%d of %d answers at once brought tokens", won, len(answers))
			}
		})
	})
}

func TestTimestamp(t *testing.T) {
	const unreadable = "InvalidParameterException: TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english."
	onEngines(t, func(s *script) {
		s.Steps("! user alice " + password)
		d := s.door("pool", "client", false)
		try := func(signed, sent string) answer {
			e := d.begin("alice")
			p := e.proof(password, e.got.ChallengeParameters["SECRET_BLOCK"], signed)
			p["TIMESTAMP"] = sent
			return e.respond("PASSWORD_VERIFIER", "", p)
		}
		now := time.Now().UTC()
		right := srp.Timestamp(now)
		for _, skew := range []time.Duration{-4 * time.Minute, 4 * time.Minute} {
			at := srp.Timestamp(now.Add(skew))
			s.granted(skew.String()+" off", try(at, at))
		}
		for _, skew := range []time.Duration{-6 * time.Minute, 6 * time.Minute} {
			at := srp.Timestamp(now.Add(skew))
			s.refused(skew.String()+" off", try(at, at), incorrect)
		}
		for _, at := range []string{now.Format(time.RFC3339), now.Format(time.RFC1123), fmt.Sprint(now.Unix()), "yesterday", now.Format("2006-01-02 15:04:05")} {
			s.refused(at, try(at, at), unreadable)
		}
		s.refused("none", try(right, ""), "InvalidParameterException: Missing required parameter TIMESTAMP")
		// What can be read is signed as it should have been written, whatever was sent.
		otherDay := now.Add(24*time.Hour).Format("Mon") + right[3:]
		s.refused("a wrong weekday, signed", try(otherDay, otherDay), incorrect)
		s.granted("a wrong weekday, only sent", try(right, otherDay))
	})
}

// Item 9: a name that nobody has looks like one that somebody has.
func TestSRPUnknownUser(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps("! user alice "+password,
			`> CreateUserPoolClient {"UserPoolId":"${pool}","ClientName":"discreet","PreventUserExistenceErrors":"ENABLED","ExplicitAuthFlows":`+scripttest.EveryFlow+`}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${discreet}"}}`)
		bothDoors(s, "pool", "discreet", func(d door) {
			known, nobody, again, other := d.begin("alice"), d.begin("nobody"), d.begin("Nobody"), d.begin("somebody")
			salt := func(e exchange) string { return e.got.ChallengeParameters["SALT"] }
			for _, e := range []exchange{known, nobody} {
				p := e.got.ChallengeParameters
				if !hexOf(salt(e), 24, 32) || !hexOf(p["SRP_B"], 760, 768) || p["USERNAME"] != p["USER_ID_FOR_SRP"] || e.got.Session != "" {
					s.Errorf("challenge %v", e.got)
				}
				if have, want := len(p["SECRET_BLOCK"]), len(known.got.ChallengeParameters["SECRET_BLOCK"]); have < want-64 || have > want+64 {
					s.Errorf("a block of %d characters, and of %d for a user who exists", have, want)
				}
			}
			if len(nobody.got.ChallengeParameters) != len(known.got.ChallengeParameters) || nobody.id != "nobody" || again.id != nobody.id {
				s.Errorf("parameters %v", nobody.got.ChallengeParameters)
			}
			if salt(nobody) != salt(again) || salt(nobody) == salt(other) || nobody.got.ChallengeParameters["SRP_B"] == again.got.ChallengeParameters["SRP_B"] {
				s.Error("the salt must stay the same for one name only, and B never")
			}
			s.refused("a proof for nobody", nobody.answer(password), incorrect)
		})
		d := s.door("pool", "discreet", false)
		s.refused("an unknown user elsewhere", s.door("pool", "client", false).initiate("USER_SRP_AUTH", map[string]string{"USERNAME": "nobody", "SRP_A": "2"}), "UserNotFoundException: User does not exist.")
		s.lockedAfter("a stranger", func() answer { return d.srp("stranger", "wrong") }, map[string]func() answer{
			"password": func() answer { return d.password("stranger", password) },
		})
	})
}

func hexOf(text string, least, most int) bool {
	return regexp.MustCompile(fmt.Sprintf("^[0-9a-f]{%d,%d}$", least, most)).MatchString(text)
}

// Item 14, and how the names that a user signs in with become the one that SRP is computed with.
func TestSRPNames(t *testing.T) {
	onEngines(t, func(s *script) {
		s.newPoolOf("alias", `"AliasAttributes":["email","preferred_username"]`, "MixedCase", `{"Name":"email","Value":"alias@srp.test"},{"Name":"email_verified","Value":"true"},{"Name":"preferred_username","Value":"nick"}`)
		s.newPoolOf("named", `"UsernameAttributes":["email"],"UsernameConfiguration":{"CaseSensitive":false}`, "Named@srp.test", ``)
		s.Steps(`> AdminGetUser {"UserPoolId":"${alias}","Username":"MixedCase"}`, `< {"...":1,"UserAttributes":[{"Name":"sub","Value":"${sub}"},"*","*","*"]}`,
			`> AdminCreateUser {"UserPoolId":"${alias}","Username":"unverified","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"email","Value":"unverified@srp.test"}]}`, `< {"...":1}`)
		bothDoors(s, "alias", "alias-client", func(d door) {
			for _, name := range []string{"MixedCase", "alias@srp.test", "nick"} {
				e := d.begin(name)
				if e.id != "MixedCase" || e.got.ChallengeParameters["USERNAME"] != "MixedCase" {
					s.Errorf("%s is %s", name, e.id)
				}
				s.granted(name, e.answer(password))
			}
			for _, name := range []string{"mixedcase", "unverified@srp.test", s.Kept["sub"]} {
				s.refused(name, d.initiate("USER_SRP_AUTH", map[string]string{"USERNAME": name, "SRP_A": "2"}), "UserNotFoundException: User does not exist.")
			}
		})
		bothDoors(s, "named", "named-client", func(d door) {
			e := d.begin("NAMED@srp.test")
			if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(e.id) {
				s.Errorf("the user name is %s, want the sub", e.id)
			}
			s.granted("by e-mail", e.answer(password))
			s.granted("by sub", d.srp(e.id, password))
		})
	})
}

// newPoolOf makes a pool with one confirmed user; it is kept under the name, and its client under the
// name with -client.
func (s *script) newPoolOf(name, settings, user, attributes string) {
	s.Helper()
	s.Steps(`> CreateUserPool {"PoolName":"p",`+settings+`}`, `< {"UserPool":{"...":1,"Id":"${`+name+`}"}}`,
		`> CreateUserPoolClient {"UserPoolId":"${`+name+`}","ClientName":"c","ExplicitAuthFlows":`+scripttest.EveryFlow+`}`, `< {"UserPoolClient":{"...":1,"ClientId":"${`+name+`-client}"}}`,
		`> AdminCreateUser {"UserPoolId":"${`+name+`}","Username":"`+user+`","MessageAction":"SUPPRESS","UserAttributes":[`+attributes+`]}`, `< {"...":1}`,
		`> AdminSetUserPassword {"UserPoolId":"${`+name+`}","Username":"`+user+`","Password":"`+password+`","Permanent":true}`, `< {}`)
}

// Items 10 and 12: a temporary password leads to a new one, once.
func TestNewPasswordAfterSRP(t *testing.T) {
	onEngines(t, func(s *script) {
		s.newPoolOf("strict", `"Schema":[{"Name":"name","Required":true,"Mutable":true}]`, "first", "")
		bothDoors(s, "strict", "strict-client", func(d door) {
			name := fmt.Sprintf("user-%t", d.admin)
			s.Steps(`> AdminCreateUser {"UserPoolId":"${strict}","Username":"`+name+`","MessageAction":"SUPPRESS","TemporaryPassword":"Tempor4ry!"}`, `< {"...":1}`)
			e := d.begin(name)
			got := e.answer("Tempor4ry!")
			if p := got.ChallengeParameters; got.ChallengeName != "NEW_PASSWORD_REQUIRED" || p["requiredAttributes"] != `["userAttributes.name"]` || p["userAttributes"] != `{}` || p["USER_ID_FOR_SRP"] != name {
				s.Fatalf("got %+v", got)
			}
			answer := map[string]string{"USERNAME": name, "NEW_PASSWORD": "NewPassw0rd!"}
			s.refused("without the attribute", d.respond("NEW_PASSWORD_REQUIRED", got.Session, answer), "InvalidParameterException: Invalid attributes given, name is missing")
			answer["userAttributes.name"] = "N. N."
			other := s.door("strict", "strict-client", !d.admin)
			s.refused("an invented session", d.respond("NEW_PASSWORD_REQUIRED", strings.Repeat("A", len(got.Session)), answer), badSession)
			s.refused("the block as a session", d.respond("NEW_PASSWORD_REQUIRED", e.got.ChallengeParameters["SECRET_BLOCK"], answer), badSession)
			s.refused("the session for another step", d.respond("SOFTWARE_TOKEN_MFA", got.Session, answer), badSession)
			s.granted("the answer", d.respond("NEW_PASSWORD_REQUIRED", got.Session, answer))
			for _, d := range []door{d, other} {
				s.refused("the session again", d.respond("NEW_PASSWORD_REQUIRED", got.Session, answer), "NotAuthorizedException: Invalid session for the user, session can only be used once.")
			}
			s.refused("the temporary password", d.srp(name, "Tempor4ry!"), incorrect)
			s.granted("the new password", d.srp(name, "NewPassw0rd!"))
		})
	})
}
