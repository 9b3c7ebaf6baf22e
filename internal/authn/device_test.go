package authn_test

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/secret"
	"cognate/internal/srp"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/user"
)

const (
	noDevice     = "Device does not exist."
	incorrect    = "Incorrect username or password."
	badSession   = "Invalid session for the user."
	badRefresh   = "Invalid Refresh Token."
	deviceSecret = "EGcgpC780w9kSY4kIXGmIixaeP0JU02mYfXC6bnuWelfyqV9y2kVbw=="
)

// d1Verifier is v of vector D1 of the protocol page "srp".
const d1Verifier = "ac6d4820b8cf08f8e6f4e264f4f5332f9dbbc0512972461b77342e8b34931c0db2455101e548d60f0c10a8db52ec3d6f7dc378624a2aa9bbddaff644b3464b111db4b8be05d92df01ccdcc49d6382ee99d69c64d6e18f6a768cd3785b681817d58fe8923e5c84efa286abb793f398b85378492fb184221a4d12ff0a64b5100a1b06a75cf7225866485a4be841fbe331e64ac7d1a9e4c90245a080e7eb9a72fbfa20fa86db8048f4ac6c5df0edcb188494448b96ebd28b6550d5027e9f7829852578a67186f9b7e48ca0d791ed32af62377dc15eaeea03eb4e882a2b8c3cf90bd132c7b2f99f6e5277746661e50adde428c8541412c206c0adb6ee5880690d16a8ed6fb162b61707a5bf2e152d36fcb9b7358f72161781701223bb057a759268cc748fa628310bce9a8c5488950827c8577df396dfbab6e32104b913cd157ceaf3daf2378d792ce5c3e6e238133446e548d756866faf2d9699c132da33af4ad6f328936ef6e404fc257ed7078e474333d6ef1b15e270db006c558e377b082dab3"

// track has the pool remember devices.
func (h *house) track(replacesMFA, asks bool) {
	h.Helper()
	h.must(h.pools.Update(h.Context(), &idp.UpdateUserPoolRequest{
		UserPoolId: h.pool.ID, AutoVerifiedAttributes: []string{"email"},
		DeviceConfiguration: &idp.DeviceConfigurationType{ChallengeRequiredOnNewDevice: &replacesMFA, DeviceOnlyRememberedOnUserPrompt: &asks},
	}))
	h.reload()
}

func (h *house) reload() {
	h.Helper()
	var err error
	h.pool, err = h.pools.Pool(h.Context(), h.pool.ID)
	h.must(err)
}

// requireMFA has the pool ask for a software token, which no user of the tests has: so a sign-in by password
// ends at MFA_SETUP.
func (h *house) requireMFA() {
	h.Helper()
	on := true
	_, err := h.pools.SetMFA(h.Context(), &idp.SetUserPoolMfaConfigRequest{
		UserPoolId: h.pool.ID, MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: &on},
	})
	h.must(err)
	h.reload()
}

// device is a device that a user has registered, as the device knows it.
type device struct {
	user string
	*token.NewDevice
	tokens *token.Tokens // of the sign-in that it was registered in
}

// newDevice signs a user in on a new device.
func (h *house) newDevice(name string) device {
	h.Helper()
	step, err := h.signIn(name, password)
	h.must(err)
	if step.Tokens == nil || step.Tokens.Device == nil {
		h.Fatalf("got %v and no new device", step)
	}
	return device{name, step.Tokens.Device, step.Tokens}
}

// confirm registers a device.
func (h *house) confirm(d device) {
	h.Helper()
	salt := secret.RandomBytes(16)
	h.must(h.confirmAs(d.tokens.Access, d.Key, &idp.DeviceSecretVerifierConfigType{
		Salt:             base64.StdEncoding.EncodeToString(salt),
		PasswordVerifier: base64.StdEncoding.EncodeToString(append([]byte{0}, srp.Verifier(d.Group, d.Key, deviceSecret, salt)...)),
	}))
}

