package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cognate/internal/store"
)

func newImportJob(pool, id string, n int) store.ImportJob {
	return store.ImportJob{
		PoolID: pool, ID: id, Name: "job", Role: "role", Algorithm: "BCRYPT", Status: "Created", Message: "", Imported: 1, Skipped: 2, Failed: 3,
		Upload: "upload-" + id, Size: 4, Position: 5, Line: 6, Created: day(n), Started: day(n + 1), Completed: day(n + 2),
	}
}

func newImportChunk(pool, upload string, seq int64) store.ImportChunk {
	return store.ImportChunk{PoolID: pool, Upload: upload, Seq: seq, Sealed: []byte{byte(seq), 0, 255}, Created: day(0)}
}

func newImportLog(pool, job string, seq int64) store.ImportLog {
	return store.ImportLog{PoolID: pool, JobID: job, Seq: seq, Lines: []byte{byte(seq), 0, 255}, Created: day(0)}
}

func testImportJobs(t *testing.T, db *store.DB) {
	one, two, due := newImportJob("p", "one", 0), newImportJob("p", "two", 1), newImportJob("p", "due", 1)
	due.Due = day(9)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateImportJob(one), tx.CreateImportJob(two), tx.CreateImportJob(due))
	})
	is(t, "the same", db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateImportJob(one) }), store.ErrExists)
	is(t, "no pool", db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateImportJob(newImportJob("q", "x", 0)) }), store.ErrNotFound)
	second := newImportJob("p", "second", 0)
	second.Due = day(1)
	is(t, "a second that is due", db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateImportJob(second) }), store.ErrExists)
	is(t, "none", db.Update(t.Context(), func(tx *store.Tx) error { return tx.UpdateImportJob(second) }), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetImportJob("p", "due")
		same(t, "job", got, due)
		_, none := tx.GetImportJob("p", "none")
		is(t, "another", none, store.ErrNotFound)
		got, err1 := tx.GetDueImportJob("p")
		same(t, "due job", got, due)
		_, none = tx.GetDueImportJob("q")
		is(t, "another pool's", none, store.ErrNotFound)
		all, err2 := tx.ListImportJobs("p", day(100), "", 2)
		same(t, "the newest", all, []store.ImportJob{two, due})
		all, err3 := tx.ListImportJobs("p", due.Created, due.ID, 2)
		same(t, "the rest", all, []store.ImportJob{one})
		all, err4 := tx.ListImportJobsIn("Created", day(1), 2)
		same(t, "the old", all, []store.ImportJob{one})
		n, err5 := tx.CountImportJobs("p", "Created")
		same(t, "how many", n, int64(3))
		return errors.Join(err, err1, err2, err3, err4, err5)
	})
}

// testTakeImportJobs has several take jobs at once, each of which goes to one of them.
func testTakeImportJobs(t *testing.T, db *store.DB) {
	const n = 8
	update(t, db, func(tx *store.Tx) error {
		for i := range n {
			pool := fmt.Sprint("p", i)
			j := newImportJob(pool, "job", 0)
			j.Due = day(i + 1)
			if err := errors.Join(tx.CreatePool(newPool(pool)), tx.CreateImportJob(j)); err != nil {
				return err
			}
		}
		return nil
	})
	take := func(owner string, now time.Time) (j store.ImportJob, err error) {
		err = db.Update(t.Context(), func(tx *store.Tx) (err error) {
			j, err = tx.TakeImportJob(owner, "", now, day(50))
			return err
		})
		return j, err
	}
	if j, err := take("first", day(3)); err != nil || j.PoolID != "p0" || j.Owner != "first" || !j.Due.Equal(day(50)) {
		t.Errorf("the first is %+v, %v", j, err)
	}
	var taken atomic.Int64
	together(n, func(i int) {
		j, err := take(fmt.Sprint("owner", i), day(n))
		if err == nil {
			taken.Add(1)
		} else if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v, %v", j, err)
		}
	})
	// Who finds a row locked may go away with nothing: what is left is there for the next.
	for {
		if _, err := take("last", day(n)); err != nil {
			is(t, "none is left", err, store.ErrNotFound)
			break
		}
		taken.Add(1)
	}
	same(t, "taken", taken.Load(), int64(n-1))
	view(t, db, func(tx *store.Tx) error {
		now, err := tx.IsImportDue("", day(49))
		later, err2 := tx.IsImportDue("", day(50))
		same(t, "due", []bool{now, later}, []bool{false, true})
		return errors.Join(err, err2)
	})
}

