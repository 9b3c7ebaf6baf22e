package storetest

import (
	"testing"

	"cognate/internal/store"
)

func testProvisionedLimits(t *testing.T, db *store.DB) {
	put := func(l store.ProvisionedLimit) {
		update(t, db, func(tx *store.Tx) error { return tx.PutProvisionedLimit(l) })
	}
	a, b := store.ProvisionedLimit{Category: "A", Rate: 120, Modified: day(0)}, store.ProvisionedLimit{Category: "a", Rate: 1 << 31, Modified: day(1)}
	put(b)
	put(a)
	a.Rate, a.Modified = 200, day(2)
	put(a)
	view(t, db, func(tx *store.Tx) error {
		all, err := tx.ListProvisionedLimits()
		same(t, "provisioned limits", all, []store.ProvisionedLimit{a, b})
		return err
	})
}
