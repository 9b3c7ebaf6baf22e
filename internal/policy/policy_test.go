package policy

import (
	"fmt"
	"strings"
	"testing"
)

const thisPool = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_ExaMPle"

func parse(t *testing.T, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// document is one of one statement.
func document(members string) string {
	return `{"Version":"2012-10-17","Statement":[{` + members + `}]}`
}

// TestDecide asks for AdminGetUser on one pool by documents that say, in the ways of the element reference, yes, no, or
// nothing at all (checklist 53: deny by default, per pool and operation).
func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		what, members string
		want          Decision
	}{
		{"all", `"Effect":"Allow","Action":"*","Resource":"*"`, Allowed},
		{"the operation and the pool", `"Effect":"Allow","Action":"cognito-idp:AdminGetUser","Resource":"` + thisPool + `"`, Allowed},
		{"whatever the case of actions", `"Effect":"Allow","Action":["COGNITO-IDP:admingetuser"],"Resource":["*"]`, Allowed},
		{"wildcards", `"Effect":"Allow","Action":"cognito-idp:Admin?et*","Resource":"arn:aws:cognito-idp:*:*:userpool/us-east-1_*"`, Allowed},
		{"parts left out", `"Effect":"Allow","Action":"cognito-idp:*","Resource":"arn:aws:cognito-idp"`, Allowed},
		{"another operation", `"Effect":"Allow","Action":"cognito-idp:AdminDeleteUser","Resource":"*"`, NotAllowed},
		{"another service", `"Effect":"Allow","Action":"cognito-identity:*","Resource":"*"`, NotAllowed},
		{"another pool", `"Effect":"Allow","Action":"*","Resource":"arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_Other"`, NotAllowed},
		{"another case of the pool", `"Effect":"Allow","Action":"*","Resource":"` + strings.ToLower(thisPool) + `"`, NotAllowed},
		{"a wildcard over a colon", `"Effect":"Allow","Action":"*","Resource":"arn:aws:*userpool/us-east-1_ExaMPle"`, NotAllowed},
		{"all but this operation", `"Effect":"Allow","NotAction":"cognito-idp:AdminGetUser","Resource":"*"`, NotAllowed},
		{"all but other operations", `"Effect":"Allow","NotAction":["cognito-idp:AdminDeleteUser"],"Resource":"*"`, Allowed},
		{"all but this pool", `"Effect":"Allow","Action":"*","NotResource":"` + thisPool + `"`, NotAllowed},
		{"a denial", `"Effect":"Deny","Action":"*","Resource":"*"`, Denied},
		{"a denial of another operation", `"Effect":"Deny","Action":"cognito-idp:List*","Resource":"*"`, NotAllowed},
	} {
		r := Request{Action: "cognito-idp:AdminGetUser", Resource: thisPool}
		if got := Decide([]*Document{parse(t, document(tt.members))}, r); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
}

func TestDecideOfMany(t *testing.T) {
	r := Request{Action: "cognito-idp:AdminGetUser", Resource: thisPool}
	allow := parse(t, document(`"Effect":"Allow","Action":"*","Resource":"*"`))
	deny := parse(t, document(`"Effect":"Deny","Action":"cognito-idp:Admin*","Resource":"*"`))
	if got := Decide(nil, r); got != NotAllowed {
		t.Errorf("no policy: %v", got)
	}
	for _, documents := range [][]*Document{{allow, deny}, {deny, allow}} {
		if got := Decide(documents, r); got != Denied {
			t.Errorf("one allows and one denies: %v", got)
		}
	}
	everywhere := Request{Action: "cognito-idp:ListUserPools", Resource: "*"}
	one := parse(t, document(`"Effect":"Allow","Action":"*","Resource":"`+thisPool+`"`))
	if got := Decide([]*Document{one}, everywhere); got != NotAllowed {
		t.Errorf("what is for one pool allows to list all: %v", got)
	}
}

