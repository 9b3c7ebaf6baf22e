package idpserver_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"cognate/internal/scripttest"
	"cognate/internal/srp"
)

// lockedAfter fails five times in a row, and then expects every other way to be shut as well. The lock is of
// one second, so when the machine was too slow to look within that time, it tries with one failure more,
// whose lock is twice as long.
func (s *script) lockedAfter(what string, fail func() answer, then map[string]func() answer) {
	s.Helper()
	for range 4 {
		s.refused(what+": a failure", fail(), incorrect)
	}
	for lock := time.Second; lock <= 8*time.Second; lock *= 2 {
		begun := time.Now()
		s.refused(what+": the failure that locks", fail(), incorrect)
		for way, try := range then {
			got := try()
			if time.Since(begun) < lock {
				s.refused(what+": then "+way, got, exceeded)
			}
		}
		if time.Since(begun) < lock {
			return
		}
		s.Logf("%s: too slow for a lock of %s", what, lock)
		time.Sleep(lock - time.Since(begun))
	}
	s.Fatalf("%s: too slow for any lock", what)
}

// Items 4 and 5: whichever way the failures came, every way is shut.
func TestLockout(t *testing.T) {
	onEngines(t, func(s *script) {
		public, admin := s.door("pool", "client", false), s.door("pool", "client", true)
		ways := map[string]func(name, word string) answer{
			"password": public.password, "admin password": admin.password, "SRP": public.srp, "admin SRP": admin.srp,
		}
		for way, failing := range ways {
			name := strings.ReplaceAll(way, " ", "-")
			s.Steps("! user " + name + " " + password)
			then := map[string]func() answer{}
			for other, try := range ways {
				then["the right "+other] = func() answer { return try(name, password) }
			}
			s.Steps("! sign-in " + name + " " + password)
			access := s.Kept["access"]
			then["ChangePassword"] = func() answer { return s.changePassword(access, password) }
			s.lockedAfter(way, func() answer { return failing(name, "wrong") }, then)
		}
		s.Steps("! user changes "+password, "! sign-in changes "+password)
		access := s.Kept["access"]
		s.lockedAfter("ChangePassword", func() answer { return s.changePassword(access, "wrong") }, map[string]func() answer{
			"the right password": func() answer { return public.password("changes", password) },
			"the right SRP":      func() answer { return public.srp("changes", password) },
		})
	})
}

func (s *script) changePassword(access, old string) answer {
	s.Helper()
	return s.ask("ChangePassword", map[string]any{"AccessToken": access, "PreviousPassword": old, "ProposedPassword": "NewPassw0rd!"})
}

// Items 5 and 6: fifteen wrong passwords and then the right one at once; and no lock is for ever.
func TestLockoutEnds(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps("! user alice "+password, "! user bob "+password)
		d := s.door("pool", "client", false)
		var failed time.Time
		failures := 0
		for range 15 {
			if got := d.password("alice", "wrong"); got.fault() == incorrect {
				failed, failures = time.Now(), failures+1
			} else {
				s.refused("a wrong password", got, exceeded)
			}
		}
		if failures < 5 || failures > 7 {
			s.Errorf("%d of 15 wrong passwords were looked at", failures)
		}
		s.refused("the right one at once", d.password("alice", password), exceeded)
		s.granted("somebody else", d.password("bob", password))
		time.Sleep(time.Until(failed.Add(time.Second<<(failures-5) + 50*time.Millisecond)))
		s.granted("after the lock", d.password("alice", password))
		for range 4 {
			s.refused("counted anew", d.password("alice", "wrong"), incorrect)
		}
		s.granted("the right one after four", d.srp("alice", password))
	})
}

// Item 5: of many wrong passwords at once no more are looked at than one after the other.
func TestLockoutAtOnce(t *testing.T) {
	onEngines(t, func(s *script) {
		s.Steps("! user alice " + password)
		d := s.door("pool", "client", false)
		answers := make(chan answer)
		begun := time.Now()
		for range 20 {
			go func() { answers <- d.password("alice", "wrong") }()
		}
		looked := 0
		for range 20 {
			if got := <-answers; got.fault() == incorrect {
				looked++
			} else {
				s.refused("a wrong password", got, exceeded)
			}
		}
		if most := 5 + int(time.Since(begun)/time.Second); looked > most {
			s.Errorf("%d of 20 wrong passwords were looked at, want at most %d", looked, most)
		}
	})
}