func (h *house) confirmAs(access, key string, c *idp.DeviceSecretVerifierConfigType) error {
	h.Helper()
	s, err := h.tokens.Authorize(h.Context(), access)
	h.must(err)
	me := user.Self{Pool: s.Pool, Client: s.Client, User: s.User, Device: s.Claims.DeviceKey}
	return h.users.ConfirmDevice(h.Context(), me, &idp.ConfirmDeviceRequest{DeviceKey: key, DeviceSecretVerifierConfig: c}, "192.0.2.1")
}

// remembered signs a user in on a new device and registers it.
func (h *house) remembered(name string) device {
	h.Helper()
	d := h.newDevice(name)
	h.confirm(d)
	return d
}

// signInOn signs a user in by password on a device.
func (h *house) signInOn(name, key string) (*authn.Step, error) {
	return h.start("USER_PASSWORD_AUTH", map[string]string{"USERNAME": name, "PASSWORD": password, "DEVICE_KEY": key})
}

// challengeDevice answers DEVICE_SRP_AUTH, and returns the answer to what comes next.
func (h *house) challengeDevice(d device, secret, session string) (*authn.Step, map[string]string) {
	h.Helper()
	return h.challengeDeviceAt(d, secret, session, time.Now())
}

// challengeDeviceAt is challengeDevice of a device with a clock of its own.
func (h *house) challengeDeviceAt(d device, secret, session string, clock time.Time) (*authn.Step, map[string]string) {
	h.Helper()
	c, err := srp.NewClient()
	h.must(err)
	step, err := h.respond("DEVICE_SRP_AUTH", session, map[string]string{"USERNAME": d.user, "DEVICE_KEY": d.Key, "SRP_A": c.A()})
	h.must(err)
	p, at := step.Parameters, srp.Timestamp(clock)
	if step.Challenge != "DEVICE_PASSWORD_VERIFIER" || p["DEVICE_KEY"] != d.Key || p["USERNAME"] != d.user || len(step.Session) > 2048 {
		h.Fatalf("got %v %v", step, p)
	}
	signature, err := c.Sign(d.Group, d.Key, secret, srp.Challenge{Salt: p["SALT"], B: p["SRP_B"], SecretBlock: p["SECRET_BLOCK"]}, at)
	h.must(err)
	return step, map[string]string{
		"USERNAME": d.user, "DEVICE_KEY": d.Key, "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": at,
	}
}

// proveDevice runs both challenges of a device.
func (h *house) proveDevice(d device, secret, session string) (*authn.Step, error) {
	h.Helper()
	step, answer := h.challengeDevice(d, secret, session)
	return h.respond("DEVICE_PASSWORD_VERIFIER", step.Session, answer)
}

// asksDevice fails the test unless a sign-in on the device leads to its proof.
func (h *house) asksDevice(d device) *authn.Step {
	h.Helper()
	step, err := h.signInOn(d.user, d.Key)
	h.must(err)
	if step.Challenge != "DEVICE_SRP_AUTH" || step.Tokens != nil {
		h.Fatalf("got %v, want DEVICE_SRP_AUTH", step)
	}
	return step
}

func (h *house) deviceOf(access string) string {
	h.Helper()
	s, err := h.tokens.Authorize(h.Context(), access)
	h.must(err)
	return s.Claims.DeviceKey
}

