package social

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"cognate/internal/federation"
	"cognate/internal/federation/oidc"
)

// apple wants a client secret that its key signs, and the answer posted where scopes are asked for.
var apple = rules{
	required: []string{"client_id", "team_id", "key_id", "private_key", "authorize_scopes"}, optional: []string{"jwks_uri", "attributes_url"},
	usual: map[string]string{
		"attributes_url_add_attributes": "false", "authorize_url": "https://appleid.apple.com/auth/authorize",
		"oidc_issuer": "https://appleid.apple.com", "token_request_method": "POST", "token_url": "https://appleid.apple.com/auth/token",
	},
	check: func(d map[string]string) error {
		if _, err := parseAppleKey(d["private_key"]); err != nil {
			return invalidf("private_key must be an EC private key in PKCS #8.")
		}
		return nil
	},
	open: openApple,
}

func openApple(env federation.Env, s federation.Settings) (federation.Provider, error) {
	key, err := parseAppleKey(s.Details["private_key"])
	if err != nil {
		return nil, err
	}
	d := maps.Clone(s.Details)
	s = withoutUserInfo(s, "https://appleid.apple.com/auth/keys")
	s.Details["authorize_scopes"] = d["authorize_scopes"] // its scopes are name and email; an ID token always comes
	return oidc.Open(env, s, oidc.Variant{
		Parameters: map[string]string{"response_mode": "form_post"},
		Secret:     func() (string, error) { return appleSecret(d, key) },
		Told:       appleUser,
	}), nil
}

// parseAppleKey reads the file that Apple hands out, with or without the lines around it.
func parseAppleKey(text string) (*ecdsa.PrivateKey, error) {
	var der []byte
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err != nil {
			return nil, err
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve.Params().BitSize != 256 {
		return nil, errors.New("social: the key is not one of P-256")
	}
	return ec, nil
}

// secretLifetime is how long a client secret is good: one is made for each exchange.
const secretLifetime = 5 * time.Minute

func appleSecret(d map[string]string, key *ecdsa.PrivateKey) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, new(jose.SignerOptions).WithHeader("kid", d["key_id"]))
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": d["team_id"], "iat": now.Unix(), "exp": now.Add(secretLifetime).Unix(), "aud": d["oidc_issuer"], "sub": d["client_id"],
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// appleUser reads the field that comes with the first consent alone. The browser carries it, so that it names nobody: the
// e-mail address is the ID token's.
func appleUser(form url.Values) federation.Claims {
	var user struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	out := federation.Claims{}
	if json.Unmarshal([]byte(form.Get("user")), &user) != nil {
		return out
	}
	for claim, value := range map[string]string{"firstName": user.Name.First, "lastName": user.Name.Last} {
		if value != "" {
			out[claim] = []string{value}
		}
	}
	return out
}
