package oauth_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/message"
	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
	"cognate/internal/user"
)

const callback = "https://app.example/cb?a=b"

// desk is the service over a pool with one client.
type desk struct {
	*oauth.Service
	db     *store.DB
	pools  *pool.Registry
	pool   *pool.Pool
	client *pool.Client
}

func newDesk(t testing.TB, o oauth.Options) *desk {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	pools := pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true, BaseDomain: "example.com"})
	users, tokens := user.New(db, keys, message.Nowhere{}), token.New(db, keys, pools, "https://id.example.com")
	d := &desk{Service: oauth.New(db, keys, pools, users, tokens, o), db: db, pools: pools}
	var err error
	d.pool, err = pools.CreateAs(t.Context(), "us-east-1_Desk", &idp.CreateUserPoolRequest{PoolName: "p"})
	must(err)
	d.client, err = pools.CreateClientAs(t.Context(), "desk", &idp.CreateUserPoolClientRequest{UserPoolId: d.pool.ID, ClientName: "app",
		AllowedOAuthFlowsUserPoolClient: new(true), AllowedOAuthFlows: []string{"code", "implicit"}, AllowedOAuthScopes: []string{"openid", "email"}, CallbackURLs: []string{callback}})
	must(err)
	_, err = pools.CreateDomain(t.Context(), &idp.CreateUserPoolDomainRequest{UserPoolId: d.pool.ID, Domain: "desk"})
	must(err)
	_, err = pools.CreateAs(t.Context(), "us-east-1_Other", &idp.CreateUserPoolRequest{PoolName: "o"})
	must(err)
	_, err = pools.CreateDomain(t.Context(), &idp.CreateUserPoolDomainRequest{UserPoolId: "us-east-1_Other", Domain: "other"})
	must(err)
	return d
}

func request(pairs ...string) string {
	q := url.Values{"client_id": {"desk"}, "response_type": {"code"}, "redirect_uri": {callback}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q.Encode()
}

// TestHosts serves a client at the domain of its pool and at hosts that are no pool's, never at another pool's.
func TestHosts(t *testing.T) {
	d := newDesk(t, oauth.Options{})
	for host, want := range map[string]bool{
		"desk.auth.us-east-1.example.com": true, "desk.auth.us-east-1.example.com:8443": true, "id.example.com": true, "127.0.0.1:9229": true, "": true,
		"other.auth.us-east-1.example.com": false, "OTHER.auth.us-east-1.example.com.": false,
	} {
		_, err := d.Parse(t.Context(), host, request())
		if want != (err == nil) {
			t.Errorf("at %q: %v", host, err)
		}
	}
}

// TestIssuerInAnswers adds iss where the operator wants it (checklist 28; RFC 9207).
func TestIssuerInAnswers(t *testing.T) {
	for on, want := range map[bool]string{false: "", true: "https://id.example.com/us-east-1_Desk"} {
		d := newDesk(t, oauth.Options{NameIssuer: on})
		u := store.User{PoolID: d.pool.ID, Sub: "6f1c2d3e-4b5a-4c7d-8e9f-0a1b2c3d4e5f", Username: "jane", UsernameKey: "jane", Status: "CONFIRMED", Enabled: true}
		if err := d.db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUser(u) }); err != nil {
			t.Fatal(err)
		}
		e := d.Entrance(&oauth.Request{Pool: d.pool, Page: oauth.PageAccount}, "agent", "")
		if err := e.Enter(t.Context(), authn.Entry{User: u, Flow: token.NewFlow()}, func(*store.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		r, err := d.Parse(t.Context(), "", request("state", "s"))
		if err != nil {
			t.Fatal(err)
		}
		to, err := d.Answer(t.Context(), r, e.Login)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Parse(t.Context(), "", request("scope", "x"))
		back, _ := errors.AsType[*oauth.RedirectError](err)
		for _, location := range []string{to, back.Location} {
			at, err := url.Parse(location)
			if err != nil || at.Query().Get("iss") != want {
				t.Errorf("%v: sent to %s", on, location)
			}
		}
	}
}

// TestPagesOfOurOwn need a client, and a way back that is the client's or none.
func TestPagesOfOurOwn(t *testing.T) {
	d := newDesk(t, oauth.Options{})
	if _, err := d.pools.CreateClientAs(t.Context(), "off", &idp.CreateUserPoolClientRequest{UserPoolId: d.pool.ID, ClientName: "off"}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"client_id=desk&goto=account": oauth.PageAccount, "client_id=desk&goto=passkeys": oauth.PagePasskeys,
		"client_id=desk&goto=account&redirect_uri=" + url.QueryEscape(callback): oauth.PageAccount,
		"client_id=desk&goto=account&redirect_uri=https://evil.example":         "",
		"client_id=desk&goto=//evil.example":                                    "", "client_id=nobody&goto=account": "", "goto=account": "",
		"client_id=off&goto=account": "",
	} {
		r, err := d.Parse(t.Context(), "", query)
		if (want == "") != (err != nil) || err == nil && r.Page != want {
			t.Errorf("%s: %v, %v", query, r, err)
		}
	}
}

// FuzzParse takes any query: what comes of it is a request for what the client may have, or an error that goes nowhere but to
// the client's own URI.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		request(), request("state", "s", "nonce", "n", "scope", "openid email"), request("response_type", "token"), "client_id=desk&goto=account",
		request("code_challenge", strings.Repeat("a", 43), "code_challenge_method", "S256", "resource", "https://api.example"),
		request("prompt", "none", "max_age", "1", "acr_values", "urn:cognito:loa:3"), "client_id=desk&client_id=x", "%zz", "redirect_uri=;&a=%00",
	} {
		f.Add(seed)
	}
	d := newDesk(f, oauth.Options{})
	f.Fuzz(func(t *testing.T, query string) {
		r, err := d.Parse(t.Context(), "", query)
		if back, ok := errors.AsType[*oauth.RedirectError](err); ok {
			if !strings.HasPrefix(back.Location, callback+"&") && !strings.HasPrefix(back.Location, callback+"#") || strings.ContainsAny(back.Location, "\r\n \x00") {
				t.Fatalf("sent to %q", back.Location)
			}
			return
		}
		if shown, ok := errors.AsType[*oauth.PageError](err); ok {
			if to := shown.Location("id"); to != "" && !strings.HasPrefix(to, "/error?") {
				t.Fatalf("shown at %q", to)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.RedirectURI != callback && (r.Page == "" || r.RedirectURI != "") {
			t.Fatalf("goes to %q", r.RedirectURI)
		}
		for scope := range strings.FieldsSeq(r.Scopes) {
			if !slices.Contains([]string{"openid", "email"}, scope) {
				t.Fatalf("scope %q", scope)
			}
		}
	})
}
