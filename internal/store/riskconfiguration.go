package store

import (
	"database/sql"
	"time"
)

// RiskConfiguration says how threat protection works for a client of a pool, or with an empty ClientID for all clients
// that have none of their own. Document is JSON.
type RiskConfiguration struct {
	PoolID, ClientID string
	Document         []byte
	Modified         time.Time
}

func (c *RiskConfiguration) scan(r *sql.Rows) error {
	return r.Scan(&c.PoolID, &c.ClientID, raw(&c.Document), when(&c.Modified))
}

// PutRiskConfiguration stores a configuration in place of the one that was there; ErrNotFound when the pool or the client
// is not there.
func (t *Tx) PutRiskConfiguration(c RiskConfiguration) error {
	return t.put("put risk configuration", `
		INSERT INTO risk_configurations (pool_id, owner, client_id, document, modified) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (pool_id, owner) DO UPDATE SET document = excluded.document, modified = excluded.modified`,
		c.PoolID, c.ClientID, sql.NullString{String: c.ClientID, Valid: c.ClientID != ""}, string(c.Document), millis(c.Modified))
}

// GetRiskConfiguration returns the configuration of a client, or of a pool, or ErrNotFound.
func (t *Tx) GetRiskConfiguration(poolID, clientID string) (c RiskConfiguration, err error) {
	err = get(t, "get risk configuration", c.scan, `
		SELECT pool_id, owner, document, modified FROM risk_configurations WHERE pool_id = $1 AND owner = $2`, poolID, clientID)
	return c, err
}

// DeleteRiskConfiguration deletes the configuration of a client, or of a pool, if there is one.
func (t *Tx) DeleteRiskConfiguration(poolID, clientID string) error {
	return t.put("delete risk configuration",
		`DELETE FROM risk_configurations WHERE pool_id = $1 AND owner = $2`, poolID, clientID)
}
