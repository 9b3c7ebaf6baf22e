package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cognate/internal/store"
)

func newAuthEvent(pool, sub, id string, at int) store.AuthEvent {
	return store.AuthEvent{
		PoolID: pool, Sub: sub, ID: id, ClientID: "c", Kind: "SignIn", Response: "InProgress", Decision: "NoRisk", Level: "",
		Compromised: true, Network: "10.0.0.0/24", Device: "a:Firefox", Context: []byte(`{"ä":"<&>"}`), Challenges: []byte(`[]`),
		Created: day(at), Expires: day(at + 90),
	}
}

func authEventID(e store.AuthEvent) string { return e.ID }

func testAuthEvents(t *testing.T, db *store.DB) {
	people(t, db)
	e := newAuthEvent("p", "a", "e1", 0)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.PutAuthEvent(e), tx.PutAuthEvent(newAuthEvent("p", "b", "e1", 3)))
	})
	get := func(want store.AuthEvent) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.GetAuthEvent(want.PoolID, want.Sub, want.ID)
			same(t, "event", got, want)
			return err
		})
	}
	get(e)
	is(t, "put for nobody", try(db, func(tx *store.Tx) error { return tx.PutAuthEvent(newAuthEvent("p", "x", "e", 0)) }), store.ErrNotFound)
	e.Feedback, e.FeedbackBy, e.FeedbackAt = "Valid", "admin", day(2)
	update(t, db, func(tx *store.Tx) error { return tx.SetAuthEventFeedback(e) })
	get(e)

	next := e
	next.Response, next.Decision, next.Level, next.Compromised = "Pass", "AccountTakeover", "Low", false
	next.Challenges = []byte(`[1]`)
	put := next // what may not change, and what a later step does not know
	put.Network, put.Device, put.Context = "::/48", "", []byte(`{}`)
	put.ClientID, put.Kind, put.Created, put.Expires = "other", "SignUp", day(5), day(6)
	put.Feedback, put.FeedbackBy, put.FeedbackAt = "", "", time.Time{}
	update(t, db, func(tx *store.Tx) error { return tx.PutAuthEvent(put) })
	get(next)
	put.Response = "Fail"
	update(t, db, func(tx *store.Tx) error { return tx.PutAuthEvent(put) })
	get(next) // one that has passed stays so
	get(newAuthEvent("p", "b", "e1", 3))

	nowhere := newAuthEvent("p", "a", "nowhere", 0)
	nowhere.Network, nowhere.Device = "", ""
	somewhere := newAuthEvent("p", "a", "nowhere", 0)
	somewhere.Context = []byte(`{"x":1}`)
	update(t, db, func(tx *store.Tx) error { return errors.Join(tx.PutAuthEvent(nowhere), tx.PutAuthEvent(somewhere)) })
	get(somewhere)
	is(t, "feedback on nothing", try(db, func(tx *store.Tx) error { return tx.SetAuthEventFeedback(newAuthEvent("p", "a", "E1", 0)) }), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetAuthEvent("p", "a", "e2")
		is(t, "get another", none, store.ErrNotFound)
		return nil
	})
	up := newAuthEvent("p", "a", "up", 0)
	up.Kind = "SignUp"
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.PutAuthEvent(up), tx.PassAuthEvent("p", "a", "up"), tx.PassAuthEvent("p", "b", "e1"), tx.PassAuthEvent("p", "a", "none"))
	})
	up.Response = "Pass"
	get(up)
	get(newAuthEvent("p", "b", "e1", 3)) // a sign-in passes by its end alone
}

// testAuthEventLists has events at equal times, and those of others that must not show.
func testAuthEventLists(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error {
		errs := []error{tx.PutAuthEvent(newAuthEvent("p", "b", "b", 2))}
		for i, id := range []string{"e", "B", "ä", "d", "A"} {
			errs = append(errs, tx.PutAuthEvent(newAuthEvent("p", "a", id, i/2)))
		}
		return errors.Join(errs...)
	})
	view(t, db, func(tx *store.Tx) error {
		var ids []string
		for before := (store.AuthEvent{}); ; {
			list, err := tx.ListAuthEvents("p", "a", before, 2)
			if err != nil || len(list) == 0 {
				same(t, "events", ids, []string{"A", "ä", "d", "e", "B"})
				return err
			}
			for _, before = range list {
				ids = append(ids, before.ID)
			}
		}
	})
}

// testRecentAuthEvents has more events of each sort than are asked for.
func testRecentAuthEvents(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error {
		var errs []error
		for i := range 5 {
			passed, failed, rated, other := newAuthEvent("p", "a", fmt.Sprint("pass", i), i), newAuthEvent("p", "a", fmt.Sprint("fail", i), 10+i),
				newAuthEvent("p", "a", fmt.Sprint("rated", i), i), newAuthEvent("p", "a", fmt.Sprint("other", i), 9)
			passed.Response, failed.Response, rated.Response, other.Kind, other.Response = "Pass", "Fail", "Fail", "SignUp", "Pass"
			rated.Created = rated.Created.AddDate(-1, 0, 0)
			errs = append(errs, tx.PutAuthEvent(passed), tx.PutAuthEvent(failed), tx.PutAuthEvent(rated), tx.PutAuthEvent(other))
		}
		rated := newAuthEvent("p", "a", "rated4", 0)
		rated.Feedback = "Invalid"
		return errors.Join(append(errs, tx.SetAuthEventFeedback(rated))...)
	})
	recent := func(since time.Time, limit int) (ids []string) {
		view(t, db, func(tx *store.Tx) error {
			list, err := tx.RecentAuthEvents("p", "a", since, limit)
			for _, e := range list {
				ids = append(ids, authEventID(e))
			}
			return err
		})
		slices.Sort(ids)
		return ids
	}
	same(t, "two of each", recent(day(12), 2), []string{"fail3", "fail4", "pass3", "pass4"})
	same(t, "all that tell", recent(day(30), 9), []string{"pass0", "pass1", "pass2", "pass3", "pass4", "rated4"})
	same(t, "none", len(recent(day(12), 0)), 0)
}

func testRiskConfigurations(t *testing.T, db *store.DB) {
	people(t, db)
	c := store.RiskConfiguration{PoolID: "p", Document: []byte(`{"ä":1}`), Modified: day(1)}
	own := store.RiskConfiguration{PoolID: "p", ClientID: "c", Document: []byte(`{}`), Modified: day(2)}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.PutRiskConfiguration(own), tx.PutRiskConfiguration(own), tx.PutRiskConfiguration(c))
	})
	for _, want := range []store.RiskConfiguration{c, own} {
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.GetRiskConfiguration("p", want.ClientID)
			same(t, "configuration", got, want)
			return err
		})
	}
	for _, of := range []store.RiskConfiguration{{PoolID: "x"}, {PoolID: "p", ClientID: "x"}} {
		is(t, "put for nobody", try(db, func(tx *store.Tx) error { return tx.PutRiskConfiguration(of) }), store.ErrNotFound)
	}
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.DeleteRiskConfiguration("p", ""), tx.DeleteRiskConfiguration("p", ""), tx.DeleteClient("c"))
	})
	view(t, db, func(tx *store.Tx) error {
		_, pool := tx.GetRiskConfiguration("p", "")
		_, client := tx.GetRiskConfiguration("p", "c")
		is(t, "deleted", pool, store.ErrNotFound)
		is(t, "with its client", client, store.ErrNotFound)
		return nil
	})
}
