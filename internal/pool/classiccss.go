package pool

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/css"
)

// The parts of the classic pages that a style sheet may speak of, each by its class, and the states that they have.
var (
	classicClasses = setOf(`background-customizable banner-customizable errorMessage-customizable idpButton-customizable
		idpDescription-customizable inputField-customizable label-customizable legalText-customizable logo-customizable
		passwordCheck-notValid-customizable passwordCheck-valid-customizable redirect-customizable
		socialButton-customizable submitButton-customizable textDescription-customizable`)
	classicStates = setOf("hover focus active")
)

// classicProperties are what Cognito documents for the classes, and their kin: none of them loads anything, or leaves
// its place on the page.
var classicProperties = setOf(`background background-color background-image border border-bottom border-bottom-color
	border-bottom-left-radius border-bottom-right-radius border-bottom-style border-bottom-width border-color border-left
	border-left-color border-left-style border-left-width border-radius border-right border-right-color
	border-right-style border-right-width border-style border-top border-top-color border-top-left-radius
	border-top-right-radius border-top-style border-top-width border-width box-shadow box-sizing color cursor display
	font font-family font-size font-style font-weight height letter-spacing line-height margin margin-bottom margin-left
	margin-right margin-top max-height max-width min-height min-width opacity outline outline-color outline-offset
	outline-style outline-width padding padding-bottom padding-left padding-right padding-top text-align text-decoration
	text-decoration-color text-decoration-line text-decoration-style text-shadow text-transform transition
	transition-duration transition-property transition-timing-function vertical-align white-space width word-break
	word-spacing word-wrap overflow-wrap`)

var classicFunctions = setOf(`rgb( rgba( hsl( hsla( linear-gradient( radial-gradient( conic-gradient(
	repeating-linear-gradient( repeating-radial-gradient( calc( min( max( clamp( cubic-bezier( steps(`)

var classicValues = []css.TokenType{
	css.IdentToken, css.HashToken, css.NumberToken, css.PercentageToken, css.DimensionToken, css.CommaToken,
	css.WhitespaceToken, css.LeftParenthesisToken, css.RightParenthesisToken,
}

// checkClassicCSS accepts rules for the classes of the classic pages, with the properties that are allowed there. What
// else style sheets can do is refused: loading anything, rules that begin with @, other selectors, escapes, which hide
// what a name is, and whatever could end a style sheet within a page.
func checkClassicCSS(text string) error {
	for _, c := range text {
		if c == '\\' || c == '<' || unicode.IsControl(c) && !strings.ContainsRune("\t\r\n\f", c) {
			return invalidf("Invalid CSS: the character %q is not allowed.", c)
		}
	}
	if !commentsEnd(text) {
		return invalid("Invalid CSS: a comment does not end.")
	}
	p := css.NewParser(parse.NewInputString(text), false)
	inside := false
	for {
		kind, token, data := p.Next()
		switch {
		case kind == css.ErrorGrammar && token == css.ErrorToken && !p.HasParseError() && !inside:
			return nil
		case kind == css.CommentGrammar:
		case kind == css.BeginRulesetGrammar && !inside:
			inside = true
			if err := checkSelectors(p.Values()); err != nil {
				return err
			}
		case kind == css.EndRulesetGrammar && token == css.RightBraceToken:
			inside = false
		case kind == css.DeclarationGrammar && inside:
			if err := checkDeclaration(string(data), p.Values()); err != nil {
				return err
			}
		case kind == css.AtRuleGrammar, kind == css.BeginAtRuleGrammar:
			return invalidf("Invalid CSS: %s is not allowed.", data)
		default:
			return invalid("Invalid CSS: it is not a list of rules.")
		}
	}
}

func commentsEnd(text string) bool {
	l := css.NewLexer(parse.NewInputString(text))
	for {
		kind, data := l.Next()
		if kind == css.ErrorToken {
			return true
		}
		if kind == css.CommentToken && (len(data) < len("/**/") || !bytes.HasSuffix(data, []byte("*/"))) {
			return false
		}
	}
}

// checkSelectors accepts a list of .class and .class:state.
func checkSelectors(tokens []css.Token) error {
	for list := range bytes.SplitSeq(join(tokens), []byte(",")) {
		selector := strings.TrimSpace(string(list))
		name, state, hasState := strings.Cut(selector, ":")
		class, isClass := strings.CutPrefix(name, ".")
		if !isClass || !classicClasses[class] || hasState && !classicStates[state] {
			return invalidf("Invalid CSS: the selector %q is not allowed.", selector)
		}
	}
	return nil
}

func join(tokens []css.Token) (text []byte) {
	for _, t := range tokens {
		text = append(text, t.Data...)
	}
	return text
}

// checkDeclaration accepts a property with plain values: words, numbers, colours and gradients.
func checkDeclaration(property string, values []css.Token) error {
	if !classicProperties[property] {
		return invalidf("Invalid CSS: the property %q is not allowed.", property)
	}
	depth := 0 // of functions: parentheses by themselves are for what stands in them
	for i, v := range values {
		afterBang := i > 0 && string(values[i-1].Data) == "!"
		if !allowedValue(v, afterBang) || v.TokenType == css.LeftParenthesisToken && depth == 0 {
			return invalidf("Invalid CSS: the value %q of the property %s is not allowed.", join(values), property)
		}
		switch v.TokenType {
		case css.FunctionToken, css.LeftParenthesisToken:
			depth++
		case css.RightParenthesisToken:
			depth--
		}
	}
	return nil
}

func allowedValue(v css.Token, afterBang bool) bool {
	text := strings.ToLower(string(v.Data))
	switch v.TokenType {
	case css.FunctionToken:
		return classicFunctions[text]
	case css.DelimToken:
		return strings.Contains("!/+-*", text)
	case css.StringToken: // the name of a font
		return !strings.ContainsAny(text[1:len(text)-1], `"'():;{}*/`)
	case css.IdentToken:
		return !afterBang || text == "important"
	}
	return slices.Contains(classicValues, v.TokenType)
}
