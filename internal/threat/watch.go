package threat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// Answers to what is refused, in Cognito's words.
var (
	// ErrBlocked is the answer to a sign-in that is held for another's.
	ErrBlocked = fault.New(idp.CodeNotAuthorized, "Unable to login because of security reasons.")
	// ErrReplace is the answer to a sign-in with a password that has become public.
	ErrReplace = fault.New(idp.CodePasswordResetRequired, "Password reset required for user due to security reasons.")
	// ErrPassword is the answer to such a password where it is to be set.
	ErrPassword = fault.New(idp.CodeInvalidPassword, "Provided password cannot be used for security reasons.")
)

// Watch is threat protection for one attempt of somebody: a request that begins something, or goes on with it. Nil
// watches nothing: all its methods may be called. It is not for concurrent use.
type Watch struct {
	service  *Service
	pool     *pool.Pool
	client   string
	rules    *rules
	enforced bool
	here     place
}

// Watch begins to watch an attempt at a client of a pool: nil where the pool does not want that. Custom says that it is
// a sign-in whose challenges functions make.
func (s *Service) Watch(ctx context.Context, p *pool.Pool, c *pool.Client, o Origin, custom bool) (*Watch, error) {
	if s == nil {
		return nil, nil
	}
	asked := mode(p, custom)
	if asked == idp.AdvancedSecurityModeTypeOff {
		return nil, nil
	}
	r, err := s.rulesOf(ctx, p, c.ID)
	if err != nil {
		return nil, err
	}
	enforced := asked == idp.AdvancedSecurityModeTypeEnforced
	return &Watch{service: s, pool: p, client: c.ID, rules: r, enforced: enforced, here: locate(o)}, nil
}

// On says that the attempt is on a remembered device of the user, by its key, which it has yet to prove; empty is none.
func (w *Watch) On(key string) {
	if w != nil {
		w.here = w.here.on(key)
	}
}

// Shut reports whether the address is one that nobody may sign in from.
func (w *Watch) Shut() bool { return w != nil && w.enforced && within(w.here.address, w.rules.blocked) }

// Assess compares a sign-in of a user with what the user and others have done before, and says what is to be done.
func (w *Watch) Assess(ctx context.Context, sub string) (r Risk, err error) {
	if w == nil || within(w.here.address, w.rules.skipped) {
		return r, nil
	}
	now := time.Now().UTC()
	past, err := w.service.recent(ctx, w.pool.ID, sub, now)
	if err != nil {
		return r, err
	}
	r.Level = judge(past, w.here, now)
	if a := w.rules.takeoverAction(r.Level); a != nil && w.enforced {
		r.Action, r.Notify = a.EventAction, a.Notify
	}
	return r, nil
}

// Looks reports whether passwords are looked up on an occasion, an EventFilterType.
func (w *Watch) Looks(occasion string) bool {
	return w != nil && len(w.service.options.Passwords) > 0 && w.rules.looks(occasion)
}

// Public reports whether a password that was typed on an occasion has become public, and whether it is then refused. A
// list that cannot be asked knows of none: what depends on it goes on. It may call the network.
func (w *Watch) Public(ctx context.Context, occasion, password string) (public, refused bool) {
	if !w.Looks(occasion) {
		return false, false
	}
	for _, list := range w.service.options.Passwords {
		known, err := list.Has(ctx, password)
		if err != nil && w.service.options.Unknown != nil {
			w.service.options.Unknown(ctx, err)
		}
		if err == nil && known {
			return true, w.enforced && w.rules.blocksPasswords()
		}
	}
	return false, false
}

// Event is what has happened, ready to be written; nil where nothing is watched. An empty id is a new one.
func (w *Watch) Event(kind, response, id string, u store.User) *Event {
	if w == nil {
		return nil
	}
	if id == "" {
		id = uuid.NewString()
	}
	now := time.Now().UTC()
	e := &Event{
		ID: id, PoolID: w.pool.ID, ClientID: w.client, Sub: u.Sub, Username: u.Username, Type: kind, Response: response, Created: now,
		Context: Context{Device: w.here.name, Timezone: w.here.timezone},
		network: w.here.network, device: w.here.device, expires: now.Add(w.service.options.Keep),
	}
	if w.here.address.IsValid() {
		e.Context.IP = w.here.address.String()
	}
	return e
}

// signUpSpace is what the ids of sign-ups are made in.
var signUpSpace = uuid.MustParse("5a3a3c6e-8f0e-4a6b-9d5c-2f1f3d6f7b10")

// SignUpID is the id of the event of a user's sign-up.
func SignUpID(sub string) string { return uuid.NewSHA1(signUpSpace, []byte(sub)).String() }
