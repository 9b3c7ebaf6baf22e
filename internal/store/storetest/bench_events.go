package storetest

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"cognate/internal/store"
)

// manyEvents is how many events of users the reads of events are measured among, beside a thousand: as
// COGNATE_BENCH_EVENTS says.
func manyEvents(b *testing.B) int {
	b.Helper()
	text := os.Getenv("COGNATE_BENCH_EVENTS")
	if text == "" {
		return 200_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1000 {
		b.Fatalf("COGNATE_BENCH_EVENTS is %q", text)
	}
	return n
}

// eventsOfOne is how many of the events are of each user: as many among few as among many.
const eventsOfOne = 200

// BenchmarkAuthEvents measures what sign-ins under threat protection, and administrators, do with the events of a user: it
// is to cost the same among a thousand and among millions.
func BenchmarkAuthEvents(b *testing.B, open func(b *testing.B) *store.DB) {
	for _, n := range []int{1000, manyEvents(b)} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) { benchEvents(b, open(b), n) })
	}
}

func benchEvents(b *testing.B, db *store.DB, n int) {
	defer db.Close()
	users := n / eventsOfOne
	fillEvents(b, db, n, users)
	sub := func() string { return fmt.Sprintf("sub-%07d", benchID.Add(7919)%int64(users)) }
	for i := range users { // the first reader of a row on PostgreSQL writes that it is committed
		if _, err := eventsOf(db, fmt.Sprintf("sub-%07d", i), eventsOfOne); err != nil {
			b.Fatal(err)
		}
	}
	for _, r := range []struct {
		name string
		read func(*store.Tx) error
	}{
		{"ListAuthEvents", func(tx *store.Tx) error { _, err := tx.ListAuthEvents("p", sub(), store.AuthEvent{}, 61); return err }},
		{"ListAuthEvents/later", func(tx *store.Tx) error {
			_, err := tx.ListAuthEvents("p", sub(), store.AuthEvent{ID: "e", Created: eventTime(n / 2)}, 61)
			return err
		}},
		{"RecentAuthEvents", func(tx *store.Tx) error {
			_, err := tx.RecentAuthEvents("p", sub(), eventTime(n).Add(-time.Hour), 30)
			return err
		}},
	} {
		b.Run(r.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := db.Look(context.Background(), r.read); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("PutAuthEvent/clients=%d", clients), func(b *testing.B) {
			benchUpdate(b, db, clients, func(tx *store.Tx) error {
				e := newAuthEvent("p", sub(), fmt.Sprint("new-", benchID.Add(1)), 0)
				e.Created = time.Now().UTC()
				return tx.PutAuthEvent(e)
			})
		})
	}
}

func eventsOf(db *store.DB, sub string, limit int) (list []store.AuthEvent, err error) {
	err = db.Look(context.Background(), func(tx *store.Tx) error {
		list, err = tx.ListAuthEvents("p", sub, store.AuthEvent{}, limit)
		return err
	})
	return list, err
}

func eventTime(i int) time.Time { return day(0).Add(time.Duration(i) * time.Second) }

// fillEvents makes users with events, which follow each other in time and are of one user after the other. The engine
// makes them: one statement for each of so many would take hours.
func fillEvents(b *testing.B, db *store.DB, n, users int) {
	b.Helper()
	begin := time.Now()
	fillUsers(b, db, users)
	const batch = 100_000
	for from := 0; from < n; from += batch {
		update(b, db, func(tx *store.Tx) error {
			_, err := tx.Raw().Exec(`
				WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
				INSERT INTO auth_events (pool_id, sub, id, client_id, kind, response, decision, level, compromised, network, device, teaches,
					context, challenges, feedback, feedback_by, feedback_at, created, expires)
				SELECT 'p', 'sub-' || substr(CAST(10000000 + i % $3 AS TEXT), 2), '01938f3e-7d2b-7c3a-9f00-' || CAST(i AS TEXT), '1example23456789', 'SignIn',
					'Pass', 'NoRisk', '', FALSE, '203.0.113.0/24', 'a:Firefox, Linux', TRUE,
					'{"ip":"203.0.113.7","device":"Firefox, Linux","timezone":"+01:00"}', '[{"n":"Password","r":"Success"}]', '', '', 0,
					$4 + i * 1000, $4 + 7776000000 + i * 1000
				FROM n`, int64(from), int64(min(from+batch, n)), int64(users), day(0).UnixMilli())
			return err
		})
	}
	b.Logf("filled in %v", time.Since(begin).Round(time.Second))
}
