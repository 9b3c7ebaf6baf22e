package access

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"cognate/internal/policy"
	"cognate/internal/secret"
	"cognate/internal/store"
)

var nameForm = regexp.MustCompile(`^[\w+=,.@-]+$`)

const maxName = 64

// CreateKey makes an access key in the name of somebody or something. Several may have one name. The secret is not shown
// again: only its sealed form is kept.
func (r *Registry) CreateKey(ctx context.Context, name string, d *policy.Document) (Key, secret.Text, error) {
	if len(name) > maxName || !nameForm.MatchString(name) {
		return Key{}, "", ErrName
	}
	k := Key{ID: "AKIA" + strings.ToUpper(secret.RandomAlnum(16)), Name: name, Policy: d, Enabled: true,
		Created: time.Now().UTC().Truncate(time.Millisecond)}
	value := secret.Text(secret.RandomAlnum(40))
	k.sealed = r.keys.Seal([]byte(value), sealedAs(k.ID))
	err := r.update(ctx, ErrNoKey, func(tx *store.Tx) error { return tx.CreateAccessKey(k.row()) })
	return k, value, err
}

// sealedAs binds a secret to its key.
func sealedAs(id string) string { return "access-key/" + id }

func (k Key) row() store.AccessKey {
	return store.AccessKey{ID: k.ID, Name: k.Name, Sealed: k.sealed, Policy: k.Policy.Text(), Enabled: k.Enabled, Created: k.Created}
}

// Keys returns all access keys in the order of their ids.
func (r *Registry) Keys(ctx context.Context) (keys []Key, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		keys, err = listKeys(tx)
		return err
	})
	return keys, err
}

func listKeys(tx *store.Tx) (keys []Key, err error) {
	rows, err := tx.ListAccessKeys()
	for _, row := range rows {
		k, err := parseKey(row)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, err
}

func parseKey(row store.AccessKey) (Key, error) {
	d, err := policy.Parse([]byte(row.Policy))
	if err != nil {
		return Key{}, fmt.Errorf("access: key %s: %w", row.ID, err)
	}
	return Key{ID: row.ID, Name: row.Name, Policy: d, Enabled: row.Enabled, Created: row.Created, sealed: row.Sealed}, nil
}

// SetKeyPolicy gives a key another policy; ErrNoKey when there is no such key.
func (r *Registry) SetKeyPolicy(ctx context.Context, id string, d *policy.Document) error {
	return r.changeKey(ctx, id, func(row *store.AccessKey) { row.Policy = d.Text() })
}

// EnableKey lets a key be used, or not; ErrNoKey when there is no such key.
func (r *Registry) EnableKey(ctx context.Context, id string, enabled bool) error {
	return r.changeKey(ctx, id, func(row *store.AccessKey) { row.Enabled = enabled })
}

func (r *Registry) changeKey(ctx context.Context, id string, change func(*store.AccessKey)) error {
	return r.update(ctx, ErrNoKey, func(tx *store.Tx) error {
		row, err := tx.GetAccessKey(id)
		if err != nil {
			return err
		}
		change(&row)
		return tx.UpdateAccessKey(row)
	})
}

// DeleteKey deletes a key for good; ErrNoKey when there is no such key.
func (r *Registry) DeleteKey(ctx context.Context, id string) error {
	return r.update(ctx, ErrNoKey, func(tx *store.Tx) error { return tx.DeleteAccessKey(id) })
}

// update makes a change, and tells everybody. What the store does not find is none.
func (r *Registry) update(ctx context.Context, none error, change func(*store.Tx) error) error {
	err := r.db.Update(ctx, func(tx *store.Tx) error {
		tx.Notify(kind, "")
		return change(tx)
	})
	if errors.Is(err, store.ErrNotFound) {
		return none
	}
	return err
}
