package clientconfig_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/clientconfig"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
)

// house is a set of pools, and the door over them.
type house struct {
	*testing.T
	db    *store.DB
	pools *pool.Registry
}

func onEngines(t *testing.T, test func(*house)) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		keys := secrettest.Keyring(t)
		test(&house{t, db, pool.New(db, keys, pool.Options{AccountID: "000000000000", Dev: true})})
	})
}

// pool makes one, with a domain, and a client of it.
func (h *house) pool(in idp.CreateUserPoolRequest, client idp.CreateUserPoolClientRequest) (id string) {
	h.Helper()
	in.PoolName, client.ClientName = "p", "c"
	p, err := h.pools.CreateAs(h.Context(), "eu-west-1_Shop", &in)
	if err != nil {
		h.Fatal(err)
	}
	if _, err := h.pools.CreateDomain(h.Context(), &idp.CreateUserPoolDomainRequest{UserPoolId: p.ID, Domain: "shop"}); err != nil {
		h.Fatal(err)
	}
	client.UserPoolId = p.ID
	c, err := h.pools.CreateClient(h.Context(), &client)
	if err != nil {
		h.Fatal(err)
	}
	return c.ID
}

// get asks the door of a server with two addresses.
func (h *house) get(path, public, secure string) (*http.Response, string) {
	h.Helper()
	s, err := clientconfig.New(h.pools, clientconfig.Options{PublicURL: public, SecureURL: secure, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		h.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	answer := w.Result()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		h.Fatal(err)
	}
	if answer.Header.Get("Access-Control-Allow-Origin") != "*" {
		h.Errorf("%s is not for pages of other origins: %v", path, answer.Header)
	}
	return answer, string(text)
}

func (h *house) wantJSON(got, want string) {
	h.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		h.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil || !reflect.DeepEqual(g, w) {
		h.Errorf("got  %s\nwant %s", got, want)
	}
}

const (
	clear  = "http://127.0.0.1:9229"
	secure = "https://127.0.0.1:9230"
)

// TestAmplify makes the configurations of a pool with everything and of one with nothing.
func TestAmplify(t *testing.T) {
	onEngines(t, func(h *house) {
		id := h.pool(idp.CreateUserPoolRequest{
			UsernameAttributes: []string{"email"}, AutoVerifiedAttributes: []string{"email"},
			Schema:                      []*idp.SchemaAttributeType{{Name: "email", Required: new(true)}, {Name: "given_name", Required: new(true)}, {Name: "x", AttributeDataType: "String"}},
			VerificationMessageTemplate: &idp.VerificationMessageTemplateType{DefaultEmailOption: "CONFIRM_WITH_LINK"},
			Policies: &idp.UserPoolPolicyType{
				PasswordPolicy: &idp.PasswordPolicyType{MinimumLength: new(int64(12)), RequireLowercase: new(true), RequireNumbers: new(true)},
				SignInPolicy:   &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP", "WEB_AUTHN"}},
			},
		}, idp.CreateUserPoolClientRequest{
			ExplicitAuthFlows:               []string{"ALLOW_USER_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
			AllowedOAuthFlowsUserPoolClient: new(true), AllowedOAuthFlows: []string{"code", "implicit"}, AllowedOAuthScopes: []string{"openid", "email"},
			CallbackURLs: []string{"http://localhost:3000/", "https://shop.example.com/"}, LogoutURLs: []string{"http://localhost:3000/"},
			SupportedIdentityProviders: []string{"COGNITO"},
		})
		if _, err := h.pools.SetMFA(h.Context(), &idp.SetUserPoolMfaConfigRequest{UserPoolId: "eu-west-1_Shop", MfaConfiguration: "OPTIONAL",
			SoftwareTokenMfaConfiguration: &idp.SoftwareTokenMfaConfigType{Enabled: new(true)},
			WebAuthnConfiguration:         &idp.WebAuthnConfigurationType{RelyingPartyId: "localhost", UserVerification: "required"}}); err != nil {
			h.Fatal(err)
		}
		const path = "/_cognate/clients/"
		answer, text := h.get(path+id+"/amplify.json", clear, secure)
		if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Cache-Control") != "no-store" {
			h.Errorf("%d %v", answer.StatusCode, answer.Header)
		}
		h.wantJSON(text, `{"region": "eu-west-1", "Auth": {"Cognito": {
			"userPoolId": "eu-west-1_Shop", "userPoolClientId": "`+id+`", "userPoolEndpoint": "http://127.0.0.1:9229", "signUpVerificationMethod": "link",
			"loginWith": {"username": false, "email": true, "phone": false, "oauth": {
				"domain": "shop.auth.eu-west-1.localhost:9230", "scopes": ["openid", "email"], "responseType": "code",
				"redirectSignIn": ["http://localhost:3000/", "https://shop.example.com/"], "redirectSignOut": ["http://localhost:3000/"]}},
			"userAttributes": {"email": {"required": true}, "given_name": {"required": true}},
			"mfa": {"status": "optional", "totpEnabled": true, "smsEnabled": false},
			"passwordFormat": {"minLength": 12, "requireLowercase": true, "requireUppercase": false, "requireNumbers": true, "requireSpecialCharacters": false},
			"passwordless": {"emailOtpEnabled": true, "smsOtpEnabled": false, "webAuthn": {"relyingPartyId": "localhost", "userVerification": "required"}}}}}`)

		for public, want := range map[string]string{
			"https://id.example.com": `"shop.auth.eu-west-1.localhost"`, "https://id.example.com:8443": `"shop.auth.eu-west-1.localhost:8443"`, clear: `"shop.auth.eu-west-1.localhost:9230"`,
		} {
			if _, text := h.get(path+id+"/amplify.json", public, secure); !strings.Contains(text, want) || !strings.Contains(text, `"`+public+`"`) {
				h.Errorf("%s, want %s", text, want)
			}
		}
		answer, module := h.get(path+id+"/amplify.ts", clear, secure)
		if !strings.HasPrefix(module, "import { Amplify } from 'aws-amplify';\n") || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") || strings.Contains(module, "--tls") {
			h.Errorf("%v %s", answer.Header, module)
		}
		if _, module := h.get(path+id+"/amplify.ts", clear, ""); !strings.Contains(module, `localhost:9229"`) || !strings.Contains(module, "start it with --tls") {
			h.Errorf("without HTTPS: %s", module)
		}
	})
}

