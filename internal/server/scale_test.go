//go:build linux

package server

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"cognate/internal/store"
	"cognate/internal/store/storetest"
)

// TestMain ends the PostgreSQL server and removes the binary that the tests may have made.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if built.dir, err = os.MkdirTemp("", "cognate-server-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(built.dir)
		return storetest.Main(m)
	}())
}

const (
	fewUsers = 100
	// tolerance is how much longer an operation may take among many users than among few.
	tolerance = 1.2
	// scaleTries is how often an operation may be measured before it fails: other tests run beside it.
	scaleTries = 3
)

// manyUsers is fewer where filling takes too long: with the race detector everything takes ten times longer.
func manyUsers() int {
	if testing.Short() || raceEnabled() {
		return 20_000
	}
	return 200_000
}

// TestScale holds what users wait for, and a page of an administrator's list, to take the same time in a
// pool of 200,000 users as in one of a hundred, on both engines: from the request to the answer, as the
// median of many, over HTTP to a server in this process.
func TestScale(t *testing.T) {
	for engine, database := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return filepath.Join(t.TempDir(), "cognate.db") },
		"postgres": storetest.PostgresURL,
	} {
		t.Run(engine, func(t *testing.T) { testScale(t, database(t)) })
	}
}

func testScale(t *testing.T, database string) {
	s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: t.TempDir(), Database: database}, io.Discard)
	begin := time.Now()
	few, many := newCrowd(t, s, fewUsers), newCrowd(t, s, manyUsers())
	t.Logf("filled in %v", time.Since(begin).Round(time.Second))
	for _, op := range scaleOperations {
		t.Run(op.name, func(t *testing.T) { op.compare(t, few, many) })
	}
	begin = time.Now()
	few.gather(t, s)
	many.gather(t, s)
	t.Logf("filled groups in %v", time.Since(begin).Round(time.Second))
	for _, op := range groupOperations {
		t.Run(op.name, func(t *testing.T) { op.compare(t, few, many) })
	}
	begin = time.Now()
	few.equip(t, s)
	many.equip(t, s)
	t.Logf("filled devices in %v", time.Since(begin).Round(time.Second))
	for _, op := range deviceOperations {
		t.Run(op.name, func(t *testing.T) { op.compare(t, few, many) })
	}
}

// crowd is a pool of many users, of whom some can sign in.
type crowd struct {
	door
	pool, client string
	size         int
	members      []int // those with a password
	access       []string
	next         map[string]string // by operation: where the pages that were read end
}

// newCrowd fills a pool: by the store, since each user through the API would take an fsync. All users
// have password records of the same size, but only the members' are real.
func newCrowd(t testing.TB, s *Server, size int) *crowd {
	c := &crowd{door: at(s.URL()), size: size, next: map[string]string{}}
	c.pool = c.must(t, "CreateUserPool", `{"PoolName":"crowd","AliasAttributes":["email"]}`).UserPool.Id
	c.client = c.must(t, "CreateUserPoolClient", `{"UserPoolId":%q,"ClientName":"crowd",
		"ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`, c.pool).UserPoolClient.ClientId
	source := rand.NewChaCha8([32]byte{byte(size)})
	c.fill(t, s, source)
	c.members = rand.New(source).Perm(size)[:min(size, 400)]
	for _, i := range c.members {
		c.must(t, "AdminSetUserPassword", `{"UserPoolId":%q,"Username":%q,"Password":%q,"Permanent":true}`, c.pool, username(i), somePassword)
		a, err := c.signIn(c.client, c.email(i), somePassword)
		if err != nil || a.AuthenticationResult.AccessToken == "" {
			t.Fatalf("sign in: %s %v", a.Type, err)
		}
		c.access = append(c.access, a.AuthenticationResult.AccessToken)
	}
	return c
}

