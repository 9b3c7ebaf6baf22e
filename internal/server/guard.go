package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"cognate/internal/access"
	"cognate/internal/awsjson"
	"cognate/internal/credential/embedded"
	"cognate/internal/fault"
	"cognate/internal/policy"
)

// guard proves who signs requests, and decides what each may do.
type guard struct {
	own       map[string]ownKey // the keys of the configuration, by id
	access    *access.Registry
	broker    *embedded.Broker
	accountID string
	region    string // the server's only one; empty is all
	dev       bool
	tls       bool // clients come by TLS
}

// ownKey is a key of the configuration.
type ownKey struct {
	secret string
	policy *policy.Document
}

// everything is what a key may do whose configuration names no policy.
var everything = must(policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // of what is written here
	}
	return v
}

// newGuard makes the guard of a server. A production server without any key would be of no use.
func (s *Server) newGuard(ctx context.Context, keys *access.Registry, broker *embedded.Broker) (*guard, error) {
	c := &s.config
	g := &guard{access: keys, broker: broker, accountID: c.AccountID, region: c.Region, dev: c.Dev, tls: strings.HasPrefix(c.PublicURL, "https://")}
	if g.dev {
		return g, nil
	}
	var err error
	if g.own, err = c.keys(); err != nil {
		return nil, err
	}
	made, err := keys.Keys(ctx)
	if err == nil && len(g.own)+len(made) == 0 {
		err = errors.New("access_keys is missing, and `cognate keys create` has made none: there are no default credentials")
	}
	return g, err
}

// keys reads the access keys of a configuration.
func (c *Config) keys() (map[string]ownKey, error) {
	out := map[string]ownKey{}
	for i, k := range c.AccessKeys {
		if k.ID == "" {
			return nil, fmt.Errorf("access key %d has no id", i+1)
		}
		own, err := k.read()
		if err != nil {
			return nil, fmt.Errorf("access key %s: %w", k.ID, err)
		}
		out[k.ID] = own
	}
	return out, nil
}

func (k AccessKey) read() (ownKey, error) {
	text, err := readSecret(k.SecretFile, k.SecretEnv)
	switch {
	case err != nil:
		return ownKey{}, err
	case len(text) < 20:
		return ownKey{}, errors.New("its secret is shorter than 20 characters")
	case k.PolicyFile == "":
		return ownKey{text, everything}, nil
	}
	document, err := os.ReadFile(k.PolicyFile)
	if err != nil {
		return ownKey{}, fmt.Errorf("policy_file: %w", err)
	}
	d, err := policy.Parse(document)
	if err != nil {
		return ownKey{}, fmt.Errorf("policy_file %s: %w", k.PolicyFile, err)
	}
	return ownKey{text, d}, nil
}

// holder finds whose an access key is. Those of the configuration go first.
func (g *guard) holder(ctx context.Context, id string) (awsjson.Holder, error) {
	if k, ok := g.own[id]; ok {
		return awsjson.Holder{ARN: g.user(id), Secret: k.secret, Of: k.policy}, nil
	}
	k, err := g.access.Key(ctx, id)
	if errors.Is(err, access.ErrNoKey) {
		return awsjson.Holder{}, awsjson.ErrUnknownKey
	}
	if err != nil {
		return awsjson.Holder{}, err
	}
	value, err := g.access.Secret(k)
	return awsjson.Holder{ARN: g.user(k.Name), Secret: string(value), Of: k.Policy}, err
}

// user is the ARN of whom keys are.
func (g *guard) user(name string) string { return "arn:aws:iam::" + g.accountID + ":user/" + name }

// session finds whose a session is that this server has begun.
func (g *guard) session(token, accessKeyID string) (awsjson.Holder, error) {
	s, err := g.broker.Open(token, accessKeyID)
	if errors.Is(err, embedded.ErrExpired) {
		err = awsjson.ErrSessionExpired
	}
	if err != nil {
		return awsjson.Holder{}, err
	}
	return awsjson.Holder{ARN: s.ARN(), Secret: s.SecretAccessKey, Of: &s}, nil
}

