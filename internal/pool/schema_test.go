package pool_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cognate/api/idp"
)

func TestStandardSchema(t *testing.T) {
	p := create(t, registry(t), &idp.CreateUserPoolRequest{})
	str := func(name, low, high string) string {
		return fmt.Sprintf(`{"Name":%q,"AttributeDataType":"String","DeveloperOnlyAttribute":false,"Mutable":true,"Required":false,
			"StringAttributeConstraints":{"MinLength":%q,"MaxLength":%q}}`, name, low, high)
	}
	flag := func(name string) string {
		return fmt.Sprintf(`{"Name":%q,"AttributeDataType":"Boolean","DeveloperOnlyAttribute":false,"Mutable":true,"Required":false}`, name)
	}
	var want []string
	for _, n := range strings.Fields(`profile address birthdate gender preferred_username updated_at website picture identities sub
		phone_number phone_number_verified zoneinfo locale email email_verified given_name family_name middle_name name nickname`) {
		switch n {
		case "birthdate":
			want = append(want, str(n, "10", "10"))
		case "updated_at":
			want = append(want, `{"Name":"updated_at","AttributeDataType":"Number","DeveloperOnlyAttribute":false,"Mutable":true,"Required":false,
				"NumberAttributeConstraints":{"MinValue":"0"}}`)
		case "identities":
			want = append(want, `{"Name":"identities","AttributeDataType":"String","DeveloperOnlyAttribute":false,"Mutable":true,"Required":false,
				"StringAttributeConstraints":{}}`)
		case "sub":
			want = append(want, `{"Name":"sub","AttributeDataType":"String","DeveloperOnlyAttribute":false,"Mutable":false,"Required":true,
				"StringAttributeConstraints":{"MinLength":"1","MaxLength":"2048"}}`)
		case "phone_number_verified", "email_verified":
			want = append(want, flag(n))
		default:
			want = append(want, str(n, "0", "2048"))
		}
	}
	wantJSON(t, p.Settings.SchemaAttributes, "["+strings.Join(want, ",")+"]")
	if got := p.Required(); len(got) != 0 {
		t.Errorf("required: %v", got)
	}
}

func TestSchema(t *testing.T) {
	p := create(t, registry(t), &idp.CreateUserPoolRequest{Schema: []*idp.SchemaAttributeType{
		{Name: "email", Required: new(true)},
		{Name: "name", Mutable: new(true), StringAttributeConstraints: &idp.StringAttributeConstraintsType{MaxLength: "30"}},
		{Name: "plan"},
		{Name: "age", AttributeDataType: "Number", Mutable: new(true), NumberAttributeConstraints: &idp.NumberAttributeConstraintsType{MinValue: "-1", MaxValue: "150"}},
		{Name: "score", AttributeDataType: "Number"},
		{Name: "since", AttributeDataType: "DateTime"},
		{Name: "vip", AttributeDataType: "Boolean", DeveloperOnlyAttribute: new(true)},
	}})
	for name, want := range map[string]string{
		"email":          `{"Name":"email","AttributeDataType":"String","DeveloperOnlyAttribute":false,"Mutable":false,"Required":true,"StringAttributeConstraints":{"MinLength":"0","MaxLength":"2048"}}`,
		"name":           `{"Name":"name","AttributeDataType":"String","DeveloperOnlyAttribute":false,"Mutable":true,"Required":false,"StringAttributeConstraints":{"MinLength":"0","MaxLength":"30"}}`,
		"custom:plan":    `{"Name":"custom:plan","AttributeDataType":"String","DeveloperOnlyAttribute":false,"Mutable":false,"Required":false,"StringAttributeConstraints":{}}`,
		"custom:age":     `{"Name":"custom:age","AttributeDataType":"Number","DeveloperOnlyAttribute":false,"Mutable":true,"Required":false,"NumberAttributeConstraints":{"MinValue":"-1","MaxValue":"150"}}`,
		"custom:score":   `{"Name":"custom:score","AttributeDataType":"Number","DeveloperOnlyAttribute":false,"Mutable":false,"Required":false,"NumberAttributeConstraints":{}}`,
		"custom:since":   `{"Name":"custom:since","AttributeDataType":"DateTime","DeveloperOnlyAttribute":false,"Mutable":false,"Required":false}`,
		"dev:custom:vip": `{"Name":"dev:custom:vip","AttributeDataType":"Boolean","DeveloperOnlyAttribute":true,"Mutable":false,"Required":false}`,
	} {
		a, ok := p.Attribute(name)
		if !ok {
			t.Errorf("no attribute %s", name)
			continue
		}
		wantJSON(t, a, want)
	}
	if got := p.Required(); !slices.Equal(got, []string{"email"}) {
		t.Errorf("required: %v", got)
	}
	if _, ok := p.Attribute("plan"); ok {
		t.Error("a custom attribute is found without its prefix")
	}
	if n := len(p.Settings.SchemaAttributes); n != 26 {
		t.Errorf("%d attributes", n)
	}
}

func TestAddCustomAttributes(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	add := func(all ...*idp.SchemaAttributeType) error {
		return r.AddCustomAttributes(t.Context(), &idp.AddCustomAttributesRequest{UserPoolId: p.ID, CustomAttributes: all})
	}
	// A standard name is a custom attribute here.
	if err := add(&idp.SchemaAttributeType{Name: "x", Mutable: new(true)}, &idp.SchemaAttributeType{Name: "email"}, &idp.SchemaAttributeType{Name: "x", DeveloperOnlyAttribute: new(true)}); err != nil {
		t.Fatal(err)
	}
	after, err := r.Pool(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"custom:x", "custom:email", "dev:custom:x"} {
		if _, ok := after.Attribute(name); !ok {
			t.Errorf("no %s", name)
		}
	}
	wantFault(t, add(&idp.SchemaAttributeType{Name: "x"}), idp.CodeInvalidParameter, "custom:x: Existing attribute already has name custom:x.")
	wantFault(t, add(&idp.SchemaAttributeType{Name: "y"}, &idp.SchemaAttributeType{Name: "y"}), idp.CodeInvalidParameter, "custom:y: Existing attribute already has name custom:y.")
	wantFault(t, add(&idp.SchemaAttributeType{Name: "z", Required: new(true)}), idp.CodeInvalidParameter, "Required custom attributes are not supported currently.")
	var many []*idp.SchemaAttributeType
	for i := range 26 {
		many = append(many, &idp.SchemaAttributeType{Name: fmt.Sprint("m", i)})
	}
	wantFault(t, add(many...), idp.CodeInvalidParameter, "At most 25 custom attributes can be added at once.")
	if err := add(many[:25]...); err != nil {
		t.Fatal(err)
	}
	for i, a := range many {
		many[i] = &idp.SchemaAttributeType{Name: "n" + a.Name}
	}
	wantFault(t, add(many[:23]...), idp.CodeInvalidParameter, "A user pool can have at most 50 custom attributes.")
	if err := add(many[:22]...); err != nil {
		t.Fatal(err)
	}
}
