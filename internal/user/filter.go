package user

import (
	"slices"
	"strings"

	"cognate/internal/store"
)

// filter is the condition of ListUsers: one attribute, "=" or "^=" (begins with), and a value. The zero
// filter selects every user. The grammar is that of the protocol page "users-and-pools", section 5.
type filter struct{ attr, op, value string }

// searchable are the attributes that a filter can name.
var searchable = []string{
	"username", attrEmail, attrPhone, "name", "given_name", "family_name", attrPreferred,
	"cognito:user_status", "status", attrSub,
}

var errFilter = invalid("Error while parsing filter.")

// parseFilter reads a filter; a blank text is the zero filter.
func parseFilter(text string) (filter, error) {
	if !store.IsText(text) {
		return filter{}, errFilter
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return filter{}, nil
	}
	f, ok := splitFilter(text)
	if !ok {
		return filter{}, errFilter
	}
	if !slices.Contains(searchable, f.attr) {
		return filter{}, invalid("Invalid search attribute: %s", f.attr)
	}
	return f, nil
}

// splitFilter takes a condition apart, whatever it names.
func splitFilter(text string) (f filter, ok bool) {
	end := strings.IndexAny(text, "^= \t\r\n\"")
	if end <= 0 {
		return f, false
	}
	f.attr, text = text[:end], strings.TrimSpace(text[end:])
	for _, op := range []string{"^=", "="} {
		if value, found := strings.CutPrefix(text, op); found {
			f.op = op
			f.value, ok = unquote(strings.TrimSpace(value))
			return f, ok
		}
	}
	return f, false
}

// unquote reads a text in double quotes, in which a backslash stands before a quote or another backslash.
func unquote(quoted string) (string, bool) {
	text, ok := strings.CutPrefix(quoted, `"`)
	if !ok {
		return "", false
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return out.String(), i == len(text)-1
		case '\\':
			i++
			if i == len(text) || text[i] != '"' && text[i] != '\\' {
				return "", false
			}
		}
		out.WriteByte(text[i])
	}
	return "", false
}

var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// String is the filter in its plainest form, which reads back as the same filter.
func (f filter) String() string {
	if f.attr == "" {
		return ""
	}
	return f.attr + " " + f.op + ` "` + quoting.Replace(f.value) + `"`
}
