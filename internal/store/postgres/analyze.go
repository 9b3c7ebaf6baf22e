package postgres

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// firstAnalyze is how many rows are written before the first ANALYZE.
	firstAnalyze = 500
	// analyzing is how long an ANALYZE may take; it looks at a sample.
	analyzing = time.Minute
)

// analyzer has the server look at its tables as this process fills them: at 500
// written rows and whenever they have doubled. Autovacuum does so too, but only
// after a minute or two, and until then every index that begins with the pool's id
// seems to lead to one row: a plan made, and kept, meanwhile may read all users of
// the pool.
type analyzer struct {
	config *pgx.ConnConfig
	rows   atomic.Int64  // written so far
	wake   chan struct{} // holds a token when rows has risen
	cancel context.CancelFunc
	done   chan struct{}
}

func startAnalyzer(config *pgx.ConnConfig) *analyzer {
	a := &analyzer{config: config, wake: make(chan struct{}, 1), done: make(chan struct{})}
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(context.Background())
	go a.run(ctx)
	return a
}

// stop ends the analyzer and waits until it has ended.
func (a *analyzer) stop() {
	a.cancel()
	<-a.done
}

// wrote counts rows that were committed.
func (a *analyzer) wrote(n int64) {
	if n == 0 {
		return
	}
	a.rows.Add(n)
	select {
	case a.wake <- struct{}{}:
	default: // it is awake, or about to be
	}
}

func (a *analyzer) run(ctx context.Context) {
	defer close(a.done)
	for next := int64(firstAnalyze); ; {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		if rows := a.rows.Load(); rows >= next {
			next = 2 * rows
			// A failure leaves it to autovacuum.
			_ = a.analyze(ctx)
		}
	}
}

// analyze uses a connection of its own: the pool's are for those who wait.
func (a *analyzer) analyze(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, analyzing)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, a.config)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	// A table that another node or autovacuum is looking at needs no second look.
	_, err = conn.Exec(ctx, "ANALYZE (SKIP_LOCKED)")
	return err
}

// counted is a querier that counts the rows it writes.
type counted struct {
	querier
	rows int64
}

// Exec implements store.Querier.
func (c *counted) Exec(query string, args ...any) (sql.Result, error) {
	res, err := c.querier.Exec(query, args...)
	if err == nil {
		n, _ := res.RowsAffected() // pgx always knows
		c.rows += n
	}
	return res, err
}
