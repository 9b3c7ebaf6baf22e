package token

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"cognate/internal/pool"
	"cognate/internal/store"
)

// mint signs the two tokens of a session: both have their full lifetime from now, whatever is left of
// the family's.
func (s *Service) mint(ctx context.Context, p *pool.Pool, c *pool.Client, u holder, f store.Family) (*Tokens, error) {
	return s.mintUntil(ctx, p, c, u, f, time.Time{})
}

// mintUntil is mint for tokens that end at a time, if not sooner; zero does not matter.
func (s *Service) mintUntil(ctx context.Context, p *pool.Pool, c *pool.Client, u holder, f store.Family, notAfter time.Time) (*Tokens, error) {
	r, err := s.ring(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	proof, err := proofOf(f)
	if err != nil {
		return nil, err
	}
	b := builder{issuer: s.Issuer(p), pool: p, client: c, user: u, family: f, proof: proof, now: time.Now(), notAfter: notAfter}
	access, err := r.access.sign(b.accessClaims())
	if err != nil {
		return nil, err
	}
	id, err := r.id.sign(b.idClaims())
	if err != nil {
		return nil, err
	}
	return &Tokens{ID: id, Access: access, Lifetime: b.lifetime(c.AccessLifetime())}, nil
}

// builder composes the claims of one session's tokens.
type builder struct {
	issuer string
	pool   *pool.Pool
	client *pool.Client
	user   holder
	family store.Family
	proof  Proof
	now    time.Time

	notAfter time.Time // zero: as long as the client's settings say
}

// lifetime is how long a token lives that the client lets live for so long.
func (b *builder) lifetime(usual time.Duration) time.Duration {
	if b.notAfter.IsZero() {
		return usual
	}
	return min(usual, max(b.notAfter.Sub(b.now), 0))
}

// common is what both tokens say.
func (b *builder) common(use string, lifetime time.Duration) map[string]any {
	claims := map[string]any{
		"sub":       b.user.Sub,
		"iss":       b.issuer,
		"event_id":  b.family.ID,
		"token_use": use,
		"auth_time": b.family.AuthTime.Unix(),
		"iat":       b.now.Unix(),
		"exp":       b.now.Add(b.lifetime(lifetime)).Unix(),
	}
	if rotates, _ := b.client.Rotation(); rotates || b.client.RevocationEnabled() {
		claims["origin_jti"] = b.family.OriginJTI
		claims["jti"] = uuid.NewString()
	}
	if b.proof.Level != "" {
		claims["acr"], claims["amr"] = b.proof.Level, b.proof.Methods
	}
	if len(b.user.groups) > 0 {
		claims["cognito:groups"] = groupNames(b.user.groups)
	}
	return claims
}

func (b *builder) accessClaims() map[string]any {
	claims := b.common("access", b.client.AccessLifetime())
	claims["client_id"] = b.client.ID
	claims["username"] = b.user.Username
	claims["scope"] = b.family.Scopes
	if b.family.DeviceKey != "" {
		claims["device_key"] = b.family.DeviceKey
	}
	return claims
}

func (b *builder) idClaims() map[string]any {
	claims := map[string]any{}
	for name, value := range b.user.Attributes {
		if value != "" && b.client.CanRead(b.pool, name) {
			claims[name] = claimValue(name, value)
		}
	}
	for name, value := range b.common("id", b.client.IDLifetime()) {
		claims[name] = value
	}
	claims["aud"] = b.client.ID
	claims["cognito:username"] = b.user.Username
	all, preferred := roles(b.user.groups)
	if len(all) > 0 {
		claims["cognito:roles"] = all
	}
	if preferred != "" {
		claims["cognito:preferred_role"] = preferred
	}
	return claims
}

// claimValue gives the few attributes their JSON type that OpenID Connect Core section 5.1 types; all
// others, numbers of custom attributes too, are strings.
func claimValue(name, value string) any {
	switch name {
	case "email_verified", "phone_number_verified":
		return value == "true"
	case "updated_at":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n
		}
	case "address":
		return map[string]string{"formatted": value}
	}
	return value
}
