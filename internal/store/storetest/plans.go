package storetest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"cognate/internal/store"
)

// scans are the statements that may read a whole table, sorts those that may sort
// what they found: both with the reason.
var (
	scans = map[string]string{
		"WITH names (name) AS (VALUES":        "the names are those that are asked for",
		"SELECT count(*) FROM pools":          "for consoles; pools are few",
		"SELECT count(*) FROM identity_pools": "the API allows a thousand",
		"FROM access_keys ORDER BY id":        "an operator makes them by hand",
		"FROM roles ORDER BY arn":             "an operator makes them by hand",
		"FROM provisioned_limits ORDER BY":    "there are some ten categories",
	}
	sorts = map[string]string{
		"FROM client_secrets WHERE client_id = $1 ORDER BY created, id": "a client has two",
		"OVER (PARTITION BY sub ORDER BY authenticated DESC":            "those of one page of users",
		"FROM user_identities WHERE pool_id = $1 AND sub > $2":          "a user has five",
	}
)

// testPlans asks the engine how it would run every statement of the suite. It is
// to use an index for each, also for the order.
func (s *suite) testPlans(t *testing.T, db *store.DB) {
	s.mu.Lock()
	statements := maps.Clone(s.statements)
	s.mu.Unlock()
	if len(statements) < 60 {
		t.Fatalf("the suite ran only %d different statements: did a test get lost?", len(statements))
	}
	explain := sqlitePlan
	if isPostgres(db) {
		explain = postgresPlan
	}
	for _, query := range slices.Sorted(maps.Keys(statements)) {
		plan, err := explain(db, query, statements[query])
		text := strings.Join(strings.Fields(query), " ")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		t.Logf("%s\n\t%s", text, strings.Join(plan, "\n\t"))
		for _, step := range plan {
			if isScan(step) && !ofSubquery(step, plan) && !listed(scans, text) {
				t.Errorf("%s\nreads a whole table: %s", text, step)
			}
			if isWide(step, text) {
				t.Errorf("%s\nreads a whole pool for one user: %s", text, step)
			}
			if isSort(step) && !listed(sorts, text) {
				t.Errorf("%s\nsorts: %s", text, step)
			}
		}
	}
}

func listed(list map[string]string, text string) bool {
	for part := range list {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func isScan(step string) bool {
	return strings.Contains(step, "Seq Scan") || strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW" && !strings.HasSuffix(step, "-ROW VALUES CLAUSE")
}

// isWide reports whether a step of a query about a user or an identity reads what all of the pool have.
func isWide(step, query string) bool {
	one := strings.Contains(query, "sub = ") || strings.Contains(query, "identity_id = ")
	return strings.HasPrefix(query, "SELECT") && one &&
		(strings.Contains(step, "(pool_id=?)") || strings.Contains(step, "(pool_id=? AND id>?)"))
}

// ofSubquery reports whether a step reads what a subquery found, which has its own steps in the plan.
func ofSubquery(step string, plan []string) bool {
	name, ok := strings.CutPrefix(step, "SCAN ")
	return ok && slices.Contains(plan, "CO-ROUTINE "+name)
}

func isSort(step string) bool {
	return strings.Contains(step, "Sort Key") || strings.Contains(step, "TEMP B-TREE")
}

// sqlitePlan returns the steps of a statement as SQLite names them.
func sqlitePlan(db *store.DB, query string, args []any) (plan []string, err error) {
	err = db.View(context.Background(), func(tx *store.Tx) error {
		r, err := tx.Raw().Query("EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			return err
		}
		defer r.Close()
		for r.Next() {
			var id, parent, unused int
			var step string
			if err := r.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			plan = append(plan, step)
		}
		return r.Err()
	})
	return plan, err
}

// postgresPlan returns the steps of a statement on PostgreSQL.
func postgresPlan(db *store.DB, query string, args []any) (plan []string, err error) {
	if strings.HasPrefix(query, "SELECT pg_notify") {
		return nil, nil
	}
	err = db.View(context.Background(), func(tx *store.Tx) (err error) {
		plan, err = column(tx, "EXPLAIN "+query, args...)
		return err
	})
	return plan, err
}
