// Package storetest is the conformance suite that every engine of the store
// passes, and the PostgreSQL server that tests need.
//
// While the suite runs it notes every statement it causes, and at the end asks the
// engine how it would carry each of them out: one that reads a whole table fails.
package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"cognate/internal/store"
)

// suite is a run of the conformance tests on one engine.
type suite struct {
	open func(t *testing.T) *store.DB

	mu         sync.Mutex
	statements map[string][]any // with the arguments of its last run
}

// Run runs the suite. Each call of open returns a new, empty database, which the
// suite closes.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	s := &suite{open: open, statements: make(map[string][]any)}
	tests := []struct {
		name string
		run  func(*testing.T, *store.DB)
	}{
		{"Pools", testPools},
		{"Clients", testClients},
		{"ClientSecrets", testClientSecrets},
		{"SigningKeys", testSigningKeys},
		{"RetiredKeys", testRetiredKeys},
		{"Replicas", testReplicas},
		{"PoolsOfRegions", testPoolsOfRegions},
		{"ImportsOfRegions", testImportsOfRegions},
		{"SpareKeysConcurrent", testSpareKeysConcurrent},
		{"Users", testUsers},
		{"Enabled", testEnabled},
		{"DeleteUser", testDeleteUser},
		{"DeletePool", testDeletePool},
		{"DeleteClient", testDeleteClient},
		{"Orphans", testOrphans},
		{"Search", testSearch},
		{"SearchKeptInStep", testSearchKeptInStep},
		{"SearchPaging", testSearchPaging},
		{"SearchPrefixBytes", testSearchPrefixBytes},
		{"LongValues", testLongValues},
		{"Aliases", testAliases},
		{"Passwords", testPasswords},
		{"PasswordHistory", testPasswordHistory},
		{"SignIn", testSignIn},
		{"Codes", testCodes},
		{"Counters", testCounters},
		{"Families", testFamilies},
		{"FamiliesConcurrent", testFamiliesConcurrent},
		{"Groups", testGroups},
		{"GroupMembers", testGroupMembers},
		{"GroupCascade", testGroupCascade},
		{"ResourceServers", testResourceServers},
		{"Domains", testDomains},
		{"IdentityProviders", testIdentityProviders},
		{"FederationKeys", testFederationKeys},
		{"Identities", testIdentities},
		{"UsedAssertions", testUsedAssertions},
		{"DeletePassword", testDeletePassword},
		{"IdentityPools", testIdentityPools},
		{"AccessKeys", testAccessKeys},
		{"Roles", testRoles},
		{"ProvisionedLimits", testProvisionedLimits},
		{"PoolIdentities", testPoolIdentities},
		{"IdentityLogins", testIdentityLogins},
		{"DeleteIdentityPool", testDeleteIdentityPool},
		{"OpenIDKeys", testOpenIDKeys},
		{"ClassicStyles", testClassicStyles},
		{"Brandings", testBrandings},
		{"BrandingAssets", testBrandingAssets},
		{"Terms", testTerms},
		{"AuthorizationCodes", testAuthorizationCodes},
		{"LoginSessions", testLoginSessions},
		{"Challenges", testChallenges},
		{"ChallengesConcurrent", testChallengesConcurrent},
		{"Devices", testDevices},
		{"DeviceLists", testDeviceLists},
		{"ExpireDeviceFamilies", testExpireDeviceFamilies},
		{"Passkeys", testPasskeys},
		{"SoftwareTokens", testSoftwareTokens},
		{"PasskeyLists", testPasskeyLists},
		{"AuthEvents", testAuthEvents},
		{"AuthEventLists", testAuthEventLists},
		{"RecentAuthEvents", testRecentAuthEvents},
		{"RiskConfigurations", testRiskConfigurations},
		{"ImportJobs", testImportJobs},
		{"TakeImportJobs", testTakeImportJobs},
		{"ImportFiles", testImportFiles},
		{"CreateUsers", testCreateUsers},
		{"NameOwners", testNameOwners},
		{"SoftDeletePools", testSoftDeletePools},
		{"SoftDeleteUsers", testSoftDeleteUsers},
		{"Rules", testRules},
		{"ManyAliases", testManyAliases},
		{"WholeUsers", testWholeUsers},
		{"ManyDevices", testManyDevices},
		{"HeldSubs", testHeldSubs},
		{"Sweep", testSweep},
		{"SweepImports", testSweepImports},
		{"Meta", testMeta},
		{"Times", testTimes},
		{"OddText", testOddText},
		{"Rollback", testRollback},
		{"FailureInBatch", testFailureInBatch},
		{"SwallowedError", testSwallowedError},
		{"Panic", testPanic},
		{"Goexit", testGoexit},
		{"ViewCannotWrite", testViewCannotWrite},
		{"Look", testLook},
		{"ViewSnapshot", testViewSnapshot},
		{"Increments", testIncrements},
		{"Cancel", testCancel},
		{"Close", testClose},
		{"Changes", testChanges},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, s.database(t)) })
	}
	t.Run("Plans", func(t *testing.T) { s.testPlans(t, s.database(t)) })
}

