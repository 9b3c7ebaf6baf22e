package federation

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var errNotClaims = errors.New("federation: the claims are no JSON object")

// ReadMembers reads an object. A member that comes twice is refused.
func ReadMembers(text []byte) (map[string]jsontext.Value, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errNotClaims
	}
	return members, nil
}

// ClaimsOf turns members into text: strings as they are, a list's elements as several values, and all else as JSON writes it. Null is
// as if it were not there.
func ClaimsOf(members map[string]jsontext.Value) (Claims, error) {
	out := Claims{}
	for name, value := range members {
		if value.Kind() == 'n' {
			continue
		}
		values, err := valuesOf(value)
		if err != nil {
			return nil, err
		}
		out[name] = values
	}
	return out, nil
}

func valuesOf(v jsontext.Value) ([]string, error) {
	if v.Kind() != '[' {
		text, err := textOf(v)
		return []string{text}, err
	}
	var list []jsontext.Value
	if err := json.Unmarshal(v, &list); err != nil {
		return nil, errNotClaims
	}
	out := make([]string, len(list))
	for i, v := range list {
		var err error
		if out[i], err = textOf(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func textOf(v jsontext.Value) (string, error) {
	if v.Kind() != '"' {
		return strings.TrimSpace(string(v)), nil
	}
	var s string
	err := json.Unmarshal(v, &s)
	return s, err
}
