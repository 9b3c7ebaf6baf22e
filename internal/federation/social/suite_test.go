package social_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cognate/internal/federation"
	"cognate/internal/federation/federationtest"
	"cognate/internal/federation/social"
	"cognate/internal/outbound"
)

// openAt opens a kind at a stand-in, by details beside those that all have, with claims mapped.
func openAt(t *testing.T, n *federationtest.Network, kind string, details map[string]string, claims ...string) *federationtest.Suite {
	t.Helper()
	d := map[string]string{"client_id": federationtest.ClientID, "authorize_url": n.URL + "/auth", "token_url": n.URL + "/token"}
	if kind != "SignInWithApple" {
		d["client_secret"] = federationtest.Secret
	}
	for name, value := range details {
		d[name] = value
	}
	k := social.Kinds(federation.Env{HTTP: outbound.NewClient(true, nil), Dev: true, Skew: time.Minute})[kind]
	full, err := k.Check(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	s := n.Suite()
	if s.Provider, err = k.Open(federation.Settings{Name: kind, Type: kind, Details: full, Claims: claims}); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFacebookSuite asks for the token by GET, for what is mapped of the profile, and proves with that that the app asks.
func TestFacebookSuite(t *testing.T) {
	federationtest.Run(t, func(t *testing.T) *federationtest.Suite {
		n := federationtest.NewNetwork(t)
		n.Asks, n.Method = url.Values{"scope": {"public_profile,email"}}, http.MethodGet
		n.Info = func(r *http.Request, access, subject string) any {
			mac := hmac.New(sha256.New, []byte(federationtest.Secret))
			mac.Write([]byte(access))
			want := url.Values{"access_token": {access}, "appsecret_proof": {hex.EncodeToString(mac.Sum(nil))}, "fields": {"id,Age_range2,email,first_name"}}
			if r.Method != http.MethodGet || r.URL.Query().Encode() != want.Encode() {
				t.Errorf("the profile was asked for by %s %s", r.Method, r.URL)
			}
			return map[string]string{"id": subject, "first_name": "Mary"}
		}
		s := openAt(t, n, "Facebook", map[string]string{"authorize_scopes": "public_profile, email", "attributes_url": n.URL + "/me?fields="},
			"", "Age_range2", "access_token", "email", "first_name", "friends{email}", "id", "id_token", "name,friends", "picture.type(large)", "é", "x&fields=id", strings.Repeat("x", 65))
		s.Told = federation.Claims{"first_name": {"Mary"}}
		return s
	})
}

// TestAmazonSuite is plain OAuth 2.0.
func TestAmazonSuite(t *testing.T) {
	federationtest.Run(t, func(t *testing.T) *federationtest.Suite {
		n := federationtest.NewNetwork(t)
		n.Asks = url.Values{"scope": {"profile postal_code"}}
		n.Info = func(_ *http.Request, _, subject string) any {
			return map[string]string{"user_id": subject, "postal_code": "98052"}
		}
		s := openAt(t, n, "LoginWithAmazon", map[string]string{"authorize_scopes": "profile postal_code", "attributes_url": n.URL + "/me"})
		s.Told = federation.Claims{"postal_code": {"98052"}}
		return s
	})
}

// TestAppleSuite has the answer posted, and signs a new secret each time.
func TestAppleSuite(t *testing.T) {
	ours := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	text := base64.StdEncoding.EncodeToString(must(x509.MarshalPKCS8PrivateKey(ours)))
	federationtest.Run(t, func(t *testing.T) *federationtest.Suite {
		n := federationtest.NewNetwork(t)
		n.OIDC, n.Asks, n.Claims = true, url.Values{"scope": {"email name"}, "response_mode": {"form_post"}}, map[string]any{"email": "mary@example.com", "email_verified": "true"}
		n.Authenticate = func(_ *http.Request, form url.Values) error {
			defer form.Del("client_secret")
			return checkAppleSecret(form.Get("client_secret"), ours, n.URL)
		}
		s := openAt(t, n, "SignInWithApple", map[string]string{"authorize_scopes": "email name", "team_id": "TEAM", "key_id": "KEY", "private_key": text, "oidc_issuer": n.URL, "jwks_uri": n.URL + "/keys"})
		s.Told = federation.Claims{"email": {"mary@example.com"}, "email_verified": {"true"}}
		s.Secrets = append(s.Secrets, text)
		return s
	})
}

func checkAppleSecret(text string, key *ecdsa.PrivateKey, audience string) error {
	token, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return err
	}
	payload, err := token.Verify(key.Public())
	if err != nil {
		return err
	}
	var c struct {
		Iss, Aud, Sub string
		Iat, Exp      int64
	}
	err = json.Unmarshal(payload, &c)
	if now := time.Now().Unix(); err != nil || c.Iss != "TEAM" || c.Sub != federationtest.ClientID || c.Aud != audience || c.Iat > now || c.Exp <= now || c.Exp > now+600 {
		return errors.New("a foul client secret " + string(payload))
	}
	return nil
}

// TestGoogleSuite needs no more than the ID token for the usual scopes, and asks the People API for the fields of others.
func TestGoogleSuite(t *testing.T) {
	t.Run("the usual scopes", func(t *testing.T) {
		federationtest.Run(t, func(t *testing.T) *federationtest.Suite {
			return googleAt(t, federationtest.NewNetwork(t), "profile email openid")
		})
	})
	t.Run("more", func(t *testing.T) {
		federationtest.Run(t, func(t *testing.T) *federationtest.Suite {
			n := federationtest.NewNetwork(t)
			n.Info = func(r *http.Request, _, subject string) any {
				if got := r.URL.RawQuery; got != "personFields=birthdays%2CphoneNumbers%2Cnames" {
					t.Errorf("asked for %s", got)
				}
				return json.RawMessage(`{"resourceName":` + string(must(json.Marshal("people/"+subject))) + `,"etag":"x","names":[{"displayName":"Mary P."}],
					"birthdays":[{"metadata":{"source":{"type":"ACCOUNT"}},"date":{"year":1910,"month":8,"day":27}},{"metadata":{"primary":true},"date":{"month":8,"day":27}}],
					"phoneNumbers":[{"metadata":{"primary":true},"value":"0155 5550123","canonicalForm":"+1555550123","type":"mobile"}]}`)
			}
			const scope = "https://www.googleapis.com/auth/user."
			s := googleAt(t, n, "openid "+scope+"birthday.read "+scope+"phonenumbers.read")
			s.Told["birthdays"], s.Told["phoneNumbers"], s.Told["names"] = []string{"0000-08-27"}, []string{"+1555550123"}, []string{"Mary P."}
			return s
		})
	})
}

func googleAt(t *testing.T, n *federationtest.Network, scopes string) *federationtest.Suite {
	n.OIDC, n.Asks, n.Claims = true, url.Values{"scope": {scopes}}, map[string]any{"picture": "https://x", "email_verified": true}
	s := openAt(t, n, "Google", map[string]string{"authorize_scopes": scopes, "oidc_issuer": n.URL, "jwks_uri": n.URL + "/keys", "attributes_url": n.URL + "/me?personFields="})
	s.Told = federation.Claims{"picture": {"https://x"}, "email_verified": {"true"}}
	return s
}

// TestGoogleRefusals have the code in them by which Google says what is wrong, and no person but who signs in tells fields.
func TestGoogleRefusals(t *testing.T) {
	for answer, want := range map[string]string{
		`{"error":"invalid_grant","error_description":"Bad Request"}`: "Google Error - 400 invalid_grant",
		`{"error":"<script>"}`: "Google Error - 400 error getting token",
		`{"error":7}`:          "Google Error - 400 error getting token",
		`no JSON`:              "Google Error - 400 error getting token",
	} {
		n := federationtest.NewNetwork(t)
		s := googleAt(t, n, "openid")
		n.Break(federationtest.TokenPath, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, answer, http.StatusBadRequest) }))
		googleFails(t, s, want)
	}
	for answer, want := range map[string]string{
		`{"resourceName":"people/2"}`: "Google Error - user info of another user",
		`{}`:                          "Google Error - no subject",
		`{"resourceName":"people/1","birthdays":[7]}`:      "Google Error - bad answer getting user info",
		`{"resourceName":["people/1","people/1"]}`:         "Google Error - no subject",
		`{"resourceName":"people/1","resourceName":"x"}`:   "Google Error - bad answer getting user info",
		`{"resourceName":"people/1","birthdays":"a text"}`: "Google Error - bad answer getting user info",
	} {
		n := federationtest.NewNetwork(t)
		n.Info = func(*http.Request, string, string) any { return nil }
		s := googleAt(t, n, "openid https://www.googleapis.com/auth/user.birthday.read")
		n.Break(federationtest.InfoPath, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) }))
		googleFails(t, s, want)
	}
}

func googleFails(t *testing.T, s *federationtest.Suite, want string) {
	t.Helper()
	r := federation.Request{ID: "_id", State: "s", Callback: s.Callback, Verifier: "verifier"}
	form := s.SignIn(t, must(s.Provider.Begin(t.Context(), r)), "1")
	a, err := s.Provider.Finish(t.Context(), federation.Callback{ID: r.ID, Callback: r.Callback, Verifier: r.Verifier, Form: form})
	if f, ok := errors.AsType[*federation.Error](err); !ok || f.Description != want {
		t.Errorf("%+v, %v, want %s", a, err, want)
	}
}
