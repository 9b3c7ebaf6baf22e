package store

import (
	"database/sql"
	"time"
)

// Device is a device of a user that has registered a secret of its own: the SRP
// salt and the verifier, sealed with the master key, and Group, the group key that
// the verifier was made with. Only a Remembered one takes part in sign-ins.
type Device struct {
	PoolID, Sub, Key                 string
	Group, Name                      string
	Salt, Sealed                     []byte
	Remembered                       bool
	LastIP                           string
	Created, Modified, Authenticated time.Time
}

const deviceColumns = `pool_id, sub, device_key, group_key, name, salt, sealed, remembered,
	last_ip, created, modified, authenticated`

func (d *Device) scan(r *sql.Rows) error { return d.scanWith(r) }

// scanWith reads deviceColumns and whatever columns follow them.
func (d *Device) scanWith(r *sql.Rows, more ...any) error {
	var remembered string
	dest := []any{&d.PoolID, &d.Sub, &d.Key, &d.Group, &d.Name, raw(&d.Salt), raw(&d.Sealed), &remembered,
		&d.LastIP, when(&d.Created), when(&d.Modified), when(&d.Authenticated)}
	err := r.Scan(append(dest, more...)...)
	d.Remembered = remembered != ""
	return err
}

// remembered is the column of that name: the key once more, or nothing. So the index of it lists the devices
// that are remembered, in the order of their keys, and no plan can find them in a slower way.
func (d *Device) remembered() string {
	if d.Remembered {
		return d.Key
	}
	return ""
}

// CreateDevice inserts a device; ErrExists when the user has one of that Key,
// ErrNotFound when the user is not there.
func (t *Tx) CreateDevice(d Device) error {
	return t.create("create device", `
		INSERT INTO devices (`+deviceColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT DO NOTHING`,
		d.values()...)
}

func (d *Device) values() []any {
	return []any{d.PoolID, d.Sub, d.Key, d.Group, d.Name, d.Salt, d.Sealed, d.remembered(),
		d.LastIP, millis(d.Created), millis(d.Modified), millis(d.Authenticated)}
}

// GetDevice returns a device of a user, or ErrNotFound.
func (t *Tx) GetDevice(poolID, sub, key string) (d Device, err error) {
	err = get(t, "get device", d.scan,
		`SELECT `+deviceColumns+` FROM devices WHERE pool_id = $1 AND sub = $2 AND device_key = $3`, poolID, sub, key)
	return d, err
}

// UpdateDevice writes Remembered, LastIP, Modified and Authenticated of a device, or
// returns ErrNotFound. The rest never changes.
func (t *Tx) UpdateDevice(d Device) error {
	return t.touch("update device", `
		UPDATE devices SET remembered = $4, last_ip = $5, modified = $6, authenticated = $7
		WHERE pool_id = $1 AND sub = $2 AND device_key = $3`,
		d.PoolID, d.Sub, d.Key, d.remembered(), d.LastIP, millis(d.Modified), millis(d.Authenticated))
}

// DeleteDevice deletes a device of a user, or returns ErrNotFound.
func (t *Tx) DeleteDevice(poolID, sub, key string) error {
	return t.touch("delete device",
		`DELETE FROM devices WHERE pool_id = $1 AND sub = $2 AND device_key = $3`, poolID, sub, key)
}

// ListDevices returns up to limit devices of a user whose Key is greater than
// afterKey, in the order of their keys.
func (t *Tx) ListDevices(poolID, sub, afterKey string, limit int) ([]Device, error) {
	return list(t, "devices", (*Device).scan, `
		SELECT `+deviceColumns+` FROM devices WHERE pool_id = $1 AND sub = $2 AND device_key > $3
		ORDER BY device_key LIMIT $4`, poolID, sub, afterKey, page(limit))
}

// ListRememberedDevices is ListDevices without those that are not remembered.
func (t *Tx) ListRememberedDevices(poolID, sub, afterKey string, limit int) ([]Device, error) {
	return list(t, "remembered devices", (*Device).scan, `
		SELECT `+deviceColumns+` FROM devices WHERE pool_id = $1 AND sub = $2 AND remembered > $3
		ORDER BY remembered LIMIT $4`, poolID, sub, afterKey, page(limit))
}

// ExpireDeviceFamilies lets the families of a user that are bound to a device expire at a time, if they do not
// sooner: they are not revoked.
func (t *Tx) ExpireDeviceFamilies(poolID, sub, key string, at time.Time) error {
	return t.put("expire families of a device", `
		UPDATE families SET expires = $4 WHERE pool_id = $1 AND sub = $2 AND device_key = $3 AND expires > $4`,
		poolID, sub, key, millis(at))
}
