package user

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
)

const maxValue = 2048 // characters of an attribute's value

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func invalid(format string, args ...any) error {
	return fault.Newf(idp.CodeInvalidParameter, format, args...)
}

// writer is who changes attributes: a user through a client, or, without one, an administrator. First is
// set while a user completes what an administrator began: what cannot be changed can be given then.
type writer struct {
	client *pool.Client
	first  bool
}

// check returns the values in the form in which they are kept, or the first rule that they break. The
// prefix stands before the names in texts about the schema: "user." for a user who exists.
func (w writer) check(p *pool.Pool, values map[string]string, prefix string) (map[string]string, error) {
	out := make(map[string]string, len(values))
	for _, name := range sorted(values) {
		a, ok := p.Attribute(name)
		if !ok {
			return nil, schemaError(prefix, name, "Attribute does not exist in the schema.\n")
		}
		if name == attrSub || name == "identities" {
			return nil, invalid("Cannot modify the non-mutable attribute %s", name)
		}
		if w.client != nil && !w.client.CanWrite(p, name) {
			return nil, fault.New(idp.CodeNotAuthorized, "A client attempted to write unauthorized attribute")
		}
		value, err := clean(p, a, name, values[name])
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}

// schemaError words a breach of the schema. Of a user who exists the text begins with the attribute.
func schemaError(prefix, name, text string) error {
	if prefix != "" {
		return invalid("%s%s: %s", prefix, name, text)
	}
	return invalid("Attributes did not conform to the schema: %s: %s", name, text)
}

// clean checks one value against its attribute's type and constraints, and normalises it. The empty value
// stands for no value and always passes.
func clean(p *pool.Pool, a *idp.SchemaAttributeType, name, value string) (string, error) {
	if value == "" {
		return "", nil
	}
	if utf8.RuneCountInString(value) > maxValue {
		return "", tooLong(name, maxValue)
	}
	if !store.IsText(value) {
		return "", schemaError("", name, "Value is not a text")
	}
	switch a.AttributeDataType {
	case idp.AttributeDataTypeNumber:
		return value, checkNumber(a, name, value)
	case idp.AttributeDataTypeBoolean:
		return cleanBoolean(name, value)
	case idp.AttributeDataTypeDateTime:
		return value, checkDateTime(name, value)
	}
	if err := checkLength(a, name, value); err != nil {
		return "", err
	}
	return cleanText(p, name, value)
}

func tooLong(name string, n int64) error {
	return schemaError("", name, fmt.Sprintf("String must be no longer than %d characters", n))
}

func checkLength(a *idp.SchemaAttributeType, name, value string) error {
	c := a.StringAttributeConstraints
	if c == nil {
		return nil
	}
	n := int64(utf8.RuneCountInString(value))
	if most, err := strconv.ParseInt(c.MaxLength, 10, 64); err == nil && n > most {
		return tooLong(name, most)
	}
	if least, err := strconv.ParseInt(c.MinLength, 10, 64); err == nil && n < least {
		return schemaError("", name, fmt.Sprintf("String must be at least %d characters", least))
	}
	return nil
}

func checkNumber(a *idp.SchemaAttributeType, name, value string) error {
	n, ok := new(big.Int).SetString(value, 10)
	if !ok || strings.HasPrefix(value, "+") {
		return schemaError("", name, "Value is not a number")
	}
	c := a.NumberAttributeConstraints
	if c == nil {
		return nil
	}
	if least, ok := new(big.Int).SetString(c.MinValue, 10); ok && n.Cmp(least) < 0 {
		return schemaError("", name, "Number must be no less than "+c.MinValue)
	}
	if most, ok := new(big.Int).SetString(c.MaxValue, 10); ok && n.Cmp(most) > 0 {
		return schemaError("", name, "Number must be no greater than "+c.MaxValue)
	}
	return nil
}

func cleanBoolean(name, value string) (string, error) {
	switch lower := strings.ToLower(value); lower {
	case "true", "false":
		return lower, nil
	}
	return "", schemaError("", name, "Value is not a boolean")
}

func checkDateTime(name, value string) error {
	if _, err := time.Parse(time.RFC3339, value); err == nil {
		return nil
	}
	if _, err := strconv.ParseInt(value, 10, 64); err == nil {
		return nil
	}
	return schemaError("", name, "Value is not a date and time")
}

// cleanText applies the format of the standard attributes that have one. In a pool that ignores case,
// e-mail addresses and preferred names are kept and shown in lower case.
func cleanText(p *pool.Pool, name, value string) (string, error) {
	switch name {
	case attrEmail:
		if !message.IsEmail(value) {
			return "", invalid("Invalid email address format.")
		}
	case attrPhone:
		if !message.IsPhone(value) {
			return "", invalid("Invalid phone number format.")
		}
	case "birthdate":
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return "", invalid("Invalid birthdate format. Must be YYYY-MM-DD.")
		}
	}
	if (name == attrEmail || name == attrPreferred) && !p.CaseSensitive() {
		return strings.ToLower(value), nil
	}
	return value, nil
}

// checkRequired tells of every attribute that the pool requires and the values lack.
func checkRequired(p *pool.Pool, values map[string]string) error {
	var missing strings.Builder
	for _, name := range p.Required() {
		if name != attrSub && values[name] == "" {
			missing.WriteString(name + ": The attribute is required ")
		}
	}
	if missing.Len() > 0 {
		return invalid("Attributes did not conform to the schema: %s", missing.String())
	}
	return nil
}

// checkEdits is check for a user who exists: what is immutable stays as it is, what is required stays. It
// leaves out what changes nothing.
func (w writer) checkEdits(p *pool.Pool, old, values map[string]string) (map[string]string, error) {
	edits, err := w.check(p, values, "user.")
	if err != nil {
		return nil, err
	}
	for _, name := range sorted(edits) {
		a, _ := p.Attribute(name)
		switch {
		case edits[name] == old[name]:
			delete(edits, name)
		case edits[name] == "" && !removable(p, old, name):
			return nil, schemaError("user.", name, "Required attribute cannot be deleted.\n")
		case a.Mutable != nil && !*a.Mutable && !(w.first && old[name] == ""):
			return nil, schemaError("user.", name, "Attribute cannot be updated.\n")
		}
	}
	return edits, nil
}

// removable reports whether a user can do without an attribute: the pool does not require it, and it is
// not the only name that the user signs in with.
func removable(p *pool.Pool, have map[string]string, name string) bool {
	if a, ok := p.Attribute(name); ok && a.Required != nil && *a.Required {
		return false
	}
	if !p.UsernameAttribute(name) {
		return true
	}
	for _, other := range []string{attrEmail, attrPhone} {
		if other != name && p.UsernameAttribute(other) && have[other] != "" {
			return true
		}
	}
	return false
}

// merged is old with edits applied: an empty value removes, a new address is not verified unless the edits
// say so, and what says that an address is verified goes with the address.
func merged(old, edits map[string]string) map[string]string {
	out := maps.Clone(old)
	if out == nil {
		out = map[string]string{}
	}
	for _, attr := range []string{attrEmail, attrPhone} {
		if edits[attr] != "" {
			out[attr+verified] = "false"
		}
	}
	for name, value := range edits {
		if value != "" {
			out[name] = value
		} else if name != attrEmail+verified && name != attrPhone+verified {
			delete(out, name)
		}
	}
	for _, attr := range []string{attrEmail, attrPhone} {
		if out[attr] == "" {
			delete(out, attr+verified)
		}
	}
	return out
}
