package user

import (
	"fmt"
	"testing"

	"cognate/api/idp"
	"cognate/internal/store"
)

func tracked(in *idp.CreateUserPoolRequest) {
	in.DeviceConfiguration = &idp.DeviceConfigurationType{}
}

// device stores a device of a user.
func (o *office) device(sub, key string) store.Device {
	o.Helper()
	row := store.Device{PoolID: o.pool.ID, Sub: sub, Key: key, Remembered: true}
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) error { return tx.CreateDevice(row) }))
	return row
}

// TestDeviceSignedInLate completes a sign-in whose device has changed since it made its proof: nothing of it
// is written.
func TestDeviceSignedInLate(t *testing.T) {
	o := newOffice(t, tracked)
	o.must(o.users.Seed(t.Context(), o.pool, "alice", "password", nil))
	u, err := o.users.Find(t.Context(), o.pool, "alice")
	o.must(err)
	row := o.device(u.Sub, "k")
	signIn := func() error {
		return o.db.Update(t.Context(), func(tx *store.Tx) error { return o.users.DeviceSignedIn(tx, row, "192.0.2.1") })
	}
	o.must(signIn())
	o.must(o.users.SetDeviceStatus(t.Context(), o.pool, u.Sub, "k", idp.DeviceRememberedStatusTypeNotRemembered))
	before, err := o.users.Device(t.Context(), o.pool, u.Sub, "k")
	o.must(err)
	wantFault(t, signIn(), "ResourceNotFoundException", "Device does not exist.")
	if after, err := o.users.Device(t.Context(), o.pool, u.Sub, "k"); err != nil || after.Authenticated != before.Authenticated || after.Remembered {
		t.Errorf("%+v became %+v, %v", before, after, err)
	}
	o.must(o.users.ForgetDevice(t.Context(), o.pool, u.Sub, "k"))
	wantFault(t, signIn(), "ResourceNotFoundException", "Device does not exist.")
}

// TestDeviceVerifierIsSealed moves a device's secret to another device, and to another user.
func TestDeviceVerifierIsSealed(t *testing.T) {
	o := newOffice(t, tracked)
	o.must(o.users.Seed(t.Context(), o.pool, "alice", "password", nil))
	u, err := o.users.Find(t.Context(), o.pool, "alice")
	o.must(err)
	me := Self{Pool: o.pool, User: u, Device: "us-east-1_1"}
	o.must(o.users.ConfirmDevice(t.Context(), me, &idp.ConfirmDeviceRequest{
		DeviceKey: me.Device, DeviceSecretVerifierConfig: &idp.DeviceSecretVerifierConfigType{Salt: "AAEC", PasswordVerifier: "AAMC"},
	}, ""))
	row, err := o.users.Device(t.Context(), o.pool, u.Sub, me.Device)
	o.must(err)
	if v, err := o.users.DeviceVerifier(row); err != nil || string(v) != "\x03\x02" || string(row.Salt) != "\x01\x02" {
		t.Errorf("verifier %x, salt %x, %v", v, row.Salt, err)
	}
	for _, move := range []func(*store.Device){
		func(d *store.Device) { d.Key = "us-east-1_2" }, func(d *store.Device) { d.Sub = "x" }, func(d *store.Device) { d.PoolID = "us-east-1_x" },
	} {
		moved := row
		move(&moved)
		if _, err := o.users.DeviceVerifier(moved); err == nil {
			t.Errorf("the verifier opens as that of %s of %s in %s", moved.Key, moved.Sub, moved.PoolID)
		}
	}
}

// TestDevicePages pages through devices of which each third is remembered.
func TestDevicePages(t *testing.T) {
	o := newOffice(t, tracked)
	o.must(o.users.Seed(t.Context(), o.pool, "alice", "password", nil))
	u, err := o.users.Find(t.Context(), o.pool, "alice")
	o.must(err)
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range 180 {
			if err := tx.CreateDevice(store.Device{PoolID: o.pool.ID, Sub: u.Sub, Key: fmt.Sprintf("k%03d", i), Remembered: i%3 == 0}); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, test := range []struct {
		limit       int64
		all, pages  int
		remembered  bool
		first, last string
	}{
		{0, 180, 3, false, "k000", "k179"}, {60, 180, 3, false, "k000", "k179"}, {1000, 180, 3, false, "k000", "k179"}, {50, 180, 4, false, "k000", "k179"},
		{0, 60, 1, true, "k000", "k177"}, {7, 60, 9, true, "k000", "k177"},
	} {
		list := o.users.Devices
		if test.remembered {
			list = o.users.RememberedDevices
		}
		page, pages := Page{Limit: &test.limit}, 0
		var keys []string
		for pages == 0 || page.After != "" {
			devices, next, err := list(t.Context(), o.pool, u.Sub, page)
			o.must(err)
			for _, d := range devices {
				keys = append(keys, d.DeviceKey)
			}
			page.After, pages = next, pages+1
		}
		if len(keys) != test.all || pages != test.pages || keys[0] != test.first || keys[len(keys)-1] != test.last {
			t.Errorf("%+v: %d pages of %d devices, %s to %s", test, pages, len(keys), keys[0], keys[len(keys)-1])
		}
	}
}
