package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"cognate/internal/logdelivery"
	"cognate/internal/metrics"
	"cognate/internal/pool"
	"cognate/internal/quota"
	"cognate/internal/store"
	"cognate/internal/store/postgres"
	"cognate/internal/store/sqlite"
	"cognate/internal/threat"
	"cognate/internal/token"
	"cognate/internal/user"
	"cognate/internal/userimport"
)

// stopTime is how long requests under way may take to end once the server is told to stop.
const stopTime = 20 * time.Second

// Server is a server that listens: its seed is in and it answers.
type Server struct {
	config     Config
	logger     *slog.Logger
	db         *store.DB
	locked     *os.File // holds the lock of a SQLite file
	tokens     *token.Service
	users      *user.Directory
	pools      *pool.Registry
	imports    *userimport.Service
	functions  runners
	breached   *user.BreachFile // nil without one
	threat     *threat.Service
	undeclared func(op, code string)
	throttled  *metrics.Counter // what is refused for its rate
	logs       *logdelivery.Deliverer
	sinks      logSinks
	logged     *metrics.Counter // documents of logs

	entrances    entrances
	certificates certificates
	doors        []opening
}

// Options are what tests and programs hand in beside the configuration.
type Options struct {
	Logger *slog.Logger // nil is slog.Default()
	// Undeclared is called with every error code that an operation answers without declaring it.
	Undeclared func(op, code string)
}

// Start opens the store, applies the seed and listens. The caller then calls Run, or Close.
func Start(ctx context.Context, c Config, opt Options) (*Server, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	s := &Server{config: c, logger: opt.Logger, undeclared: opt.Undeclared, throttled: quota.NewCounter(), logged: logdelivery.NewCounter()}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) (err error) {
	if err = s.entrances.open(&s.config); err != nil {
		return err
	}
	if s.config.PublicURL == "" {
		s.config.PublicURL = "http://" + s.entrances.main.Addr().String()
	}
	s.config.IssuerURL = cmp.Or(s.config.IssuerURL, s.config.PublicURL)
	if s.db, err = s.open(ctx); err != nil {
		return err
	}
	keys, err := s.masterKey(ctx)
	if err != nil {
		return err
	}
	handler, err := s.build(ctx, keys)
	if err != nil {
		return err
	}
	if err = s.certify(); err != nil {
		return err
	}
	s.doors, err = s.openings(handler)
	return err
}

// keyword is how a connection string of PostgreSQL's begins that is no URL.
var keyword = regexp.MustCompile(`^\s*(host|hostaddr|port|dbname|user|password|passfile|service|sslmode)\s*=`)

// postgresAddress is the address of a database setting that is one of PostgreSQL's: a URL or a connection string. Taken for a path,
// it would be a file with the password in its name.
func postgresAddress(database string) (string, bool) {
	scheme, rest, isURL := strings.Cut(database, "://")
	if scheme = strings.ToLower(scheme); isURL && (scheme == "postgres" || scheme == "postgresql") {
		return scheme + "://" + rest, true
	}
	return database, keyword.MatchString(database)
}

// open opens the database, and locks it when it is a file.
func (s *Server) open(ctx context.Context) (*store.DB, error) {
	path := s.config.databasePath()
	if isFile(path) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		var err error
		if s.locked, err = lock(path); err != nil {
			return nil, err
		}
	}
	return openStore(ctx, path)
}

// isFile reports whether a database setting is the path of a SQLite file.
func isFile(database string) bool {
	_, other := postgresAddress(database)
	return !other && database != ":memory:" && !strings.Contains(database, "://")
}

func openStore(ctx context.Context, path string) (*store.DB, error) {
	address, ok := postgresAddress(path)
	switch {
	case ok:
		return postgres.Open(ctx, address)
	case strings.Contains(path, "://"):
		return nil, errors.New("database: must be the path of a SQLite file or a postgres:// URL")
	}
	return sqlite.Open(ctx, path)
}

// publicHost is the host that the public URL names.
func (s *Server) publicHost() string {
	u, err := url.Parse(s.config.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// URL is the address that the server listens on; by HTTP where it has one for HTTPS, too.
func (s *Server) URL() string {
	scheme := "http://"
	if s.config.TLS.on() && s.entrances.secure == nil {
		scheme = "https://"
	}
	return scheme + s.entrances.main.Addr().String()
}

// SecureURL is the address that the server listens on by HTTPS; empty without one.
func (s *Server) SecureURL() string {
	switch {
	case s.entrances.secure != nil:
		return "https://" + s.entrances.secure.Addr().String()
	case s.config.TLS.on():
		return s.URL()
	}
	return ""
}

// Run serves until ctx ends, then lets the requests under way finish and their messages go out, and closes
// the store.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var imports sync.WaitGroup
	defer imports.Wait() // they give up what they run, for others to go on with
	defer stop()
	imports.Go(func() { s.imports.Run(background) })
	go s.tokens.Fill(background)
	go s.sweep(background)
	if s.config.replicates() {
		go s.pools.KeepReplicas(background)
	}
	go rest(background)
	failed := make(chan error, len(s.doors))
	for _, d := range s.doors {
		go func() { failed <- d.server.Serve(d.listener) }()
	}
	if a := s.certificates.acme; a != nil {
		if err := a.Start(background); err != nil {
			return err
		}
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.logger.Info("stopping")
	grace, cancel := context.WithTimeout(background, stopTime)
	defer cancel()
	var err error
	for _, d := range s.doors { // the servers of all doors may be one
		err = errors.Join(err, d.server.Shutdown(grace))
	}
	s.users.Wait()
	return err
}

// sweepEvery is how often expired rows are cleared away.
const sweepEvery = 10 * time.Minute

// sweep clears expired rows away, in pieces that let others write in between.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for n := 1; n > 0 && ctx.Err() == nil; {
			var err error
			if n, err = s.db.Sweep(ctx, time.Now().UTC(), 1000); err != nil {
				s.logger.Warn("sweep failed", "cause", err)
				break
			}
		}
	}
}

// Close gives up the address and the store. It may be called again, and before Run.
func (s *Server) Close() error {
	s.entrances.close()
	if s.certificates.acme != nil {
		s.certificates.acme.Close()
		s.certificates.acme = nil
	}
	s.functions.Close()
	s.closeLogs()
	if s.db == nil {
		return nil
	}
	err := s.db.Close()
	s.db = nil
	if s.locked != nil {
		s.locked.Close()
	}
	if s.breached != nil {
		s.breached.Close()
	}
	return err
}
