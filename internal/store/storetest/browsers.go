package storetest

import (
	"testing"
	"time"

	"cognate/internal/store"
)

func newAuthorizationCode(pool, sub, client, hash string) store.AuthorizationCode {
	return store.AuthorizationCode{
		Hash: hash, Flow: "flow-" + hash, PoolID: pool, Sub: sub, ClientID: client, Expires: day(9), Request: []byte(`{"r":1}`),
	}
}

func newLoginSession(pool, sub, hash string) store.LoginSession {
	return store.LoginSession{
		Hash: hash, Flow: "flow-" + hash, PoolID: pool, Sub: sub, Created: day(0), Expires: day(9), Extra: []byte(`{"l":1}`),
	}
}

func testAuthorizationCodes(t *testing.T, db *store.DB) {
	people(t, db)
	c := newAuthorizationCode("p", "a", "c", "h")
	create := func(c store.AuthorizationCode) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateAuthorizationCode(c) })
	}
	is(t, "create", create(c), nil)
	is(t, "create again", create(c), store.ErrExists)
	is(t, "create for nobody", create(newAuthorizationCode("p", "x", "c", "h2")), store.ErrNotFound)
	is(t, "create for no client", create(newAuthorizationCode("p", "a", "x", "h2")), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetAuthorizationCode("h")
		same(t, "code", got, c)
		_, none := tx.GetAuthorizationCode("H")
		is(t, "get by another case", none, store.ErrNotFound)
		return err
	})
	update(t, db, func(tx *store.Tx) error { return tx.DeleteClient("c") })
	same(t, "codes left with their client", rows(t, db)["authorization_codes"], 0)
}

func testLoginSessions(t *testing.T, db *store.DB) {
	people(t, db)
	create := func(s store.LoginSession) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateLoginSession(s) })
	}
	first, second, third, other := newLoginSession("p", "a", "h1"), newLoginSession("p", "a", "h2"), newLoginSession("p", "a", "h3"), newLoginSession("p", "b", "h4")
	second.Created, third.Created = day(1), day(2)
	for _, s := range []store.LoginSession{first, second, third, other} {
		is(t, "create "+s.Hash, create(s), nil)
	}
	is(t, "create again", create(first), store.ErrExists)
	replay := newLoginSession("p", "a", "h5")
	replay.Flow = first.Flow
	is(t, "create by the same flow", create(replay), store.ErrExists)
	is(t, "create for nobody", create(newLoginSession("p", "x", "h5")), store.ErrNotFound)
	loginSessions(t, db, "a", day(8), third, second, first)
	update(t, db, func(tx *store.Tx) error { return tx.EndLoginSession("h2", day(3)) })
	update(t, db, func(tx *store.Tx) error { return tx.EndLoginSession("h2", day(4)) })
	view(t, db, func(tx *store.Tx) error {
		second.Ended = day(3)
		got, err := tx.GetLoginSession("h2")
		same(t, "ended session", got, second)
		return err
	})
	loginSessions(t, db, "a", day(8), third, first)
	loginSessions(t, db, "a", day(9))
	update(t, db, func(tx *store.Tx) error { return tx.EndLoginSessions("p", "a", "h1", day(5)) })
	loginSessions(t, db, "a", day(8), first)
	loginSessions(t, db, "b", day(8), other)
}

func loginSessions(t *testing.T, db *store.DB, sub string, now time.Time, want ...store.LoginSession) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.ListLoginSessions("p", sub, now, 9)
		same(t, "login sessions of "+sub, got, want)
		return err
	})
}
