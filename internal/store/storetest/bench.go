package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"cognate/internal/store"
)

// Benchmark measures an engine on a database that open returns, empty and as
// durable as in production, and closes it. Reads are measured among 100 and among
// 200,000 users: they are to cost the same.
func Benchmark(b *testing.B, open func(b *testing.B) *store.DB) {
	b.Run("writes", func(b *testing.B) { benchWrites(b, open(b)) })
	for _, n := range []int{100, 200_000} {
		b.Run(fmt.Sprintf("reads/users=%d", n), func(b *testing.B) {
			if n > 100 && testing.Short() {
				b.Skip("takes a while to fill")
			}
			benchReads(b, open(b), n)
		})
	}
}

var benchID atomic.Int64

func benchWrites(b *testing.B, db *store.DB) {
	defer db.Close()
	fillUsers(b, db, 100)
	counter := func(tx *store.Tx) error {
		return tx.PutCounter(store.Counter{PoolID: "p", Subject: fmt.Sprint(benchID.Add(1)), Kind: "k"})
	}
	signIn := func(tx *store.Tx) error {
		id := benchID.Add(1)
		return tx.CreateFamily(newFamily("p", fmt.Sprintf("sub-%07d", id%100), "c", fmt.Sprint("family-", id)))
	}
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("counter/clients=%d", clients), func(b *testing.B) { benchUpdate(b, db, clients, counter) })
		b.Run(fmt.Sprintf("sign-in/clients=%d", clients), func(b *testing.B) { benchUpdate(b, db, clients, signIn) })
	}
}

func benchUpdate(b *testing.B, db *store.DB, clients int, fn func(*store.Tx) error) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	together(clients, func(int) {
		for left.Add(-1) >= 0 {
			if err := db.Update(context.Background(), fn); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}

func benchReads(b *testing.B, db *store.DB, n int) {
	defer db.Close()
	fillUsers(b, db, n)
	sub := func() string { return fmt.Sprintf("sub-%07d", benchID.Add(7919)%int64(n)) }
	reads := []struct {
		name string
		read func(*store.Tx) error
	}{
		{"GetUser", func(tx *store.Tx) error { _, err := tx.GetUser("p", sub()); return err }},
		{"GetSignIn", func(tx *store.Tx) error { _, err := tx.GetSignIn("p", sub()); return err }},
		{"GetFamily", func(tx *store.Tx) error { _, err := tx.GetFamily("f-" + sub()); return err }},
		{"GetPassword", func(tx *store.Tx) error { _, err := tx.GetPassword("p", sub()); return err }},
		{"ListUsers10", func(tx *store.Tx) error {
			_, _, err := tx.ListUsers(store.UserQuery{PoolID: "p", Attribute: "email", Op: "^=", Value: sub()[:10], Limit: 10})
			return err
		}},
	}
	for _, r := range reads {
		b.Run(r.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := db.View(context.Background(), r.read); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("GetSignIn/parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := db.View(context.Background(), reads[1].read); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// fillUsers makes the pool p with n users, each with a password and a family.
func fillUsers(b *testing.B, db *store.DB, n int) {
	b.Helper()
	update(b, db, func(tx *store.Tx) error {
		if err := tx.CreatePool(newPool("p")); err != nil {
			return err
		}
		return tx.CreateClient(newClient("p", "c"))
	})
	for from := 0; from < n; from += 500 {
		update(b, db, func(tx *store.Tx) error {
			for i := from; i < min(from+500, n); i++ {
				if err := fillUser(tx, fmt.Sprintf("sub-%07d", i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func fillUser(tx *store.Tx, sub string) error {
	if err := tx.CreateUser(newUser("p", sub)); err != nil {
		return err
	}
	p := store.Password{PoolID: "p", Sub: sub, Salt: make([]byte, 16), Sealed: make([]byte, 420), Set: day(0)}
	if err := tx.PutPassword(p); err != nil {
		return err
	}
	return tx.CreateFamily(newFamily("p", sub, "c", "f-"+sub))
}
