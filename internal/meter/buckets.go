package meter

import (
	"sync"
	"time"
)

// maxBuckets bounds the memory of buckets.
const maxBuckets = 1 << 16

// Buckets are leaking buckets, one for each key. They are safe for concurrent use.
type Buckets[K comparable] struct {
	most   float64
	window time.Duration // in which a full bucket runs dry

	mu     sync.Mutex
	levels map[K]bucket
	left   int // new keys until those that have run dry are looked for
}

type bucket struct {
	level float64
	at    time.Time
}

// fewBuckets are not worth looking through.
const fewBuckets = 1 << 10

// NewBuckets makes buckets that hold most and run dry, when they are full, in window. 0 is no limit: nil, which counts nothing.
func NewBuckets[K comparable](most int, window time.Duration) *Buckets[K] {
	if most <= 0 {
		return nil
	}
	return &Buckets[K]{most: float64(most), window: window, levels: map[K]bucket{}, left: fewBuckets}
}

// Take adds one to the bucket of a key, if there is room.
func (b *Buckets[K]) Take(key K) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	level := b.level(b.levels[key], now)
	if level+1 > b.most {
		return false
	}
	b.put(key, bucket{level + 1, now})
	return true
}

// GiveBack takes back what Take has added.
func (b *Buckets[K]) GiveBack(key K) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.put(key, bucket{b.level(b.levels[key], now) - 1, now})
}

func (b *Buckets[K]) level(of bucket, now time.Time) float64 {
	return max(0, of.level-b.most*float64(now.Sub(of.at))/float64(b.window))
}

// put keeps a bucket unless it is dry. When there are too many, it makes room: the emptiest of a few goes.
func (b *Buckets[K]) put(key K, of bucket) {
	if of.level <= 0 {
		delete(b.levels, key)
		return
	}
	if _, ok := b.levels[key]; !ok {
		b.makeRoom(of.at)
	}
	b.levels[key] = of
}

// makeRoom is called for each new key. It forgets the buckets that have run dry once as many keys are new as it would look at.
func (b *Buckets[K]) makeRoom(now time.Time) {
	if b.left--; b.left <= 0 {
		for k, of := range b.levels {
			if b.level(of, now) <= 0 {
				delete(b.levels, k)
			}
		}
		b.left = max(fewBuckets, len(b.levels))
	}
	if len(b.levels) >= maxBuckets {
		delete(b.levels, b.emptiest(now))
	}
}

func (b *Buckets[K]) emptiest(now time.Time) (key K) {
	least, looked := b.most, 0
	for k, of := range b.levels { // in an order that nobody can foresee
		if l := b.level(of, now); looked == 0 || l < least {
			key, least = k, l
		}
		if looked++; looked == 8 {
			break
		}
	}
	return key
}
