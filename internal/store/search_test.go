package store

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSuccessor(t *testing.T) {
	for prefix, want := range map[string]string{
		"":                     "",
		"a":                    "b",
		"az":                   "a{",
		"\x7f":                 "\u0080",
		"a\u07ff":              "a\u0800",
		"\ud7ff":               "\ue000",
		"\uffff":               "\U00010000",
		"a\U0010FFFF":          "b",
		"\U0010FFFF\U0010FFFF": "",
		"a\xff":                "b",
		"a\xc3":                "a\xc4",
	} {
		if got := successor(prefix); got != want {
			t.Errorf("after %q: %q, want %q", prefix, got, want)
		}
	}
}

// FuzzSuccessor checks that a text begins with a prefix exactly if it lies in the
// range that stands for it.
func FuzzSuccessor(f *testing.F) {
	f.Add("a", "b")
	f.Add("a\U0010FFFF", "a\U0010FFFFx")
	f.Add("\ud7ff", "\ue000")
	f.Add("\xff\xff", "\xff\xff\xff")
	f.Add("é", "é%")
	f.Fuzz(func(t *testing.T, prefix, text string) {
		end := successor(prefix)
		if utf8.ValidString(prefix) && !utf8.ValidString(end) {
			t.Errorf("after %q comes %q, which is not UTF-8", prefix, end)
		}
		// Among valid texts only: PostgreSQL has no others.
		if !utf8.ValidString(prefix) || !utf8.ValidString(text) {
			return
		}
		for _, s := range []string{text, prefix + text} {
			inRange := s >= prefix && (end == "" || s < end)
			if inRange != strings.HasPrefix(s, prefix) {
				t.Errorf("prefix %q, end %q, text %q: in the range is %v", prefix, end, s, inRange)
			}
		}
	})
}

func TestIndexKey(t *testing.T) {
	long := strings.Repeat("é", longestKey)
	for _, s := range []string{"", "a", strings.Repeat("a", longestKey)} {
		if got := indexKey(s); got != s {
			t.Errorf("%d bytes became %d", len(s), len(got))
		}
	}
	a, b := indexKey(long+"a"), indexKey(long+"b")
	switch {
	case a == b:
		t.Error("two texts share a key")
	case len(a) > longestKey+65:
		t.Errorf("a key of %d bytes", len(a))
	case !utf8.ValidString(a):
		t.Error("a character was cut in two")
	}
}

func TestParseChange(t *testing.T) {
	for _, c := range []Change{{}, {"pool", "a/b"}, {"client", ""}} {
		if got := ParseChange(c.String()); got != c {
			t.Errorf("%v became %v", c, got)
		}
	}
	if got := ParseChange("nonsense"); got != (Change{}) {
		t.Errorf("nonsense became %v", got)
	}
}
