package pool_test

import (
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/pool"

	"golang.org/x/text/unicode/norm"
)

func withCase(sensitive bool) *pool.Pool {
	return &pool.Pool{Settings: &idp.UserPoolType{UsernameConfiguration: &idp.UsernameConfigurationType{CaseSensitive: sensitive}}}
}

// TestKey tells which spellings are one user (checklist 14).
func TestKey(t *testing.T) {
	for _, c := range []struct {
		a, b              string
		folded, sensitive bool // whether a and b are one user
	}{
		{"ann", "ann", true, true},
		{"Ann", "aNN", true, false},
		{"ann", "anne", false, false},
		{"caf\u00e9", "cafe\u0301", true, true}, // é as one and as two characters
		{"CAF\u00c9", "cafe\u0301", true, false},
		{"stra\u00dfe", "STRASSE", true, false},
		{"\u1e9e", "\u00df", true, false},      // ẞ, ß
		{"\u03c3", "\u03c2", true, false},      // σ, ς
		{"\u212aelvin", "kelvin", true, false}, // the Kelvin sign
		{"\u0430nn", "ann", false, false},      // a Cyrillic а
	} {
		if got := withCase(false).Key(c.a) == withCase(false).Key(c.b); got != c.folded {
			t.Errorf("%q and %q in a case-insensitive pool: one user is %v", c.a, c.b, got)
		}
		if got := withCase(true).Key(c.a) == withCase(true).Key(c.b); got != c.sensitive {
			t.Errorf("%q and %q in a case-sensitive pool: one user is %v", c.a, c.b, got)
		}
	}
	if !(&pool.Pool{Settings: &idp.UserPoolType{}}).CaseSensitive() {
		t.Error("a pool that does not say is not case-sensitive")
	}
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"ann", "ANN", "stra\u00dfe", "cafe\u0301", "\u0345\u0301", "\u1fb3", "\u0130", "\u03a3", "\xff"} {
		f.Add(s)
	}
	sensitive, folding := withCase(true), withCase(false)
	f.Fuzz(func(t *testing.T, name string) {
		for _, p := range []*pool.Pool{sensitive, folding} {
			key := p.Key(name)
			if again := p.Key(key); again != key {
				t.Errorf("Key(%q) is %q, but its own key is %q", name, key, again)
			}
			if got := p.Key(norm.NFD.String(name)); got != key {
				t.Errorf("%q has key %q, decomposed %q", name, key, got)
			}
		}
		if strings.ToLower(name) == strings.ToUpper(name) {
			return
		}
		if a, b := folding.Key(sensitive.Key(name)), folding.Key(name); a != b {
			t.Errorf("%q: %q or %q", name, a, b)
		}
	})
}
