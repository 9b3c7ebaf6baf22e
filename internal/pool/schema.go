package pool

import (
	"math/big"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
)

const (
	attrSub        = "sub"
	attrIdentities = "identities"
	prefixCustom   = "custom:"
	prefixDev      = "dev:"

	maxCustomAttributes = 50
	maxStringLength     = 2048
	// maxDigits holds 2^1023, the largest bound of a number attribute.
	maxDigits = 308
)

// standardNames is the order in which Cognito describes the standard attributes.
var standardNames = [...]string{
	"profile", "address", "birthdate", "gender", "preferred_username", "updated_at", "website", "picture",
	attrIdentities, attrSub, "phone_number", "phone_number_verified", "zoneinfo", "locale", "email",
	"email_verified", "given_name", "family_name", "middle_name", "name", "nickname",
}

// standardSchema returns the standard attributes as a pool without a Schema has them.
func standardSchema() []*idp.SchemaAttributeType {
	all := make([]*idp.SchemaAttributeType, len(standardNames))
	for i, name := range standardNames {
		all[i] = standardAttribute(name)
	}
	return all
}

func standardAttribute(name string) *idp.SchemaAttributeType {
	a := &idp.SchemaAttributeType{
		Name: name, AttributeDataType: idp.AttributeDataTypeString,
		DeveloperOnlyAttribute: new(false), Mutable: new(true), Required: new(false),
	}
	switch name {
	case "email_verified", "phone_number_verified":
		a.AttributeDataType = idp.AttributeDataTypeBoolean
	case "updated_at":
		a.AttributeDataType = idp.AttributeDataTypeNumber
		a.NumberAttributeConstraints = &idp.NumberAttributeConstraintsType{MinValue: "0"}
	case attrIdentities:
		a.StringAttributeConstraints = &idp.StringAttributeConstraintsType{}
	case attrSub:
		a.Mutable, a.Required = new(false), new(true)
		a.StringAttributeConstraints = &idp.StringAttributeConstraintsType{MinLength: "1", MaxLength: "2048"}
	case "birthdate":
		a.StringAttributeConstraints = &idp.StringAttributeConstraintsType{MinLength: "10", MaxLength: "10"}
	default:
		a.StringAttributeConstraints = &idp.StringAttributeConstraintsType{MinLength: "0", MaxLength: "2048"}
	}
	return a
}

// newSchema makes the schema of a new pool: the standard attributes with the
// properties that given says, then the custom ones in the order of given.
func newSchema(given []*idp.SchemaAttributeType) ([]*idp.SchemaAttributeType, error) {
	schema := standardSchema()
	seen := map[string]bool{}
	for _, g := range given {
		if g == nil || g.Name == "" {
			return nil, invalid("Invalid attribute schema: an attribute has no name.")
		}
		at := slices.Index(standardNames[:], g.Name)
		name := g.Name
		if at < 0 {
			name = customName(g)
		}
		if seen[name] {
			return nil, invalidf("Duplicate custom attribute names %s are not allowed in a user pool schema.", name)
		}
		seen[name] = true
		if at >= 0 {
			if err := override(schema[at], g); err != nil {
				return nil, err
			}
			continue
		}
		a, err := customAttribute(g)
		if err != nil {
			return nil, err
		}
		schema = append(schema, a)
	}
	return schema, nil
}

// override gives a standard attribute the properties of a Schema entry. An entry
// without Mutable makes it immutable, as on AWS; an absent constraint stays the
// default. The properties of sub and identities are the server's own and stay.
func override(a, given *idp.SchemaAttributeType) error {
	if isTrue(given.DeveloperOnlyAttribute) || given.AttributeDataType != "" && given.AttributeDataType != a.AttributeDataType {
		return invalidf("You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute %s", a.Name)
	}
	if a.Name == attrSub || a.Name == attrIdentities {
		return nil
	}
	a.Mutable, a.Required = new(isTrue(given.Mutable)), new(isTrue(given.Required))
	if c, g := a.StringAttributeConstraints, given.StringAttributeConstraints; c != nil && g != nil {
		c.MinLength, c.MaxLength = or(g.MinLength, c.MinLength), or(g.MaxLength, c.MaxLength)
	}
	if c, g := a.NumberAttributeConstraints, given.NumberAttributeConstraints; c != nil && g != nil {
		c.MinValue, c.MaxValue = or(g.MinValue, c.MinValue), or(g.MaxValue, c.MaxValue)
	}
	return checkConstraints(a)
}

