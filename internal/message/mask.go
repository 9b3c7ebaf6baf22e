package message

import (
	"strings"
	"unicode/utf8"
)

// Mask hides most of a destination, in the form that Cognito shows it in
// CodeDeliveryDetails: an e-mail address as "j***@e***", a phone number as
// "+*******8920", all but the last four digits, one star for each hidden one.
// A number of four digits or fewer is hidden whole. An empty destination stays
// empty; what is not of the medium's form shows its first character at most.
func Mask(medium Medium, destination string) string {
	switch {
	case destination == "":
		return ""
	case medium == SMS:
		return maskPhone(destination)
	}
	local, domain, ok := cutLast(destination, "@")
	if !ok {
		return first(destination) + "***"
	}
	return first(local) + "***@" + first(domain) + "***"
}

func maskPhone(s string) string {
	digits, plus := strings.CutPrefix(s, "+")
	sign := ""
	if plus {
		sign = "+"
	}
	all := []rune(digits)
	if len(all) <= 4 {
		return sign + strings.Repeat("*", len(all))
	}
	return sign + strings.Repeat("*", len(all)-4) + string(all[len(all)-4:])
}

// first is the first character of s, so that a mask never breaks one apart.
func first(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || isControl(r) {
		return ""
	}
	return string(r)
}

// cutLast cuts around the last sep: what is before it may hold one in quotes.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
