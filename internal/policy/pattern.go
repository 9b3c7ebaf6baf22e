package policy

import (
	"strings"
)

// pattern is a text with wildcards and variables, in pieces.
type pattern []piece

// piece is one of: a text, a wildcard, or a variable.
type piece struct {
	text     string
	wildcard rune // anything or anyone; 0 is no wildcard
	variable string
	preset   *string // what a variable without a value stands for
}

// The wildcards, as no text has them.
const (
	anything rune = -1 // *
	anyone   rune = -2 // ?
)

// compile takes a text apart. Without variables, a dollar is one.
func compile(text string, variables bool) pattern {
	var p pattern
	for text != "" {
		n := strings.IndexAny(text, "*?$")
		if n < 0 {
			return append(p, piece{text: text})
		}
		if n > 0 {
			p = append(p, piece{text: text[:n]})
		}
		var next piece
		next, text = compileSign(text[n:], variables)
		p = append(p, next)
	}
	return p
}

// compileSign takes off the sign at the beginning of a text.
func compileSign(text string, variables bool) (piece, string) {
	switch text[0] {
	case '*':
		return piece{wildcard: anything}, text[1:]
	case '?':
		return piece{wildcard: anyone}, text[1:]
	}
	name, rest, closed := strings.Cut(text[1:], "}")
	if !variables || !closed || !strings.HasPrefix(name, "{") {
		return piece{text: "$"}, text[1:]
	}
	return compileVariable(name[1:]), rest
}

// compileVariable reads what is between the braces: a key, or a key and what it is by default, or a sign that would mean
// something else without braces.
func compileVariable(inside string) piece {
	if inside == "*" || inside == "?" || inside == "$" {
		return piece{text: inside}
	}
	key, preset, has := strings.Cut(inside, ",")
	p := piece{variable: strings.ToLower(strings.TrimSpace(key))}
	if has {
		preset = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(preset), "'"), "'")
		p.preset = &preset
	}
	return p
}

// fill puts the values of variables in, which are never wildcards. A variable without exactly one value, and without a
// preset, fills nothing: such a pattern matches no text.
func (p pattern) fill(context Context) ([]rune, bool) {
	var out []rune
	for _, piece := range p {
		switch {
		case piece.wildcard != 0:
			out = append(out, piece.wildcard)
		case piece.variable == "":
			out = append(out, []rune(piece.text)...)
		default:
			values := context[piece.variable]
			if len(values) == 0 && piece.preset != nil {
				values = []string{*piece.preset}
			}
			if len(values) != 1 {
				return nil, false
			}
			out = append(out, []rune(values[0])...)
		}
	}
	return out, true
}

// matches compares a text with a pattern that is filled, in time proportional to the product of their lengths.
func matches(filled []rune, text []rune) bool {
	p, t := 0, 0
	star, from := -1, 0 // the last *, and where in the text what it stands for ends
	for t < len(text) {
		switch {
		case p < len(filled) && filled[p] == anything:
			star, from = p, t
			p++
		case p < len(filled) && (filled[p] == anyone || filled[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	for p < len(filled) && filled[p] == anything {
		p++
	}
	return p == len(filled)
}

// arnParts is how many parts an ARN has; its last may hold colons.
const arnParts = 6

// matchesARN compares part by part: no wildcard stands for a colon before the last part. Parts that a pattern leaves out at its
// end are any.
func matchesARN(filled []rune, arn string) bool {
	if len(filled) == 1 && filled[0] == anything {
		return true
	}
	parts, wanted := splitRunes([]rune(arn)), splitRunes(filled)
	if len(parts) < arnParts {
		return false
	}
	for n, part := range wanted {
		if !matches(part, parts[n]) {
			return false
		}
	}
	return true
}

// splitRunes cuts at the first colons.
func splitRunes(text []rune) (parts [][]rune) {
	begin := 0
	for n, r := range text {
		if r == ':' && len(parts) < arnParts-1 {
			parts = append(parts, text[begin:n])
			begin = n + 1
		}
	}
	return append(parts, text[begin:])
}
