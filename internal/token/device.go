package token

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"cognate/internal/pool"
	"cognate/internal/store"
)

// NewDevice is what a device gets that has signed in as an unknown one, to register itself with.
type NewDevice struct{ Key, Group string }

// maxKeyRegion keeps a key, which ends with "_" and a UUID, within the 55 characters that the API takes back:
// a pinned pool may have a longer region.
const maxKeyRegion = 55 - 1 - 36

func (s *Service) newDevice(p *pool.Pool) *NewDevice {
	region := p.Region[:min(len(p.Region), maxKeyRegion)]
	return &NewDevice{Key: region + "_" + uuid.NewString(), Group: p.DeviceGroup(s.keys)}
}

// checkDevice is an error unless a family may be refreshed by the device of a key: where the pool remembers
// devices, only by the one that it is bound to, from when that is registered until it is forgotten.
func (s *Service) checkDevice(ctx context.Context, p *pool.Pool, f store.Family, key string) error {
	switch {
	case !p.RemembersDevices():
		return nil
	case key != f.DeviceKey:
		return errInvalidRefresh
	case key == "":
		return nil // from before the pool remembered devices
	}
	err := s.db.Look(ctx, func(tx *store.Tx) error {
		_, err := tx.GetDevice(f.PoolID, f.Sub, key)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return errInvalidRefresh
	}
	return err
}
