package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"cognate/internal/store"
)

func newChallenge(pool, flow string, answered int) store.Challenge {
	return store.Challenge{Flow: flow, PoolID: pool, Answered: answered, Expires: day(9)}
}

// testChallenges answers the challenges of a flow in their order, each once.
func testChallenges(t *testing.T, db *store.DB) {
	people(t, db)
	put := func(c store.Challenge) error {
		return try(db, func(tx *store.Tx) error { return tx.PutChallenge(c) })
	}
	take := func(c store.Challenge) error {
		return try(db, func(tx *store.Tx) error { return tx.TakeChallenge(c) })
	}
	kept := func(what string, want store.Challenge) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.GetChallenge(want.Flow)
			same(t, what, got, want)
			return err
		})
	}
	is(t, "put for no pool", put(newChallenge("x", "f", 0)), store.ErrNotFound)
	is(t, "take for no pool", take(newChallenge("x", "f", 1)), store.ErrNotFound)
	c := newChallenge("p", "f", 0)
	c.State = []byte{0, 1, 0xff}
	is(t, "put", put(c), nil)
	kept("a state", c)
	c.State, c.Expires = []byte("again"), day(10)
	is(t, "put again", put(c), nil)
	kept("another state", c)
	is(t, "take", take(newChallenge("p", "f", 1)), nil)
	kept("an answered challenge", newChallenge("p", "f", 1))
	is(t, "take again", take(newChallenge("p", "f", 1)), store.ErrExists)
	is(t, "put for an answered one", put(c), store.ErrExists)
	next := newChallenge("p", "f", 1)
	next.State = []byte("next")
	is(t, "put for the next one", put(next), nil)
	is(t, "take a later one", take(newChallenge("p", "f", 4)), nil)
	is(t, "take an older one", take(newChallenge("p", "f", 3)), store.ErrExists)
	is(t, "take of a new flow", take(newChallenge("p", "g", 2)), nil)
	kept("the other flow", newChallenge("p", "g", 2))
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetChallenge("F")
		is(t, "get by another case", none, store.ErrNotFound)
		return nil
	})
}

// testChallengesConcurrent answers one challenge many times at once: one answer counts.
func testChallengesConcurrent(t *testing.T, db *store.DB) {
	people(t, db)
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			switch err := try(db, func(tx *store.Tx) error { return tx.TakeChallenge(newChallenge("p", "f", 1)) }); {
			case err == nil:
				taken.Add(1)
			case !errors.Is(err, store.ErrExists):
				t.Error(err)
			}
		})
	}
	all.Wait()
	same(t, "answers that count", taken.Load(), int32(1))
}
