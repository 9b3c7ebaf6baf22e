package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cognate/internal/access"
	"cognate/internal/authn"
	"cognate/internal/awsjson"
	"cognate/internal/browser"
	"cognate/internal/clientconfig"
	"cognate/internal/credential/embedded"
	"cognate/internal/fault"
	"cognate/internal/gateway"
	"cognate/internal/hostedui"
	"cognate/internal/identitypool"
	"cognate/internal/identityserver"
	"cognate/internal/idpserver"
	"cognate/internal/importserver"
	"cognate/internal/message/inbox"
	"cognate/internal/oauth"
	"cognate/internal/oauthserver"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/seed"
	"cognate/internal/store"
	"cognate/internal/store/postgres"
	"cognate/internal/store/sqlite"
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
	undeclared func(op, code string)
	requests   atomic.Uint64 // that have come

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
	s := &Server{config: c, logger: opt.Logger, undeclared: opt.Undeclared}
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

// build makes the core and the doors over it, and applies the seed.
func (s *Server) build(ctx context.Context, keys *secret.Keyring) (http.Handler, error) {
	sessions := embedded.New(keys)
	guard, err := s.newGuard(ctx, access.New(s.db, keys), sessions)
	if err != nil {
		return nil, err
	}
	authenticate := s.authenticator(guard)
	mail, err := s.openPost(ctx)
	if err != nil {
		return nil, err
	}
	kinds, err := s.kinds()
	if err != nil {
		return nil, err
	}
	pools := pool.New(s.db, keys, pool.Options{
		AccountID: s.config.AccountID, Dev: s.config.Dev, BaseDomain: s.config.BaseDomain, PublicURL: s.config.PublicURL, Kinds: kinds,
	})
	s.pools = pools
	protection, err := s.protection()
	if err != nil {
		return nil, err
	}
	triggers, err := s.dispatcher()
	if err != nil {
		return nil, err
	}
	protection.Triggers, protection.Seal, protection.Report = triggers, mail.seal, mail.report
	s.users = user.New(s.db, keys, mail.sender)
	s.tokens = token.New(s.db, keys, pools, s.config.PublicURL).With(triggers)
	passkeys := passkey.New(s.db, keys, s.config.Dev)
	if err := s.seed(ctx, pools); err != nil {
		return nil, err
	}
	mux := awsjson.New(awsjson.Config{Authenticate: authenticate, Authorize: guard.authorize, Logger: s.logger, Undeclared: s.undeclared})
	machine := authn.New(keys, s.users, passkeys, s.tokens)
	requests := oauth.New(s.db, keys, pools, s.users, s.tokens, oauth.Options{NameIssuer: s.config.NameIssuer})
	protection.Pages = func(p *pool.Pool) string { pages, _ := requests.Addresses(p); return pages }
	s.users.With(protection) // the seed needs none of it
	s.imports = userimport.New(s.db, keys, pools, s.users, userimport.Options{PublicURL: s.config.PublicURL, Logger: s.logger})
	idpserver.New(idpserver.Core{
		Pools: pools, Users: s.users, Passkeys: passkeys, Tokens: s.tokens, Machine: machine, OAuth: requests, Imports: s.imports,
	}).Register(mux)
	broker, err := s.config.Credentials.broker(sessions)
	if err != nil {
		return nil, err
	}
	providers, err := s.loginProviders()
	if err != nil {
		return nil, err
	}
	identities := identitypool.New(s.db, s.tokens, broker, s.config.AccountID).With(
		identitypool.Options{GuestsPerAddress: s.config.GuestsPerAddress, Providers: providers})
	identityserver.New(identities, pools).Register(mux)
	trusted, err := parseNetworks("trusted_proxies", s.config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	door := oauthserver.New(oauthserver.Core{Pools: pools, Users: s.users, Tokens: s.tokens, OAuth: requests}, s.cookies(), s.logger)
	view, err := hostedui.NewView(hostedui.ViewOptions{Templates: s.config.Pages.Templates, Languages: s.config.Pages.Languages})
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	pages := hostedui.New(hostedui.Core{
		Keys: keys, Pools: pools, Users: s.users, Passkeys: passkeys, Tokens: s.tokens, OAuth: requests, Machine: machine,
	}, view, s.cookies(), s.logger)
	doors := []registrar{
		door, pages, gateway.New(pools, s.tokens, s.logger), identityserver.Documents{Tokens: s.tokens, Logger: s.logger},
		importserver.New(s.imports, s.logger),
	}
	if s.config.Dev {
		configurations, err := clientconfig.New(pools, clientconfig.Options{PublicURL: s.config.PublicURL, SecureURL: s.SecureURL(), Logger: s.logger})
		if err != nil {
			return nil, err
		}
		doors = append(doors, configurations, hostedui.Preview{Service: pages})
	}
	api := identityserver.STS{Identities: identities, Authenticate: authenticate, AccountID: s.config.AccountID, Logger: s.logger, Next: mux}
	return proxies(trusted).believe(s.routes(mail, api, doors...)), nil
}

// registrar is a door that mounts itself.
type registrar interface{ Register(*http.ServeMux) }

// cookies are for TLS only where the public URL says that clients come by it.
func (s *Server) cookies() browser.Cookies {
	return browser.Cookies{Secure: strings.HasPrefix(s.config.PublicURL, "https://")}
}

// protection is what the operator adds to what Cognito does.
func (s *Server) protection() (user.Options, error) {
	c := &s.config
	if c.BehindTLSProxy && len(c.TrustedProxies) == 0 && c.FailuresPerAddress+c.MessagesPerAddress+c.GuestsPerAddress > 0 {
		s.logger.Warn("the limits by address are off: all requests come from the proxy, until trusted_proxies names it")
		c.FailuresPerAddress, c.MessagesPerAddress, c.GuestsPerAddress = 0, 0, 0
	}
	out := user.Options{
		FailuresPerAddress: c.FailuresPerAddress, MessagesPerAddress: c.MessagesPerAddress,
		MessagesPerDestination: c.MessagesPerDestination, SMSPerDay: c.SMSPerDay, Notify: c.NotifyUsers,
	}
	if c.BreachedPasswords == "" {
		return out, nil
	}
	var err error
	if s.breached, err = user.OpenBreachFile(c.BreachedPasswords); err != nil {
		return out, fmt.Errorf("breached_passwords: %w", err)
	}
	out.Breached = s.breached
	return out, nil
}

func (s *Server) authenticator(g *guard) awsjson.Authenticator {
	if s.config.Dev {
		return s.fromHere(awsjson.AnySignature(g.session))
	}
	return awsjson.StrictSignature(g.holder, g.session)
}

// fromHere refuses signed operations to web pages of other hosts than this machine and the public URL's: in
// development, where any signature passes, a page that the developer happens to visit could do anything.
func (s *Server) fromHere(next awsjson.Authenticator) awsjson.Authenticator {
	return func(r *http.Request, body []byte, service string) (awsjson.Principal, error) {
		if origin := r.Header.Get("Origin"); origin != "" && !s.here(origin) {
			return awsjson.Principal{}, fault.New("AccessDeniedException", "In development, pages of "+origin+" may not call signed operations.")
		}
		return next(r, body, service)
	}
}

func (s *Server) here(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost") || host == s.publicHost()
}

func (s *Server) seed(ctx context.Context, pools *pool.Registry) error {
	d := &seed.Document{}
	switch {
	case s.config.Seed != "":
		var err error
		if d, err = seed.Load(s.config.Seed); err != nil {
			return err
		}
	case s.config.Dev:
		d = seed.BuiltIn()
	}
	return d.Apply(ctx, pools, s.users)
}

// routes mounts the doors. Everything of our own is under /_cognate/, but for the account page.
func (s *Server) routes(mail post, api http.Handler, doors ...registrar) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/{$}", api)
	for _, d := range doors {
		d.Register(mux)
	}
	mux.HandleFunc("GET /_cognate/health", alive)
	mux.HandleFunc("GET /_cognate/ready", s.ready)
	if mail.counts != nil {
		mux.Handle("GET "+metricsPath, mail.counts)
	}
	if s.config.Dev {
		pages := mail.inbox.Handler(s.publicHost())
		mux.Handle(inbox.PagePath, pages)
		mux.Handle(inbox.JSONPath, pages)
	}
	if s.config.TLS.Local {
		mux.HandleFunc("GET "+caPath, s.authority)
	}
	return mux
}

func alive(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) }

// ready reports whether the store answers.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	err := s.db.View(ctx, func(tx *store.Tx) error { _, err := tx.CountSpareKeys(); return err })
	if err != nil {
		http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ready\n"))
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
	go s.rest(background)
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
