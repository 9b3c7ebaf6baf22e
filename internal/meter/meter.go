// Package meter bounds what comes from one network address, or of another kind of source, in memory: the counts are each process's
// own.
package meter

import (
	"net/netip"
	"time"
)

// Meter counts in a leaking bucket for each address. It is safe for concurrent use, and nil counts nothing.
type Meter struct{ buckets *Buckets[netip.Prefix] }

// New makes a meter whose buckets hold most and run dry, when they are full, in window. 0 is no limit: a nil Meter.
func New(most int, window time.Duration) *Meter {
	if most <= 0 {
		return nil
	}
	return &Meter{NewBuckets[netip.Prefix](most, window)}
}

// Take adds one to the bucket of an address, if there is room.
func (m *Meter) Take(address string) bool {
	if m == nil {
		return true
	}
	key, ok := Network(address)
	return !ok || m.buckets.Take(key)
}

// GiveBack takes back what Take has added.
func (m *Meter) GiveBack(address string) {
	if m == nil {
		return
	}
	if key, ok := Network(address); ok {
		m.buckets.GiveBack(key)
	}
}

// Network is what counts as one address: an IPv4 address, or the /64 of an IPv6 address, which is what one
// customer has at least. What is no address is none.
func Network(address string) (netip.Prefix, bool) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, false
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	return p, err == nil
}
