// Package seed puts pools, clients, groups and users with fixed ids and passwords into a server, from a YAML
// document: what a team's tests expect to be there. Applying a seed again creates what is missing and
// leaves what is there as it is.
package seed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/token"
	"cognate/internal/user"
)

// Document is a seed.
type Document struct {
	Pools []Pool `yaml:"pools"`
}

// Pool is a user pool with its clients, groups and users.
type Pool struct {
	ID                 string            `yaml:"id"`                  // "<region>_<letters and digits>"; required
	Name               string            `yaml:"name"`                // the id when empty
	Issuer             string            `yaml:"issuer"`              // "self" (default), "aws" or a URL
	CaseSensitive      bool              `yaml:"case_sensitive"`      // user names; false when absent
	UsernameAttributes []string          `yaml:"username_attributes"` // email, phone_number
	AliasAttributes    []string          `yaml:"alias_attributes"`    // email, phone_number, preferred_username
	AutoVerified       []string          `yaml:"auto_verified"`       // email, phone_number
	CustomAttributes   []CustomAttribute `yaml:"custom_attributes"`
	PasswordPolicy     *PasswordPolicy   `yaml:"password_policy"` // Cognito's default when absent
	Domain             string            `yaml:"domain"`          // prefix of the pool's own host name; none when empty
	Clients            []Client          `yaml:"clients"`
	Groups             []Group           `yaml:"groups"`
	Users              []User            `yaml:"users"`
}

// CustomAttribute is an attribute of the pool's own, without the prefix "custom:".
type CustomAttribute struct {
	Name string `yaml:"name"`
	Type string `yaml:"type"` // String (default), Number, Boolean, DateTime
}

// PasswordPolicy is what new passwords must have. The passwords of a seed are not held to it.
type PasswordPolicy struct {
	MinimumLength    int64 `yaml:"minimum_length"` // 8 when absent
	RequireUppercase bool  `yaml:"require_uppercase"`
	RequireLowercase bool  `yaml:"require_lowercase"`
	RequireNumbers   bool  `yaml:"require_numbers"`
	RequireSymbols   bool  `yaml:"require_symbols"`
}

// Client is an app client.
type Client struct {
	ID                   string   `yaml:"id"`
	Name                 string   `yaml:"name"`       // the id when empty
	Secret               string   `yaml:"secret"`     // none when empty
	AuthFlows            []string `yaml:"auth_flows"` // Cognito's default when absent
	HideUsers            bool     `yaml:"prevent_user_existence_errors"`
	RefreshTokenRotation bool     `yaml:"refresh_token_rotation"`
	OAuth                *OAuth   `yaml:"oauth"` // no OAuth 2.0 endpoints when absent
}

// OAuth opens the pages and the OAuth 2.0 endpoints to a client.
type OAuth struct {
	CallbackURLs []string `yaml:"callback_urls"`
	LogoutURLs   []string `yaml:"logout_urls"`
	Grants       []string `yaml:"grants"` // code (default), implicit, client_credentials
	Scopes       []string `yaml:"scopes"` // the five standard ones when absent
}

// Group is a group of the pool's users.
type Group struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	Precedence  *int64 `yaml:"precedence"` // none when absent
	Role        string `yaml:"role"`       // ARN of an IAM role
}

// User is a confirmed user.
type User struct {
	Username   string            `yaml:"username"`
	Password   string            `yaml:"password"` // none when empty
	Attributes map[string]string `yaml:"attributes"`
	Groups     []GroupName       `yaml:"groups"` // of the pool's
}

