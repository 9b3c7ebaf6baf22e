// Package meter bounds what comes from one network address, in memory: the counts are each process's own.
package meter

import (
	"net/netip"
	"sync"
	"time"
)

// maxAddresses bounds the memory of a meter.
const maxAddresses = 1 << 16

// Meter counts in a leaking bucket for each address. It is safe for concurrent use, and nil counts nothing.
type Meter struct {
	most    float64
	window  time.Duration // in which a full bucket runs dry
	mu      sync.Mutex
	buckets map[netip.Prefix]bucket
}

type bucket struct {
	level float64
	at    time.Time
}

// New makes a meter whose buckets hold most and run dry, when they are full, in window. 0 is no limit: a nil Meter.
func New(most int, window time.Duration) *Meter {
	if most <= 0 {
		return nil
	}
	return &Meter{most: float64(most), window: window, buckets: map[netip.Prefix]bucket{}}
}

// Take adds one to the bucket of an address, if there is room.
func (m *Meter) Take(address string) bool {
	if m == nil {
		return true
	}
	key, ok := network(address)
	if !ok {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	level := m.level(m.buckets[key], now)
	if level+1 > m.most {
		return false
	}
	m.put(key, bucket{level + 1, now})
	return true
}

// GiveBack takes back what Take has added.
func (m *Meter) GiveBack(address string) {
	if m == nil {
		return
	}
	key, ok := network(address)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.put(key, bucket{m.level(m.buckets[key], now) - 1, now})
}

func (m *Meter) level(b bucket, now time.Time) float64 {
	return max(0, b.level-m.most*float64(now.Sub(b.at))/float64(m.window))
}

// put keeps a bucket unless it is dry. When there are too many, it makes room: the emptiest of a few goes.
func (m *Meter) put(key netip.Prefix, b bucket) {
	if b.level <= 0 {
		delete(m.buckets, key)
		return
	}
	if _, ok := m.buckets[key]; !ok && len(m.buckets) >= maxAddresses {
		delete(m.buckets, m.emptiest(b.at))
	}
	m.buckets[key] = b
}

func (m *Meter) emptiest(now time.Time) (key netip.Prefix) {
	least, looked := m.most, 0
	for k, b := range m.buckets { // in an order that nobody can foresee
		if l := m.level(b, now); looked == 0 || l < least {
			key, least = k, l
		}
		if looked++; looked == 8 {
			break
		}
	}
	return key
}

// network is what counts as one address: an IPv4 address, or the /64 of an IPv6 address, which is what one
// customer has at least.
func network(address string) (netip.Prefix, bool) {
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