// fill makes the users, in batches of which a few are on their way at once.
func (c *crowd) fill(t testing.TB, s *Server, source *rand.ChaCha8) {
	const batch = 2500
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(3)
	for from := 0; from < c.size; from += batch {
		var users []store.User
		for i := from; i < min(from+batch, c.size); i++ {
			users = append(users, c.user(i, source))
		}
		g.Go(func() error {
			return s.db.Update(ctx, func(tx *store.Tx) error { return createUsers(tx, users) })
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func username(i int) string { return fmt.Sprintf("user-%06d", i) }

// email is the address of user i. Neighbours in its order did not sign up one after the other.
func (c *crowd) email(i int) string {
	return fmt.Sprintf("mail-%06d@example.com", i*48271%c.size)
}

func (c *crowd) user(i int, source *rand.ChaCha8) store.User {
	now := time.Now()
	id, err := uuid.NewRandomFromReader(source)
	if err != nil {
		panic(err) // the source does not end
	}
	return store.User{
		PoolID: c.pool, Sub: id.String(), Username: username(i), UsernameKey: username(i), Status: "CONFIRMED", Enabled: true,
		Attributes: map[string]string{"email": c.email(i), "email_verified": "true"},
		Created:    now, Modified: now,
	}
}

func createUsers(tx *store.Tx, users []store.User) error {
	for _, u := range users {
		if err := tx.CreateUser(u); err != nil {
			return err
		}
		if err := tx.PutPassword(store.Password{PoolID: u.PoolID, Sub: u.Sub, Salt: make([]byte, 16), Sealed: make([]byte, 428), Set: u.Created}); err != nil {
			return err
		}
		if err := tx.SetAlias(u.PoolID, "email", u.Attributes["email"], u.Sub); err != nil {
			return err
		}
	}
	return nil
}

// gather makes as many groups as there are users. All users are in the first group, and the first user is
// in all groups: more than the API allows, for the lists to be long.
func (c *crowd) gather(t testing.TB, s *Server) {
	statements := []string{
		`INSERT INTO user_groups (pool_id, name, description, role_arn, created, modified)
			SELECT pool_id, username, '', '', created, modified FROM users WHERE pool_id = $1 AND username >= $2`,
		`INSERT INTO group_members (pool_id, sub, group_name)
			SELECT u.pool_id, u.sub, g.name FROM users u JOIN user_groups g ON g.pool_id = u.pool_id AND g.name = $2
			WHERE u.pool_id = $1`,
		`INSERT INTO group_members (pool_id, sub, group_name)
			SELECT g.pool_id, u.sub, g.name FROM user_groups g JOIN users u ON u.pool_id = g.pool_id AND u.username = $2
			WHERE g.pool_id = $1 AND g.name > $2`,
	}
	for _, statement := range statements {
		err := s.db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Raw().Exec(statement, c.pool, username(0))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// equip gives the first member as many devices as there are users. As many as the small crowd has are
// remembered, and lie among the others.
func (c *crowd) equip(t testing.TB, s *Server) {
	c.must(t, "UpdateUserPool", `{"UserPoolId":%q,"DeviceConfiguration":{}}`, c.pool)
	err := s.db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Raw().Exec(`
			INSERT INTO devices (pool_id, sub, device_key, group_key, name, remembered, last_ip, created, modified, authenticated)
			SELECT u.pool_id, m.sub, 'us-east-1_' || u.sub, '', u.username, CASE WHEN u.username < $2 THEN 'us-east-1_' || u.sub ELSE '' END, '', u.created, u.modified, u.created
			FROM users u JOIN users m ON m.pool_id = u.pool_id AND m.username = $3 WHERE u.pool_id = $1`,
			c.pool, username(fewUsers), username(c.members[0]))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// scaleOperation is one request in a crowd; n counts them.
type scaleOperation struct {
	name  string
	times int
	limit float64 // how many times longer it may take among many
	do    func(c *crowd, n int) (answer, error)
	fine  func(answer) bool
}

var scaleOperations = []scaleOperation{
	{"sign-in", 200, tolerance, func(c *crowd, n int) (answer, error) {
		return c.signIn(c.client, c.email(c.members[n%len(c.members)]), somePassword)
	}, func(a answer) bool { return a.AuthenticationResult.AccessToken != "" }},
	{"GetUser", 1000, tolerance, func(c *crowd, n int) (answer, error) {
		return c.call("GetUser", `{"AccessToken":%q}`, c.access[n%len(c.access)])
	}, func(a answer) bool { return a.Username != "" }},
	{"ListUsers", 300, tolerance, func(c *crowd, _ int) (answer, error) {
		return c.call("ListUsers", `{"UserPoolId":%q,"Limit":60}`, c.pool)
	}, func(a answer) bool { return len(a.Users) == 60 }},
	{"ListUsers equal", 500, tolerance, func(c *crowd, _ int) (answer, error) {
		return c.call("ListUsers", `{"UserPoolId":%q,"Filter":"email = \"%s\""}`, c.pool, c.email(fewUsers/2))
	}, func(a answer) bool { return len(a.Users) == 1 }},
	{"ListUsers prefix", 300, tolerance, func(c *crowd, _ int) (answer, error) {
		return c.call("ListUsers", `{"UserPoolId":%q,"Filter":"email ^= \"mail-0000\"","Limit":60}`, c.pool)
	}, func(a answer) bool { return len(a.Users) == 60 }},
	// The rows of a page that nobody has read before are no longer in the processor's caches, nor in the
	// engine's: a hundred users always are. SQLite fetches ten pages from the system, which takes 20 µs of
	// 120 (1.25 times); PostgreSQL marks the rows it sees for the first time (up to 1.34, then 1.13).
	{"ListUsers scattered", 500, 1.5, func(c *crowd, n int) (answer, error) {
		return c.call("ListUsers", `{"UserPoolId":%q,"Filter":"email ^= \"mail-%05d\""}`, c.pool, c.scattered(n)/10)
	}, func(a answer) bool { return len(a.Users) == 10 }},
}

// groupPage divides the number of users, so that all pages of groups, members and devices are full.
const groupPage = 50

var groupOperations = []scaleOperation{
	{"sign-in of a member", 200, tolerance, func(c *crowd, n int) (answer, error) {
		return c.signIn(c.client, c.email(c.members[n%len(c.members)]), somePassword)
	}, func(a answer) bool { return a.AuthenticationResult.AccessToken != "" }},
	{"ListGroups", 300, tolerance, func(c *crowd, _ int) (answer, error) {
		return c.walk("ListGroups", `"UserPoolId":%q`, c.pool)
	}, func(a answer) bool { return len(a.Groups) == groupPage }},
	// Each entry of these two is found by the pool and a name or sub. Among a hundred of them most comparisons
	// on the way end at the pool, among more none does: SQLite takes 1.3 times as long for 20,000, and no
	// longer for 200,000.
	{"AdminListGroupsForUser", 300, 1.5, func(c *crowd, _ int) (answer, error) {
		return c.walk("AdminListGroupsForUser", `"UserPoolId":%q,"Username":%q`, c.pool, username(0))
	}, func(a answer) bool { return len(a.Groups) == groupPage }},
	{"ListUsersInGroup", 300, 1.5, func(c *crowd, _ int) (answer, error) {
		return c.walk("ListUsersInGroup", `"UserPoolId":%q,"GroupName":%q`, c.pool, username(0))
	}, func(a answer) bool { return len(a.Users) == groupPage }},
}

var deviceOperations = []scaleOperation{
	{"ListDevices", 300, tolerance, func(c *crowd, _ int) (answer, error) {
		return c.walk("ListDevices", `"AccessToken":%q`, c.access[0])
	}, func(a answer) bool { return len(a.Devices) == groupPage }},
	{"AdminListDevices", 300, tolerance, func(c *crowd, _ int) (answer, error) {
		return c.walk("AdminListDevices", `"UserPoolId":%q,"Username":%q`, c.pool, username(c.members[0]))
	}, func(a answer) bool { return len(a.Devices) == groupPage }},
}

// walk reads the page of a list after the one that it read before, or the first one after the last.
func (c *crowd) walk(op, format string, args ...any) (answer, error) {
	if next := c.next[op]; next != "" {
		member := "NextToken"
		if strings.HasSuffix(op, "Devices") {
			member = "PaginationToken"
		}
		format, args = format+`,%q:%q`, append(args, member, next)
	}
	a, err := c.call(op, "{"+format+`,"Limit":%d}`, append(args, groupPage)...)
	c.next[op] = a.NextToken + a.PaginationToken
	return a, err
}

// scattered is the n-th of a walk that seldom meets the same user twice.
func (c *crowd) scattered(n int) int { return n * 7919 % c.size }

// compare measures the operation in both crowds by turns.
func (o scaleOperation) compare(t *testing.T, few, many *crowd) {
	var ratio float64
	for try := range scaleTries {
		var times [2][]time.Duration
		for n := range o.times {
			for i, c := range []*crowd{few, many} {
				start := time.Now()
				a, err := o.do(c, try*o.times+n)
				took := time.Since(start)
				if err != nil || !o.fine(a) {
					t.Fatalf("%+v, %v", a, err)
				}
				times[i] = append(times[i], took)
			}
		}
		a, b := median(times[0]), median(times[1])
		ratio = float64(b) / float64(a)
		t.Logf("%v among %d users, %v among %d: %.2f", a, few.size, b, many.size, ratio)
		if ratio <= o.limit {
			return
		}
	}
	t.Errorf("%.2f times the time among %d users, want at most %v", ratio, many.size, o.limit)
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
