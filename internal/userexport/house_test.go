package userexport

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/pquerna/otp/totp"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/passhash"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/secret/secrettest"
	"cognate/internal/srp"
	"cognate/internal/store"
	"cognate/internal/store/postgres"
	"cognate/internal/store/sqlite"
	"cognate/internal/store/storetest"
	"cognate/internal/user"
	"cognate/internal/userimport"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const (
	poolID     = "us-east-1_Export001"
	password   = "Corr3ct-Horse!"
	passphrase = secret.Text("correct horse battery staple")
)

// house is a server's database with a master key of its own, and a pool.
type house struct {
	testing.TB
	db    *store.DB
	keys  *secret.Keyring
	pools *pool.Registry
	users *user.Directory
	pool  *pool.Pool
}

// onEngines runs a test with what makes a house on each engine.
func onEngines(t *testing.T, test func(*testing.T, func(id string) *house)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(id string) *house {
			db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
			return newHouse(t, db, err, id)
		})
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, func(id string) *house {
			db, err := postgres.Open(t.Context(), storetest.PostgresURL(t))
			return newHouse(t, db, err, id)
		})
	})
}

// inMemory is a house for what no engine has a part in.
func inMemory(t *testing.T, id string, change ...func(*idp.CreateUserPoolRequest)) *house {
	db, err := sqlite.Open(t.Context(), ":memory:")
	return newHouse(t, db, err, id, change...)
}

func newHouse(t testing.TB, db *store.DB, err error, id string, change ...func(*idp.CreateUserPoolRequest)) *house {
	t.Helper()
	h := &house{TB: t, db: db, keys: secrettest.Keyring(t)}
	h.must(err)
	t.Cleanup(func() { db.Close() })
	h.pools = pool.New(db, h.keys, pool.Options{AccountID: "000000000000", Dev: true})
	h.users = user.New(db, h.keys, message.Nowhere{})
	in := &idp.CreateUserPoolRequest{
		PoolName: "p", AliasAttributes: []string{"email"}, AutoVerifiedAttributes: []string{"email"}, UserPoolTier: "PLUS",
		Policies:              &idp.UserPoolPolicyType{PasswordPolicy: &idp.PasswordPolicyType{MinimumLength: new(int64(8)), PasswordHistorySize: new(int64(3))}},
		Schema:                []*idp.SchemaAttributeType{{Name: "plan", AttributeDataType: "String", Mutable: new(true)}},
		DeviceConfiguration:   &idp.DeviceConfigurationType{},
		UsernameConfiguration: &idp.UsernameConfigurationType{CaseSensitive: false},
	}
	for _, change := range change {
		change(in)
	}
	_, err = h.pools.CreateAs(t.Context(), id, in)
	h.must(err)
	_, err = h.pools.SetMFA(t.Context(), &idp.SetUserPoolMfaConfigRequest{
		UserPoolId: id, MfaConfiguration: "OPTIONAL", SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)},
	})
	h.must(err)
	h.pool, err = h.pools.Pool(t.Context(), id)
	h.must(err)
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) update(fn func(*store.Tx) error) {
	h.Helper()
	h.must(h.db.Update(h.Context(), fn))
}

// create makes a confirmed user with the usual password. The attributes are pairs of name and value.
func (h *house) create(name string, attributes ...string) store.User {
	h.Helper()
	return h.createWith(name, password, attributes...)
}

func (h *house) createWith(name, password string, attributes ...string) store.User {
	h.Helper()
	in := &idp.AdminCreateUserRequest{Username: name, MessageAction: "SUPPRESS"}
	for i := 0; i < len(attributes); i += 2 {
		in.UserAttributes = append(in.UserAttributes, &idp.AttributeType{Name: attributes[i], Value: attributes[i+1]})
	}
	u, err := h.users.AdminCreate(h.Context(), h.pool, in)
	h.must(err)
	h.setPassword(name, password)
	u, err = h.users.Find(h.Context(), h.pool, u.Username)
	h.must(err)
	return u
}

func (h *house) setPassword(name, password string) {
	h.Helper()
	h.must(h.users.AdminSetPassword(h.Context(), h.pool, &idp.AdminSetUserPasswordRequest{Username: name, Password: password, Permanent: new(true)}))
}

// whole is what the tests know of a user with everything.
type whole struct {
	user     store.User
	seed     user.Seed
	recovery []secret.Text
}

