package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/store"
	"cognate/internal/store/sqlite"
	"cognate/internal/store/storetest"
)

func open(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func openFile(t *testing.T) *store.DB {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestFile(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, filepath.Join(t.TempDir(), "a.db")) })
}

func TestMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.DB { return open(t, ":memory:") })
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	storetest.Reopen(t, func(t *testing.T) *store.DB { return open(t, path) })
}

func BenchmarkFile(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) *store.DB { return open(b, filepath.Join(b.TempDir(), "a.db")) })
}

func BenchmarkAuthEvents(b *testing.B) {
	storetest.BenchmarkAuthEvents(b, func(b *testing.B) *store.DB { return open(b, filepath.Join(b.TempDir(), "a.db")) })
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.db")
	for b.Loop() {
		if err := open(b, path).Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestPaths opens files whose names mean something in a URI.
func TestPaths(t *testing.T) {
	for _, name := range []string{"a b.db", "a?mode=memory.db", "a#b.db", "a%41.db", "ü&x=y.db", "file:a.db", "'a'.db"} {
		dir := t.TempDir()
		db := open(t, filepath.Join(dir, name))
		if err := db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreatePool(store.Pool{ID: "p"}) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 || entries[0].Name() != name {
			t.Errorf("%s: the folder holds %v (%v)", name, entries, err)
		}
	}
	if _, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "none", "a.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

// TestNotADatabase wants files that something else wrote left alone.
func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	text := strings.Repeat("this is no database\n", 500)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path); err == nil {
		t.Error("it was opened")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("it was changed (%v)", err)
	}
}

// TestFileModes wants nobody else to read the database or its log.
func TestFileModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path)
	defer db.Close()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", info.Name(), info.Mode())
		}
	}
}

// TestMemoriesApart opens two databases in memory.
func TestMemoriesApart(t *testing.T) {
	a, b := open(t, ":memory:"), open(t, ":memory:")
	defer a.Close()
	defer b.Close()
	for _, db := range []*store.DB{a, b} {
		if err := db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreatePool(store.Pool{ID: "p"}) }); err != nil {
			t.Error(err)
		}
	}
}

// TestPragmas asks the writer and a reader what they were set to.
func TestPragmas(t *testing.T) {
	db := openFile(t)
	ask := func(tx *store.Tx, pragma string) string {
		r, err := tx.Raw().Query("PRAGMA " + pragma)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var s string
		if !r.Next() || r.Scan(&s) != nil {
			t.Errorf("%s has no answer", pragma)
		}
		return s
	}
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "0"}
	check := func(tx *store.Tx) error {
		for pragma, value := range want {
			if got := ask(tx, pragma); got != value {
				t.Errorf("%s is %s, want %s", pragma, got, value)
			}
		}
		return nil
	}
	if err := db.Update(t.Context(), check); err != nil {
		t.Error(err)
	}
	want["query_only"] = "1"
	if err := db.View(t.Context(), check); err != nil {
		t.Error(err)
	}
}

