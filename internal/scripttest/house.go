// Package scripttest runs scripts of operations against the whole core behind the doors of its APIs.
package scripttest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"cognate/api"
	"cognate/api/identity"
	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/awsjson"
	"cognate/internal/credential/embedded"
	"cognate/internal/identitypool"
	"cognate/internal/identityserver"
	"cognate/internal/idpserver"
	"cognate/internal/importserver"
	"cognate/internal/message/inbox"
	"cognate/internal/oauth"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/quota"
	"cognate/internal/secret"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/threat"
	"cognate/internal/token"
	"cognate/internal/user"
	"cognate/internal/userimport"
)

// services are those that the house serves beside the operations of our own.
var services = []*api.Service{idp.Service, identity.Service}

// House is the whole core behind its doors, over HTTP at URL. An operation that answers an error which it does not declare
// fails the test.
type House struct {
	URL   string
	Inbox *inbox.Inbox
	Pools *pool.Registry
	Users *user.Directory
	// Threat knows one password that has become public: [PublicPassword].
	Threat *threat.Service

	credentials *embedded.Broker
	elsewhere   map[string]*House // over the same rows, by region
	in          func(region string) *House
}

func newHouse(t *testing.T, db *store.DB) *House {
	keys := secrettest.Keyring(t)
	h := newHouseIn(t, db, keys, "")
	h.elsewhere = map[string]*House{}
	h.in = func(region string) *House { return newHouseIn(t, db, keys, region) }
	return h
}

// In is the house of one region over the same rows.
func (h *House) In(region string) *House {
	if h.elsewhere[region] == nil {
		h.elsewhere[region] = h.in(region)
	}
	return h.elsewhere[region]
}

// newHouseIn is a house of one region, or, with an empty one, of all.
func newHouseIn(t *testing.T, db *store.DB, keys *secret.Keyring, region string) *House {
	h := &House{Inbox: inbox.New(), credentials: embedded.New(keys)}
	h.Pools = pool.New(db, keys, pool.Options{
		AccountID: accountID, Dev: true, Kinds: kinds, Region: region, Shared: region != "", Issuer: issuer,
	})
	h.Users = user.New(db, keys, h.Inbox)
	functions := h.functions()
	h.Threat = threat.New(db, keys, h.Pools, threat.Options{
		Passwords: []threat.Passwords{public}, Pages: func(*pool.Pool) string { return "http://pages.test" },
	})
	h.Users.With(user.Options{Triggers: functions, Threat: h.Threat})
	tokens := token.New(db, keys, h.Pools, issuer).With(functions)
	passkeys := passkey.New(db, keys, true)
	authenticate := awsjson.AnySignature(h.session)
	doors := http.NewServeMux()
	server := httptest.NewServer(doors)
	imports := userimport.New(db, keys, h.Pools, h.Users, userimport.Options{PublicURL: server.URL, Logger: slog.New(slog.DiscardHandler)})
	userPools := idpserver.New(idpserver.Core{
		Pools: h.Pools, Users: h.Users, Passkeys: passkeys, Tokens: tokens, Machine: authn.New(keys, h.Users, passkeys, tokens),
		OAuth:   oauth.New(db, keys, h.Pools, h.Users, tokens, oauth.Options{}),
		Imports: imports, Threat: h.Threat,
		Quotas: quota.New(db, quota.Rates{quota.UserAuthentication: {Maximum: 500}}),
	})
	mux := awsjson.New(awsjson.Config{
		Logger:       slog.New(slog.DiscardHandler),
		Authenticate: authenticate,
		Admit:        userPools.Admission(),
		Undeclared:   func(op, code string) { t.Errorf("%s answered %s, which it does not declare", op, code) },
	})
	userPools.Register(mux)
	identities := identitypool.New(db, tokens, h.credentials, accountID)
	identityserver.New(identities, h.Pools).Register(mux)
	doors.Handle("/{$}", identityserver.STS{
		Identities: identities, Authenticate: authenticate, AccountID: accountID, Logger: slog.New(slog.DiscardHandler), Next: mux,
	})
	importserver.New(imports, slog.New(slog.DiscardHandler)).Register(doors)
	t.Cleanup(server.Close)
	h.URL = server.URL
	runInBackground(t, imports.Run)
	return h
}

// runInBackground runs what the server does beside answering, until the test ends.
func runInBackground(t *testing.T, run func(context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
}

// PublicPassword is known to everybody.
const PublicPassword = "Public-Password-1"

type publicPassword string

const public publicPassword = PublicPassword

// Has implements [threat.Passwords].
func (p publicPassword) Has(_ context.Context, password string) (bool, error) {
	return password == string(p), nil
}

const (
	accountID = "000000000000"
	issuer    = "http://cognate.test"
)

// session is that of credentials which the house has given.
func (h *House) session(token, key string) (awsjson.Holder, error) {
	s, err := h.credentials.Open(token, key)
	return awsjson.Holder{ARN: s.ARN(), Secret: s.SecretAccessKey}, err
}
