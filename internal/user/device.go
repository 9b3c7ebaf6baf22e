package user

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"time"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/srp"
	"cognate/internal/store"
)

// maxDeviceSalt is the longest salt, in bytes, that a device may have.
const maxDeviceSalt = 64

// Errors of devices, in Cognito's words.
var (
	errNoDevice     = fault.New(idp.CodeResourceNotFound, "Device does not exist.")
	errDeviceKey    = invalid("Invalid device key given.")
	errDeviceExists = fault.New(idp.CodeDeviceKeyExists, "Device key already exists.")
	errNoTracking   = fault.New(idp.CodeInvalidUserPoolConfiguration, "Device tracking is not enabled for the user pool.")
)

// tracking refuses a pool that does not know devices.
func tracking(p *pool.Pool) error {
	if !p.RemembersDevices() {
		return errNoTracking
	}
	return nil
}

// ConfirmDevice registers the device of the user's own session, with the verifier of a secret that it has
// made. No other session may: so nobody registers a device for somebody else, or in place of another. ip is
// where the request comes from.
func (d *Directory) ConfirmDevice(ctx context.Context, me Self, in *idp.ConfirmDeviceRequest, ip string) error {
	if err := tracking(me.Pool); err != nil {
		return err
	}
	if in.DeviceKey != me.Device {
		return errDeviceKey
	}
	salt, verifier, err := deviceSecret(in.DeviceSecretVerifierConfig)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	row := store.Device{
		PoolID: me.Pool.ID, Sub: me.User.Sub, Key: in.DeviceKey, Group: me.Pool.DeviceGroup(d.keys), Name: in.DeviceName,
		Salt: salt, Remembered: !me.Pool.AsksToRemember(), LastIP: ip, Created: now, Modified: now, Authenticated: now,
	}
	row.Sealed = d.keys.Seal(verifier, deviceAAD(row))
	err = d.db.Update(ctx, func(tx *store.Tx) error { return tx.CreateDevice(row) })
	if errors.Is(err, store.ErrExists) {
		return errDeviceExists
	}
	if err == nil && row.Remembered {
		d.Notify(ctx, me.Pool, row.Sub, message.DeviceRemembered)
	}
	return shown(err)
}

// deviceSecret reads what a device registers with. Both numbers come as the bytes of Java's BigInteger, so
// they may begin with a zero.
func deviceSecret(c *idp.DeviceSecretVerifierConfigType) (salt, verifier []byte, err error) {
	if c == nil || c.Salt == "" || c.PasswordVerifier == "" {
		return nil, nil, invalid("Missing required parameter DeviceSecretVerifierConfig")
	}
	if salt, err = base64.StdEncoding.DecodeString(c.Salt); err != nil {
		return nil, nil, invalid("Invalid salt given.")
	}
	if salt = bytes.TrimLeft(salt, "\x00"); len(salt) == 0 || len(salt) > maxDeviceSalt {
		return nil, nil, invalid("Invalid salt given.")
	}
	raw, err := base64.StdEncoding.DecodeString(c.PasswordVerifier)
	if err == nil {
		verifier, err = srp.ParseVerifier(raw)
	}
	if err != nil {
		return nil, nil, invalid("Invalid password verifier given.")
	}
	return salt, verifier, nil
}

func deviceAAD(row store.Device) string {
	return "device/" + row.PoolID + "/" + row.Sub + "/" + row.Key
}

// DeviceVerifier opens the SRP verifier of a device.
func (d *Directory) DeviceVerifier(row store.Device) ([]byte, error) {
	return d.keys.Open(row.Sealed, deviceAAD(row))
}

// Device returns a device of a user, remembered or not.
func (d *Directory) Device(ctx context.Context, p *pool.Pool, sub, key string) (row store.Device, err error) {
	if err := tracking(p); err != nil {
		return row, err
	}
	err = d.db.Look(ctx, func(tx *store.Tx) error {
		row, err = tx.GetDevice(p.ID, sub, key)
		return err
	})
	return row, deviceShown(err)
}

// RememberedDevice is Device for one that is remembered: its user sees no others.
func (d *Directory) RememberedDevice(ctx context.Context, p *pool.Pool, sub, key string) (store.Device, error) {
	row, err := d.Device(ctx, p, sub, key)
	if err == nil && !row.Remembered {
		err = errNoDevice
	}
	return row, err
}

func deviceShown(err error) error {
	if isNotFound(err) {
		return errNoDevice
	}
	return err
}