// TestForeignKeysHaveIndexes looks at every foreign key: without an index on its
// columns, deleting the row it refers to reads the whole table.
func TestForeignKeysHaveIndexes(t *testing.T) {
	db := openFile(t)
	err := db.View(t.Context(), func(tx *store.Tx) error {
		keys := texts(t, tx, `SELECT m.name || ' ' || group_concat(f."from", ',') FROM sqlite_master m, pragma_foreign_key_list(m.name) f
			WHERE m.type = 'table' GROUP BY m.name, f.id`)
		indexes := texts(t, tx, `SELECT t || ' ' || group_concat(c, ',') FROM (
			SELECT m.name t, l.name i, x.name c FROM sqlite_master m, pragma_index_list(m.name) l, pragma_index_info(l.name) x
			WHERE m.type = 'table' ORDER BY m.name, l.name, x.seqno) GROUP BY t, i`)
		if len(keys) < 8 {
			t.Errorf("found only the keys %v", keys)
		}
		for _, key := range keys {
			if !slices.ContainsFunc(indexes, func(index string) bool { return strings.HasPrefix(index+",", key+",") }) {
				t.Errorf("no index begins with %s", key)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func texts(t *testing.T, tx *store.Tx, query string) (all []string) {
	t.Helper()
	r, err := tx.Raw().Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for r.Next() {
		var s string
		if err := r.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// TestCancelQueued ends the context of an Update behind another that is running,
// and of one that is running.
func TestCancelQueued(t *testing.T) {
	db := openFile(t)
	running, release := make(chan bool), make(chan bool)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		err := db.Update(ctx, func(tx *store.Tx) error {
			close(running)
			<-release
			return tx.CreatePool(store.Pool{ID: "running"})
		})
		if err != nil {
			t.Errorf("the one that ran: %v", err)
		}
	})
	<-running
	wg.Go(func() {
		err := db.Update(ctx, func(tx *store.Tx) error { return tx.CreatePool(store.Pool{ID: "queued"}) })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the one that waited: %v", err)
		}
	})
	time.Sleep(20 * time.Millisecond) // it is in the queue
	cancel()
	time.Sleep(20 * time.Millisecond)
	close(release)
	wg.Wait()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		pools, err := tx.ListPools("", 10)
		if len(pools) != 1 || pools[0].ID != "running" {
			t.Errorf("pools: %v", pools)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestTwoProcesses has two DBs, as two processes would, write to one file.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	a, b := open(t, path), open(t, path)
	defer a.Close()
	defer b.Close()
	var wg sync.WaitGroup
	for i, db := range []*store.DB{a, b, a, b} {
		wg.Go(func() {
			for n := range 50 {
				err := db.Update(context.Background(), func(tx *store.Tx) error {
					return tx.CreatePool(store.Pool{ID: fmt.Sprint(i, "-", n)})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	err := a.View(t.Context(), func(tx *store.Tx) error {
		n, err := tx.CountPools()
		if n != 200 {
			t.Errorf("%d pools, want 200", n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

const victimEnv = "COGNATE_STORETEST_VICTIM"

// TestKill kills a process that writes from many goroutines, as hard as can be,
// and then looks for every write it had acknowledged.
func TestKill(t *testing.T) {
	if path := os.Getenv(victimEnv); path != "" {
		victim(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "a.db")
	for round := range 4 {
		acknowledged := killWriter(t, path, round)
		if len(acknowledged) == 0 {
			t.Error("killed before its first write: nothing is shown")
		}
		db := open(t, path)
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			for _, id := range acknowledged {
				if c, err := tx.GetCounter("p", id, "k"); err != nil || c.Count != 1 {
					t.Errorf("write %s was acknowledged and is lost (%v)", id, err)
				}
			}
			if bad := texts(t, tx, "PRAGMA integrity_check"); len(bad) != 1 || bad[0] != "ok" {
				t.Errorf("integrity: %v", bad)
			}
			return nil
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// killWriter runs a victim for a while, kills it and returns what it acknowledged.
func killWriter(t *testing.T, path string, round int) (acknowledged []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), victimEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "ack "); ok {
			acknowledged = append(acknowledged, id)
		}
		if len(acknowledged) == 300+round*500 {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait() // it was killed
	return acknowledged
}

// victim writes until it is killed, and says so after each write.
func victim(t *testing.T, path string) {
	db := open(t, path)
	var mu sync.Mutex
	for i := range 16 {
		go func() {
			for n := 0; ; n++ {
				id := strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(i) + "-" + strconv.Itoa(n)
				err := db.Update(context.Background(), func(tx *store.Tx) error {
					return tx.PutCounter(store.Counter{PoolID: "p", Subject: id, Kind: "k", Count: 1})
				})
				mu.Lock()
				if err == nil {
					fmt.Println("ack", id)
				}
				mu.Unlock()
			}
		}()
	}
	time.Sleep(time.Minute)
	t.Fatal("nobody killed it")
}