func TestNewDevice(t *testing.T) {
	inTime(t, func(h *house) {
		step, err := h.signInOn("alice", "us-east-1_0")
		h.must(err)
		if step.Tokens.Device != nil || h.deviceOf(step.Tokens.Access) != "" {
			h.Error("a pool that does not remember devices gives a key")
		}
		h.track(false, false)
		d, other := h.newDevice("alice"), h.newDevice("alice")
		if !regexp.MustCompile(`^us-east-1_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(d.Key) || d.Key == other.Key {
			h.Errorf("keys %s, %s", d.Key, other.Key)
		}
		if !regexp.MustCompile(`^-[A-Z2-7]{8}$`).MatchString(d.Group) || d.Group != other.Group {
			h.Errorf("groups %s, %s", d.Group, other.Group)
		}
		if key := h.deviceOf(d.tokens.Access); key != d.Key {
			h.Errorf("device_key %s", key)
		}
		far := *h.pool
		far.Region = "a-region-with-a-long-name-1"
		h.pool = &far
		if key := h.newDevice("alice").Key; len(key) != 55 || !strings.HasPrefix(key, "a-region-with-a-lo_") {
			h.Errorf("key %s", key)
		}
	})
}

// TestDeviceVectorD1 signs in with the device of vector D1.
func TestDeviceVectorD1(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		u, err := h.users.Find(h.Context(), h.pool, "alice")
		h.must(err)
		d := device{user: "alice", NewDevice: &token.NewDevice{Key: "us-east-1_0d9c6a3e-5f11-4c0a-9a5e-7d2b4f6c8e10", Group: "-kQ1aBcD2"}}
		v, err := hex.DecodeString(d1Verifier)
		h.must(err)
		salt, err := hex.DecodeString("f41ab1271c5dcca17a1b8c0588a1c0f8")
		h.must(err)
		h.must(h.db.Update(h.Context(), func(tx *store.Tx) error {
			return tx.CreateDevice(store.Device{
				PoolID: h.pool.ID, Sub: u.Sub, Key: d.Key, Group: d.Group, Salt: salt, Remembered: true, Created: time.Now(),
				Sealed: h.keys.Seal(v, "device/"+h.pool.ID+"/"+u.Sub+"/"+d.Key),
			})
		}))
		session := h.asksDevice(d).Session
		_, err = h.proveDevice(d, strings.ToLower(deviceSecret), session)
		h.wants(err, "NotAuthorizedException", incorrect)
		step, err := h.proveDevice(d, deviceSecret, session)
		h.must(err)
		if step.Tokens == nil || step.Tokens.Device != nil || h.deviceOf(step.Tokens.Access) != d.Key {
			h.Errorf("got %v", step)
		}
	})
}

// TestConfirmDevice registers a device of another session, and again.
func TestConfirmDevice(t *testing.T) {
	inTime(t, func(h *house) {
		h.must(h.users.Seed(h.Context(), h.pool, "bob", password, nil))
		secret := &idp.DeviceSecretVerifierConfigType{Salt: "AQID", PasswordVerifier: "AQID"}
		before, err := h.signIn("alice", password)
		h.must(err)
		h.wants(h.confirmAs(before.Tokens.Access, "us-east-1_0", secret), "InvalidUserPoolConfigurationException", "Device tracking is not enabled for the user pool.")
		h.track(false, false)
		d, bobs := h.newDevice("alice"), h.newDevice("bob")
		for _, key := range []string{bobs.Key, h.newDevice("alice").Key, "us-east-1_0"} {
			h.wants(h.confirmAs(d.tokens.Access, key, secret), "InvalidParameterException", "Invalid device key given.")
		}
		h.wants(h.confirmAs(before.Tokens.Access, d.Key, secret), "InvalidParameterException", "Invalid device key given.")
		h.confirm(d)
		h.wants(h.confirmAs(d.tokens.Access, d.Key, secret), "DeviceKeyExistsException", "Device key already exists.")
		if _, err := h.proveDevice(d, deviceSecret, h.asksDevice(d).Session); err != nil {
			h.Errorf("the secret is no longer the first one: %v", err)
		}
	})
}

// TestDeviceReplacesMFA covers checklist 10 and 22: only the same user's device, in the same pool, by the
// same client, stands in for the second factor, and only once it has made its proof.
func TestDeviceReplacesMFA(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		h.must(h.users.Seed(h.Context(), h.pool, "bob", password, nil))
		d := h.remembered("alice")
		unconfirmed := h.newDevice("alice")
		h.requireMFA()
		for _, name := range []string{"alice", "bob"} {
			step, err := h.signIn(name, password)
			h.must(err)
			if step.Challenge != "MFA_SETUP" {
				h.Errorf("%s without a device: %v", name, step)
			}
		}
		for _, test := range [][2]string{{"bob", d.Key}, {"alice", unconfirmed.Key}, {"alice", "us-east-1_0"}} {
			_, err := h.signInOn(test[0], test[1])
			h.wants(err, "ResourceNotFoundException", noDevice)
		}
		_, err := h.start("USER_PASSWORD_AUTH", map[string]string{"USERNAME": "alice", "PASSWORD": "wrong", "DEVICE_KEY": "us-east-1_0"})
		h.wants(err, "NotAuthorizedException", incorrect)
		session := h.asksDevice(d).Session
		for _, skipped := range []string{"DEVICE_PASSWORD_VERIFIER", "MFA_SETUP", "SOFTWARE_TOKEN_MFA"} {
			_, err := h.respond(skipped, session, map[string]string{
				"USERNAME": "alice", "DEVICE_KEY": d.Key, "PASSWORD_CLAIM_SECRET_BLOCK": "QUJD", "PASSWORD_CLAIM_SIGNATURE": "QUJD", "TIMESTAMP": srp.Timestamp(time.Now()),
			})
			h.wants(err, "NotAuthorizedException", badSession)
		}
		step, err := h.proveDevice(d, deviceSecret, session)
		h.must(err)
		if step.Tokens == nil {
			h.Errorf("got %v", step)
		}
		_, err = h.proveDevice(d, deviceSecret, session)
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
		h.must(h.users.SetDeviceStatus(h.Context(), h.pool, h.sub("alice"), d.Key, "not_remembered"))
		if step, err = h.signInOn("alice", d.Key); err != nil || step.Challenge != "MFA_SETUP" {
			h.Errorf("not remembered: %v, %v", step, err)
		}
	})
}

func (h *house) sub(name string) string {
	h.Helper()
	u, err := h.users.Find(h.Context(), h.pool, name)
	h.must(err)
	return u.Sub
}

// TestDeviceOfAnotherPool gives a device's key, and then its Session, away.
func TestDeviceOfAnotherPool(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		d := h.remembered("alice")
		session := h.asksDevice(d).Session
		step, answer := h.challengeDevice(d, deviceSecret, session)
		here, client := h.pool, h.client
		var err error
		newClient := func() {
			h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "other",
				ExplicitAuthFlows: []string{"ALLOW_USER_PASSWORD_AUTH"}})
			h.must(err)
		}
		refused := func() {
			for challenge, session := range map[string]string{"DEVICE_SRP_AUTH": session, "DEVICE_PASSWORD_VERIFIER": step.Session} {
				_, err := h.respond(challenge, session, answer)
				h.wants(err, "NotAuthorizedException", badSession)
			}
		}
		newClient()
		refused()
		h.asksDevice(d) // a device is the pool's, not a client's
		h.pool, err = h.pools.CreateAs(h.Context(), "us-east-1_Other", &idp.CreateUserPoolRequest{PoolName: "p"})
		h.must(err)
		h.track(true, false)
		h.must(h.users.Seed(h.Context(), h.pool, "alice", password, nil))
		newClient()
		refused()
		_, err = h.signInOn("alice", d.Key)
		h.wants(err, "ResourceNotFoundException", noDevice)
		h.pool, h.client = here, client
		if _, err = h.respond("DEVICE_PASSWORD_VERIFIER", step.Session, answer); err != nil {
			h.Error(err)
		}
	})
}

// TestDeviceAfterMFA has a pool where a device does not stand in for the second factor: it comes on top.
func TestDeviceAfterMFA(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(false, false)
		d := h.remembered("alice")
		_, err := h.pools.SetMFA(h.Context(), &idp.SetUserPoolMfaConfigRequest{
			UserPoolId: h.pool.ID, MfaConfiguration: "OPTIONAL", EmailMfaConfiguration: &idp.EmailMfaConfigType{},
		})
		h.must(err)
		h.reload()
		on := true
		h.must(h.users.SetFactors(h.Context(), h.pool, h.sub("alice"), map[string]user.FactorWish{user.FactorEmail: {Enabled: &on}}))
		step, err := h.signInOn("alice", d.Key)
		h.must(err)
		if step.Challenge != "EMAIL_OTP" {
			h.Fatalf("got %v", step)
		}
		step, err = h.respond("EMAIL_OTP", step.Session, map[string]string{"USERNAME": "alice", "EMAIL_OTP_CODE": h.code("alice@example.com")})
		h.must(err)
		if step.Challenge != "DEVICE_SRP_AUTH" || step.Tokens != nil {
			h.Fatalf("got %v", step)
		}
		step, err = h.proveDevice(d, deviceSecret, step.Session)
		h.must(err)
		if step.Tokens == nil || step.Tokens.Device != nil {
			h.Errorf("got %v", step)
		}
	})
}

// TestForgedDeviceProof covers checklist 5: wrong proofs of a device count as wrong passwords do.
func TestForgedDeviceProof(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		d := h.remembered("alice")
		session := h.asksDevice(d).Session
		step, right := h.challengeDevice(d, deviceSecret, session)
		_, second := h.challengeDevice(d, deviceSecret, h.asksDevice(d).Session)
		_, wrong := h.challengeDevice(d, "another secret", session)
		_, late := h.challengeDeviceAt(d, deviceSecret, session, time.Now().Add(6*time.Minute))
		forged := maps.Clone(right)
		forged["PASSWORD_CLAIM_SECRET_BLOCK"] = "QUJD"
		users := maps.Clone(right)
		users["PASSWORD_CLAIM_SECRET_BLOCK"] = h.exchange()["PASSWORD_CLAIM_SECRET_BLOCK"]
		for what, answer := range map[string]map[string]string{
			"another secret": wrong, "another flow's block": second, "another time": late, "a forged block": forged, "the user's block": users,
		} {
			_, err := h.respond("DEVICE_PASSWORD_VERIFIER", step.Session, answer)
			if h.wants(err, "NotAuthorizedException", incorrect); h.Failed() {
				h.Fatal(what)
			}
		}
		_, err := h.respond("DEVICE_PASSWORD_VERIFIER", step.Session, right)
		h.wants(err, "NotAuthorizedException", "Password attempts exceeded")
		_, err = h.signIn("alice", password)
		h.wants(err, "NotAuthorizedException", "Password attempts exceeded")
		time.Sleep(time.Second)
		if _, err = h.respond("DEVICE_PASSWORD_VERIFIER", step.Session, right); err != nil {
			h.Error(err)
		}
	})
}

// TestDeviceRefresh covers checklist 22: a refresh token works on its device only, from when that is registered
// until it is forgotten.
func TestDeviceRefresh(t *testing.T) {
	inTime(t, func(h *house) {
		before, err := h.signIn("alice", password)
		h.must(err)
		h.track(false, false)
		refresh := func(t *token.Tokens, key string) error {
			_, err := h.start("REFRESH_TOKEN_AUTH", map[string]string{"REFRESH_TOKEN": t.Refresh, "DEVICE_KEY": key})
			return err
		}
		d, other := h.newDevice("alice"), h.remembered("alice")
		h.wants(refresh(d.tokens, d.Key), "NotAuthorizedException", badRefresh)
		h.confirm(d)
		h.must(refresh(d.tokens, d.Key))
		for _, key := range []string{"", other.Key, "us-east-1_0"} {
			h.wants(refresh(d.tokens, key), "NotAuthorizedException", badRefresh)
		}
		h.must(refresh(before.Tokens, ""))
		h.wants(refresh(before.Tokens, d.Key), "NotAuthorizedException", badRefresh)
		again, err := h.proveDevice(d, deviceSecret, h.asksDevice(d).Session)
		h.must(err)
		h.must(refresh(again.Tokens, d.Key))
		h.must(h.users.ForgetDevice(h.Context(), h.pool, h.sub("alice"), d.Key))
		for _, tokens := range []*token.Tokens{d.tokens, again.Tokens} {
			h.wants(refresh(tokens, d.Key), "NotAuthorizedException", "Refresh Token has expired")
			_, err := h.tokens.Authorize(h.Context(), tokens.Access)
			h.must(err)
		}
		h.must(refresh(other.tokens, other.Key))
		h.must(h.pools.Update(h.Context(), &idp.UpdateUserPoolRequest{UserPoolId: h.pool.ID}))
		h.reload()
		h.must(refresh(other.tokens, ""))
	})
}

// TestDeviceForgottenMeanwhile forgets a device between its challenges.
func TestDeviceForgottenMeanwhile(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		for _, change := range []func(key string) error{
			func(key string) error { return h.users.ForgetDevice(h.Context(), h.pool, h.sub("alice"), key) },
			func(key string) error {
				return h.users.SetDeviceStatus(h.Context(), h.pool, h.sub("alice"), key, "not_remembered")
			},
		} {
			d := h.remembered("alice")
			session := h.asksDevice(d).Session
			step, answer := h.challengeDevice(d, deviceSecret, session)
			h.must(change(d.Key))
			_, err := h.respond("DEVICE_PASSWORD_VERIFIER", step.Session, answer)
			h.wants(err, "ResourceNotFoundException", noDevice)
			_, err = h.respond("DEVICE_SRP_AUTH", session, map[string]string{"USERNAME": "alice", "DEVICE_KEY": d.Key, "SRP_A": "2"})
			h.wants(err, "ResourceNotFoundException", noDevice)
		}
	})
}

// TestDeviceRetry is a client that names a forgotten device, learns so, and answers again without it.
func TestDeviceRetry(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		answer := h.exchange()
		answer["DEVICE_KEY"] = "us-east-1_0"
		_, err := h.respond("PASSWORD_VERIFIER", "", answer)
		h.wants(err, "ResourceNotFoundException", noDevice)
		answer["DEVICE_KEY"] = ""
		step, err := h.respond("PASSWORD_VERIFIER", "", answer)
		h.must(err)
		if step.Tokens == nil || step.Tokens.Device == nil {
			h.Errorf("got %v", step)
		}
	})
}

// TestDeviceOnPrompt has a pool that remembers devices when their users say so.
func TestDeviceOnPrompt(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, true)
		d := h.remembered("alice")
		step, err := h.signInOn("alice", d.Key)
		h.must(err)
		if step.Tokens == nil || step.Tokens.Device == nil || step.Tokens.Device.Key == d.Key {
			h.Fatalf("got %v, want a new device", step)
		}
		h.must(h.users.SetDeviceStatus(h.Context(), h.pool, h.sub("alice"), d.Key, "remembered"))
		time.Sleep(time.Hour)
		step, answer := h.challengeDevice(d, deviceSecret, h.asksDevice(d).Session)
		_, err = h.machine.Respond(h.Context(), &authn.Attempt{
			Pool: h.pool, Client: h.client, Challenge: "DEVICE_PASSWORD_VERIFIER", Session: step.Session, Parameters: answer, IP: "192.0.2.2",
		})
		h.must(err)
		row, err := h.users.RememberedDevice(h.Context(), h.pool, h.sub("alice"), d.Key)
		h.must(err)
		if time.Since(row.Authenticated) > time.Second || time.Since(row.Created) < time.Hour || row.LastIP != "192.0.2.2" {
			h.Errorf("created %v, authenticated %v from %s", row.Created, row.Authenticated, row.LastIP)
		}
	})
}

// TestDeviceAfterNewPassword names an unknown device where a temporary password has to be replaced.
func TestDeviceAfterNewPassword(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		h.invite("bob")
		_, err := h.signInOn("bob", "us-east-1_0")
		h.wants(err, "ResourceNotFoundException", noDevice)
		step, err := h.signIn("bob", password)
		h.must(err)
		step, err = h.respond("NEW_PASSWORD_REQUIRED", step.Session, map[string]string{"USERNAME": "bob", "NEW_PASSWORD": "N3w" + password})
		h.must(err)
		if step.Tokens == nil || step.Tokens.Device == nil {
			h.Errorf("got %v", step)
		}
	})
}

// TestDeviceStaysTheSame answers for a device of the same user that is not the one that was named.
func TestDeviceStaysTheSame(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		d, other := h.remembered("alice"), h.remembered("alice")
		session := h.asksDevice(d).Session
		_, err := h.respond("DEVICE_SRP_AUTH", session, map[string]string{"USERNAME": "alice", "DEVICE_KEY": other.Key, "SRP_A": "2"})
		h.wants(err, "NotAuthorizedException", badSession)
		step, _ := h.challengeDevice(d, deviceSecret, session)
		_, answer := h.challengeDevice(other, deviceSecret, h.asksDevice(other).Session)
		_, err = h.respond("DEVICE_PASSWORD_VERIFIER", step.Session, answer)
		h.wants(err, "NotAuthorizedException", badSession)
		delete(answer, "DEVICE_KEY")
		_, err = h.respond("DEVICE_PASSWORD_VERIFIER", step.Session, answer)
		h.wants(err, "InvalidParameterException", "Missing required parameter DEVICE_KEY")
		for _, a := range []string{"0", "-2", "nothing", strings.Repeat("f", 768)} {
			_, err = h.respond("DEVICE_SRP_AUTH", session, map[string]string{"USERNAME": "alice", "DEVICE_KEY": d.Key, "SRP_A": a})
			h.wants(err, "NotAuthorizedException", incorrect)
		}
	})
}

// TestDeviceOfAResetUser resets the password between the challenges of a device (checklist 13).
func TestDeviceOfAResetUser(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		d := h.remembered("alice")
		step, answer := h.challengeDevice(d, deviceSecret, h.asksDevice(d).Session)
		h.must(h.users.AdminResetPassword(h.Context(), h.pool, "alice", nil))
		_, err := h.respond("DEVICE_PASSWORD_VERIFIER", step.Session, answer)
		h.wants(err, "PasswordResetRequiredException", "Password reset required for the user")
	})
}

// TestDeviceStepUp shows an access token to reach a level that its session has reached: the new tokens are of
// the same session, and device, and end when the old one does.
func TestDeviceStepUp(t *testing.T) {
	inTime(t, func(h *house) {
		h.track(true, false)
		var err error
		h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: h.pool.ID, ClientName: "choice",
			ExplicitAuthFlows: []string{"ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"}})
		h.must(err)
		d := h.remembered("alice")
		claims := func(access string) token.AccessClaims {
			s, err := h.tokens.Authorize(h.Context(), access)
			h.must(err)
			return s.Claims
		}
		before := claims(d.tokens.Access)
		time.Sleep(10 * time.Minute)
		step, err := h.start("USER_AUTH", map[string]string{
			"USERNAME": "alice", "TARGET_ACR_VALUES": "urn:cognito:loa:1", "ACCESS_TOKEN": d.tokens.Access, "DEVICE_KEY": d.Key,
		})
		h.must(err)
		after := claims(step.Tokens.Access)
		before.IssuedAt = after.IssuedAt
		if after != before || step.Tokens.Refresh != "" || step.Tokens.Device != nil {
			h.Errorf("got %+v and %v, want %+v", after, step.Tokens.Device, before)
		}
	})
}
