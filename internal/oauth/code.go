package oauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/internal/authn"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/token"
	"cognate/internal/trigger"
	"cognate/internal/user"
)

// codeLifetime is how long a client may take to exchange a code.
const codeLifetime = 5 * time.Minute

// asked is what the row of a code keeps of the request that it answers.
type asked struct {
	RedirectURI string      `json:"redirect_uri"`
	Challenge   string      `json:"challenge,omitzero"`
	Scopes      string      `json:"scopes"`
	Nonce       string      `json:"nonce,omitzero"`
	Audience    string      `json:"aud,omitzero"`
	Login       string      `json:"login"` // the ID of the login that it was given to
	Proof       token.Proof `json:"proof"`
	AuthTime    time.Time   `json:"auth_time"`
	// Change is what the pool's function has said of the tokens, when the code was made: a refusal is for the app's page.
	Change token.Change `json:"change,omitzero"`
}

// Answer answers a request for a browser whose user has just signed in: it returns where to send the browser, with a
// code or with tokens. What is in the way of that is a [*RedirectError].
func (s *Service) Answer(ctx context.Context, r *Request, l *Login) (location string, err error) {
	if r.Implicit && r.Page == "" && r.reachedBy(l) {
		return s.tokensFor(ctx, r, l)
	}
	a := s.prepare(ctx, r, l)
	if a.write == nil {
		return a.location, a.err
	}
	if err := s.db.Update(ctx, a.write); err != nil {
		return "", s.unanswered(r, err)
	}
	return a.location, nil
}

// answer is where to send a browser, after what write writes; a nil write writes nothing.
type answer struct {
	location string
	write    func(*store.Tx) error
	err      error
}

// prepare prepares an answer for a login, which need not be written yet; an empty one is for a request of tokens, which are made
// when the login is.
func (s *Service) prepare(ctx context.Context, r *Request, l *Login) (a answer) {
	switch {
	case r.Page != "":
		a.location = r.Page + "?" + r.Query.Encode()
	case !r.reachedBy(l):
		a.err = s.Refuse(r, errUnmet)
	case r.Implicit:
	default:
		code, row, err := s.newCode(ctx, r, l)
		if err != nil {
			a.err = s.unanswered(r, err)
			return a
		}
		a.location, a.write = s.location(r, url.Values{"code": {code}}), func(tx *store.Tx) error { return tx.CreateAuthorizationCode(row) }
	}
	return a
}

// reachedBy reports whether a login reaches the level that a request asks for.
func (r *Request) reachedBy(l *Login) bool {
	return r.Levels == "" || authn.Reaches(l.Proof.Methods, r.Levels)
}

// unanswered is what the app is told when there can be no answer.
func (s *Service) unanswered(r *Request, err error) error {
	if f, refused := errors.AsType[*fault.Error](err); refused || errors.Is(err, store.ErrNotFound) {
		return s.Refuse(r, cmp.Or(OfFunction(f), ErrRequest)) // disabled or deleted since
	}
	return err
}

// Resume is Answer for a browser that has been signed in before. It returns "" when the user has to be asked.
func (s *Service) Resume(ctx context.Context, r *Request, l *Login) (location string, err error) {
	switch {
	case l != nil && r.accepts(l):
		return s.Answer(ctx, r, l)
	case r.Never():
		return "", s.Refuse(r, ErrLoginRequired)
	}
	return "", nil
}

// newCode makes a code for a login, and its row.
func (s *Service) newCode(ctx context.Context, r *Request, l *Login) (code string, row store.AuthorizationCode, err error) {
	proof := r.proof(l)
	change, err := s.tokens.Ask(ctx, token.Grant{
		Pool: r.Pool, Client: r.Client, User: l.User, Scopes: r.Scopes, Occasion: token.Occasion{Source: trigger.SourceTokensHosted},
	})
	if err != nil {
		return "", row, err
	}
	request, err := json.Marshal(asked{
		RedirectURI: r.RedirectURI, Challenge: r.Challenge, Scopes: r.Scopes, Nonce: r.Nonce, Audience: r.Audience,
		Login: l.ID, Proof: proof, AuthTime: proof.Time, Change: change,
	})
	code = uuid.NewString()
	return code, store.AuthorizationCode{
		Hash: hashOf(code), Flow: token.NewFlow(), PoolID: r.Pool.ID, Sub: l.User.Sub, ClientID: r.Client.ID,
		Expires: time.Now().UTC().Add(codeLifetime), Request: request,
	}, err
}

func (s *Service) tokensFor(ctx context.Context, r *Request, l *Login) (location string, err error) {
	t, err := s.tokens.Issue(ctx, token.Grant{
		Pool: r.Pool, Client: r.Client, User: l.User, Scopes: r.Scopes, Flow: token.NewFlow(), Proof: r.proof(l),
		OAuth:    &token.OAuth{Nonce: r.Nonce, Audience: r.Audience, Implicit: true},
		Occasion: token.Occasion{Source: trigger.SourceTokensHosted},
	}, nil)
	if err != nil {
		return "", s.unanswered(r, err)
	}
	answer := url.Values{
		"access_token": {t.Access}, "token_type": {"Bearer"}, "expires_in": {strconv.Itoa(int(t.Lifetime.Seconds()))},
	}
	if t.ID != "" {
		answer.Set("id_token", t.ID)
	}
	return s.location(r, answer), nil
}

