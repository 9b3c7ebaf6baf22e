package cache

import (
	"strconv"
	"testing"
	"time"
)

func TestCacheIsBounded(t *testing.T) {
	c := New[int]()
	for i := range maxEntries + 100 {
		c.Put(strconv.Itoa(i), &i, 0, time.Now())
		if v, _ := c.Get(strconv.Itoa(i)); v == nil || *v != i {
			t.Fatalf("entry %d is %v", i, v)
		}
	}
	if len(c.entries) != maxEntries {
		t.Errorf("%d entries", len(c.entries))
	}
	// A known id takes no other's place.
	full := len(c.entries)
	for id := range c.entries {
		c.Put(id, new(7), 0, time.Now())
	}
	if len(c.entries) != full {
		t.Errorf("%d entries", len(c.entries))
	}
}
