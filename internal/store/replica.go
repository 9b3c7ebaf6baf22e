package store

import (
	"database/sql"
	"time"
)

// Replica is that a pool is served in one more region. Issuer is what issuers begin with where the replica was asked
// for, and Settings what differs in the region, JSON. Modified is when the status last changed.
type Replica struct {
	PoolID, Region, Status, Issuer string
	Settings                       []byte
	Created, Modified              time.Time
}

// The states of a replica.
const (
	ReplicaCreating = "CREATING"
	ReplicaInactive = "INACTIVE"
	ReplicaActive   = "ACTIVE"
	ReplicaDeleting = "DELETING"
)

const replicaColumns = `pool_id, region, status, issuer, settings, created, modified`

func (p *Replica) scan(r *sql.Rows) error {
	return r.Scan(&p.PoolID, &p.Region, &p.Status, &p.Issuer, raw(&p.Settings), when(&p.Created), when(&p.Modified))
}

// CreateReplica inserts a replica; ErrExists when the pool has one in that region, ErrNotFound when the pool is not there.
func (t *Tx) CreateReplica(p Replica) error {
	return t.create("create replica", `
		INSERT INTO pool_replicas (`+replicaColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`,
		p.PoolID, p.Region, p.Status, p.Issuer, string(p.Settings), millis(p.Created), millis(p.Modified))
}

// GetReplica returns the replica of a pool in a region, or ErrNotFound.
func (t *Tx) GetReplica(poolID, region string) (p Replica, err error) {
	err = get(t, "get replica", p.scan,
		`SELECT `+replicaColumns+` FROM pool_replicas WHERE pool_id = $1 AND region = $2`, poolID, region)
	return p, err
}

// UpdateReplica writes Status, Settings and Modified of a replica, or returns ErrNotFound.
func (t *Tx) UpdateReplica(p Replica) error {
	return t.touch("update replica", `
		UPDATE pool_replicas SET status = $3, settings = $4, modified = $5 WHERE pool_id = $1 AND region = $2`,
		p.PoolID, p.Region, p.Status, string(p.Settings), millis(p.Modified))
}

// DeleteReplica deletes a replica, or returns ErrNotFound.
func (t *Tx) DeleteReplica(poolID, region string) error {
	return t.touch("delete replica", `DELETE FROM pool_replicas WHERE pool_id = $1 AND region = $2`, poolID, region)
}

// ListReplicas returns the replicas of the pools whose ids are from first to last, by pool and region.
func (t *Tx) ListReplicas(first, last string) ([]Replica, error) {
	return list(t, "replicas", (*Replica).scan, `
		SELECT `+replicaColumns+` FROM pool_replicas WHERE pool_id >= $1 AND pool_id <= $2 ORDER BY pool_id, region`, first, last)
}

// ListReplicasIn returns up to limit replicas of a region, "" for all, that have a status.
func (t *Tx) ListReplicasIn(status, region string, limit int) ([]Replica, error) {
	if region == "" {
		return list(t, "replicas", (*Replica).scan, `
			SELECT `+replicaColumns+` FROM pool_replicas WHERE status = $1 ORDER BY region, pool_id LIMIT $2`, status, page(limit))
	}
	return list(t, "replicas", (*Replica).scan, `
		SELECT `+replicaColumns+` FROM pool_replicas WHERE status = $1 AND region = $2 ORDER BY pool_id LIMIT $3`, status, region, page(limit))
}

// ListPoolsIn returns up to limit pools whose ID is greater than after and that a region serves, as their own or as a
// replica, in the order of their IDs, without those that are soft-deleted. It reads past those that it does not serve.
func (t *Tx) ListPoolsIn(region, after string, limit int) ([]Pool, error) {
	return list(t, "pools", (*Pool).scan, `
		SELECT `+poolColumns+` FROM pools WHERE id > $1 AND deleted = 0 AND (region = $2 OR EXISTS (
			SELECT 1 FROM pool_replicas r WHERE r.pool_id = pools.id AND r.region = $2 AND r.status IN ('ACTIVE', 'INACTIVE')))
		ORDER BY id LIMIT $3`, after, region, page(limit))
}
