package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/internal/authn"
	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/token"
)

// LoginLifetime is how long a browser stays signed in, however much it is used.
const LoginLifetime = time.Hour

// tokenBytes is the size of the random value that a browser is known by.
const tokenBytes = 32

// Login is a browser in which a user is signed in.
type Login struct {
	User  store.User
	Proof token.Proof // with the time of the sign-in
	ID    string      // names it in lists; it is not what the browser is known by
	// Provider is the identity provider at which the user signed in; "" is the pool itself.
	Provider string
	session  *federation.Session // as the provider knows it; nil for most

	Agent, IP        string // what the browser said it is, and where it was, when it signed in
	Created, Expires time.Time
}

// loginExtra is what the row of a login keeps beside its columns.
type loginExtra struct {
	Proof token.Proof `json:"proof"`
	Agent string      `json:"agent,omitzero"`
	IP    string      `json:"ip,omitzero"`

	Provider string              `json:"provider,omitzero"`
	Session  *federation.Session `json:"session,omitzero"`
}

// maxAgent bounds what is kept of a User-Agent.
const maxAgent = 256

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Login returns who is signed in in a browser that brings a value of [Entrance], at the pool; nil when nobody is,
// any more. A disabled user is not, nor one whose password was changed since.
func (s *Service) Login(ctx context.Context, p *pool.Pool, value string) (*Login, error) {
	if value == "" {
		return nil, nil
	}
	return s.login(ctx, p, hashOf(value))
}

// login is Login by the ID of a login.
func (s *Service) login(ctx context.Context, p *pool.Pool, id string) (*Login, error) {
	var row store.LoginSession
	err := s.db.Look(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.GetLoginSession(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil || row.PoolID != p.ID || !row.Ended.IsZero() || !time.Now().Before(row.Expires) {
		return nil, err
	}
	account, err := s.users.SignInBySub(ctx, p, row.Sub)
	if _, gone := errors.AsType[*fault.Error](err); gone {
		return nil, nil
	}
	if err != nil || authn.RefusedState(account.User) != nil || account.Password.Set.After(row.Created) {
		return nil, err
	}
	l, err := loginOf(row, account.User)
	if err != nil || l.Provider == "" {
		return l, err
	}
	if _, err = s.pools.Provider(ctx, p, l.Provider); err != nil {
		l = nil // the provider has been deleted
	}
	if _, gone := errors.AsType[*fault.Error](err); gone {
		err = nil
	}
	return l, err
}

func loginOf(row store.LoginSession, u store.User) (*Login, error) {
	var extra loginExtra
	if err := json.Unmarshal(row.Extra, &extra); err != nil {
		return nil, err
	}
	extra.Proof.Time = row.Created
	return &Login{User: u, Proof: extra.Proof, ID: row.Hash, Provider: extra.Provider, session: extra.Session, Agent: extra.Agent, IP: extra.IP, Created: row.Created, Expires: row.Expires}, nil
}

// Logout ends the login of a browser, on the server: a copy of what it brought is of no use any more. There may be
// none.
func (s *Service) Logout(ctx context.Context, value string) error {
	if value == "" {
		return nil
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return tx.EndLoginSession(hashOf(value), time.Now().UTC()) })
}

// Entrance is a browser with a request, before its user has signed in.
type Entrance struct {
	service   *Service
	request   *Request
	agent, ip string
	provider  string // of the sign-in; "" for the pool itself
	session   *federation.Session
	answer    answer

	// Value and Login are set once the user has signed in. Value is what the browser is to bring from then on, and
	// nobody else may see.
	Value string
	Login *Login
}

// Entrance makes one for a browser, by its User-Agent and its address.
func (s *Service) Entrance(r *Request, agent, ip string) *Entrance {
	agent = strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")
	return &Entrance{service: s, request: r, agent: agent, ip: ip}
}

// PoolID is the pool that the browser is signed in at.
func (e *Entrance) PoolID() string { return e.request.Pool.ID }

// Answer is [Service.Answer] to the request, once the user has signed in.
func (e *Entrance) Answer(ctx context.Context) (location string, err error) {
	if e.answer.write == nil && e.answer.err == nil {
		return e.service.Answer(ctx, e.request, e.Login)
	}
	return e.answer.location, e.answer.err
}

// Enter is an [authn.Attempt]'s Enter: it makes a new login, under a new value whatever the browser brought, so that
// nobody can have planted it, and together with it the code that answers the request.
func (e *Entrance) Enter(ctx context.Context, in authn.Entry, also func(*store.Tx) error) error {
	value := base64.RawURLEncoding.EncodeToString(secret.RandomBytes(tokenBytes))
	extra, err := json.Marshal(loginExtra{Proof: in.Proof, Agent: e.agent, IP: e.ip, Provider: e.provider, Session: e.session})
	if err != nil {
		return err
	}
	now := time.Now().UTC() // after a password that also writes
	row := store.LoginSession{
		Hash: hashOf(value), Flow: in.Flow, PoolID: e.request.Pool.ID, Sub: in.User.Sub,
		Created: now, Expires: now.Add(LoginLifetime), Extra: extra,
	}
	l, err := loginOf(row, in.User)
	if err != nil {
		return err
	}
	e.answer = e.service.prepare(ctx, e.request, l)
	err = e.service.db.Update(ctx, func(tx *store.Tx) error {
		if err := also(tx); err != nil {
			return err
		}
		if err := tx.CreateLoginSession(row); err != nil || e.answer.write == nil {
			return err
		}
		return e.answer.write(tx)
	})
	if err != nil {
		return err
	}
	e.Value, e.Login = value, l
	return nil
}

// maxLogins is how many logins of a user are listed.
const maxLogins = 100

// Logins are the browsers in which a user is signed in, the latest first, a hundred at most.
func (s *Service) Logins(ctx context.Context, p *pool.Pool, u store.User) (out []*Login, err error) {
	var rows []store.LoginSession
	err = s.db.Look(ctx, func(tx *store.Tx) error {
		rows, err = tx.ListLoginSessions(p.ID, u.Sub, time.Now().UTC(), maxLogins)
		return err
	})
	for _, row := range rows {
		l, err := loginOf(row, u)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, err
}

// EndLogin ends a login of a user by its ID; one of somebody else is as if it were not there.
func (s *Service) EndLogin(ctx context.Context, p *pool.Pool, sub, id string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.GetLoginSession(id)
		if errors.Is(err, store.ErrNotFound) || err == nil && (row.PoolID != p.ID || row.Sub != sub) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.EndLoginSession(id, time.Now().UTC())
	})
}

// EndLogins ends all logins of a user but the one with the ID except; empty ends all.
func (s *Service) EndLogins(ctx context.Context, p *pool.Pool, sub, except string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return tx.EndLoginSessions(p.ID, sub, except, time.Now().UTC()) })
}