// GroupName names a group that a user is in.
type GroupName struct {
	Name string
	at   string // where it stands in the file, as errors say it
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (g *GroupName) UnmarshalYAML(node ast.Node) error {
	p := node.GetToken().Position
	g.at = fmt.Sprintf("[%d:%d]", p.Line, p.Column)
	return yaml.NodeToValue(node, &g.Name)
}

// Region is that of the pool of the built-in seed.
const Region = "us-east-1"

// BuiltIn is the seed of `cognate dev` without a file: the pool, client and user of the README.
func BuiltIn() *Document {
	return &Document{Pools: []Pool{{
		ID: Region + "_ExaMPle", Name: "example", AutoVerified: []string{"email"},
		Clients: []Client{{
			ID: "1example23456789", Name: "example",
			AuthFlows: []string{"ALLOW_USER_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
			OAuth:     &OAuth{CallbackURLs: devAddresses, LogoutURLs: devAddresses},
		}},
		Users: []User{{
			Username: "username", Password: "password",
			Attributes: map[string]string{"email": "username@example.com", "email_verified": "true"},
		}},
	}}}
}

// devAddresses are where apps are that are being developed, as the usual tools have it.
var devAddresses = []string{
	"http://localhost:3000/", "http://localhost:3000", "http://localhost:4200/", "http://localhost:5173/", "http://localhost:8080/",
	"http://127.0.0.1:3000/", "myapp://callback/",
}

// Load reads a seed file. An unknown or repeated key is an error that names its line; the lines
// themselves, which may hold passwords, are never shown.
func Load(path string) (*Document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := new(Document)
	if err := yaml.UnmarshalWithOptions(text, d, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false))
	}
	for i, p := range d.Pools {
		if p.ID == "" {
			return nil, fmt.Errorf("%s: pool %d has no id", path, i+1)
		}
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return d, nil
}

// check refuses what has no name, and users in groups that are not the pool's.
func (p *Pool) check() error {
	for j, c := range p.Clients {
		if c.ID == "" {
			return fmt.Errorf("client %d of pool %s has no id", j+1, p.ID)
		}
	}
	for j, g := range p.Groups {
		if g.Name == "" {
			return fmt.Errorf("group %d of pool %s has no name", j+1, p.ID)
		}
	}
	for j, u := range p.Users {
		if u.Username == "" {
			return fmt.Errorf("user %d of pool %s has no username", j+1, p.ID)
		}
		for _, in := range u.Groups {
			if !slices.ContainsFunc(p.Groups, func(g Group) bool { return g.Name == in.Name }) {
				return fmt.Errorf("%s user %s: pool %s has no group %q", in.at, u.Username, p.ID, in.Name)
			}
		}
	}
	return nil
}

// Apply creates what of the seed is missing. A pool that somebody has soft-deleted is left alone.
func (d *Document) Apply(ctx context.Context, pools *pool.Registry, users *user.Directory) error {
	for _, p := range d.Pools {
		if err := p.apply(ctx, pools, users); err != nil {
			return fmt.Errorf("seed: pool %s: %w", p.ID, err)
		}
	}
	return nil
}

func (p *Pool) apply(ctx context.Context, pools *pool.Registry, users *user.Directory) error {
	if hidden, err := pools.IsSoftDeleted(ctx, p.ID); err != nil || hidden {
		return err
	}
	made, err := pools.Pool(ctx, p.ID)
	if missing(err) {
		made, err = p.create(ctx, pools)
	}
	if err != nil {
		return err
	}
	for _, c := range p.Clients {
		_, _, err := pools.PoolClient(ctx, p.ID, c.ID)
		if missing(err) {
			err = c.create(ctx, pools, p.ID)
		}
		if err != nil {
			return fmt.Errorf("client %s: %w", c.ID, err)
		}
	}
	if p.Domain != "" && made.Settings.Domain == "" {
		if err := p.createDomain(ctx, pools); err != nil {
			return fmt.Errorf("domain %s: %w", p.Domain, err)
		}
	}
	for _, g := range p.Groups {
		if err := g.apply(ctx, made, users); err != nil {
			return fmt.Errorf("group %s: %w", g.Name, err)
		}
	}
	for _, u := range p.Users {
		if err := u.apply(ctx, made, users); err != nil {
			return fmt.Errorf("user %s: %w", u.Username, err)
		}
	}
	return nil
}

// create hands the pool to the core after the checks that the wire would have made.
func (p *Pool) create(ctx context.Context, pools *pool.Registry) (*pool.Pool, error) {
	in := p.request()
	if err := awsjson.Validate(idp.CreateUserPool, in); err != nil {
		return nil, err
	}
	return pools.CreateAs(ctx, p.ID, in)
}

func (p *Pool) createDomain(ctx context.Context, pools *pool.Registry) error {
	in := &idp.CreateUserPoolDomainRequest{UserPoolId: p.ID, Domain: p.Domain}
	if err := awsjson.Validate(idp.CreateUserPoolDomain, in); err != nil {
		return err
	}
	_, err := pools.CreateDomain(ctx, in)
	return err
}

func (c *Client) create(ctx context.Context, pools *pool.Registry, poolID string) error {
	in := c.request(poolID)
	if err := awsjson.Validate(idp.CreateUserPoolClient, in); err != nil {
		return err
	}
	_, err := pools.CreateClientAs(ctx, c.ID, in)
	return err
}

// missing reports whether err says that there is no such thing.
func missing(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && (f.Code == idp.CodeResourceNotFound || f.Code == idp.CodeUserNotFound)
}

func (p *Pool) request() *idp.CreateUserPoolRequest {
	in := &idp.CreateUserPoolRequest{
		PoolName:               p.Name,
		UsernameConfiguration:  &idp.UsernameConfigurationType{CaseSensitive: p.CaseSensitive},
		UsernameAttributes:     p.UsernameAttributes,
		AliasAttributes:        p.AliasAttributes,
		AutoVerifiedAttributes: p.AutoVerified,
	}
	if in.PoolName == "" {
		in.PoolName = p.ID
	}
	if p.Issuer != "" {
		in.UserPoolTags = map[string]string{"cognate:issuer": p.Issuer}
	}
	for _, a := range p.CustomAttributes {
		in.Schema = append(in.Schema, &idp.SchemaAttributeType{Name: a.Name, AttributeDataType: a.Type, Mutable: new(true)})
	}
	if w := p.PasswordPolicy; w != nil {
		in.Policies = &idp.UserPoolPolicyType{PasswordPolicy: w.policy()}
	}
	return in
}

func (w *PasswordPolicy) policy() *idp.PasswordPolicyType {
	p := &idp.PasswordPolicyType{
		RequireUppercase: new(w.RequireUppercase), RequireLowercase: new(w.RequireLowercase),
		RequireNumbers: new(w.RequireNumbers), RequireSymbols: new(w.RequireSymbols),
	}
	if w.MinimumLength > 0 {
		p.MinimumLength = new(w.MinimumLength)
	}
	return p
}

func (c *Client) request(poolID string) *idp.CreateUserPoolClientRequest {
	in := &idp.CreateUserPoolClientRequest{UserPoolId: poolID, ClientName: c.Name, ClientSecret: c.Secret, ExplicitAuthFlows: c.AuthFlows}
	if in.ClientName == "" {
		in.ClientName = c.ID
	}
	if c.HideUsers {
		in.PreventUserExistenceErrors = idp.PreventUserExistenceErrorTypesEnabled
	}
	if c.RefreshTokenRotation {
		in.RefreshTokenRotation = &idp.RefreshTokenRotationType{Feature: idp.FeatureTypeEnabled}
	}
	if c.OAuth != nil {
		c.OAuth.into(in)
	}
	return in
}

func (o *OAuth) into(in *idp.CreateUserPoolClientRequest) {
	in.AllowedOAuthFlowsUserPoolClient, in.SupportedIdentityProviders = new(true), []string{pool.ProviderSelf}
	in.CallbackURLs, in.LogoutURLs, in.AllowedOAuthFlows, in.AllowedOAuthScopes = o.CallbackURLs, o.LogoutURLs, o.Grants, o.Scopes
	if len(in.AllowedOAuthFlows) == 0 {
		in.AllowedOAuthFlows = []string{pool.GrantCode}
	}
	if len(in.AllowedOAuthScopes) == 0 {
		in.AllowedOAuthScopes = []string{"openid", "email", "phone", "profile", token.ScopeAdmin}
	}
}

func (g *Group) apply(ctx context.Context, p *pool.Pool, users *user.Directory) error {
	in := &idp.CreateGroupRequest{UserPoolId: p.ID, GroupName: g.Name, Description: g.Description, RoleArn: g.Role, Precedence: g.Precedence}
	if err := awsjson.Validate(idp.CreateGroup, in); err != nil {
		return err
	}
	_, err := users.Group(ctx, p, g.Name)
	if missing(err) {
		_, err = users.CreateGroup(ctx, p, in)
	}
	return err
}

func (u *User) apply(ctx context.Context, p *pool.Pool, users *user.Directory) error {
	_, err := users.Find(ctx, p, u.Username)
	if missing(err) {
		err = users.Seed(ctx, p, u.Username, u.Password, u.Attributes)
	}
	if err != nil {
		return err
	}
	for _, in := range u.Groups {
		if err := users.AddToGroup(ctx, p, u.Username, in.Name); err != nil {
			return fmt.Errorf("group %s: %w", in.Name, err)
		}
	}
	return nil
}
