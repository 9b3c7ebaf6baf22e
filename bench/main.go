//go:build linux

// Command bench measures a built server from outside, over HTTP, and the floor under it: the CPU time
// that the same cryptography takes when called directly, measured in the same run. It prints, for each
// operation and concurrency, operations a second, latencies, the server's CPU time for each operation
// and how many times the floor that is.
//
//	go run ./bench                          # SQLite, everything
//	go run ./bench -database postgres://…   # another engine
//	go run ./bench -only refresh -time 10s
//
// One machine runs client and server, so operations a second say what both can do together; CPU an
// operation is the server's alone. An SRP sign-in is two requests and counts once.
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
	if os.Getenv(actAsFunction) != "" {
		serveFunction()
	}
	log.SetFlags(0)
	o, err := parse()
	if err != nil {
		log.Fatal("bench: ", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		stop()
		log.Fatal("bench: ", err)
	}
}

func parse() (o options, err error) {
	flag.StringVar(&o.binary, "binary", "", "server to measure; built from ./cmd/cognate when empty")
	flag.StringVar(&o.database, "database", "", "postgres:// URL; SQLite in a temporary folder when empty")
	flag.StringVar(&o.only, "only", "", "measure only operations whose name contains this")
	levels := flag.String("concurrency", "1,16,64", "numbers of concurrent clients")
	flag.DurationVar(&o.time, "time", 4*time.Second, "length of each measurement")
	flag.IntVar(&o.users, "users", 200, "users to sign in")
	flag.Parse()
	for text := range strings.SplitSeq(*levels, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("%q is not a concurrency", text)
		}
		o.concurrency = append(o.concurrency, n)
	}
	if o.users < 1 {
		return o, fmt.Errorf("%d users are too few", o.users)
	}
	return o, nil
}

func run(ctx context.Context, o options) error {
	s, err := startServer(ctx, o)
	if err != nil {
		return err
	}
	defer s.stop()
	f, err := newFloor()
	if err != nil {
		return err
	}
	f.print()
	w, err := prepare(ctx, s.url, o.users)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	printHead()
	for _, op := range w.operations(f) {
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
