package storetest

import (
	"errors"
	"fmt"
	"testing"

	"cognate/internal/store"
)

func newReplica(pool, region, status string) store.Replica {
	return store.Replica{
		PoolID: pool, Region: region, Status: status, Issuer: "https://id.example.com", Settings: []byte(`{"a":1}`), Created: day(1), Modified: day(2),
	}
}

func testReplicas(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreatePool(newPool("q")), tx.CreatePool(newPool("r")),
			tx.CreateReplica(newReplica("q", "b", store.ReplicaCreating)), tx.CreateReplica(newReplica("p", "b", store.ReplicaCreating)),
			tx.CreateReplica(newReplica("p", "a", store.ReplicaActive)))
	})
	is(t, "create again", try(db, func(tx *store.Tx) error { return tx.CreateReplica(newReplica("p", "a", store.ReplicaActive)) }), store.ErrExists)
	is(t, "of no pool", try(db, func(tx *store.Tx) error { return tx.CreateReplica(newReplica("none", "a", store.ReplicaActive)) }), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetReplica("p", "a")
		same(t, "replica", got, newReplica("p", "a", store.ReplicaActive))
		_, none := tx.GetReplica("p", "c")
		is(t, "another region", none, store.ErrNotFound)
		all, err2 := tx.ListReplicas("p", "q")
		same(t, "replicas", all, []store.Replica{
			newReplica("p", "a", store.ReplicaActive), newReplica("p", "b", store.ReplicaCreating), newReplica("q", "b", store.ReplicaCreating)})
		of, err3 := tx.ListReplicas("q", "q")
		same(t, "replicas of q", len(of), 1)
		in, err4 := tx.ListReplicasIn(store.ReplicaCreating, "b", 9)
		same(t, "creating in b", in, []store.Replica{newReplica("p", "b", store.ReplicaCreating), newReplica("q", "b", store.ReplicaCreating)})
		some, err5 := tx.ListReplicasIn(store.ReplicaCreating, "", 1)
		same(t, "creating anywhere", some, in[:1])
		return errors.Join(err, err2, err3, err4, err5)
	})
	changed := newReplica("p", "a", store.ReplicaDeleting)
	changed.Settings, changed.Modified = nil, day(9)
	update(t, db, func(tx *store.Tx) error { return tx.UpdateReplica(changed) })
	is(t, "update none", try(db, func(tx *store.Tx) error { return tx.UpdateReplica(newReplica("r", "a", "")) }), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetReplica("p", "a")
		same(t, "changed", got, changed)
		return err
	})
	update(t, db, func(tx *store.Tx) error { return tx.DeleteReplica("p", "a") })
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteReplica("p", "a") }), store.ErrNotFound)
}

// testPoolsOfRegions lists the pools that a region has, or has replicas of that can be reached.
func testPoolsOfRegions(t *testing.T, db *store.DB) {
	status := map[string]string{"b": store.ReplicaCreating, "c": store.ReplicaInactive, "e": store.ReplicaActive, "f": store.ReplicaDeleting}
	update(t, db, func(tx *store.Tx) error {
		var errs []error
		for _, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			p := newPool(id)
			if id == "a" || id == "g" {
				p.Region = "here"
			}
			errs = append(errs, tx.CreatePool(p))
			if status[id] != "" {
				errs = append(errs, tx.CreateReplica(newReplica(id, "here", status[id])))
			}
		}
		return errors.Join(errs...)
	})
	view(t, db, func(tx *store.Tx) error {
		for _, step := range []struct {
			after string
			limit int
			want  string
		}{{"", 9, "[a c e g]"}, {"", 2, "[a c]"}, {"c", 2, "[e g]"}, {"g", 2, "[]"}, {"", -1, "[]"}} {
			list, err := tx.ListPoolsIn("here", step.after, step.limit)
			if err != nil {
				return err
			}
			ids := []string{}
			for _, p := range list {
				ids = append(ids, p.ID)
			}
			same(t, fmt.Sprint("after ", step.after), fmt.Sprint(ids), step.want)
		}
		return nil
	})
}

// testImportsOfRegions has a server of one region take the jobs of its own pools alone.
func testImportsOfRegions(t *testing.T, db *store.DB) {
	update(t, db, func(tx *store.Tx) error {
		here, there := newPool("here"), newPool("there")
		here.Region = "here"
		a, b := newImportJob("here", "a", 0), newImportJob("there", "b", 0)
		a.Due, b.Due = day(2), day(1)
		return errors.Join(tx.CreatePool(here), tx.CreatePool(there), tx.CreateImportJob(a), tx.CreateImportJob(b))
	})
	update(t, db, func(tx *store.Tx) error {
		none, err := tx.IsImportDue("nowhere", day(3))
		some, err2 := tx.IsImportDue("here", day(3))
		same(t, "due", fmt.Sprint(none, some), "false true")
		_, missed := tx.TakeImportJob("o", "nowhere", day(3), day(4))
		is(t, "take elsewhere", missed, store.ErrNotFound)
		j, err3 := tx.TakeImportJob("o", "here", day(3), day(4))
		same(t, "taken", j.ID, "a")
		_, missed = tx.TakeImportJob("o", "here", day(3), day(4))
		is(t, "take another pool's", missed, store.ErrNotFound)
		j, err4 := tx.TakeImportJob("o", "", day(3), day(4))
		same(t, "taken of any region", j.ID, "b")
		return errors.Join(err, err2, err3, err4)
	})
}