// TestPlainAmplify is of a client that may not use the pages, in a pool that has a domain.
func TestPlainAmplify(t *testing.T) {
	onEngines(t, func(h *house) {
		id := h.pool(idp.CreateUserPoolRequest{AliasAttributes: []string{"phone_number"}}, idp.CreateUserPoolClientRequest{})
		_, text := h.get("/_cognate/clients/"+id+"/amplify.json", clear, secure)
		h.wantJSON(text, `{"region": "eu-west-1", "Auth": {"Cognito": {
			"userPoolId": "eu-west-1_Shop", "userPoolClientId": "`+id+`", "userPoolEndpoint": "http://127.0.0.1:9229", "signUpVerificationMethod": "code",
			"loginWith": {"username": true, "email": false, "phone": true}, "userAttributes": {},
			"mfa": {"status": "off", "totpEnabled": false, "smsEnabled": false},
			"passwordFormat": {"minLength": 8, "requireLowercase": true, "requireUppercase": true, "requireNumbers": true, "requireSpecialCharacters": true}}}}`)
	})
}

// TestNoConfiguration asks for clients that are not there, or have a secret, and when the store is gone.
func TestNoConfiguration(t *testing.T) {
	onEngines(t, func(h *house) {
		id := h.pool(idp.CreateUserPoolRequest{}, idp.CreateUserPoolClientRequest{GenerateSecret: new(true)})
		_, c, err := h.pools.Client(h.Context(), id)
		if err != nil {
			h.Fatal(err)
		}
		ask := func(client string, status int, want string) {
			for _, file := range []string{"amplify.json", "amplify.ts"} {
				answer, text := h.get("/_cognate/clients/"+client+"/"+file, clear, secure)
				if answer.StatusCode != status || answer.Header.Get("Content-Type") != "application/json" || strings.Contains(text, c.Describe().ClientSecret) {
					h.Errorf("%s: %d %v %s", client, answer.StatusCode, answer.Header, text)
				}
				h.wantJSON(text, want)
			}
		}
		ask("nosuch", 404, `{"__type": "ResourceNotFoundException", "message": "User pool client nosuch does not exist."}`)
		ask("%00", 404, `{"__type": "ResourceNotFoundException", "message": "User pool client \u0000 does not exist."}`)
		ask(id, 400, `{"__type": "InvalidParameterException", "message": "Client `+id+` has a secret, which Amplify cannot use: create a client without one."}`)
		h.db.Close()
		ask("other", 500, `{"__type": "InternalErrorException", "message": "Internal error."}`)
	})
}