// TestConditions checks each operator, with a value that meets it, one that does not, and without one.
func TestConditions(t *testing.T) {
	for _, tt := range []struct {
		condition       string
		meets, fails    []string // one value each; several are separated by spaces
		withoutTheValue bool
	}{
		{`"StringEquals":{"k":["a","b"]}`, []string{"a", "b"}, []string{"A", "c", ""}, false},
		{`"StringEquals":{"K":"a*"}`, []string{"a*"}, []string{"ab"}, false},
		{`"StringEqualsIfExists":{"k":"a"}`, []string{"a"}, []string{"b"}, true},
		{`"StringNotEquals":{"k":["a","b"]}`, []string{"c"}, []string{"a", "b", "a c"}, true},
		{`"StringEqualsIgnoreCase":{"k":"aB"}`, []string{"Ab"}, []string{"a"}, false},
		{`"StringNotEqualsIgnoreCase":{"k":"aB"}`, []string{"a"}, []string{"Ab"}, true},
		{`"StringLike":{"k":"a?c*"}`, []string{"abc", "abcabc"}, []string{"ac", "xabc"}, false},
		{`"StringLike":{"k":"a${*}"}`, []string{"a*"}, []string{"ab"}, false},
		{`"StringNotLike":{"k":"a*"}`, []string{"b"}, []string{"a", "ab"}, true},
		{`"ForAnyValue:StringLike":{"k":"auth*"}`, []string{"authenticated", "x authenticated"}, []string{"unauthenticated", "x y"}, false},
		{`"ForAllValues:StringEquals":{"k":["a","b"]}`, []string{"a", "a b"}, []string{"a c"}, true},
		{`"ForAnyValue:StringNotEquals":{"k":"a"}`, []string{"b", "a b"}, []string{"a"}, false},
		{`"ForAllValues:StringNotEquals":{"k":"a"}`, []string{"b", "b c"}, []string{"a b"}, true},
		{`"NumericEquals":{"k":"1.0"}`, []string{"1"}, []string{"2", "x"}, false},
		{`"NumericNotEquals":{"k":1}`, []string{"2"}, []string{"1"}, true},
		{`"NumericLessThan":{"k":10}`, []string{"9", "-1"}, []string{"10", "11"}, false},
		{`"NumericLessThanEquals":{"k":10}`, []string{"10"}, []string{"11"}, false},
		{`"NumericGreaterThan":{"k":10}`, []string{"11"}, []string{"10"}, false},
		{`"NumericGreaterThanEquals":{"k":10}`, []string{"10"}, []string{"9", "NaN"}, false},
		{`"DateEquals":{"k":"2026-11-27T00:00:00Z"}`, []string{"1795737600"}, []string{"1795737601"}, false},
		{`"DateNotEquals":{"k":"2026-11-27"}`, []string{"2026-11-28"}, []string{"2026-11-27T00:00:00Z"}, true},
		{`"DateLessThan":{"k":"2026-11-27T10:00Z"}`, []string{"2026-11-27T09:59:59Z"}, []string{"2026-11-27T10:00:00Z", "soon"}, false},
		{`"DateLessThanEquals":{"k":"2026-11-27T10:00Z"}`, []string{"2026-11-27T10:00:00Z"}, []string{"2026-11-27T10:00:01Z"}, false},
		{`"DateGreaterThan":{"k":"2026-11-27T10:00Z"}`, []string{"2026-11-27T10:00:01Z"}, []string{"2026-11-27T10:00:00Z"}, false},
		{`"DateGreaterThanEquals":{"k":"2026-11-27T10:00Z"}`, []string{"2026-11-27T10:00:00Z"}, []string{"2026-11-27T09:00:00Z"}, false},
		{`"Bool":{"k":true}`, []string{"true", "True"}, []string{"false", "1"}, false},
		{`"IpAddress":{"k":["10.0.0.0/8","2001:db8::/32","192.0.2.7"]}`, []string{"10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "192.0.2.7"}, []string{"11.0.0.1", "192.0.2.8", "x"}, false},
		{`"NotIpAddress":{"k":"10.0.0.0/8"}`, []string{"11.0.0.1"}, []string{"10.0.0.1"}, true},
		{`"ArnLike":{"k":"arn:aws:iam::*:role/x*"}`, []string{"arn:aws:iam::1:role/xy"}, []string{"arn:aws:iam:a:1:role/xy", "arn:aws:iam::1:2:role/xy"}, false},
		{`"ArnEquals":{"k":"arn:aws:iam::1:role/x"}`, []string{"arn:aws:iam::1:role/x"}, []string{"arn:aws:iam::1:role/y"}, false},
		{`"ArnNotLike":{"k":"arn:aws:iam::1:*"}`, []string{"arn:aws:iam::2:role/x"}, []string{"arn:aws:iam::1:role/x"}, true},
		{`"ArnNotEquals":{"k":"arn:aws:iam::1:*"}`, []string{"arn:aws:iam::2:role/x"}, []string{"arn:aws:iam::1:role/x"}, true},
		{`"Null":{"k":"true"}`, nil, []string{"a"}, true},
		{`"Null":{"k":false}`, []string{"a"}, nil, false},
		{`"StringEquals":{"k":"${name}-${none, 'x'}-${$}"}`, []string{"me-x-$"}, []string{"you-x-$", "me--$"}, false},
		{`"StringLike":{"k":"${star}"}`, []string{"*"}, []string{"anything"}, false},
		{`"StringEquals":{"k":"${none}"}`, nil, []string{"", "${none}"}, false},
		{`"StringNotEquals":{"k":"${none}"}`, nil, []string{"", "a"}, false},
		{`"StringEquals":{"k":"${both}"}`, nil, []string{"a", "b"}, false},
		{`"StringEquals":{"k":"a"},"Bool":{"other":"true"}`, nil, []string{"a"}, false},
	} {
		d := parse(t, document(`"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+tt.condition+`}`))
		try := func(values []string, want bool) {
			t.Helper()
			c := Context{"name": {"me"}, "star": {"*"}, "both": {"a", "b"}}
			if values != nil {
				c["k"] = values
			}
			if got := Decide([]*Document{d}, Request{Action: "a:b", Resource: "*", Context: c}) == Allowed; got != want {
				t.Errorf("%s of %q: %v", tt.condition, values, got)
			}
		}
		for _, v := range tt.meets {
			try(strings.Split(v, " "), true)
		}
		for _, v := range tt.fails {
			try(strings.Split(v, " "), false)
		}
		try(nil, tt.withoutTheValue)
	}
}

// TestVariables holds that what somebody may choose for himself does not widen what is about him.
func TestVariables(t *testing.T) {
	text := `{"Version":%q,"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/${cognito-identity.amazonaws.com:sub}/*"}}`
	ask := func(version, resource, sub string) Decision {
		c := Context{}
		if sub != "" {
			c["cognito-identity.amazonaws.com:sub"] = []string{sub}
		}
		return Decide([]*Document{parse(t, fmt.Sprintf(text, version))}, Request{Action: "s3:GetObject", Resource: resource, Context: c})
	}
	for _, tt := range []struct {
		version, resource, sub string
		want                   Decision
	}{
		{"2012-10-17", "arn:aws:s3:::bucket/me/file", "me", Allowed},
		{"2012-10-17", "arn:aws:s3:::bucket/you/file", "me", NotAllowed},
		{"2012-10-17", "arn:aws:s3:::bucket/you/file", "*", NotAllowed},
		{"2012-10-17", "arn:aws:s3:::bucket//file", "", NotAllowed},
		{"2008-10-17", "arn:aws:s3:::bucket/me/file", "me", NotAllowed},
		{"2008-10-17", "arn:aws:s3:::bucket/${cognito-identity.amazonaws.com:sub}/file", "", Allowed},
	} {
		if got := ask(tt.version, tt.resource, tt.sub); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
	deny := parse(t, document(`"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"k":"${none}"}}`))
	if got := Decide([]*Document{deny}, Request{Action: "a:b", Resource: "*", Context: Context{"k": {"v"}}}); got != Denied {
		t.Errorf("a denial of all but what nobody knows: %v", got)
	}
}

// TestParseRefuses gives documents that, were they taken, would not do what their authors meant.
func TestParseRefuses(t *testing.T) {
	allow := func(more string) string { return document(`"Effect":"Allow","Action":"*","Resource":"*"` + more) }
	for text, want := range map[string]string{
		"":   "EOF",
		"{}": "Statement is missing",
		`{"Version":"2012-10-17","Statement":[]}`:                                     "Statement is missing",
		`{"Version":"2013-01-01","Statement":[{}]}`:                                   `Version "2013-01-01"`,
		document(`"Action":"*","Resource":"*"`):                                       `the effect is ""`,
		document(`"Effect":"allow","Action":"*"`):                                     `the effect is "allow"`,
		document(`"Effect":"Allow","Resource":"*"`):                                   "Action is missing",
		document(`"Effect":"Allow","Action":[],"Resource":"*"`):                       "Action is missing",
		document(`"Effect":"Allow","Action":"*"`):                                     "Resource is missing",
		document(`"Effect":"Allow","Action":"*","NotAction":"a:*","Resource":"*"`):    "exclude each other",
		document(`"Effect":"Allow","Action":"*","Resource":"*","NotResource":"arn:"`): "exclude each other",
		document(`"Effect":"Allow","Action":"GetUser","Resource":"*"`):                "no service",
		document(`"Effect":"Allow","Action":"*","Resource":"us-east-1_ExaMPle"`):      "no ARN",
		allow(`,"Principal":"*"`):                                                     "Principal",
		allow(`,"condition":{}`):                                                      "condition",
		allow(`,"Condition":null`):                                                    "null",
		allow(`,"Condition":{"StringEquals":null}`):                                   "null",
		allow(`,"Condition":{"StringEquals":{}}`):                                     "no key",
		allow(`,"Condition":{"StringEquals":{"k":[]}}`):                               "no value",
		allow(`,"Condition":{"StringEquals":{"k":{}}}`):                               "no string",
		allow(`,"Condition":{"StringEqual":{"k":"a"}}`):                               `"StringEqual" is unknown`,
		allow(`,"Condition":{"ForSomeValues:StringEquals":{"k":"a"}}`):                "is unknown",
		allow(`,"Condition":{"BinaryEquals":{"k":"YQ=="}}`):                           "is unknown",
		allow(`,"Condition":{"ForAnyValue:Null":{"k":"true"}}`):                       "is unknown",
		allow(`,"Condition":{"Bool":{"k":"yes"}}`):                                    "neither true nor false",
		allow(`,"Condition":{"NumericEquals":{"k":"NaN"}}`):                           "no number",
		allow(`,"Condition":{"DateEquals":{"k":"soon"}}`):                             "no date",
		allow(`,"Condition":{"IpAddress":{"k":"10.0.0.0/40"}}`):                       "no address",
		allow(`,"Effect":"Deny"`):                                                     "duplicate",
		allow("") + "{}":                                                              "after top-level value",
		allow(`,"Sid":"` + strings.Repeat("a", MaxSize) + `"`):                        "longer than 10240 bytes",
	} {
		d, err := Parse([]byte(text))
		if d != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v, want %q", text, err, want)
		}
	}
}

// FuzzParse looks for documents that stop the reader or a decision, and for such that are read in two ways.
func FuzzParse(f *testing.F) {
	f.Add(document(`"Effect":"Allow","Action":["a:*","b:?"],"NotResource":"arn:aws:s3:::b/${k, 'x'}","Condition":{"ForAnyValue:StringLike":{"k":["a*","${$}"]}}`), "arn:aws:s3:::b/c")
	f.Add(`{"Statement":{"Effect":"Deny","NotAction":"*","Resource":"arn:*","Condition":{"NumericLessThanIfExists":{"k":1e3}}}}`, "*")
	f.Fuzz(func(t *testing.T, text, resource string) {
		d, err := Parse([]byte(text))
		if err != nil {
			return
		}
		Decide([]*Document{d}, Request{Action: "a:b", Resource: resource, Context: Context{"k": {"1", text}}})
		if again, err := Parse([]byte(d.Text())); err != nil || len(again.statements) != len(d.statements) {
			t.Errorf("%s: read again: %v", text, err)
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	d, err := Parse([]byte(document(`"Effect":"Allow","Action":"cognito-idp:Admin*","Resource":"arn:aws:cognito-idp:*:*:userpool/us-east-1_*"`)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		Decide([]*Document{d}, Request{Action: "cognito-idp:AdminGetUser", Resource: thisPool})
	}
}
