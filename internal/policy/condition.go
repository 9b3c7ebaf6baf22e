package policy

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// condition is one key of one operator: its values are alternatives.
type condition struct {
	quantifier quantifier
	ifExists   bool
	denies     bool // it is one of a Deny statement
	negated    bool
	null       bool
	compare    comparison
	key        string // in lower case
	values     []pattern
}

// quantifier says how many of a key's values must compare. Without one, one value is enough, and for a negated operator
// none may compare.
type quantifier int

const (
	unquantified quantifier = iota
	forAllValues
	forAnyValue
)

// comparison compares a value that a request has with one that a policy names.
type comparison func(value string, wanted []rune) bool

// operator is what stands before the keys of a condition.
type operator struct {
	compare comparison
	negated bool
	check   func(string) error // of values without variables; nil takes all
}

// operators are those of the element reference, "Condition operators", but for BinaryEquals: nothing here is binary.
var operators = map[string]operator{
	"StringEquals":              {compare: equal},
	"StringNotEquals":           {compare: equal, negated: true},
	"StringEqualsIgnoreCase":    {compare: equalFold},
	"StringNotEqualsIgnoreCase": {compare: equalFold, negated: true},
	"StringLike":                {compare: like},
	"StringNotLike":             {compare: like, negated: true},
	"ArnEquals":                 {compare: arnLike},
	"ArnLike":                   {compare: arnLike},
	"ArnNotEquals":              {compare: arnLike, negated: true},
	"ArnNotLike":                {compare: arnLike, negated: true},
	"NumericEquals":             {compare: numeric(func(c int) bool { return c == 0 }), check: checkNumber},
	"NumericNotEquals":          {compare: numeric(func(c int) bool { return c == 0 }), check: checkNumber, negated: true},
	"NumericLessThan":           {compare: numeric(func(c int) bool { return c < 0 }), check: checkNumber},
	"NumericLessThanEquals":     {compare: numeric(func(c int) bool { return c <= 0 }), check: checkNumber},
	"NumericGreaterThan":        {compare: numeric(func(c int) bool { return c > 0 }), check: checkNumber},
	"NumericGreaterThanEquals":  {compare: numeric(func(c int) bool { return c >= 0 }), check: checkNumber},
	"DateEquals":                {compare: date(func(c int) bool { return c == 0 }), check: checkDate},
	"DateNotEquals":             {compare: date(func(c int) bool { return c == 0 }), check: checkDate, negated: true},
	"DateLessThan":              {compare: date(func(c int) bool { return c < 0 }), check: checkDate},
	"DateLessThanEquals":        {compare: date(func(c int) bool { return c <= 0 }), check: checkDate},
	"DateGreaterThan":           {compare: date(func(c int) bool { return c > 0 }), check: checkDate},
	"DateGreaterThanEquals":     {compare: date(func(c int) bool { return c >= 0 }), check: checkDate},
	"Bool":                      {compare: equalFold, check: checkBool},
	"IpAddress":                 {compare: inNetwork, check: checkNetwork},
	"NotIpAddress":              {compare: inNetwork, check: checkNetwork, negated: true},
}

// conditions are those of a statement, by operator and key.
type conditions = map[string]map[string]oneOrMany[scalar]