// database opens a database whose statements are noted.
func (s *suite) database(t *testing.T) *store.DB {
	t.Helper()
	db := s.open(t)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	db.Trace(func(query string, args []any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.statements[query] = args
	})
	return db
}

// update runs an Update that has to succeed.
func update(t testing.TB, db *store.DB, fn func(*store.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// view runs a View that has to succeed.
func view(t testing.TB, db *store.DB, fn func(*store.Tx) error) {
	t.Helper()
	if err := db.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// day is a time as the store keeps it, n days into the tests' calendar.
func day(n int) time.Time {
	return time.Date(2026, 1, 1, 12, 0, 0, 123_000_000, time.UTC).AddDate(0, 0, n)
}

func newPool(id string) store.Pool {
	return store.Pool{ID: id, Region: "eu-west-1", Name: "name of " + id, Settings: []byte(`{"a":1}`), Created: day(0), Modified: day(1)}
}

func newClient(pool, id string) store.Client {
	return store.Client{ID: id, PoolID: pool, Name: "app", Settings: []byte(`{"b":2}`), Created: day(0), Modified: day(1)}
}

func newUser(pool, sub string) store.User {
	return store.User{
		PoolID: pool, Sub: sub, Username: "User-" + sub, UsernameKey: "user-" + sub, Status: "CONFIRMED", Enabled: true,
		Attributes: map[string]string{"email": sub + "@Example.com", "custom:x": "ä <&> \u2028"},
		Created:    day(0), Modified: day(1), Extra: []byte(`{"mfa":["SMS"]}`),
	}
}

func newFamily(pool, sub, client, id string) store.Family {
	return store.Family{
		ID: id, PoolID: pool, Sub: sub, ClientID: client, OriginJTI: "jti", DeviceKey: "device", Scopes: "openid email",
		Nonce: []byte{1, 0, 255}, Generation: 3, AuthTime: day(0), Rotated: day(1), Created: day(2),
		LastUsed: day(3), Expires: day(30), Revoked: time.Time{}, Extra: []byte(`{"c":3}`),
	}
}

// fill makes one row of every kind in a pool, so that each table has one.
func fill(tx *store.Tx, pool string) error {
	client, sub := "client-"+pool, "sub-"+pool
	steps := []func() error{
		func() error { return tx.CreatePool(newPool(pool)) },
		func() error { return tx.CreateClient(newClient(pool, client)) },
		func() error {
			return tx.CreateClientSecret(store.ClientSecret{ClientID: client, ID: "secret", Sealed: []byte{1}, Created: day(0)})
		},
		func() error {
			return tx.CreateSigningKey(store.SigningKey{KID: "kid-" + pool, PoolID: pool, Use: "id", Created: day(0)})
		},
		func() error { return tx.CreateUser(newUser(pool, "gone-"+pool)) },
		func() error {
			return tx.SoftDeleteUser(store.DeletedUser{PoolID: pool, Sub: "gone-" + pool, Purge: day(9)}, "")
		},
		func() error { return tx.CreateReplica(newReplica(pool, "eu-west-9", store.ReplicaActive)) },
		func() error { return tx.CreateResourceServer(newResourceServer(pool, "api-"+pool)) },
		func() error { return tx.CreateDomain(newDomain(pool, "domain-"+pool, false)) },
		func() error { return tx.CreateIdentityProvider(newProvider(pool, "idp", "example.com")) },
		func() error { return tx.CreateFederationKeys(pool, []byte{1}) },
		func() error { return tx.UseAssertion(pool, "idp", "assertion", day(9)) },
		func() error { return tx.PutClassicStyle(newClassicStyle(pool, client), []byte{1}) },
		func() error { return tx.CreateBranding(newBranding(pool, client)) },
		func() error { return tx.PutBrandingAsset(newBrandingAsset("branding-"+client, pool, "FORM_LOGO")) },
		func() error { return tx.CreateTerms(newTerms(pool, client, "use")) },
		func() error { return tx.CreateUser(newUser(pool, sub)) },
		func() error { return tx.SetAlias(pool, "email", sub+"@example.com", sub) },
		func() error { return tx.CreateIdentity(newIdentity(pool, sub, "", "subject")) },
		func() error { return tx.PutPassword(store.Password{PoolID: pool, Sub: sub, Set: day(0)}) },
		func() error { return tx.AddPasswordHistory(store.Password{PoolID: pool, Sub: sub, Set: day(0)}) },
		func() error {
			return tx.PutCode(store.Code{PoolID: pool, Sub: sub, Purpose: "reset", Created: day(0), Expires: day(9)})
		},
		func() error {
			return tx.PutCounter(store.Counter{PoolID: pool, Subject: sub, Kind: "codes", Count: 1, Last: day(0)})
		},
		func() error {
			return tx.PutCounter(store.Counter{PoolID: pool, Subject: "user-" + sub, Kind: "lock", Count: 1, Last: day(0)})
		},
		func() error { return tx.CreateFamily(newFamily(pool, sub, client, "family-"+pool)) },
		func() error {
			return tx.CreateAuthorizationCode(newAuthorizationCode(pool, sub, client, "code-"+pool))
		},
		func() error { return tx.CreateLoginSession(newLoginSession(pool, sub, "browser-"+pool)) },
		func() error { return tx.TakeChallenge(newChallenge(pool, "challenge-"+pool, 1)) },
		func() error { return tx.CreateDevice(newDevice(pool, sub, "device-"+pool)) },
		func() error { return tx.CreatePasskey(newPasskey(pool, sub, "passkey-"+pool)) },
		func() error { return tx.PutSoftwareToken(newSoftwareToken(pool, sub)) },
		func() error { return tx.PutAuthEvent(newAuthEvent(pool, sub, "event", 0)) },
		func() error {
			return tx.PutRiskConfiguration(store.RiskConfiguration{PoolID: pool, ClientID: client, Document: []byte("{}"), Modified: day(0)})
		},
		func() error { return tx.CreateImportJob(newImportJob(pool, "job", 0)) },
		func() error { return tx.CreateImportChunk(newImportChunk(pool, "upload-job", 0)) },
		func() error { return tx.CreateImportLog(newImportLog(pool, "job", 0)) },
		func() error { return tx.CreateGroup(newGroup(pool, "group-"+pool)) },
		func() error {
			_, err := tx.AddMember(pool, "group-"+pool, sub)
			return err
		},
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("fill, step %d: %w", i, err)
		}
	}
	return nil
}

// together runs fn(0) to fn(n-1) at the same time and waits for all.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}