// furnish fills the pool: ann has everything, ben has yielded his address to her, carl has a password of another system, and
// dora has none.
func (h *house) furnish() whole {
	h.Helper()
	_, err := h.users.CreateGroup(h.Context(), h.pool, &idp.CreateGroupRequest{GroupName: "staff", UserPoolId: h.pool.ID, Description: "all", Precedence: new(int64(3)), RoleArn: "arn:aws:iam::000000000000:role/staff"})
	h.must(err)
	_, err = h.users.CreateGroup(h.Context(), h.pool, &idp.CreateGroupRequest{GroupName: "empty", UserPoolId: h.pool.ID})
	h.must(err)
	w := whole{user: h.createWith("ann", "An-older1!", "email", "ann@example.com", "email_verified", "true", "custom:plan", "gold <&> \u2028 ü")}
	h.setPassword("ann", password+"2")
	h.setPassword("ann", password)
	h.must(h.users.AddToGroup(h.Context(), h.pool, "ann", "staff"))
	me := user.Self{Pool: h.pool, Client: &pool.Client{}, User: w.user, Device: "us-east-1_11111111-2222-3333-4444-555555555555"}
	w.seed, err = h.users.AssociateSoftwareToken(h.Context(), me)
	h.must(err)
	h.must(h.users.VerifySoftwareToken(h.Context(), me, h.totp(w.seed, time.Now()), "phone"))
	h.must(h.users.SetFactors(h.Context(), h.pool, w.user.Sub, map[string]user.FactorWish{user.FactorTOTP: {Enabled: new(true), Preferred: new(true)}}))
	w.recovery, _, err = h.users.CreateRecoveryCodes(h.Context(), h.pool, w.user.Sub)
	h.must(err)
	h.must(h.users.ConfirmDevice(h.Context(), me, &idp.ConfirmDeviceRequest{
		DeviceKey: me.Device, DeviceName: "laptop", DeviceSecretVerifierConfig: &idp.DeviceSecretVerifierConfigType{Salt: "AAEC", PasswordVerifier: "AAMC"},
	}, "192.0.2.1"))
	ben := h.create("ben")
	h.create("carl", "email", "carl@example.com")
	dora := h.create("dora")
	now := time.Now().UTC().Truncate(time.Millisecond)
	ben.Attributes["email"], ben.Attributes["email_verified"] = "ann@example.com", "true" // as who arrives from a provider
	ann, err := h.users.Find(h.Context(), h.pool, "ann")
	h.must(err)
	ann.Attributes["identities"] = `[{"userId":"a1","providerName":"idp","providerType":"OIDC","issuer":null,"primary":false,"dateCreated":` + millis(now) + `}]`
	h.update(func(tx *store.Tx) error {
		return errors.Join(tx.UpdateUser(ben), tx.UpdateUser(ann), tx.DeletePassword(h.pool.ID, dora.Sub),
			tx.CreateIdentity(store.Identity{PoolID: h.pool.ID, Provider: "idp", Value: "a1", Type: "OIDC", Sub: ann.Sub, Created: now}),
			tx.CreatePasskey(store.Passkey{
				PoolID: h.pool.ID, ID: "key1", Sub: ann.Sub, RelyingParty: "example.com", PublicKey: []byte{1, 2, 3}, Attachment: "platform",
				Transports: "internal hybrid", Flags: 29, SignCount: 1<<32 - 1, Created: now, LastUsed: now,
			}))
	})
	h.importHash("erik")
	return w
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// importedHash is scrypt of importedPassword.
const (
	importedHash     = "16384$8$1$00112233445566778899aabbccddeeff$b5492f580a399175171092a709f7896aa830667110f04fa1dac2c89aac4c34ea"
	importedPassword = "Passw0rd!"
)

// importHash imports a user with a password of another system.
func (h *house) importHash(name string) {
	h.Helper()
	r, err := h.users.Recruit(h.pool, user.Candidate{
		Username: name, Attributes: map[string]string{"email": name + "@example.com", "email_verified": "true"}, Algorithm: passhash.Scrypt, Hash: importedHash,
	})
	h.must(err)
	h.update(func(tx *store.Tx) error {
		results, err := h.users.Enlist(tx, h.pool, []user.Recruit{r})
		if err == nil {
			err = results[0]
		}
		return err
	})
}

func (h *house) totp(s user.Seed, at time.Time) string {
	h.Helper()
	code, err := totp.GenerateCode(s.Text(), at)
	h.must(err)
	return code
}

// clear is the export of the pool in clear.
func (h *house) clear() []byte {
	h.Helper()
	var out bytes.Buffer
	e := &Exporter{DB: h.db, Users: h.users, Pool: h.pool}
	_, err := e.Write(h.Context(), &out)
	h.must(err)
	return out.Bytes()
}

// sealed is a text sealed with the passphrase.
func (h *house) sealed(plain []byte) []byte {
	h.Helper()
	var out bytes.Buffer
	w, err := Seal(&out, passphrase)
	h.must(err)
	_, err = w.Write(plain)
	h.must(err)
	h.must(w.Close())
	return out.Bytes()
}

// take imports an export in clear, and returns the log, too.
func (h *house) take(plain []byte) (userimport.Counts, string, error) {
	h.Helper()
	r, err := NewReader(h.users, h.pool, bytes.NewReader(plain))
	if err != nil {
		return userimport.Counts{}, "", err
	}
	var log bytes.Buffer
	b := &userimport.Bulk{DB: h.db, Users: h.users, Pool: h.pool, Log: &log}
	counts, err := b.Run(h.Context(), r)
	return counts, log.String(), err
}

// records are all users, as text.
func (h *house) records() string {
	h.Helper()
	all, err := h.users.Records(h.Context(), h.pool, "", 1000)
	h.must(err)
	var out bytes.Buffer
	for _, u := range all.Users {
		text, err := json.Marshal(u, json.Deterministic(true))
		h.must(err)
		out.Write(append(text, '\n'))
	}
	return out.String()
}

// provesSRP reports whether a user can sign in by SRP.
func (h *house) provesSRP(name, password string) bool {
	h.Helper()
	a, err := h.users.SignIn(h.Context(), h.pool, name)
	h.must(err)
	if !a.HasVerifier() {
		return false
	}
	v, err := h.users.Verifier(a.Password)
	h.must(err)
	return bytes.Equal(v, srp.Verifier(srp.PoolName(h.pool.ID), a.User.Username, password, a.Password.Salt))
}

// sends reports whether a user can sign in by sending the password.
func (h *house) sends(name, password string) bool {
	h.Helper()
	a, err := h.users.SignIn(h.Context(), h.pool, name)
	h.must(err)
	ok, err := h.users.ProvePassword(h.Context(), h.pool, &a, password)
	h.must(err)
	return ok
}

// shown is a value as logs would show it.
func shown(v any) string {
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	return log.String() + fmt.Sprintf("%v %+v %#v", v, v, v)
}