func compileConditions(all conditions, variables bool) ([]condition, error) {
	var out []condition
	for _, name := range slices.Sorted(maps.Keys(all)) {
		kind, err := compileOperator(name)
		if err != nil {
			return nil, err
		}
		if len(all[name]) == 0 {
			return nil, fmt.Errorf("the condition %s: there is no key", name)
		}
		for _, key := range slices.Sorted(maps.Keys(all[name])) {
			c := kind.condition
			c.key = strings.ToLower(key)
			for _, value := range all[name][key] {
				if err := kind.take(&c, string(value), variables); err != nil {
					return nil, fmt.Errorf("the condition %s, %s: %w", name, key, err)
				}
			}
			if len(c.values) == 0 {
				return nil, fmt.Errorf("the condition %s, %s: there is no value", name, key)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// conditionKind is what an operator's name says of its conditions.
type conditionKind struct {
	condition
	check func(string) error
}

func compileOperator(name string) (k conditionKind, err error) {
	rest := name
	switch quantity, after, has := strings.Cut(name, ":"); {
	case !has:
	case quantity == "ForAllValues":
		k.quantifier, rest = forAllValues, after
	case quantity == "ForAnyValue":
		k.quantifier, rest = forAnyValue, after
	default:
		return k, fmt.Errorf("the condition %q is unknown", name)
	}
	if rest == "Null" && k.quantifier == unquantified {
		k.null, k.check = true, checkBool
		return k, nil
	}
	rest, k.ifExists = strings.CutSuffix(rest, "IfExists")
	o, ok := operators[rest]
	if !ok {
		return k, fmt.Errorf("the condition %q is unknown", name)
	}
	k.compare, k.negated, k.check = o.compare, o.negated, o.check
	return k, nil
}

// take adds a value to a condition.
func (k conditionKind) take(c *condition, value string, variables bool) error {
	p := compile(value, variables)
	fixed := !slices.ContainsFunc(p, func(piece piece) bool { return piece.variable != "" })
	if k.check != nil && fixed {
		if err := k.check(value); err != nil {
			return err
		}
	}
	c.values = append(c.values, p)
	return nil
}

// holds reports whether a request meets the condition.
func (c *condition) holds(context Context) bool {
	values := context[c.key]
	switch {
	case c.null:
		return c.isNull(context) == (len(values) == 0)
	case len(values) == 0 && c.ifExists:
		return true
	case c.negated && !c.isFull(context):
		return c.denies // nobody knows what the values are not to be: refusing is right in either statement
	}
	meets := func(value string) bool { return c.comparesWithOne(value, context) != c.negated }
	switch c.quantifier {
	case forAllValues:
		return !slices.ContainsFunc(values, func(v string) bool { return !meets(v) })
	case forAnyValue:
		return slices.ContainsFunc(values, meets)
	}
	if c.negated {
		return !slices.ContainsFunc(values, func(v string) bool { return !meets(v) })
	}
	return slices.ContainsFunc(values, meets)
}

// isFull reports whether all values are known.
func (c *condition) isFull(context Context) bool {
	return !slices.ContainsFunc(c.values, func(p pattern) bool {
		_, ok := p.fill(context)
		return !ok
	})
}

// isNull is what a condition with Null wants: that the key has no value, or that it has one.
func (c *condition) isNull(context Context) bool {
	return c.comparesAny(func(wanted []rune) bool { return strings.EqualFold(string(wanted), "true") }, context)
}

func (c *condition) comparesWithOne(value string, context Context) bool {
	return c.comparesAny(func(wanted []rune) bool { return c.compare(value, wanted) }, context)
}

func (c *condition) comparesAny(compare func(wanted []rune) bool, context Context) bool {
	return slices.ContainsFunc(c.values, func(p pattern) bool {
		wanted, ok := p.fill(context)
		return ok && compare(wanted)
	})
}

// plain is a value whose signs are not wildcards, for operators that have none.
func plain(wanted []rune) string {
	out := make([]rune, len(wanted))
	for n, r := range wanted {
		switch r {
		case anything:
			r = '*'
		case anyone:
			r = '?'
		}
		out[n] = r
	}
	return string(out)
}

func equal(value string, wanted []rune) bool { return value == plain(wanted) }

func equalFold(value string, wanted []rune) bool { return strings.EqualFold(value, plain(wanted)) }

func like(value string, wanted []rune) bool { return matches(wanted, []rune(value)) }

func arnLike(value string, wanted []rune) bool { return matchesARN(wanted, value) }

func numeric(meets func(int) bool) comparison {
	return func(value string, wanted []rune) bool {
		a, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return false
		}
		b, err := strconv.ParseFloat(plain(wanted), 64)
		return err == nil && a == a && b == b && meets(cmp.Compare(a, b))
	}
}

func date(meets func(int) bool) comparison {
	return func(value string, wanted []rune) bool {
		a, err := parseDate(value)
		if err != nil {
			return false
		}
		b, err := parseDate(plain(wanted))
		return err == nil && meets(a.Compare(b))
	}
}

// parseDate reads a time as policies write it: a W3C profile of ISO 8601, or seconds since 1970.
func parseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no date", text)
	}
	return time.Unix(seconds, 0), nil
}

func inNetwork(value string, wanted []rune) bool {
	address, err := netip.ParseAddr(value)
	if err != nil {
		return false
	}
	network, err := parseNetwork(plain(wanted))
	return err == nil && network.Contains(address.Unmap().WithZone(""))
}

func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

func checkNumber(text string) error {
	if f, err := strconv.ParseFloat(text, 64); err != nil || f != f {
		return fmt.Errorf("%q is no number", text)
	}
	return nil
}

func checkDate(text string) error {
	_, err := parseDate(text)
	return err
}

func checkBool(text string) error {
	if !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

func checkNetwork(text string) error {
	if _, err := parseNetwork(text); err != nil {
		return fmt.Errorf("%q is no address or network", text)
	}
	return nil
}
