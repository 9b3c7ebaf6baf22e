package federation_test

import (
	"testing"

	"cognate/internal/federation"
)

// TestMap joins what has several values, and leaves out what is not there.
func TestMap(t *testing.T) {
	got := federation.Map(map[string]string{"email": "mail", "custom:groups": "groups", "name": "none", "nickname": "blank", "username": "sub"},
		federation.Claims{"mail": {"a b@example.com"}, "groups": {"a b", "c,d", "é*~-._"}, "blank": {""}, "sub": {"1"}})
	want := map[string]string{"email": "a b@example.com", "custom:groups": "[a+b,c%2Cd,%C3%A9*%7E-._]", "nickname": ""}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
}

// TestMapKeepsText maps the values as they are: what an attribute may be is the directory's business.
func TestMapKeepsText(t *testing.T) {
	claims := federation.Claims{"one": {" a,[b] é "}, "none": {}, "two": {"", "x"}}
	got := federation.Map(map[string]string{"name": "one", "nickname": "none", "custom:two": "two", "email": "one"}, claims)
	want := map[string]string{"name": " a,[b] é ", "nickname": "", "custom:two": "[,x]", "email": " a,[b] é "}
	for name, value := range want {
		if text, ok := got[name]; !ok || text != value {
			t.Errorf("%s is %q, want %q", name, text, value)
		}
	}
	if len(federation.Map(nil, claims)) != 0 || len(federation.Map(map[string]string{"name": "one"}, nil)) != 0 {
		t.Error("something comes of nothing")
	}
}
