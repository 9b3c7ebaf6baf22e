package pool

import (
	"encoding/base32"

	"cognate/internal/secret"
)

// DeviceGroup is the group key that the devices of the pool make their proofs with. It is no secret, and
// follows from the pool's id and the oldest master key.
func (p *Pool) DeviceGroup(keys *secret.Keyring) string {
	return "-" + base32.StdEncoding.EncodeToString(keys.MAC("device-group", p.ID)[:5])
}
