package trigger_test

import (
	"strings"
	"testing"

	"cognate/internal/trigger"
)

func TestParseARN(t *testing.T) {
	for arn, want := range map[string]trigger.Function{
		"arn:aws:lambda:us-east-1:123456789012:function:f":             {Region: "us-east-1", Account: "123456789012", Name: "f"},
		"arn:aws-cn:lambda:cn-north-1:123456789012:function:f:$LATEST": {Region: "cn-north-1", Account: "123456789012", Name: "f", Qualifier: "$LATEST"},
		"arn:aws:lambda::1:function:my_f-1:prod":                       {Account: "1", Name: "my_f-1", Qualifier: "prod"},
	} {
		if got, ok := trigger.ParseARN(arn); !ok || got != want {
			t.Errorf("%s: %+v, %v", arn, got, ok)
		}
	}
	for _, arn := range []string{
		"", ":", ":::::::", "f", "function:f", "arn:aws:lambda:us-east-1:123456789012:function:", "arn:aws:lambda:us-east-1:123456789012:function",
		"arn:aws:lambda:us-east-1:123456789012:layer:f", "arn:aws:iam:us-east-1:123456789012:function:f",
		"arn:aws:lambda:us-east-1:123456789012:function:f:1:2", "ARN:aws:lambda:us-east-1:123456789012:function:f",
	} {
		if got, ok := trigger.ParseARN(arn); ok {
			t.Errorf("%q is %+v", arn, got)
		}
	}
}

// TestReadThrown reads errors, and makes one of what is none; none is long.
func TestReadThrown(t *testing.T) {
	for document, want := range map[string]trigger.Thrown{
		`{"errorMessage":"Not \"you\"","errorType":"Error","stackTrace":["a"]}`: {Type: "Error", Message: `Not "you"`},
		`{"errorMessage":"m"}`: {Type: "Unhandled", Message: "m"},
		`{"errorMessage":7}`:   {Type: "Unhandled"}, "": {Type: "Unhandled"}, "<html>": {Type: "Unhandled"}, "null": {Type: "Unhandled"}, `"text"`: {Type: "Unhandled"},
		`{"errorMessage":"m","errorType":["t"]}`: {Type: "Unhandled"},
	} {
		if got := trigger.ReadThrown([]byte(document), "Unhandled"); *got != want {
			t.Errorf("%s: %+v", document, got)
		}
	}
	got := trigger.ReadThrown([]byte(`{"errorMessage":"`+strings.Repeat("ü", 1<<20)+`","errorType":"x`+strings.Repeat("ü", 1<<20)+`"}`), "")
	if got.Message != strings.Repeat("ü", 2048) || got.Type != "x"+strings.Repeat("ü", 2047) {
		t.Errorf("%d bytes of type and %d of message", len(got.Type), len(got.Message))
	}
}