func testImportFiles(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateImportJob(newImportJob("p", "job", 0)),
			tx.CreateImportChunk(newImportChunk("p", "a", 0)), tx.CreateImportChunk(newImportChunk("p", "a", 1)), tx.CreateImportChunk(newImportChunk("p", "b", 0)),
			tx.CreateImportLog(newImportLog("p", "job", 2)), tx.CreateImportLog(newImportLog("p", "job", 7)))
	})
	is(t, "the same chunk", db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateImportChunk(newImportChunk("p", "a", 1)) }), store.ErrExists)
	is(t, "the same part", db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateImportLog(newImportLog("p", "job", 2)) }), store.ErrExists)
	is(t, "no job", db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateImportLog(newImportLog("p", "none", 2)) }), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteImportChunks("p", "b", 0, 1) })
	update(t, db, func(tx *store.Tx) error { return tx.DeleteImportChunks("p", "a", 0, 1) })
	view(t, db, func(tx *store.Tx) error {
		sealed, err := tx.GetImportChunk("p", "a", 1)
		same(t, "chunk", sealed, newImportChunk("p", "a", 1).Sealed)
		_, none := tx.GetImportChunk("p", "b", 0)
		is(t, "a deleted one", none, store.ErrNotFound)
		_, none = tx.GetImportChunk("p", "a", 0)
		is(t, "another", none, store.ErrNotFound)
		first, err1 := tx.NextImportLog("p", "job", -1)
		same(t, "first part", first, newImportLog("p", "job", 2))
		second, err2 := tx.NextImportLog("p", "job", 2)
		same(t, "second part", second, newImportLog("p", "job", 7))
		_, none = tx.NextImportLog("p", "job", 7)
		is(t, "the end", none, store.ErrNotFound)
		return errors.Join(err, err1, err2)
	})
}

// testSweepImports keeps the files of jobs, however old, and nothing else.
func testSweepImports(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateImportJob(newImportJob("p", "job", 0)),
			tx.CreateImportChunk(newImportChunk("p", "upload-job", 0)), tx.CreateImportChunk(newImportChunk("p", "none", 0)),
			tx.CreateImportLog(newImportLog("p", "job", 2)))
	})
	for _, step := range []struct{ day, gone int }{{0, 0}, {2, 1}, {89, 0}, {91, 1}} {
		n, err := db.Sweep(t.Context(), day(step.day), 100)
		if err != nil || n != step.gone {
			t.Errorf("day %d: %d rows are swept, %v", step.day, n, err)
		}
	}
	view(t, db, func(tx *store.Tx) error { _, err := tx.GetImportChunk("p", "upload-job", 0); return err })
}

// testCreateUsers makes users at once as they would be made one by one.
func testCreateUsers(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error { return tx.CreatePool(newPool("p")) })
	const n = 100 // more than one statement takes, and no power of two
	var users []store.WholeUser
	for i := range n {
		u := store.WholeUser{User: newUser("p", fmt.Sprintf("sub%03d", i))}
		if i%2 == 0 {
			p := password(u.Sub, i)
			u.Password = &p
			u.Aliases = []store.Alias{{Attribute: "email", Key: u.Sub + "@example.com"}}
		}
		users = append(users, u)
	}
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.CreateUsers(users), tx.CreateUsers(nil)) })
	view(t, db, func(tx *store.Tx) error {
		for i, u := range users {
			got, err := tx.GetSignIn("p", u.Sub)
			if err != nil {
				return err
			}
			same(t, "user", got.User, u.User)
			same(t, "has a password", got.HasPassword, i%2 == 0)
			found, _, err := tx.ListUsers(store.UserQuery{PoolID: "p", Attribute: "email", Op: "=", Value: u.Sub + "@example.com", Limit: 2})
			if err != nil || len(found) != 1 || found[0].Sub != u.Sub {
				t.Errorf("%s is not found by its address: %v", u.Sub, err)
			}
		}
		owner, err := tx.GetAlias("p", "email", "sub098@example.com")
		same(t, "alias", owner, "sub098")
		return err
	})
	again := store.WholeUser{User: newUser("p", "sub001")}
	is(t, "one that is there", db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUsers([]store.WholeUser{again}) }), store.ErrExists)
	elsewhere := store.WholeUser{User: newUser("q", "a")}
	is(t, "no pool", db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUsers([]store.WholeUser{elsewhere}) }), store.ErrNotFound)
	odd := store.WholeUser{User: newUser("p", "odd")}
	odd.Attributes = map[string]string{"name": "a\x00"}
	is(t, "no text", db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUsers([]store.WholeUser{odd}) }), store.ErrText)
}

func testNameOwners(t *testing.T, db *store.DB) {
	people(t, db)
	long := strings.Repeat("x", 2000)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.SetAlias("p", "phone_number", "+1", "a"), tx.SetAlias("p", "email", long, "b"))
	})
	names := []string{"user-a", "b", "+1", long, "nobody", "User-a", "a\x00", "\xff"}
	for i := range 100 {
		names = append(names, fmt.Sprint("free", i))
	}
	view(t, db, func(tx *store.Tx) error {
		owners, err := tx.NameOwners("p", names)
		same(t, "owners", owners, map[string][]string{"user-a": {"a"}, "b": {"b"}, "+1": {"a"}, long: {"b"}})
		other, err2 := tx.NameOwners("q", names)
		same(t, "in another pool", len(other), 0)
		return errors.Join(err, err2)
	})
}