// authorize implements [awsjson.Authorizer]. In development, access keys may do everything; sessions never may do more than their role.
func (g *guard) authorize(ctx context.Context, c awsjson.Caller, action, resource string) error {
	if g.dev && !c.Temporary {
		return nil
	}
	layers, err := g.policies(ctx, c)
	if err != nil {
		return err
	}
	r := policy.Request{Action: action, Resource: g.arn(resource), Context: g.context(c)}
	for _, l := range layers {
		switch policy.Decide(l.documents, r) {
		case policy.Denied:
			return denied(c, r, "with an explicit deny in "+l.article+" "+l.kind)
		case policy.NotAllowed:
			return denied(c, r, "because no "+l.kind+" allows the "+action+" action")
		}
	}
	return nil
}

// layer is policies of one kind. Each kind must allow what is to be allowed.
type layer struct {
	article, kind string
	documents     []*policy.Document
}

func ofIdentity(documents ...*policy.Document) layer {
	return layer{"an", "identity-based policy", documents}
}

// denied is AWS's answer to who may not do something.
func denied(c awsjson.Caller, r policy.Request, why string) error {
	return fault.Newf("AccessDeniedException", "User: %s is not authorized to perform: %s on resource: %s %s", c.ARN, r.Action, r.Resource, why)
}

// policies are those of who has signed a request: one layer at least, which allows nothing where nobody has said what they may do.
func (g *guard) policies(ctx context.Context, c awsjson.Caller) ([]layer, error) {
	switch of := c.Of.(type) {
	case *policy.Document:
		return []layer{ofIdentity(of)}, nil
	case *embedded.Session:
		return g.policiesOf(ctx, of)
	}
	return []layer{ofIdentity()}, nil
}

// policiesOf are those of a session: its role's, and the one that it was narrowed by.
func (g *guard) policiesOf(ctx context.Context, s *embedded.Session) ([]layer, error) {
	role, err := g.access.Role(ctx, s.RoleARN)
	switch {
	case errors.Is(err, access.ErrNoRole):
		return []layer{ofIdentity()}, nil
	case err != nil:
		return nil, err
	case s.Policy == "":
		return []layer{ofIdentity(role.Policy)}, nil
	}
	narrow, err := policy.Parse([]byte(s.Policy))
	return []layer{ofIdentity(role.Policy), {"a", "session policy", []*policy.Document{narrow}}}, err
}

// arn is the ARN of what a request names: a pool by its id, or by an ARN already.
func (g *guard) arn(resource string) string {
	if resource == "*" || strings.HasPrefix(resource, "arn:") {
		return resource
	}
	if region, _, ok := strings.Cut(resource, ":"); ok {
		return "arn:aws:cognito-identity:" + region + ":" + g.accountID + ":identitypool/" + resource
	}
	region, _, _ := strings.Cut(resource, "_")
	return "arn:aws:cognito-idp:" + cmp.Or(g.region, region) + ":" + g.accountID + ":userpool/" + resource
}

// context is what conditions of policies may be about (IAM User Guide, "AWS global condition context keys", and the keys of web
// identity federation).
func (g *guard) context(c awsjson.Caller) policy.Context {
	now := time.Now().UTC()
	out := policy.Context{
		"aws:sourceip":         {c.IP},
		"aws:securetransport":  {strconv.FormatBool(g.tls)},
		"aws:currenttime":      {now.Format(time.RFC3339)},
		"aws:epochtime":        {strconv.FormatInt(now.Unix(), 10)},
		"aws:requestedregion":  {c.Region},
		"aws:principalaccount": {g.accountID},
		"aws:principalarn":     {c.ARN},
		"aws:principaltype":    {"User"},
	}
	if _, name, ok := strings.Cut(c.ARN, ":user/"); ok {
		out["aws:username"] = []string{name}
	}
	s, ok := c.Of.(*embedded.Session)
	if !ok {
		return out
	}
	out["aws:principalarn"], out["aws:principaltype"] = []string{s.RoleARN}, []string{"AssumedRole"}
	const provider = "cognito-identity.amazonaws.com"
	out["aws:federatedprovider"] = []string{provider}
	out[provider+":sub"], out[provider+":aud"], out[provider+":amr"] = []string{s.IdentityID}, []string{s.PoolID}, s.AMR
	for key, value := range s.Tags {
		out["aws:principaltag/"+strings.ToLower(key)] = []string{value}
	}
	return out
}
