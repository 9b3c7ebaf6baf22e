package pool_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// counter counts the rows of a table that are read by id.
func counter(db *store.DB) (pools, clients *atomic.Int64) {
	pools, clients = new(atomic.Int64), new(atomic.Int64)
	db.Trace(func(query string, _ []any) {
		switch {
		case strings.Contains(query, "FROM pools WHERE id ="):
			pools.Add(1)
		case strings.Contains(query, "FROM clients WHERE id ="):
			clients.Add(1)
		}
	})
	return pools, clients
}

func TestCache(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), pool.Options{})
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{GenerateSecret: new(true)})
	pools, clients := counter(db)
	read := func(what string, wantPools, wantClients int64) (*pool.Pool, *pool.Client) {
		t.Helper()
		p0, c0 := pools.Load(), clients.Load()
		var gotPool *pool.Pool
		var gotClient *pool.Client
		for range 3 {
			var err error
			if gotPool, gotClient, err = r.Client(t.Context(), c.ID); err != nil {
				t.Fatal(err)
			}
			if _, _, err := r.PoolClient(t.Context(), p.ID, c.ID); err != nil {
				t.Fatal(err)
			}
		}
		if gotP, gotC := pools.Load()-p0, clients.Load()-c0; gotP != wantPools || gotC != wantClients {
			t.Errorf("%s: %d pools and %d clients are read", what, gotP, gotC)
		}
		return gotPool, gotClient
	}
	read("first", 1, 1)
	read("again", 0, 0)

	if err := r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID, PoolName: "new"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := read("after an update of the pool", 1, 1); got.Name != "new" {
		t.Errorf("an old pool is cached: %q", got.Name)
	}
	if _, err := r.UpdateClient(t.Context(), &idp.UpdateUserPoolClientRequest{UserPoolId: p.ID, ClientId: c.ID, PreventUserExistenceErrors: "ENABLED"}); err != nil {
		t.Fatal(err)
	}
	if _, got := read("after an update of the client", 0, 1); !got.HidesUsers() {
		t.Error("an old client is cached")
	}
	d, err := r.AddClientSecret(t.Context(), &idp.AddUserPoolClientSecretRequest{UserPoolId: p.ID, ClientId: c.ID})
	if err != nil {
		t.Fatal(err)
	}
	if _, got := read("after a new secret", 0, 1); !got.CheckSecret(d.ClientSecretValue) {
		t.Error("a client without its new secret is cached")
	}

	// What another node changed, as the engine tells it.
	db.Publish(store.Change{Kind: "client", ID: c.ID})
	read("after another node's client", 0, 1)
	db.Publish(store.Change{Kind: "client", ID: "another"})
	read("after another client", 0, 0)
	db.Publish(store.Change{})
	read("after a flush", 1, 1)
}

// A pool that is made again under its old id does not get its old clients back.
func TestRecreatedPool(t *testing.T) {
	r := registry(t)
	make := func() *pool.Pool {
		return create(t, r, &idp.CreateUserPoolRequest{UserPoolTags: map[string]string{"cognate:id": "Again"}})
	}
	p := make()
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{})
	if _, _, err := r.Client(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err := r.Client(t.Context(), c.ID)
	wantFault(t, err, idp.CodeResourceNotFound, "User pool client "+c.ID+" does not exist.")
	make()
	_, _, err = r.Client(t.Context(), c.ID)
	wantFault(t, err, idp.CodeResourceNotFound, "User pool client "+c.ID+" does not exist.")
}

// A change that arrives while a row is read keeps what was read out of the cache.
func TestStaleReadsAreNotKept(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), pool.Options{})
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{})
	_, clients := new(atomic.Int64), new(atomic.Int64)
	var once sync.Once
	db.Trace(func(query string, _ []any) {
		switch {
		case strings.Contains(query, "FROM clients WHERE id ="):
			clients.Add(1)
		case strings.Contains(query, "FROM client_secrets"): // the client's row has been read
			once.Do(func() { db.Publish(store.Change{Kind: "client", ID: c.ID}) })
		}
	})
	for i, want := range []int64{1, 2, 2} {
		if _, _, err := r.Client(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
		if clients.Load() != want {
			t.Errorf("after read %d the row was read %d times, want %d", i+1, clients.Load(), want)
		}
	}
}

func TestCacheAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, keys := open(t), keyring(t)
		r := pool.New(db, keys, pool.Options{})
		p := create(t, r, &idp.CreateUserPoolRequest{})
		pools, _ := counter(db)
		for _, step := range []struct {
			wait time.Duration
			want int64
		}{{0, 1}, {29 * time.Second, 1}, {time.Second, 2}, {29 * time.Second, 2}} {
			time.Sleep(step.wait)
			if _, err := r.Pool(t.Context(), p.ID); err != nil {
				t.Fatal(err)
			}
			if pools.Load() != step.want {
				t.Errorf("%v later the row was read %d times", step.wait, pools.Load())
			}
		}
	})
}

// Readers and writers at once; the race detector watches.
func TestConcurrentUse(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{})
	var readers, writers sync.WaitGroup
	var done atomic.Bool
	for range 4 {
		readers.Go(func() {
			for !done.Load() {
				gotPool, gotClient, err := r.Client(t.Context(), c.ID)
				if err != nil {
					t.Error(err)
					return
				}
				gotClient.CanWrite(gotPool, "email")
				gotPool.Key("Ann")
			}
		})
	}
	for i := range 2 {
		writers.Go(func() {
			for n := range 20 {
				name := fmt.Sprint("n", i, "-", n)
				if err := r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID, PoolName: name}); err != nil {
					t.Error(err)
				}
				if _, err := r.UpdateClient(t.Context(), &idp.UpdateUserPoolClientRequest{UserPoolId: p.ID, ClientId: c.ID, ClientName: name}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
	stored, err := r.DescribeClient(t.Context(), p.ID, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, cached, err := r.Client(t.Context(), c.ID); err != nil || cached.Name != stored.ClientName {
		t.Errorf("cached %v, stored %q, %v", cached.Name, stored.ClientName, err)
	}
}

func TestPageTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, keys := open(t), keyring(t)
		r := pool.New(db, keys, pool.Options{})
		token := r.PageToken("ListUsers/a", "key with spaces")
		if strings.ContainsAny(token, " \t\n") || strings.Contains(token, "key") {
			t.Errorf("token %q", token)
		}
		if key, err := r.OpenPageToken("ListUsers/a", token); err != nil || key != "key with spaces" {
			t.Errorf("%q, %v", key, err)
		}
		if r.PageToken("ListUsers/a", "") != "" {
			t.Error("the end of a list has a token")
		}
		if key, err := r.OpenPageToken("ListUsers/a", ""); err != nil || key != "" {
			t.Errorf("the beginning of a list: %q, %v", key, err)
		}
		flipped := []byte(token)
		flipped[len(flipped)/2] ^= 1
		for what, bad := range map[string][2]string{
			"another list": {"ListUsers/b", token},
			"altered":      {"ListUsers/a", string(flipped)},
			"cut":          {"ListUsers/a", token[:len(token)-1]},
			"made up":      {"ListUsers/a", "key"},
			"another seal": {"ListUsers/a", keys.SealText([]byte("01234567key"), "page/x")},
			"too short":    {"ListUsers/a", keys.SealText([]byte("0"), "page/ListUsers/a")},
		} {
			t.Log(what)
			_, err := r.OpenPageToken(bad[0], bad[1])
			wantFault(t, err, idp.CodeInvalidParameter, "Invalid pagination token.")
		}
		time.Sleep(time.Hour - time.Second)
		if _, err := r.OpenPageToken("ListUsers/a", token); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		_, err := r.OpenPageToken("ListUsers/a", token)
		wantFault(t, err, idp.CodeInvalidParameter, "Invalid pagination token.")
	})
}

// What is no id is not looked up, for an engine may take it for an error.
func TestOddIDs(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), pool.Options{})
	db.Trace(func(query string, args []any) { t.Errorf("asked the database for %q", args) })
	for _, id := range []string{"", "a\x00b", "\xff", "a b", "caf\u00e9"} {
		_, _, err := r.Client(t.Context(), id)
		wantFault(t, err, idp.CodeResourceNotFound, "User pool client "+id+" does not exist.")
		_, err = r.Pool(t.Context(), "r_"+id)
		wantFault(t, err, idp.CodeResourceNotFound, "User pool r_"+id+" does not exist.")
	}
}