// customName is the full name of a custom attribute. The prefix is added even to
// a name that already has it, as on AWS.
func customName(given *idp.SchemaAttributeType) string {
	if isTrue(given.DeveloperOnlyAttribute) {
		return prefixDev + prefixCustom + given.Name
	}
	return prefixCustom + given.Name
}

// customAttribute makes the schema of a custom attribute. Constraints of another
// type than the attribute's are dropped.
func customAttribute(given *idp.SchemaAttributeType) (*idp.SchemaAttributeType, error) {
	if isTrue(given.Required) {
		return nil, invalid("Required custom attributes are not supported currently.")
	}
	a := &idp.SchemaAttributeType{
		Name: customName(given), AttributeDataType: or(given.AttributeDataType, idp.AttributeDataTypeString),
		DeveloperOnlyAttribute: new(isTrue(given.DeveloperOnlyAttribute)), Mutable: new(isTrue(given.Mutable)), Required: new(false),
	}
	switch a.AttributeDataType {
	case idp.AttributeDataTypeString:
		a.StringAttributeConstraints = &idp.StringAttributeConstraintsType{}
		if given.StringAttributeConstraints != nil {
			*a.StringAttributeConstraints = *given.StringAttributeConstraints
		}
	case idp.AttributeDataTypeNumber:
		a.NumberAttributeConstraints = &idp.NumberAttributeConstraintsType{}
		if given.NumberAttributeConstraints != nil {
			*a.NumberAttributeConstraints = *given.NumberAttributeConstraints
		}
	}
	return a, checkConstraints(a)
}

// checkConstraints looks at the bounds, which are numbers in strings, so that the
// model does not.
func checkConstraints(a *idp.SchemaAttributeType) error {
	if c := a.StringAttributeConstraints; c != nil {
		low, okLow := bound(c.MinLength)
		high, okHigh := bound(c.MaxLength)
		switch {
		case !okLow || !okHigh || negative(low) || negative(high):
			return invalidf("Attribute %s has invalid string length constraints.", a.Name)
		case beyond(high, maxStringLength) || beyond(low, maxStringLength):
			return invalidf("Attribute %s cannot have a length of more than %d characters.", a.Name, maxStringLength)
		case low != nil && high != nil && low.Cmp(high) > 0:
			return invalidf("Attribute %s cannot have a max length shorter than it's min length", a.Name)
		}
	}
	if c := a.NumberAttributeConstraints; c != nil {
		low, okLow := bound(c.MinValue)
		high, okHigh := bound(c.MaxValue)
		switch {
		case !okLow || !okHigh:
			return invalidf("Attribute %s has invalid number constraints.", a.Name)
		case low != nil && high != nil && low.Cmp(high) > 0:
			return invalidf("Attribute %s cannot have a max value smaller than it's min value", a.Name)
		}
	}
	return nil
}

// bound reads a bound: nil when there is none, false when it is no whole number
// of at most maxDigits digits.
func bound(s string) (*big.Int, bool) {
	digits := strings.TrimPrefix(s, "-")
	if s == "" {
		return nil, true
	}
	if digits == "" || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
		return nil, false
	}
	return new(big.Int).SetString(s, 10)
}

func negative(n *big.Int) bool { return n != nil && n.Sign() < 0 }

func beyond(n *big.Int, limit int64) bool { return n != nil && n.Cmp(big.NewInt(limit)) > 0 }

// addCustom appends custom attributes to a schema.
func addCustom(schema, given []*idp.SchemaAttributeType) ([]*idp.SchemaAttributeType, error) {
	for _, g := range given {
		if g == nil || g.Name == "" {
			return nil, invalid("Invalid attribute schema: an attribute has no name.")
		}
		a, err := customAttribute(g)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(schema, func(old *idp.SchemaAttributeType) bool { return old.Name == a.Name }) {
			return nil, invalidf("%s: Existing attribute already has name %[1]s.", a.Name)
		}
		schema = append(schema, a)
	}
	if n := len(schema) - len(standardNames); n > maxCustomAttributes {
		return nil, invalidf("A user pool can have at most %d custom attributes.", maxCustomAttributes)
	}
	return schema, nil
}

func isTrue(b *bool) bool { return b != nil && *b }

func or[T comparable](given, otherwise T) T {
	var zero T
	if given == zero {
		return otherwise
	}
	return given
}

func invalid(text string) error { return fault.New(idp.CodeInvalidParameter, text) }

func invalidf(format string, args ...any) error {
	return fault.Newf(idp.CodeInvalidParameter, format, args...)
}
