// Command bench measures a built server from outside, over HTTP, and the floor under it: the CPU time
// that the same cryptography takes when called directly, measured in the same run. It prints, for each
// operation and concurrency, requests a second, latencies, the server's CPU time for each request and
// how many times the floor that is.
//
//	go run ./bench                         # SQLite, everything
//	go run ./bench -database postgres://…  # another engine
//	go run ./bench -only refresh -time 10s
//
// One machine runs client and server, so requests a second say what both can do together; CPU a request
// is the server's alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

type options struct {
	binary, database, only string
	concurrency            []int
	time                   time.Duration
	users                  int
}

func main() {
	log.SetFlags(0)
	var o options
	var levels string
	flag.StringVar(&o.binary, "binary", "", "server to measure; built from ./cmd/cognate when empty")
	flag.StringVar(&o.database, "database", "", "postgres:// URL; SQLite in a temporary folder when empty")
	flag.StringVar(&o.only, "only", "", "measure only operations whose name contains this")
	flag.StringVar(&levels, "concurrency", "1,16,64", "numbers of concurrent clients")
	flag.DurationVar(&o.time, "time", 4*time.Second, "length of each measurement")
	flag.IntVar(&o.users, "users", 200, "users to sign in")
	flag.Parse()
	for _, text := range strings.Split(levels, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			log.Fatalf("bench: %q is not a concurrency", text)
		}
		o.concurrency = append(o.concurrency, n)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		stop()
		log.Fatal("bench: ", err)
	}
}

func run(ctx context.Context, o options) error {
	s, err := startServer(ctx, o)
	if err != nil {
		return err
	}
	defer s.stop()
	floors := measureFloors()
	fmt.Printf("floor: RSA-2048 signature %v, SRP challenge %v, SRP proof %v, SRP verifier %v\n\n",
		floors.sign, floors.challenge, floors.proof, floors.verifier)
	w, err := prepare(ctx, s.url, o.users)
	if err != nil {
		return err
	}
	fmt.Printf("%-18s %5s %9s %9s %9s %11s %11s %7s\n", "operation", "conc", "req/s", "p50", "p99", "CPU/req", "floor", "ratio")
	for _, op := range w.operations(floors) {
		if !strings.Contains(op.name, o.only) {
			continue
		}
		for _, n := range o.concurrency {
			r, err := measure(ctx, s, op, n, o.time)
			if err != nil {
				return fmt.Errorf("%s: %w", op.name, err)
			}
			r.print(op, n)
		}
	}
	return nil
}
