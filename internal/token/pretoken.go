package token

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// Occasion is why tokens are made, for the pool's function that may change them (protocol page "tokens", section 10).
type Occasion struct {
	Source   string           // a trigger.SourceTokens...; empty is a sign-in by the API
	Metadata trigger.Metadata // what the app has sent for functions
}

// Change is what a function changes of a session's tokens; the zero value is nothing.
type Change struct {
	ID     trigger.ClaimChange         `json:"id,omitzero"`
	Access trigger.ClaimChange         `json:"access,omitzero"`
	Groups *trigger.GroupConfiguration `json:"groups,omitzero"` // nil for the user's own
}

// Ask has the pool's function say what is to be changed of the tokens of a grant, for a later [Grant.Change]. It must not be called
// in a transaction. Its errors are faults that may be shown, or the server's own.
func (s *Service) Ask(ctx context.Context, g Grant) (Change, error) {
	return s.ask(ctx, builder{pool: g.Pool, client: g.Client, user: holder{User: g.User}, family: store.Family{Scopes: g.Scopes}}, g.Occasion)
}

// maxChanges is how many claims and scopes a function may change, and maxChangeSize how many bytes these may have: no header that
// carries a token has as many.
const (
	maxChanges    = 5000
	maxChangeSize = 64 << 10
)

// ask has the pool's function say what is to be changed of the tokens of a user, who is at the client's, with scopes. It reads the
// user's groups for that. It must not be called in a transaction.
func (s *Service) ask(ctx context.Context, b builder, o Occasion) (Change, error) {
	config := b.pool.Functions().PreTokenGenerationConfig
	if config == nil {
		return Change{}, nil
	}
	u := b.user
	if u.groups == nil {
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			u.groups, err = groupsOf(tx, u.PoolID, u.Sub)
			return err
		})
		if err != nil {
			return Change{}, err
		}
	}
	if o.Source == "" {
		o.Source = trigger.SourceTokens
	}
	scene := b.pool.Scene(o.Source, b.client, u.Username)
	v1 := trigger.PreTokenRequestV1{UserAttributes: trigger.AttributesOf(u.User), GroupConfiguration: configurationOf(u.groups), ClientMetadata: o.Metadata}
	if config.LambdaVersion == idp.PreTokenGenerationLambdaVersionTypeV10 {
		response, err := trigger.PreTokenV1.Call(ctx, s.triggers, config.LambdaArn, scene, v1)
		if err != nil {
			return Change{}, err
		}
		c := changesV1(response)
		return c, c.check()
	}
	v2 := trigger.PreTokenRequestV2{UserAttributes: v1.UserAttributes, GroupConfiguration: v1.GroupConfiguration, ClientMetadata: o.Metadata, Scopes: strings.Fields(b.family.Scopes)}
	return s.askV2(ctx, config, scene, v2)
}

// askClient is ask for the token of a client itself, which functions of the third version alone hear of.
func (s *Service) askClient(ctx context.Context, p *pool.Pool, c *pool.Client, scopes []string, metadata trigger.Metadata) (Change, error) {
	config := p.Functions().PreTokenGenerationConfig
	if config == nil || config.LambdaVersion != idp.PreTokenGenerationLambdaVersionTypeV30 {
		return Change{}, nil
	}
	scene := p.Scene(trigger.SourceTokensClientCredentials, c, "ClientCredentials")
	return s.askV2(ctx, config, scene, trigger.PreTokenRequestV2{Scopes: scopes, ClientMetadata: metadata})
}

func (s *Service) askV2(ctx context.Context, config *idp.PreTokenGenerationVersionConfigType, scene trigger.Scene, request trigger.PreTokenRequestV2) (o Change, err error) {
	scene.Version = strings.TrimSuffix(strings.TrimPrefix(config.LambdaVersion, "V"), "_0")
	response, err := trigger.PreTokenV2.Call(ctx, s.triggers, config.LambdaArn, scene, request)
	if err != nil || response.Details == nil {
		return o, err
	}
	d := response.Details
	if d.ID != nil {
		o.ID = *d.ID
	}
	if d.Access != nil {
		o.Access = *d.Access
	}
	o.Groups = overridden(d.Groups)
	return o, o.check()
}

