package identitypool

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	pools "cognate/internal/pool"
)

// Tags of credentials that providers have whose administrator asks for the usual ones.
const (
	tagClient   = "client"
	tagUsername = "username"
)

// maxTagValue is how many characters of a claim a tag takes: those of a session may not have more.
const maxTagValue = 256

// tags are the principal tags of who has entered: what the claims of the logins say that have tags. Of two logins with one
// tag the first has it.
func (e entry) tags() (map[string]string, error) {
	out := map[string]string{}
	for _, l := range e.logins {
		own, err := l.tags(e.pool)
		if err != nil {
			return nil, err
		}
		for k, v := range own {
			if _, ok := out[k]; !ok {
				out[k] = v
			}
		}
	}
	return out, nil
}

func (l login) tags(p *pool) (map[string]string, error) {
	set, ok := p.PrincipalTags[l.key()]
	if !ok {
		set, ok = p.PrincipalTags[l.provider]
	}
	switch {
	case !ok || l.claims == nil:
		return nil, nil
	case set.UseDefaults:
		return map[string]string{tagClient: l.clientID, tagUsername: l.userID}, nil
	}
	c, err := l.parse()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for tag, claim := range set.Claims {
		if values := c.values(claim); len(values) == 1 && fitsTag(values[0]) {
			out[tag] = values[0]
		}
	}
	return out, nil
}

// fitsTag reports whether a tag can have a value: else the whole session would be refused.
func fitsTag(value string) bool {
	return utf8.RuneCountInString(value) <= maxTagValue && pools.IsTagText(value)
}

// key names the provider of a login together with the app that the token is for, as the mappings of pools do.
func (l login) key() string { return l.provider + ":" + l.clientID }

// claimSet is what a token says.
type claimSet map[string]any

func (l login) parse() (claimSet, error) {
	if l.claims == nil {
		return nil, nil
	}
	var c claimSet
	if err := json.Unmarshal(l.claims, &c); err != nil {
		return nil, fmt.Errorf("identitypool: claims of %s: %w", l.provider, err)
	}
	return c, nil
}

// values are those of a claim as texts: one, or the elements of a list. There are none of a claim that is not there, or
// an object.
func (c claimSet) values(claim string) []string {
	list, ok := c[claim].([]any)
	if !ok {
		list = []any{c[claim]}
	}
	var out []string
	for _, v := range list {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case bool:
			out = append(out, strconv.FormatBool(v))
		case float64:
			out = append(out, strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	return slices.Clip(out)
}
