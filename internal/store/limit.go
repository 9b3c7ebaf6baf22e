package store

import (
	"database/sql"
	"time"
)

// ProvisionedLimit is how many requests a second of a category of operations are taken, where that was set.
type ProvisionedLimit struct {
	Category string
	Rate     int64
	Modified time.Time
}

func (l *ProvisionedLimit) scan(r *sql.Rows) error {
	return r.Scan(&l.Category, &l.Rate, when(&l.Modified))
}

// PutProvisionedLimit inserts the limit of a category, or writes the Rate and Modified of the one that it has.
func (t *Tx) PutProvisionedLimit(l ProvisionedLimit) error {
	return t.put("put provisioned limit", `
		INSERT INTO provisioned_limits (category, rate, modified) VALUES ($1, $2, $3)
		ON CONFLICT (category) DO UPDATE SET rate = $2, modified = $3`, l.Category, l.Rate, millis(l.Modified))
}

// ListProvisionedLimits returns the limits of all categories that have one, in the order of their names. They are few.
func (t *Tx) ListProvisionedLimits() ([]ProvisionedLimit, error) {
	return list(t, "provisioned limits", (*ProvisionedLimit).scan, `
		SELECT category, rate, modified FROM provisioned_limits ORDER BY category`)
}
