package social

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/internal/federation"
	"cognate/internal/federation/oidc"
)

// google tells most in the ID token, and the rest through its People API.
var google = rules{
	required: []string{"client_id", "client_secret", "authorize_scopes"}, optional: []string{"jwks_uri"},
	usual: map[string]string{
		"attributes_url": "https://people.googleapis.com/v1/people/me?personFields=", "attributes_url_add_attributes": "true",
		"authorize_url": "https://accounts.google.com/o/oauth2/v2/auth", "oidc_issuer": "https://accounts.google.com",
		"token_request_method": "POST", "token_url": "https://www.googleapis.com/oauth2/v4/token",
	},
	open: func(env federation.Env, s federation.Settings) (federation.Provider, error) {
		v := oidc.Variant{Codes: true}
		if fields := personFields(s.Details["authorize_scopes"]); len(fields) > 0 {
			v.Info = person{env, s.Name, s.Details["attributes_url"], fields}.read
		}
		return oidc.Open(env, withoutUserInfo(s, "https://www.googleapis.com/oauth2/v3/certs"), v), nil
	},
}

// scopePrefix begins the scopes that let the People API tell a field.
const scopePrefix = "https://www.googleapis.com/auth/user."

var scopeFields = map[string]string{
	"addresses.read": "addresses", "birthday.read": "birthdays", "emails.read": "emailAddresses", "gender.read": "genders",
	"organization.read": "organizations", "phonenumbers.read": "phoneNumbers",
}

// personFields are the fields that scopes let us see, and that are not in the ID token; none for the usual scopes, so that the
// People API, which has to be switched on at Google, is not asked without need.
func personFields(scopes string) (fields []string) {
	for _, scope := range strings.Fields(scopes) {
		name, ok := strings.CutPrefix(scope, scopePrefix)
		if field := scopeFields[name]; ok && field != "" && !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	if len(fields) > 0 {
		fields = append(fields, "names")
	}
	return fields
}

// person asks the People API for fields of who signs in.
type person struct {
	env       federation.Env
	name, url string // of the provider; of its attributes
	fields    []string
}

func (p person) read(ctx context.Context, access, subject string) (federation.Claims, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+url.QueryEscape(strings.Join(p.fields, ",")), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+access)
	told, err := oidc.ReadInfo(p.env, r, p.name, "resourceName")
	if err != nil {
		return nil, err
	}
	if who := told["resourceName"][0]; who != "people/"+subject {
		return nil, &federation.Error{Code: "invalid_request", Description: p.name + " Error - user info of another user", Cause: fmt.Errorf("social: the person is %q", who)}
	}
	out := federation.Claims{}
	for _, field := range p.fields {
		text, err := primary(told[field])
		if err != nil {
			return nil, &federation.Error{Code: "invalid_request", Description: p.name + " Error - bad answer getting user info", Cause: err}
		}
		if text != "" {
			out[field] = []string{text}
		}
	}
	return out, nil
}

// personField is what is read of one of several values of a field: which member tells depends on the field.
type personField struct {
	Metadata struct {
		Primary bool `json:"primary"`
	} `json:"metadata"`
	Date *struct {
		Year  int `json:"year"`
		Month int `json:"month"`
		Day   int `json:"day"`
	} `json:"date"`
	Canonical string `json:"canonicalForm"`
	Value     string `json:"value"`
	Display   string `json:"displayName"`
	Formatted string `json:"formattedValue"`
	Name      string `json:"name"`
	Text      string `json:"text"`
}

// primary is the text of the value that is the primary one, or of the first; empty when there is none.
func primary(values []string) (string, error) {
	text := ""
	for i, v := range values {
		var f personField
		if err := json.Unmarshal([]byte(v), &f); err != nil {
			return "", errors.New("social: a field of the person is not readable")
		}
		if i == 0 || f.Metadata.Primary {
			text = f.text()
		}
		if f.Metadata.Primary {
			break
		}
	}
	return text, nil
}

// text is the field as an attribute has it: a date by ISO 8601, with the year 0000 where that is not told, and a telephone number
// by E.164 where Google knows it so.
func (f personField) text() string {
	if f.Date != nil {
		return fmt.Sprintf("%04d-%02d-%02d", f.Date.Year, f.Date.Month, f.Date.Day)
	}
	for _, text := range []string{f.Canonical, f.Value, f.Display, f.Formatted, f.Name, f.Text} {
		if text != "" {
			return text
		}
	}
	return ""
}