// Exchange is what a client brings to have a code exchanged.
type Exchange struct {
	Code, RedirectURI string
	Verifier          string // the PKCE code_verifier; empty for none
}

// Exchange turns a code of the client into tokens, once: a second time ends the tokens of the first (RFC 6749 section
// 4.1.2, RFC 9700 section 4.5). A code of a login that has ended since is of no use, nor one from before the user's
// password was changed, or was signed out everywhere. Its errors are an [*Error] or the server's own.
func (s *Service) Exchange(ctx context.Context, p *pool.Pool, c *pool.Client, x Exchange) (*token.Tokens, error) {
	row, a, err := s.findCode(ctx, c, x.Code)
	if err != nil {
		return nil, err
	}
	switch {
	case x.RedirectURI != a.RedirectURI:
		return nil, errRedirect
	case !verifies(a.Challenge, x.Verifier), !readable(p, c, a.Scopes):
		return nil, ErrGrant
	}
	account, err := s.accountOf(ctx, p, row)
	if err != nil {
		return nil, err
	}
	stale := authn.RefusedState(account.User) != nil || account.Password.Set.After(a.AuthTime)
	a.Proof.Time = a.AuthTime
	t, err := s.tokens.Issue(ctx, token.Grant{
		Pool: p, Client: c, User: account.User, Scopes: a.Scopes, Flow: row.Flow, Proof: a.Proof,
		OAuth:  &token.OAuth{Nonce: a.Nonce, Audience: a.Audience},
		Change: &a.Change,
	}, func(tx *store.Tx) error { // after a replay has been found, which ends what the code was good for
		if stale {
			return ErrGrant
		}
		return stands(tx, row, a)
	})
	if errors.Is(err, store.ErrExists) {
		return nil, s.replayed(ctx, row)
	}
	if _, refused := errors.AsType[*fault.Error](err); refused || errors.Is(err, store.ErrNotFound) {
		return nil, ErrGrant
	}
	return t, err
}

// readable reports whether the client may read the attributes that its scopes name.
func readable(p *pool.Pool, c *pool.Client, scopes string) bool {
	for scope := range strings.FieldsSeq(scopes) {
		for _, attribute := range scopeAttributes[scope] {
			if !c.CanRead(p, attribute) {
				return false
			}
		}
	}
	return true
}

var scopeAttributes = map[string][]string{
	"email": {"email", "email_verified"}, "phone": {"phone_number", "phone_number_verified"},
}

// findCode returns a code of the client that has not expired.
func (s *Service) findCode(ctx context.Context, c *pool.Client, code string) (row store.AuthorizationCode, a asked, err error) {
	err = s.db.Look(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.GetAuthorizationCode(hashOf(code))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return row, a, ErrGrant
	}
	if err != nil {
		return row, a, err
	}
	if row.ClientID != c.ID || !time.Now().Before(row.Expires) {
		return row, a, ErrGrant
	}
	return row, a, json.Unmarshal(row.Request, &a)
}

// accountOf is the user of a code, as the user is now.
func (s *Service) accountOf(ctx context.Context, p *pool.Pool, row store.AuthorizationCode) (user.Account, error) {
	account, err := s.users.SignInBySub(ctx, p, row.Sub)
	if _, gone := errors.AsType[*fault.Error](err); gone {
		err = ErrGrant
	}
	return account, err
}

// stands checks, in the transaction that grants, that neither a code nor its login has been taken back.
func stands(tx *store.Tx, row store.AuthorizationCode, a asked) error {
	_, err := tx.GetAuthorizationCode(row.Hash)
	if err != nil {
		return err
	}
	login, err := tx.GetLoginSession(a.Login)
	if err == nil && !login.Ended.IsZero() {
		err = ErrGrant
	}
	return err
}

// replayed ends the session that a code has been exchanged for before: one of the two was a thief.
func (s *Service) replayed(ctx context.Context, row store.AuthorizationCode) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error { return tx.RevokeFamily(row.Flow, time.Now().UTC()) })
	if err != nil {
		return err
	}
	return ErrGrant
}

// verifierPattern is a code_verifier, but for its length of 43 to 128 (RFC 7636 section 4.1).
var verifierPattern = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

// verifies checks a verifier against the challenge of the request. One without the other is refused, either way round:
// else a thief of codes could leave PKCE out (RFC 9700 section 4.8.2).
func verifies(challenge, verifier string) bool {
	if challenge == "" || verifier == "" {
		return challenge == verifier
	}
	sum := sha256.Sum256([]byte(verifier))
	own := base64.RawURLEncoding.EncodeToString(sum[:])
	return len(verifier) >= 43 && len(verifier) <= 128 && verifierPattern.MatchString(verifier) && subtle.ConstantTimeCompare([]byte(own), []byte(challenge)) == 1
}
