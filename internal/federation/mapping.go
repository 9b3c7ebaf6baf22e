package federation

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Map turns claims into attributes by an AttributeMapping, whose keys are attributes and whose values name claims. A claim that
// is not there leaves its attribute out; an empty one makes it empty. Of several values all are taken, joined by commas within
// brackets, each form-encoded (section 5 of the protocol page).
func Map(mapping map[string]string, c Claims) map[string]string {
	out := map[string]string{}
	for _, attribute := range slices.Sorted(maps.Keys(mapping)) {
		values, ok := c[mapping[attribute]]
		if !ok || attribute == "username" {
			continue
		}
		out[attribute] = joined(values)
	}
	return out
}

func joined(values []string) string {
	if len(values) == 0 {
		return ""
	}
	if len(values) == 1 {
		return values[0]
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(v), "%2A", "*"), "~", "%7E")
	}
	return "[" + strings.Join(parts, ",") + "]"
}
