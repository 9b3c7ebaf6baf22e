package storetest

import (
	"errors"
	"testing"
	"time"

	"cognate/internal/store"
)

func newDevice(pool, sub, key string) store.Device {
	return store.Device{
		PoolID: pool, Sub: sub, Key: key, Group: "-GROUP", Name: "ä <&>", Salt: []byte{1, 0}, Sealed: []byte{0, 255},
		Remembered: true, LastIP: "::1", Created: day(0), Modified: day(1), Authenticated: day(2),
	}
}

func deviceKey(d store.Device) string { return d.Key }

func testDevices(t *testing.T, db *store.DB) {
	people(t, db)
	d := newDevice("p", "a", "k")
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("q")), tx.CreateUser(newUser("q", "a")), tx.CreateDevice(d),
			tx.CreateDevice(newDevice("p", "b", "k")), tx.CreateDevice(newDevice("q", "a", "k")))
	})
	is(t, "create again", try(db, func(tx *store.Tx) error { return tx.CreateDevice(newDevice("p", "a", "k")) }), store.ErrExists)
	is(t, "create for nobody", try(db, func(tx *store.Tx) error { return tx.CreateDevice(newDevice("p", "x", "k")) }), store.ErrNotFound)
	d.Remembered, d.LastIP, d.Modified, d.Authenticated = false, "", day(5), time.Time{}
	update(t, db, func(tx *store.Tx) error { return tx.UpdateDevice(d) })
	get := func(want store.Device) {
		t.Helper()
		view(t, db, func(tx *store.Tx) error {
			got, err := tx.GetDevice(want.PoolID, want.Sub, want.Key)
			same(t, "device", got, want)
			return err
		})
	}
	get(d)
	get(newDevice("p", "b", "k"))
	get(newDevice("q", "a", "k"))
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateDevice(newDevice("p", "a", "K")) }), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteDevice("p", "a", "k") })
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteDevice("p", "a", "k") }), store.ErrNotFound)
	view(t, db, func(tx *store.Tx) error {
		_, none := tx.GetDevice("p", "a", "k")
		is(t, "get deleted", none, store.ErrNotFound)
		return nil
	})
	get(newDevice("p", "b", "k"))
	get(newDevice("q", "a", "k"))
}

// testDeviceLists has each second device of a user remembered, and devices of others that must not show.
func testDeviceLists(t *testing.T, db *store.DB) {
	people(t, db)
	update(t, db, func(tx *store.Tx) error {
		errs := []error{tx.CreateDevice(newDevice("p", "b", "k3"))}
		for i, key := range []string{"k1", "B", "ä", "k2", "k", "A"} {
			d := newDevice("p", "a", key)
			d.Remembered = i%2 == 0
			errs = append(errs, tx.CreateDevice(d))
		}
		return errors.Join(errs...)
	})
	view(t, db, func(tx *store.Tx) error {
		all, err := pages(func(after string) ([]store.Device, error) { return tx.ListDevices("p", "a", after, 4) }, deviceKey)
		same(t, "devices", all, []string{"A", "B", "k", "k1", "k2", "ä"})
		some, err2 := pages(func(after string) ([]store.Device, error) { return tx.ListRememberedDevices("p", "a", after, 2) }, deviceKey)
		same(t, "remembered", some, []string{"k", "k1", "ä"})
		none, err3 := tx.ListDevices("p", "x", "", 9)
		same(t, "nobody's", len(none), 0)
		return errors.Join(err, err2, err3)
	})
}

// testExpireDeviceFamilies ends one device's families, and not those of its user, its namesakes or none.
func testExpireDeviceFamilies(t *testing.T, db *store.DB) {
	people(t, db)
	family := func(sub, id, key string) store.Family {
		f := newFamily("p", sub, "c", id)
		f.DeviceKey, f.Expires = key, day(20)
		return f
	}
	sooner := family("a", "f2", "k")
	sooner.Expires = day(4)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreateFamily(family("a", "f1", "k")), tx.CreateFamily(sooner),
			tx.CreateFamily(family("a", "f3", "other")), tx.CreateFamily(family("a", "f4", "")), tx.CreateFamily(family("b", "f5", "k")),
			tx.ExpireDeviceFamilies("p", "a", "k", day(9)))
	})
	want := map[string]time.Time{"f1": day(9), "f2": day(4), "f3": day(20), "f4": day(20), "f5": day(20)}
	view(t, db, func(tx *store.Tx) error {
		for id, at := range want {
			f, err := tx.GetFamily(id)
			if err != nil {
				return err
			}
			same(t, "end of "+id, f.Expires, at)
			same(t, "revocation of "+id, f.Revoked, time.Time{})
		}
		return nil
	})
}