// Devices returns a page of a user's devices, remembered or not, in the order of their keys, and the After of
// the next page, empty at the end.
func (d *Directory) Devices(ctx context.Context, p *pool.Pool, sub string, page Page) ([]*idp.DeviceType, string, error) {
	return d.devices(ctx, p, page, func(tx *store.Tx, limit int) ([]store.Device, error) {
		return tx.ListDevices(p.ID, sub, page.After, limit)
	})
}

// RememberedDevices is Devices without those that are not remembered.
func (d *Directory) RememberedDevices(ctx context.Context, p *pool.Pool, sub string, page Page) ([]*idp.DeviceType, string, error) {
	return d.devices(ctx, p, page, func(tx *store.Tx, limit int) ([]store.Device, error) {
		return tx.ListRememberedDevices(p.ID, sub, page.After, limit)
	})
}

func (d *Directory) devices(ctx context.Context, p *pool.Pool, page Page, list func(*store.Tx, int) ([]store.Device, error)) ([]*idp.DeviceType, string, error) {
	if err := tracking(p); err != nil {
		return nil, "", err
	}
	rows, next, err := cut(page, func(row store.Device) string { return row.Key }, func(limit int) (rows []store.Device, err error) {
		err = d.db.Look(ctx, func(tx *store.Tx) error {
			rows, err = list(tx, limit)
			return err
		})
		return rows, err
	})
	devices := make([]*idp.DeviceType, len(rows))
	for i, row := range rows {
		devices[i] = DescribeDevice(row)
	}
	return devices, next, err
}

// DescribeDevice is a device as the API shows it.
func DescribeDevice(row store.Device) *idp.DeviceType {
	status := idp.DeviceRememberedStatusTypeNotRemembered
	if row.Remembered {
		status = idp.DeviceRememberedStatusTypeRemembered
	}
	attributes := []*idp.AttributeType{{Name: "device_status", Value: "valid"}}
	for _, a := range []*idp.AttributeType{{Name: "device_name", Value: row.Name}, {Name: "last_ip_used", Value: row.LastIP}} {
		if a.Value != "" {
			attributes = append(attributes, a)
		}
	}
	return &idp.DeviceType{
		DeviceKey:                   row.Key,
		DeviceAttributes:            append(attributes, &idp.AttributeType{Name: "dev:device_remembered_status", Value: status}),
		DeviceCreateDate:            api.At(row.Created),
		DeviceLastModifiedDate:      api.At(row.Modified),
		DeviceLastAuthenticatedDate: api.At(row.Authenticated),
	}
}

// SetDeviceStatus has a device of a user remembered, or not; an empty status leaves it as it is.
func (d *Directory) SetDeviceStatus(ctx context.Context, p *pool.Pool, sub, key, status string) error {
	if err := tracking(p); err != nil {
		return err
	}
	remembered := status == idp.DeviceRememberedStatusTypeRemembered
	var already bool
	err := d.db.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.GetDevice(p.ID, sub, key)
		if err != nil || status == "" {
			return err
		}
		already = row.Remembered
		row.Remembered, row.Modified = remembered, time.Now().UTC()
		return tx.UpdateDevice(row)
	})
	if err == nil && remembered && !already {
		d.Notify(ctx, p, sub, message.DeviceRemembered)
	}
	return deviceShown(err)
}

// ForgetDevice deletes a device of a user and ends the refresh tokens that are bound to it. Access tokens live
// on until they expire, as in Cognito: apps that forget the device they run on go on using theirs.
func (d *Directory) ForgetDevice(ctx context.Context, p *pool.Pool, sub, key string) error {
	if err := tracking(p); err != nil {
		return err
	}
	return deviceShown(d.db.Update(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteDevice(p.ID, sub, key); err != nil {
			return err
		}
		return tx.ExpireDeviceFamilies(p.ID, sub, key, time.Now().UTC())
	}))
}

// DeviceSignedIn records a sign-in with a device, in the transaction that completes it. It refuses when the
// device has been forgotten since it made its proof.
func (d *Directory) DeviceSignedIn(tx *store.Tx, row store.Device, ip string) error {
	now, err := tx.GetDevice(row.PoolID, row.Sub, row.Key)
	if err != nil {
		return deviceShown(err)
	}
	if !now.Remembered {
		return errNoDevice
	}
	now.LastIP, now.Authenticated = ip, time.Now().UTC()
	return tx.UpdateDevice(now)
}
