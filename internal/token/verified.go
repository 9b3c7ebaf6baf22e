package token

import (
	"crypto/sha256"
	"sync"
)

// mostVerified bounds how many tokens one key remembers: between so many and twice as many, of some 50 bytes each.
const mostVerified = 1024

// verified remembers which tokens bear a key's signature, for apps show a token again and again: whether a signature is right never
// changes. All else that a token is judged by is looked at each time. The zero value remembers nothing yet. It is safe for concurrent
// use, and the longest time without being asked about is forgotten first, a thousand at a time.
type verified struct {
	mu          sync.Mutex
	now, before map[[sha256.Size]byte]struct{} // by the hash of the whole token, signature included
}

func (v *verified) has(sum [sha256.Size]byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.now[sum]; ok {
		return true
	}
	_, ok := v.before[sum]
	if ok {
		v.add(sum)
	}
	return ok
}

func (v *verified) put(sum [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(sum)
}

func (v *verified) add(sum [sha256.Size]byte) {
	if v.now == nil || len(v.now) >= mostVerified {
		v.now, v.before = map[[sha256.Size]byte]struct{}{}, v.now
	}
	v.now[sum] = struct{}{}
}
