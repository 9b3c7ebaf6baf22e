package meter

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(10, 10*time.Minute)
		takes := func(address string) (n int) {
			for m.Take(address) {
				n++
			}
			return n
		}
		for address, want := range map[string]int{"192.0.2.1": 10, "2001:db8::1": 10, "": 0, "nonsense": 0} {
			if want == 0 {
				if !m.Take(address) || len(m.buckets.levels) > 2 {
					t.Errorf("%q is measured", address)
				}
			} else if n := takes(address); n != want {
				t.Errorf("%s: %d, want %d", address, n, want)
			}
		}
		for _, same := range []string{"::ffff:192.0.2.1", "2001:db8::ffff:2", "2001:db8:0:0:1::%eth0"} {
			if m.Take(same) {
				t.Errorf("%s counts apart", same)
			}
		}
		if !m.Take("2001:db8:0:1::1") {
			t.Error("the next /64 does not count apart")
		}
		time.Sleep(time.Minute)
		if n := takes("192.0.2.1"); n != 1 {
			t.Errorf("%d after a tenth of the time, want 1", n)
		}
		time.Sleep(10 * time.Minute)
		if n := takes("192.0.2.1"); n != 10 {
			t.Errorf("%d after the time, want 10", n)
		}
		for range 10 {
			m.GiveBack("192.0.2.1")
		}
		if n := len(m.buckets.levels); n != 2 {
			t.Errorf("%d buckets, want the two of IPv6", n)
		}
		if New(0, time.Hour).Take("192.0.2.1") != true {
			t.Error("0 is not off")
		}
	})
}

// TestMeterIsBounded fills a meter with more addresses than it keeps; one that has done much is not what goes.
func TestMeterIsBounded(t *testing.T) {
	m := New(3, time.Hour)
	for m.Take("198.51.100.1") {
	}
	for i := range maxBuckets + 1000 {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		m.Take(ip.String())
	}
	if n := len(m.buckets.levels); n != maxBuckets {
		t.Errorf("%d buckets, want %d", n, maxBuckets)
	}
	if m.Take("198.51.100.1") {
		t.Error("an address got away by the others")
	}
}

// TestDryBucketsGo holds that the memory of sources that have gone is not kept.
func TestDryBucketsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBuckets[int](5, time.Second)
		for i := range 100 * fewBuckets {
			if i%fewBuckets == 0 {
				time.Sleep(time.Second)
			}
			b.Take(i)
			if n := len(b.levels); n > 2*fewBuckets {
				t.Fatalf("%d buckets of %d sources that have been there in a second", n, fewBuckets)
			}
		}
	})
}