func changesV1(response trigger.PreTokenResponseV1) (o Change) {
	d := response.Details
	if d == nil {
		return o
	}
	o.ID.Suppress, o.Groups = d.Suppress, overridden(d.Groups)
	o.ID.Add = map[string]jsontext.Value{}
	for name, value := range d.Add {
		text, err := jsontext.AppendQuote(nil, value)
		if err == nil { // all text that JSON has brought is good
			o.ID.Add[name] = text
		}
	}
	return o
}

func overridden(g trigger.GroupOverride) *trigger.GroupConfiguration {
	if !g.There {
		return nil
	}
	return &g.To
}

// check refuses what no token can have.
func (o *Change) check() error {
	n, size := 0, 0
	count := func(words ...string) {
		for _, word := range words {
			n, size = n+1, size+len(word)
		}
	}
	for _, c := range []trigger.ClaimChange{o.ID, o.Access} {
		count(c.Suppress...)
		for name, value := range c.Add {
			count(name)
			size += len(value)
		}
	}
	count(o.Access.ScopesAdd...)
	count(o.Access.ScopesSuppress...)
	if g := o.Groups; g != nil {
		count(g.GroupsToOverride...)
		count(g.IAMRolesToOverride...)
	}
	odd := slices.ContainsFunc(o.Access.ScopesAdd, func(scope string) bool { return scope == "" || strings.ContainsAny(scope, " \t\r\n") })
	if n > maxChanges || size > maxChangeSize || odd {
		return trigger.Unrecognizable(errors.New("token: too many or too large changes, or a scope with a space"))
	}
	return nil
}

// configurationOf are a user's groups as functions see them.
func configurationOf(groups []store.Group) *trigger.GroupConfiguration {
	all, preferred := roles(groups)
	c := &trigger.GroupConfiguration{GroupsToOverride: groupNames(groups), IAMRolesToOverride: all}
	if preferred != "" {
		c.PreferredRole = &preferred
	}
	return c
}

const claimGroups = "cognito:groups"

// change makes the changes of a function in claims. What it must not change, it is not heard about.
func change(claims map[string]any, c trigger.ClaimChange) {
	for name, value := range c.Add {
		isClient := name == "aud" && claims["token_use"] == "access" && string(value) == quoted(claims["client_id"])
		if !isClient && (pool.IsReservedClaim(name) || strings.HasPrefix(name, "dev:")) || value.Kind() == 'n' {
			continue
		}
		if isComposite := value.Kind() == '{' || value.Kind() == '['; isComposite && claims["token_use"] == "id" && slices.Contains(pool.PlainClaims, name) {
			continue
		}
		claims[name] = value
	}
	for _, name := range c.Suppress {
		if name == claimGroups {
			withoutGroups(claims)
		} else if !pool.IsReservedClaim(name) {
			delete(claims, name)
		}
	}
}

func quoted(text any) string {
	s, _ := text.(string)
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return ""
	}
	return string(b)
}

func withoutGroups(claims map[string]any) {
	delete(claims, claimGroups)
	delete(claims, "cognito:roles")
	delete(claims, "cognito:preferred_role")
}

// scopesOf are the scopes of an access token as a function has changed them.
func (o *Change) scopesOf(scopes string) string {
	if len(o.Access.ScopesAdd)+len(o.Access.ScopesSuppress) == 0 {
		return scopes
	}
	list := strings.Fields(scopes)
	for _, scope := range o.Access.ScopesAdd {
		if !slices.Contains(list, scope) {
			list = append(list, scope)
		}
	}
	return strings.Join(slices.DeleteFunc(list, func(scope string) bool { return slices.Contains(o.Access.ScopesSuppress, scope) }), " ")
}

// regroup sets the claims of groups as a function has them; those of roles are for ID tokens.
func (o *Change) regroup(claims map[string]any) {
	if o.Groups == nil {
		return
	}
	withoutGroups(claims)
	if len(o.Groups.GroupsToOverride) > 0 {
		claims[claimGroups] = o.Groups.GroupsToOverride
	}
	if claims["token_use"] != "id" {
		return
	}
	if len(o.Groups.IAMRolesToOverride) > 0 {
		claims["cognito:roles"] = o.Groups.IAMRolesToOverride
	}
	if p := o.Groups.PreferredRole; p != nil && *p != "" {
		claims["cognito:preferred_role"] = *p
	}
}
