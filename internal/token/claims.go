package token

import (
	"context"
	"crypto/sha256"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// mint signs the tokens of the session that b describes but for its issuer, extra and now: both have their full
// lifetime, whatever is left of the family's.
func (s *Service) mint(ctx context.Context, b builder) (*Tokens, error) {
	r, err := s.ring(ctx, b.pool.ID)
	if err != nil {
		return nil, err
	}
	if b.extra, err = extraOf(b.family); err != nil {
		return nil, err
	}
	b.issuer, b.now = s.Issuer(b.pool), time.Now()
	t := &Tokens{Lifetime: b.lifetime(b.client.AccessLifetime())}
	if t.Access, err = r.sign(UseAccess, b.now, b.finished(UseAccess, b.accessClaims(), b.change.Access)); err != nil {
		return nil, err
	}
	if b.extra.OAuth != nil && !hasScope(b.family.Scopes, ScopeOpenID) {
		return t, nil
	}
	claims := b.finished(UseID, b.idClaims(), b.change.ID)
	if b.extra.OAuth != nil {
		claims["at_hash"] = accessHash(t.Access)
	}
	t.ID, err = r.sign(UseID, b.now, claims)
	return t, err
}

// accessHash is the at_hash claim (OpenID Connect Core section 3.1.3.6).
func accessHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return b64.EncodeToString(sum[:len(sum)/2])
}

// builder composes the claims of one session's tokens.
type builder struct {
	issuer string
	pool   *pool.Pool
	client *pool.Client
	user   holder
	family store.Family
	extra  extra
	now    time.Time

	change Change // of the pool's function

	nonce    string    // empty for none
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
	if b.extra.Level != "" {
		claims["acr"], claims["amr"] = b.extra.Level, b.extra.Methods
	}
	if len(b.user.groups) > 0 {
		claims["cognito:groups"] = groupNames(b.user.groups)
	}
	return claims
}

// finished adds to claims what the client's settings want, and makes the changes of the pool's function in them.
func (b *builder) finished(use string, claims map[string]any, c trigger.ClaimChange) map[string]any {
	b.mapped(claims, use)
	b.change.regroup(claims)
	change(claims, c)
	return claims
}

func (b *builder) accessClaims() map[string]any {
	claims := b.common("access", b.client.AccessLifetime())
	claims["client_id"] = b.client.ID
	claims["username"] = b.user.Username
	claims["scope"] = b.change.scopesOf(b.family.Scopes)
	if b.family.DeviceKey != "" {
		claims["device_key"] = b.family.DeviceKey
	}
	if o := b.extra.OAuth; o != nil {
		claims["version"] = 2
		if o.Audience != "" {
			claims["aud"] = o.Audience
		}
	}
	return claims
}

func (b *builder) idClaims() map[string]any {
	claims := map[string]any{}
	shown := func(string) bool { return true }
	if b.extra.OAuth != nil {
		shown = opened(b.family.Scopes)
	}
	for name, value := range b.user.Attributes {
		// Who vouches for a user is said to every client.
		if value != "" && (name == attrIdentities || b.client.CanRead(b.pool, name) && shown(name)) {
			claims[name] = claimValue(name, value)
		}
	}
	for name, value := range b.common("id", b.client.IDLifetime()) {
		claims[name] = value
	}
	claims["aud"] = b.client.ID
	claims["cognito:username"] = b.user.Username
	if b.nonce != "" {
		claims["nonce"] = b.nonce
	}
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
	case attrIdentities:
		return identityClaims(value)
	case "address":
		return map[string]string{"formatted": value}
	}
	return value
}

const attrIdentities = "identities"

// identityClaim is an entry of the claim identities. As an attribute it has a boolean and a number where this has text.
type identityClaim struct {
	UserID       string  `json:"userId"`
	ProviderName string  `json:"providerName"`
	ProviderType string  `json:"providerType"`
	Issuer       *string `json:"issuer"`
	Primary      string  `json:"primary"`
	DateCreated  string  `json:"dateCreated"`
}

// identityClaims turns the attribute into the claim.
func identityClaims(attribute string) any {
	var list []struct {
		identityClaim
		Primary     bool  `json:"primary"`
		DateCreated int64 `json:"dateCreated"`
	}
	if err := json.Unmarshal([]byte(attribute), &list); err != nil {
		return attribute
	}
	claims := make([]identityClaim, len(list))
	for i, entry := range list {
		claims[i] = entry.identityClaim
		claims[i].Primary, claims[i].DateCreated = strconv.FormatBool(entry.Primary), strconv.FormatInt(entry.DateCreated, 10)
	}
	return claims
}
