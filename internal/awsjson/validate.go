package awsjson

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"cognate/api"
)

// An input can break more rules than anybody reads: what is reported of them stays small.
const (
	maxViolations = 100 // items
	maxPrinted    = 256 // bytes of a value
)

// violate reports that the value at a path breaks a rule; value is how it is printed.
func (d *decoder) violate(value string, at *path, rule string) {
	d.violations = append(d.violations, "Value "+value+"at '"+at.String()+"' failed to satisfy constraint: "+rule)
}

// full reports whether enough has been reported.
func (d *decoder) full() bool { return len(d.violations) >= maxViolations }

// check reports the constraints of s that the value breaks; n is its length, or its value if a number.
func (d *decoder) check(s *api.Shape, v reflect.Value, n int64, at *path) {
	for _, c := range constraintsOf(s) {
		if !d.full() && !c.holds(v, n) {
			d.violate(printed(s, v), at, c.text)
		}
	}
}

// violationText joins the items as AWS does.
func violationText(items []string) string {
	plural := "s"
	if len(items) == 1 {
		plural = ""
	}
	return fmt.Sprintf("%d validation error%s detected: %s", len(items), plural, strings.Join(items, "; "))
}

// constraint is one rule of a shape with the words for breaking it.
type constraint struct {
	text  string
	holds func(v reflect.Value, n int64) bool
}

var compiled sync.Map // *api.Shape -> []constraint

// constraintsOf compiles the rules of a shape once: most shapes of a model are never used.
func constraintsOf(s *api.Shape) []constraint {
	if c, ok := compiled.Load(s); ok {
		return c.([]constraint)
	}
	c := ownConstraints(s)
	if s.Kind == api.List {
		c = append(c, elementConstraint(s.Elem, "Member must satisfy constraint: ", listElements)...)
	}
	if s.Kind == api.Map {
		c = append(c, elementConstraint(s.Key, "Map keys must satisfy constraint: ", reflect.Value.MapKeys)...)
		c = append(c, elementConstraint(s.Elem, "Map value must satisfy constraint: ", mapValues)...)
	}
	compiled.Store(s, c)
	return c
}

func ownConstraints(s *api.Shape) (c []constraint) {
	what := "have length"
	if s.Kind == api.Integer || s.Kind == api.Long {
		what = "have value"
	}
	if s.Max != nil {
		c = append(c, constraint{fmt.Sprintf("Member must %s less than or equal to %d", what, *s.Max),
			func(_ reflect.Value, n int64) bool { return n <= *s.Max }})
	}
	if s.Min != nil {
		c = append(c, constraint{fmt.Sprintf("Member must %s greater than or equal to %d", what, *s.Min),
			func(_ reflect.Value, n int64) bool { return n >= *s.Min }})
	}
	if s.Pattern != "" {
		matches := matcher(s.Pattern)
		c = append(c, constraint{"Member must satisfy regular expression pattern: " + s.Pattern,
			func(v reflect.Value, _ int64) bool { return matches(v.String()) }})
	}
	if s.Enum != nil {
		c = append(c, constraint{"Member must satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]",
			func(v reflect.Value, _ int64) bool { return slices.Contains(s.Enum, v.String()) }})
	}
	return c
}

// elementConstraint is the one rule for all scalar elements of a collection. Elements that are
// structures or collections report by themselves.
func elementConstraint(s *api.Shape, words string, elements func(reflect.Value) []reflect.Value) []constraint {
	own := ownConstraints(s)
	if len(own) == 0 || s.Kind == api.Structure || s.Kind == api.List || s.Kind == api.Map {
		return nil
	}
	texts := make([]string, len(own))
	for i, c := range own {
		texts[i] = c.text
	}
	holds := func(v reflect.Value, _ int64) bool {
		for _, item := range elements(v) {
			for _, c := range own {
				if !c.holds(item, size(s, item)) {
					return false
				}
			}
		}
		return true
	}
	return []constraint{{words + "[" + strings.Join(texts, ", ") + "]", holds}}
}

func listElements(v reflect.Value) []reflect.Value {
	out := make([]reflect.Value, v.Len())
	for i := range out {
		out[i] = v.Index(i)
	}
	return out
}

func mapValues(v reflect.Value) (out []reflect.Value) {
	for it := v.MapRange(); it.Next(); {
		out = append(out, it.Value())
	}
	return out
}

// size is what the minimum and maximum of a scalar's shape speak of.
func size(s *api.Shape, v reflect.Value) int64 {
	switch s.Kind {
	case api.String:
		return int64(utf8.RuneCountInString(v.String()))
	case api.Blob:
		return int64(v.Len())
	case api.Integer, api.Long:
		return v.Int()
	}
	return 0
}

// matcher tests whether a whole string matches a pattern. Nearly all patterns of the models are one
// character class, repeated: those are looked up in a table, which keeps long tokens cheap.
func matcher(pattern string) func(string) bool {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	if !strings.HasPrefix(pattern, "[") || strings.IndexByte(pattern, ']') != len(pattern)-2 || !strings.HasSuffix(pattern, "+") {
		return re.MatchString
	}
	var table [utf8.RuneSelf]bool
	for c := range table {
		table[c] = re.MatchString(string(rune(c)))
	}
	return func(s string) bool {
		for i := 0; i < len(s); i++ {
			if s[i] >= utf8.RuneSelf {
				return re.MatchString(s)
			}
			if !table[s[i]] {
				return false
			}
		}
		return s != ""
	}
}

// printed is the value as the texts show it, with a space behind; nothing for a secret.
func printed(s *api.Shape, v reflect.Value) string {
	if secretive(s) {
		return ""
	}
	text := plain(s, v)
	if len(text) > maxPrinted {
		text = strings.ToValidUTF8(text[:maxPrinted], "") + "..."
	}
	return "'" + text + "' "
}

func secretive(s *api.Shape) bool {
	return s.Sensitive || s.Elem != nil && secretive(s.Elem) || s.Key != nil && secretive(s.Key)
}

// plain prints a value in the manner of Java, which the texts show.
func plain(s *api.Shape, v reflect.Value) string {
	switch s.Kind {
	case api.Integer, api.Long:
		return strconv.FormatInt(v.Int(), 10)
	case api.String:
		return v.String()
	case api.List:
		return "[" + strings.Join(plainAll(s.Elem, listElements(v)), ", ") + "]"
	case api.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for i, k := range keys {
			keys[i] = reflect.ValueOf(k.String() + "=" + plain(s.Elem, v.MapIndex(k)))
		}
		return "{" + strings.Join(plainAll(&api.Shape{Kind: api.String}, keys), ", ") + "}"
	}
	return s.Name
}

func plainAll(s *api.Shape, values []reflect.Value) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = plain(s, v)
	}
	return out
}