// Item 11: a client's secret is asked for at both steps of SRP.
func TestSRPSecretHash(t *testing.T) {
	onEngines(t, func(s *script) {
		s.newPoolOf("alias", `"AliasAttributes":["email"]`, "alice", `{"Name":"email","Value":"hash@srp.test"},{"Name":"email_verified","Value":"true"}`)
		s.Steps(`> CreateUserPoolClient {"UserPoolId":"${alias}","ClientName":"secret","GenerateSecret":true,"ExplicitAuthFlows":`+scripttest.EveryFlow+`}`,
			`< {"UserPoolClient":{"...":1,"ClientId":"${keeper}","ClientSecret":"${secret}"}}`)
		bothDoors(s, "alias", "keeper", func(d door) {
			missing := "NotAuthorizedException: Client " + d.client + " is configured with secret but SECRET_HASH was not received"
			wrong := "NotAuthorizedException: Unable to verify secret hash for client " + d.client
			hash := func(name string) string { return srp.SecretHash(name, d.client, s.Kept["secret"]) }
			c, err := srp.NewClient()
			if err != nil {
				s.Fatal(err)
			}
			first := map[string]string{"USERNAME": "hash@srp.test", "SRP_A": c.A()}
			s.refused("no hash at first", d.initiate("USER_SRP_AUTH", first), missing)
			first["SECRET_HASH"] = hash("somebody")
			s.refused("another's hash at first", d.initiate("USER_SRP_AUTH", first), wrong)
			first["SECRET_HASH"] = hash("hash@srp.test")
			e := exchange{d, c, d.initiate("USER_SRP_AUTH", first), "alice"}
			proof := e.proof(password, e.got.ChallengeParameters["SECRET_BLOCK"], srp.Timestamp(time.Now()))
			s.refused("no hash then", d.respond("PASSWORD_VERIFIER", "", proof), missing)
			proof["SECRET_HASH"] = hash("somebody")
			s.refused("another's hash then", d.respond("PASSWORD_VERIFIER", "", proof), wrong)
			proof["SECRET_HASH"] = hash("alice")
			s.granted("the hash of USER_ID_FOR_SRP", d.respond("PASSWORD_VERIFIER", "", proof))
		})
	})
}

// Item 13: what has happened to the user since the challenge counts.
func TestSRPStates(t *testing.T) {
	onEngines(t, func(s *script) {
		bothDoors(s, "pool", "client", func(d door) {
			name := fmt.Sprintf("user-%t", d.admin)
			s.Steps("! user " + name + " " + password + " " + name + "@srp.test")
			e := d.begin(name)
			s.Step(`> AdminDisableUser {"UserPoolId":"${pool}","Username":"` + name + `"}`)
			s.Step(`< {}`)
			s.refused("disabled since", e.answer(password), "NotAuthorizedException: User is disabled.")
			s.refused("disabled, wrong password", e.answer("wrong"), incorrect)
			s.Steps(`> AdminEnableUser {"UserPoolId":"${pool}","Username":"`+name+`"}`, `< {}`)
			e = d.begin(name)
			s.Steps(`> AdminResetUserPassword {"UserPoolId":"${pool}","Username":"`+name+`"}`, `< {}`)
			s.refused("reset since", e.answer(password), "PasswordResetRequiredException: Password reset required for the user")
			s.Steps(`> AdminSetUserPassword {"UserPoolId":"${pool}","Username":"`+name+`","Password":"NewPassw0rd!","Permanent":true}`, `< {}`)
			s.refused("the old password", e.answer(password), incorrect)
			e = d.begin(name)
			s.Steps(`> AdminDeleteUser {"UserPoolId":"${pool}","Username":"`+name+`"}`, `< empty`, "! user "+name+" NewPassw0rd!")
			s.refused("another user of the name", e.answer("NewPassw0rd!"), incorrect)
			s.Steps(`> SignUp {"ClientId":"${client}","Username":"new-`+name+`","Password":"`+password+`"}`, `< {"...":1}`)
			s.refused("unconfirmed", d.initiate("USER_SRP_AUTH", map[string]string{"USERNAME": "new-" + name, "SRP_A": "2"}), "UserNotConfirmedException: User is not confirmed.")
		})
	})
}

// Items 38, 41 and 42: tokens that nobody issued, or for something else.
func TestForgedAccessTokens(t *testing.T) {
	const invalid, forged = "NotAuthorizedException: Invalid Access Token", "NotAuthorizedException: Could not verify signature for Access Token"
	onEngines(t, func(s *script) {
		s.Steps("! other-pool", "! user alice "+password, "! sign-in alice "+password)
		parts := strings.Split(s.Kept["access"], ".")
		header, payload, sig := parts[0], parts[1], parts[2]
		altered := func(member string, value any) string { return alter(t, payload, member, value) }
		hs256 := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(unbase64(t, header), "RS256", "HS256", 1)))
		mac := hmac.New(sha256.New, []byte(s.Kept["access"]))
		for what, c := range map[string]struct{ token, want string }{
			"no signature":           {header + "." + payload + ".", forged},
			"alg none":               {scripttest.AlgNone(s.Kept["access"]), invalid},
			"another algorithm":      {hs256 + "." + payload + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), invalid},
			"another user":           {header + "." + altered("sub", "00000000-0000-4000-8000-000000000000") + "." + sig, forged},
			"a later end":            {header + "." + altered("exp", 4102444800) + "." + sig, forged},
			"another client":         {header + "." + altered("client_id", s.Kept["other-client"]) + "." + sig, invalid},
			"an unknown client":      {header + "." + altered("client_id", "nosuchclient") + "." + sig, invalid},
			"a part too many":        {s.Kept["access"] + ".x", invalid},
			"the ID token":           {s.Kept["id"], invalid},
			"the ID token's payload": {header + "." + strings.Split(s.Kept["id"], ".")[1] + "." + sig, invalid},
		} {
			s.refused(what, s.ask("GetUser", map[string]any{"AccessToken": c.token}), c.want)
		}
		s.refused("the token itself", s.ask("GetUser", map[string]any{"AccessToken": s.Kept["access"]}), ": ")
	})
}

func unbase64(t *testing.T, text string) string {
	out, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// alter is the payload of a token with one claim replaced.
func alter(t *testing.T, payload, member string, value any) string {
	claims := map[string]any{}
	if err := json.Unmarshal([]byte(unbase64(t, payload)), &claims); err != nil {
		t.Fatal(err)
	}
	claims[member] = value
	out, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(out)
}
