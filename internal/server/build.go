package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
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
	"cognate/internal/quota"
	"cognate/internal/secret"
	"cognate/internal/seed"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/user"
	"cognate/internal/userimport"
)

// core is what the doors stand on.
type core struct {
	keys       *secret.Keyring
	mail       post
	sessions   *embedded.Broker
	guard      *guard
	signed     awsjson.Authenticator
	passkeys   *passkey.Service
	machine    *authn.Machine
	requests   *oauth.Service
	identities *identitypool.Registry
	quotas     *quota.Registry
	limits     *quota.Limiter
}

// build makes the core and the doors over it, and applies the seed.
func (s *Server) build(ctx context.Context, keys *secret.Keyring) (http.Handler, error) {
	c := &core{keys: keys, sessions: embedded.New(keys)}
	var err error
	if c.guard, err = s.newGuard(ctx, access.New(s.db, keys), c.sessions); err != nil {
		return nil, err
	}
	c.signed = s.authenticator(c.guard)
	if err := s.buildUsers(ctx, c); err != nil {
		return nil, err
	}
	c.quotas = quota.New(s.db, s.config.RequestRates.Categories)
	c.limits = s.limiter(c.quotas)
	if err := s.buildIdentities(c); err != nil {
		return nil, err
	}
	trusted, err := parseNetworks("trusted_proxies", s.config.TrustedProxies)
	if err != nil {
		return nil, err
	}
	doors, err := s.buildDoors(c)
	if err != nil {
		return nil, err
	}
	return proxies(trusted).believe(s.throttle(c.limits, s.routes(c.mail, s.api(c), doors...))), nil
}

// buildUsers makes the core of user pools, and applies the seed.
func (s *Server) buildUsers(ctx context.Context, c *core) (err error) {
	if c.mail, err = s.openPost(ctx); err != nil {
		return err
	}
	kinds, err := s.kinds()
	if err != nil {
		return err
	}
	s.pools = pool.New(s.db, c.keys, pool.Options{
		AccountID: s.config.AccountID, Dev: s.config.Dev, BaseDomain: s.config.BaseDomain, PublicURL: s.config.PublicURL, Kinds: kinds,
		Region: s.config.Region, Shared: s.config.shared(), Issuer: s.config.IssuerURL,
	})
	if err := s.openLogs(); err != nil {
		return err
	}
	protection, err := s.protection()
	if err != nil {
		return err
	}
	triggers, err := s.dispatcher()
	if err != nil {
		return err
	}
	s.users = user.New(s.db, c.keys, c.mail.sender)
	s.tokens = token.New(s.db, c.keys, s.pools, s.config.PublicURL).IssuedBy(s.config.IssuerURL).With(triggers)
	c.passkeys = passkey.New(s.db, c.keys, s.config.Dev)
	if err := s.seed(ctx, s.pools); err != nil {
		return err
	}
	c.machine = authn.New(c.keys, s.users, c.passkeys, s.tokens)
	c.requests = oauth.New(s.db, c.keys, s.pools, s.users, s.tokens, oauth.Options{NameIssuer: s.config.NameIssuer})
	protection.Triggers, protection.Seal, protection.Report = triggers, c.mail.seal, c.mail.report
	protection.Pages = func(p *pool.Pool) string { pages, _ := c.requests.Addresses(p); return pages }
	s.threat = s.protectAccounts(c.keys, c.mail.unknown, protection.Pages)
	s.threat.Subscribe(s.logActivity)
	protection.Threat = s.threat
	s.users.With(protection) // the seed needs none of it
	s.imports = userimport.New(s.db, c.keys, s.pools, s.users, userimport.Options{PublicURL: s.config.PublicURL, Logger: s.logger})
	return nil
}

// buildIdentities makes the core of identity pools.
func (s *Server) buildIdentities(c *core) error {
	broker, err := s.config.Credentials.broker(c.sessions)
	if err != nil {
		return err
	}
	providers, err := s.loginProviders()
	if err != nil {
		return err
	}
	c.identities = identitypool.New(s.db, s.tokens, broker, s.config.AccountID).With(
		identitypool.Options{GuestsPerAddress: s.config.GuestsPerAddress, Providers: providers})
	return nil
}

// api is the door of AWS's protocols.
func (s *Server) api(c *core) http.Handler {
	userPools := idpserver.New(idpserver.Core{
		Pools: s.pools, Users: s.users, Passkeys: c.passkeys, Tokens: s.tokens, Machine: c.machine, OAuth: c.requests, Imports: s.imports,
		Quotas: c.quotas, Threat: s.threat,
	})
	mux := awsjson.New(awsjson.Config{
		Authenticate: c.signed, Authorize: c.guard.authorize, Limit: c.limits.Take, Admit: userPools.Admission(), Logger: s.logger, Undeclared: s.undeclared,
	})
	userPools.Register(mux)
	identityserver.New(c.identities, s.pools).Register(mux)
	return identityserver.STS{Identities: c.identities, Authenticate: c.signed, AccountID: s.config.AccountID, Logger: s.logger, Next: mux}
}

// buildDoors makes all other doors.
func (s *Server) buildDoors(c *core) ([]registrar, error) {
	view, err := hostedui.NewView(hostedui.ViewOptions{Templates: s.config.Pages.Templates, Languages: s.config.Pages.Languages})
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	pages := hostedui.New(hostedui.Core{
		Keys: c.keys, Pools: s.pools, Users: s.users, Passkeys: c.passkeys, Tokens: s.tokens, OAuth: c.requests, Machine: c.machine,
	}, view, s.cookies(), s.logger)
	doors := []registrar{
		oauthserver.New(oauthserver.Core{
			Pools: s.pools, Users: s.users, Tokens: s.tokens, OAuth: c.requests, Limits: c.limits,
		}, s.cookies(), s.logger),
		pages, gateway.New(s.pools, s.tokens, s.logger), identityserver.Documents{Tokens: s.tokens, Logger: s.logger},
		importserver.New(s.imports, s.logger),
	}
	if !s.config.Dev {
		return doors, nil
	}
	configurations, err := clientconfig.New(s.pools, clientconfig.Options{PublicURL: s.config.PublicURL, SecureURL: s.SecureURL(), Logger: s.logger})
	return append(doors, configurations, hostedui.Preview{Service: pages}), err
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
	if c.BehindTLSProxy && len(c.TrustedProxies) == 0 && c.FailuresPerAddress+c.MessagesPerAddress+c.GuestsPerAddress+c.RequestRates.Address > 0 {
		s.logger.Warn("the limits by address are off: all requests come from the proxy, until trusted_proxies names it")
		c.FailuresPerAddress, c.MessagesPerAddress, c.GuestsPerAddress, c.RequestRates.Address = 0, 0, 0, 0
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
	case s.config.Dev && (s.config.Region == "" || s.config.Region == seed.Region):
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
