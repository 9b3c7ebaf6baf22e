package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/store"
)

var errBoom = errors.New("boom")

// exists says whether a pool is there.
func exists(t *testing.T, db *store.DB, id string) bool {
	t.Helper()
	var err error
	view(t, db, func(tx *store.Tx) error {
		_, err = tx.GetPool(id)
		return nil
	})
	if err != nil {
		is(t, "get pool "+id, err, store.ErrNotFound)
	}
	return err == nil
}

func testRollback(t *testing.T, db *store.DB) {
	err := try(db, func(tx *store.Tx) error { return errors.Join(fill(tx, "p"), errBoom) })
	is(t, "a failing update", err, errBoom)
	for table, n := range rows(t, db) {
		same(t, "rows of "+table, n, 0)
	}
}

// testFailureInBatch runs many updates at once, every third of which fails after
// it has written.
func testFailureInBatch(t *testing.T, db *store.DB) {
	const n = 60
	errs := make([]error, n)
	together(n, func(i int) {
		errs[i] = try(db, func(tx *store.Tx) error {
			err := tx.CreatePool(newPool(fmt.Sprint("p", i)))
			if i%3 == 0 {
				return errors.Join(err, errBoom)
			}
			return err
		})
	})
	for i, err := range errs {
		if i%3 == 0 {
			is(t, fmt.Sprint("update ", i), err, errBoom)
		} else {
			is(t, fmt.Sprint("update ", i), err, nil)
		}
		same(t, fmt.Sprintf("pool %d is there", i), exists(t, db, fmt.Sprint("p", i)), i%3 != 0)
	}
}

// testSwallowedError ignores an error after which PostgreSQL would not commit.
func testSwallowedError(t *testing.T, db *store.DB) {
	err := try(db, func(tx *store.Tx) error {
		if err := tx.CreatePool(newPool("p")); err != nil {
			return err
		}
		_ = tx.CreateClient(newClient("none", "c"))
		return nil
	})
	is(t, "the commit", err, store.ErrNotFound)
	same(t, "the pool is there", exists(t, db, "p"), false)
	// The expected refusals do not spoil anything.
	update(t, db, func(tx *store.Tx) error {
		err := tx.CreatePool(newPool("p"))
		is(t, "create again", tx.CreatePool(newPool("p")), store.ErrExists)
		_, none := tx.GetUser("p", "x")
		is(t, "get", none, store.ErrNotFound)
		return err
	})
	same(t, "the pool is there now", exists(t, db, "p"), true)
}

func testPanic(t *testing.T, db *store.DB) {
	errs := make([]error, 20)
	together(len(errs), func(i int) {
		errs[i] = try(db, func(tx *store.Tx) error {
			err := tx.CreatePool(newPool(fmt.Sprint("p", i)))
			if i%2 == 0 {
				panic("argh")
			}
			return err
		})
	})
	for i, err := range errs {
		same(t, fmt.Sprintf("pool %d is there", i), exists(t, db, fmt.Sprint("p", i)), i%2 != 0)
		if i%2 == 0 && (err == nil || !strings.Contains(err.Error(), "argh")) {
			t.Errorf("a panic became %v", err)
		}
	}
	err := db.View(t.Context(), func(*store.Tx) error { panic("ugh") })
	if err == nil || !strings.Contains(err.Error(), "ugh") {
		t.Errorf("a panic in a view became %v", err)
	}
}

// testGoexit ends goroutines inside closures, as a test's Fatal does.
func testGoexit(t *testing.T, db *store.DB) {
	together(6, func(i int) {
		_ = try(db, func(tx *store.Tx) error {
			if err := tx.CreatePool(newPool(fmt.Sprint("gone", i))); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
	})
	for i := range 6 {
		same(t, "its pool is there", exists(t, db, fmt.Sprint("gone", i)), false)
	}
	update(t, db, func(tx *store.Tx) error { return tx.CreatePool(newPool("p")) })
	same(t, "a later pool is there", exists(t, db, "p"), true)
}

func testViewCannotWrite(t *testing.T, db *store.DB) {
	err := db.View(t.Context(), func(tx *store.Tx) error { return tx.CreatePool(newPool("p")) })
	if err == nil {
		t.Error("a view wrote")
	}
	err = db.View(t.Context(), func(tx *store.Tx) error {
		_ = tx.CreatePool(newPool("p"))
		return nil
	})
	if err == nil {
		t.Error("a view whose failed write was ignored succeeded")
	}
	same(t, "the pool is there", exists(t, db, "p"), false)
	is(t, "an error of a view", db.View(t.Context(), func(*store.Tx) error { return errBoom }), errBoom)
}

// testViewSnapshot has writers keep a sum constant while readers add it up.
func testViewSnapshot(t *testing.T, db *store.DB) {
	put := func(tx *store.Tx, subject string, n int) error {
		return tx.PutCounter(store.Counter{PoolID: "p", Subject: subject, Count: n})
	}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), put(tx, "x", 50), put(tx, "y", 50))
	})
	together(4, func(i int) {
		for n := range 25 {
			var x, y store.Counter
			read := func(tx *store.Tx) (err, err2 error) {
				x, err = tx.GetCounter("p", "x", "")
				y, err2 = tx.GetCounter("p", "y", "")
				return err, err2
			}
			if i%2 == 0 {
				is(t, "update", try(db, func(tx *store.Tx) error {
					err, err2 := read(tx)
					return errors.Join(err, err2, put(tx, "x", x.Count-n), put(tx, "y", y.Count+n))
				}), nil)
				continue
			}
			is(t, "view", db.View(t.Context(), func(tx *store.Tx) error { return errors.Join(read(tx)) }), nil)
			same(t, "sum", x.Count+y.Count, 100)
		}
	})
}

