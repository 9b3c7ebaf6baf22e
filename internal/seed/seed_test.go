package seed_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/seed"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/user"
)

// core is an empty server's core.
func core(t *testing.T) (*pool.Registry, *user.Directory) {
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	return pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true}), user.New(db, keys, message.Nowhere{})
}

func write(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "seed.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const full = `
pools:
  - id: eu-west-1_Seeded01
    name: shop
    issuer: aws
    username_attributes: [email]
    auto_verified: [email]
    custom_attributes:
      - name: tenant
      - name: age
        type: Number
    password_policy:
      minimum_length: 12
      require_numbers: true
    clients:
      - id: seededclient
        secret: 0123456789abcdefghijklmnopqrstuvwxyz
        auth_flows: [ALLOW_USER_PASSWORD_AUTH]
        prevent_user_existence_errors: true
        refresh_token_rotation: true
        oauth:
          callback_urls: ["https://shop.example/cb"]
          logout_urls: ["https://shop.example/"]
    domain: shop
    groups:
      - name: admins
        description: They may all.
        precedence: 0
        role: arn:aws:iam::111122223333:role/admins
      - name: staff
    users:
      - username: ann@example.com
        password: ann
        attributes: {email_verified: "true", "custom:tenant": "42"}
        groups: [staff, admins]
      - username: bob@example.com
`

func TestApply(t *testing.T) {
	pools, users := core(t)
	d, err := seed.Load(write(t, full))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time finds everything there
		if err := d.Apply(t.Context(), pools, users); err != nil {
			t.Fatal(err)
		}
	}
	p, c, err := pools.PoolClient(t.Context(), "eu-west-1_Seeded01", "seededclient")
	if err != nil {
		t.Fatal(err)
	}
	if p.Region != "eu-west-1" || p.Name != "shop" || p.Issuer() != "aws" || *p.PasswordPolicy().MinimumLength != 12 {
		t.Errorf("the pool is %+v", p.Settings)
	}
	if !c.CheckSecret("0123456789abcdefghijklmnopqrstuvwxyz") || !c.HidesUsers() || c.Allows("ALLOW_USER_SRP_AUTH") {
		t.Errorf("the client is %+v", c.Settings)
	}
	if !c.AllowsGrant("code") || c.AllowsGrant("implicit") || !c.Callback("https://shop.example/cb") || !c.AfterLogout("https://shop.example/") || len(c.Scopes(p)) != 5 {
		t.Errorf("the client's OAuth settings are %+v", c.Settings)
	}
	if p, err = pools.Pool(t.Context(), p.ID); err != nil || p.Settings.Domain != "shop" {
		t.Errorf("the domain is %q, %v", p.Settings.Domain, err)
	}
	ann, err := users.SignIn(t.Context(), p, "ANN@example.com")
	if err != nil || !users.CheckPassword(p, ann.User, ann.Password, "ann") || ann.User.Attributes["custom:tenant"] != "42" {
		t.Errorf("ann is %+v, %v", ann, err)
	}
	if bob, err := users.SignIn(t.Context(), p, "bob@example.com"); err != nil || bob.HasPassword {
		t.Errorf("bob has a password (%v) or is not there (%v)", bob.HasPassword, err)
	}
}

// TestApplyGroups puts back what was taken away, and leaves what was changed.
func TestApplyGroups(t *testing.T) {
	pools, users := core(t)
	d, err := seed.Load(write(t, full))
	if err != nil {
		t.Fatal(err)
	}
	apply := func() *pool.Pool {
		if err := d.Apply(t.Context(), pools, users); err != nil {
			t.Fatal(err)
		}
		p, err := pools.Pool(t.Context(), "eu-west-1_Seeded01")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := apply()
	admins, err := users.Group(t.Context(), p, "admins")
	if err != nil || admins.Description != "They may all." || *admins.Precedence != 0 || admins.RoleArn != "arn:aws:iam::111122223333:role/admins" {
		t.Errorf("the admins are %+v, %v", admins, err)
	}
	if staff, err := users.Group(t.Context(), p, "staff"); err != nil || staff.Description != "" || staff.Precedence != nil || staff.RoleArn != "" {
		t.Errorf("the staff is %+v, %v", staff, err)
	}
	_, err = users.UpdateGroup(t.Context(), p, &idp.UpdateGroupRequest{GroupName: "admins", Description: "changed"})
	if err := errors.Join(err, users.RemoveFromGroup(t.Context(), p, "ann@example.com", "admins")); err != nil {
		t.Fatal(err)
	}
	apply()
	groups, _, err := users.GroupsOf(t.Context(), p, "ann@example.com", user.Page{})
	if err != nil || len(groups) != 2 || groups[0].Description != "changed" || groups[1].GroupName != "staff" {
		t.Errorf("ann is in %+v, %v", groups, err)
	}
	if groups, _, err := users.GroupsOf(t.Context(), p, "bob@example.com", user.Page{}); err != nil || len(groups) != 0 {
		t.Errorf("bob is in %+v, %v", groups, err)
	}
}

func TestBuiltIn(t *testing.T) {
	pools, users := core(t)
	if err := seed.BuiltIn().Apply(t.Context(), pools, users); err != nil {
		t.Fatal(err)
	}
	p, c, err := pools.PoolClient(t.Context(), "us-east-1_ExaMPle", "1example23456789")
	if err != nil {
		t.Fatal(err)
	}
	u, err := users.SignIn(t.Context(), p, "username")
	if err != nil || !users.CheckPassword(p, u.User, u.Password, "password") || c.HasSecret() {
		t.Errorf("the built-in user or client is wrong: %v", err)
	}
}

// TestLoadRefuses names the line of what is wrong, and shows no secret of the file (checklist 62).
func TestLoadRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"unknown key":          {"pools:\n  - id: us-east-1_A\n    nmae: x\n    clients:\n      - {id: c, secret: hunter2hunter2}\n", "[3:5]"},
		"unknown user key":     {"pools:\n  - id: us-east-1_A\n    users:\n      - username: u\n        password: hunter2hunter2\n        pasword: x\n", "[6:9]"},
		"repeated key":         {"pools:\n  - id: us-east-1_A\n    id: us-east-1_B\n    name: hunter2hunter2\n", "[3:5]"},
		"a list for a text":    {"pools:\n  - id: [hunter2hunter2]\n", "[2:"},
		"no YAML":              {"pools: [hunter2hunter2", "[1:"},
		"pool without id":      {"pools:\n  - name: x\n", "pool 1 has no id"},
		"client without id":    {"pools:\n  - id: us-east-1_A\n    clients:\n      - secret: hunter2hunter2\n", "client 1 of pool us-east-1_A has no id"},
		"group without name":   {"pools:\n  - id: us-east-1_A\n    groups:\n      - role: hunter2hunter2\n", "group 1 of pool us-east-1_A has no name"},
		"unknown group key":    {"pools:\n  - id: us-east-1_A\n    groups:\n      - name: g\n        rank: 1\n", "[5:9]"},
		"precedence as words":  {"pools:\n  - id: us-east-1_A\n    groups:\n      - name: g\n        precedence: first\n", "[5:21]"},
		"unknown group":        {"pools:\n  - id: us-east-1_A\n    groups:\n      - name: staff\n    users:\n      - username: u\n        password: hunter2hunter2\n        groups: [staff, admins]\n", "[8:25] user u: pool us-east-1_A has no group \"admins\""},
		"another pool's group": {"pools:\n  - id: us-east-1_A\n    groups: [{name: staff}]\n  - id: us-east-1_B\n    users:\n      - username: u\n        groups:\n          - staff\n", "[8:13] user u: pool us-east-1_B has no group \"staff\""},
		"a list for a group":   {"pools:\n  - id: us-east-1_A\n    users:\n      - username: u\n        groups: [[hunter2hunter2]]\n", "[5:18]"},
		"group by an alias":    {"pools:\n  - id: us-east-1_A\n    users:\n      - &u\n        username: u\n        groups: [g]\n      - *u\n", "[6:18] user u: pool us-east-1_A has no group \"g\""},
		"user without name":    {"pools:\n  - id: us-east-1_A\n    users:\n      - password: hunter2hunter2\n", "user 1 of pool us-east-1_A has no username"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := seed.Load(write(t, tt.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error is %q, want one with %q and without the secret", err, tt.want)
			}
		})
	}
}

// TestApplyRefuses passes on what the core says of a bad seed.
func TestApplyRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"bad pool id":    {"pools: [{id: nonsense}]", "nonsense"},
		"bad flow":       {"pools: [{id: us-east-1_A, clients: [{id: c, auth_flows: [ALLOW_EVERYTHING]}]}]", "client c"},
		"bad attribute":  {"pools: [{id: us-east-1_A, users: [{username: u, attributes: {email: x}}]}]", "user u"},
		"bad group":      {"pools: [{id: us-east-1_A, groups: [{name: two words}]}]", "group two words"},
		"bad role":       {"pools: [{id: us-east-1_A, groups: [{name: g, role: hello}]}]", "roleArn"},
		"bad precedence": {"pools: [{id: us-east-1_A, groups: [{name: g, precedence: -1}]}]", "precedence"},
		"bad issuer":     {"pools: [{id: us-east-1_A, issuer: \"ftp://x\"}]", "issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			pools, users := core(t)
			d, err := seed.Load(write(t, tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Apply(t.Context(), pools, users); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}
