package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"cognate/internal/store"
)

// channel is the name under which nodes hear of changes.
const channel = "cognate_change"

const (
	// quiet is how long the listener hears nothing before it asks whether the
	// server is still there: a connection can die without a word.
	quiet = 15 * time.Second
	// patience is how long a dial or an answer may take.
	patience = 10 * time.Second
	// reconnectPause is the pause before dialling again.
	reconnectPause = 250 * time.Millisecond
)

// listener hears what other nodes announce, on a connection of its own.
type listener struct {
	config  *pgx.ConnConfig
	publish func(store.Change)
	cancel  context.CancelFunc
	done    chan struct{}
}

// startListener returns once it listens, so that no later change is missed.
func startListener(ctx context.Context, config *pgx.ConnConfig, publish func(store.Change)) (*listener, error) {
	l := &listener{config: config, publish: publish, done: make(chan struct{})}
	conn, err := l.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("postgres: listen: %w", err)
	}
	ctx, l.cancel = context.WithCancel(context.Background())
	go l.run(ctx, conn)
	return l, nil
}

// stop ends the listener and waits until it has ended.
func (l *listener) stop() {
	l.cancel()
	<-l.done
}

func (l *listener) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, l.config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

// run hears until ctx ends, over as many connections as it takes.
func (l *listener) run(ctx context.Context, conn *pgx.Conn) {
	defer close(l.done)
	for {
		l.hear(ctx, conn)
		if conn = l.reconnect(ctx); conn == nil {
			return
		}
		// What was announced in between is lost: anything may have changed.
		l.publish(store.Change{})
	}
}

// reconnect dials until it succeeds; nil when ctx has ended.
func (l *listener) reconnect(ctx context.Context) *pgx.Conn {
	for ctx.Err() == nil {
		conn, err := l.connect(ctx)
		if err == nil {
			return conn
		}
		select {
		case <-ctx.Done():
		case <-time.After(reconnectPause):
		}
	}
	return nil
}

// hear publishes changes until the connection or ctx ends, and closes it.
func (l *listener) hear(ctx context.Context, conn *pgx.Conn) {
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = conn.Close(ctx) // it may be broken already
	}()
	for ctx.Err() == nil {
		n, err := l.wait(ctx, conn)
		switch {
		case err != nil:
			return
		case n != "":
			l.publish(store.ParseChange(n))
		}
	}
}

// wait returns the next announcement, or "" after a silence that the server
// survived.
func (l *listener) wait(ctx context.Context, conn *pgx.Conn) (string, error) {
	short, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	n, err := conn.WaitForNotification(short)
	if err == nil {
		return n.Payload, nil
	}
	if conn.IsClosed() || ctx.Err() != nil {
		return "", err
	}
	ctx, cancelPing := context.WithTimeout(ctx, patience)
	defer cancelPing()
	return "", conn.Ping(ctx)
}
