package social

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/internal/federation"
	"cognate/internal/federation/oidc"
)

// facebook has no ID token: who signed in is who the profile is of.
var facebook = rules{
	required: []string{"client_id", "client_secret", "authorize_scopes"}, optional: []string{"api_version", "attributes_url", "authorize_url", "token_url"},
	usual: map[string]string{"attributes_url_add_attributes": "true", "token_request_method": "GET", "api_version": "v23.0"},
	check: func(d map[string]string) error {
		version := d["api_version"]
		if strings.Trim(version, "v.0123456789") != "" {
			return invalidf("api_version is not valid.")
		}
		for name, usual := range map[string]string{
			"attributes_url": "https://graph.facebook.com/" + version + "/me?fields=",
			"authorize_url":  "https://www.facebook.com/" + version + "/dialog/oauth",
			"token_url":      "https://graph.facebook.com/" + version + "/oauth/access_token",
		} {
			if d[name] == "" {
				d[name] = usual
			}
		}
		return nil
	},
	open: func(env federation.Env, s federation.Settings) (federation.Provider, error) {
		return &profile{
			env: env, name: s.Name, details: s.Details, subject: "id", separator: ",", fields: facebookFields(s.Claims), request: facebookRequest,
		}, nil
	},
}

// amazon is the same, with other words.
var amazon = rules{
	required: []string{"client_id", "client_secret", "authorize_scopes"},
	usual: map[string]string{
		"attributes_url": "https://api.amazon.com/user/profile", "attributes_url_add_attributes": "false", "authorize_url": "https://www.amazon.com/ap/oa",
		"token_request_method": "POST", "token_url": "https://api.amazon.com/auth/o2/token",
	},
	open: func(env federation.Env, s federation.Settings) (federation.Provider, error) {
		return &profile{env: env, name: s.Name, details: s.Details, subject: "user_id", separator: " ", request: amazonRequest}, nil
	},
}

// profile is a network of plain OAuth 2.0. It is safe for concurrent use.
type profile struct {
	env       federation.Env
	name      string
	details   map[string]string
	subject   string // the member of the profile that names the user
	separator string // of scopes
	fields    string // what the profile is asked for, joined by commas; empty where it is as it is
	request   func(ctx context.Context, p *profile, access string) (*http.Request, error)
}

// facebookFields are what a profile is asked for: who it is of, and the claims that are mapped. Tokens can be mapped as well, and
// are no fields; a claim that no field can be called is never told. Graph refuses a request for a field that it does not have.
func facebookFields(claims []string) string {
	fields := []string{"id"}
	for _, name := range claims {
		if isField(name) && name != "id" && name != "access_token" && name != "id_token" {
			fields = append(fields, name)
		}
	}
	return strings.Join(fields, ",")
}

const maxField = 64 // letters

// isField reports whether a field of Graph can have that name. No other is sent: commas, braces, dots and brackets would ask for
// more than one field.
func isField(name string) bool {
	return name != "" && len(name) <= maxField && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// facebookRequest proves with the token that it comes from the app: a token that was stolen from another app is of no use.
func facebookRequest(ctx context.Context, p *profile, access string) (*http.Request, error) {
	mac := hmac.New(sha256.New, []byte(p.details["client_secret"]))
	mac.Write([]byte(access))
	address := p.details["attributes_url"] + url.QueryEscape(p.fields) + "&" +
		url.Values{"access_token": {access}, "appsecret_proof": {hex.EncodeToString(mac.Sum(nil))}}.Encode()
	return http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
}

func amazonRequest(ctx context.Context, p *profile, access string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.details["attributes_url"], nil)
	if err == nil {
		r.Header.Set("Authorization", "Bearer "+access)
	}
	return r, err
}

// Begin implements federation.Provider.
func (p *profile) Begin(_ context.Context, r federation.Request) (string, error) {
	u, err := url.Parse(p.details["authorize_url"])
	if err != nil {
		return "", err
	}
	scopes := strings.FieldsFunc(p.details["authorize_scopes"], func(c rune) bool { return c == ',' || c == ' ' })
	q := u.Query()
	q.Set("client_id", p.details["client_id"])
	q.Set("redirect_uri", r.Callback)
	q.Set("scope", strings.Join(scopes, p.separator))
	q.Set("response_type", "code")
	q.Set("state", r.State)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (p *profile) failed(cause error, format string, args ...any) error {
	return &federation.Error{Code: "invalid_request", Description: p.name + " Error - " + fmt.Sprintf(format, args...), Cause: cause}
}

// Finish implements federation.Provider.
func (p *profile) Finish(ctx context.Context, c federation.Callback) (*federation.Assertion, error) {
	if code := c.Form.Get("error"); code != "" {
		return nil, &federation.Error{Code: code, Description: c.Form.Get("error_description")}
	}
	if c.ID == "" || c.Form.Get("code") == "" {
		return nil, p.failed(nil, "no code")
	}
	access, answer, err := p.exchange(ctx, c)
	if err != nil {
		return nil, err
	}
	r, err := p.request(ctx, p, access)
	if err != nil {
		return nil, err
	}
	claims, err := oidc.ReadInfo(p.env, r, p.name, p.subject)
	if err != nil {
		return nil, err
	}
	answers := federation.Answers{TokenResponse: answer, UserInfo: maps.Clone(claims)}
	claims["access_token"] = []string{access}
	return &federation.Assertion{Subject: claims[p.subject][0], Claims: claims, Answers: &answers}, nil
}

// exchange turns the code into an access token, and returns the whole answer as well.
func (p *profile) exchange(ctx context.Context, c federation.Callback) (access string, answer []byte, err error) {
	form := url.Values{
		"code": {c.Form.Get("code")}, "redirect_uri": {c.Callback}, "client_id": {p.details["client_id"]}, "client_secret": {p.details["client_secret"]},
	}
	address, body := p.details["token_url"], ""
	if p.details["token_request_method"] == http.MethodGet {
		address += "?" + form.Encode()
	} else {
		form.Set("grant_type", "authorization_code")
		body = form.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, p.details["token_request_method"], address, strings.NewReader(body))
	if err != nil {
		return "", nil, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "application/json")
	status, answer, err := p.env.Do(r)
	if err != nil {
		return "", nil, federation.Unanswered(err, "Timeout occurred in calling IdP token endpoint", p.name+" Error - no answer getting token")
	}
	if status != http.StatusOK {
		return "", nil, p.failed(nil, "%d error getting token", status)
	}
	var t struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(answer, &t); err != nil || t.Access == "" {
		return "", nil, p.failed(err, "bad answer getting token")
	}
	return t.Access, answer, nil
}