// testIncrements reads and writes a counter from many goroutines.
func testIncrements(t *testing.T, db *store.DB) {
	const clients, each = 20, 5
	update(t, db, func(tx *store.Tx) error { return tx.CreatePool(newPool("p")) })
	together(clients, func(int) {
		for range each {
			err := try(db, func(tx *store.Tx) error {
				c, err := tx.GetCounter("p", "s", "k")
				c.Count++
				return errors.Join(err, tx.PutCounter(c))
			})
			is(t, "increment", err, nil)
		}
	})
	view(t, db, func(tx *store.Tx) error {
		c, err := tx.GetCounter("p", "s", "k")
		same(t, "count", c.Count, clients*each)
		return err
	})
}

// testCancel ends the context of transactions before they begin.
func testCancel(t *testing.T, db *store.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fn := func(*store.Tx) error { t.Error("it ran"); return nil }
	is(t, "update", db.Update(ctx, fn), context.Canceled)
	is(t, "view", db.View(ctx, fn), context.Canceled)
}

// testClose closes while transactions run: each either succeeds or is refused.
func testClose(t *testing.T, db *store.DB) {
	var mu sync.Mutex
	done := 0
	begun := make(chan bool)
	go func() {
		<-begun
		is(t, "close", db.Close(), nil)
	}()
	var once sync.Once
	together(8, func(i int) {
		for n := 0; ; n++ {
			err := try(db, func(tx *store.Tx) error { return tx.CreatePool(newPool(fmt.Sprint(i, "-", n))) })
			if errors.Is(err, store.ErrClosed) {
				return
			}
			if err != nil {
				t.Errorf("update: %v", err)
				return
			}
			mu.Lock()
			done++
			mu.Unlock()
			once.Do(func() { close(begun) })
		}
	})
	is(t, "close again", db.Close(), nil)
	is(t, "update", try(db, func(*store.Tx) error { return nil }), store.ErrClosed)
	is(t, "view", db.View(t.Context(), func(*store.Tx) error { return nil }), store.ErrClosed)
	if done == 0 {
		t.Error("nothing was done before the close")
	}
}

// testChanges subscribes and looks at what arrives by the end of an Update. On
// PostgreSQL each change may come again.
func testChanges(t *testing.T, db *store.DB) {
	var mu sync.Mutex
	var got []store.Change
	db.Subscribe(func(c store.Change) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, c)
	})
	update(t, db, func(tx *store.Tx) error {
		tx.Notify("pool", "a/b")
		tx.Notify("client", "ü '")
		return tx.CreatePool(newPool("p"))
	})
	mu.Lock()
	if len(got) < 2 || got[0] != (store.Change{Kind: "pool", ID: "a/b"}) {
		t.Errorf("after the update: %v", got)
	}
	got = nil
	mu.Unlock()
	is(t, "a failing update", try(db, func(tx *store.Tx) error { tx.Notify("pool", "failed"); return errBoom }), errBoom)
	time.Sleep(50 * time.Millisecond) // what was sent twice arrives
	mu.Lock()
	defer mu.Unlock()
	for _, c := range got {
		if c.ID == "failed" {
			t.Error("a failed update announced a change")
		}
	}
}

// testLook holds that a Look reads once, and does nothing else.
func testLook(t *testing.T, db *store.DB) {
	people(t, db)
	look := func(fn func(*store.Tx) error) error { return db.Look(t.Context(), fn) }
	is(t, "one", look(func(tx *store.Tx) error {
		u, err := tx.GetUser("p", "a")
		same(t, "user", u, newUser("p", "a"))
		return err
	}), nil)
	is(t, "none", look(func(tx *store.Tx) error { _, err := tx.GetUser("p", "nobody"); return err }), store.ErrNotFound)
	for what, fn := range map[string]func(*store.Tx) error{
		"two reads":            func(tx *store.Tx) error { tx.GetUser("p", "a"); _, err := tx.GetUser("p", "b"); return err },
		"a write":              func(tx *store.Tx) error { return tx.DeletePool("p") },
		"a write that answers": func(tx *store.Tx) error { _, err := tx.TakeSpareKey("p", "id", day(0)); return err },
	} {
		if err := look(fn); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	same(t, "the pool is there", exists(t, db, "p"), true)
}
