package message

import (
	"errors"
	"html"
	"net/url"
	"regexp"
	"strings"

	"cognate/internal/secret"
)

// Template is a message before its values are known. Placeholders: {####} is
// the code or temporary password, {username} the sign-in name, {##text##} a
// link that reads "text", in a subject the text alone. Anything else in braces
// is text; so is what stands in the text of a link.
type Template struct {
	Subject string // e-mail only
	Body    string // HTML in e-mail, plain text in an SMS
}

// The placeholders, as functions are told of them that write templates.
const (
	Code     = "{####}"
	Username = "{username}"
	Link     = "{##Click Here##}"
)

// Values fill a template.
type Values struct {
	Medium   Medium // SMS is plain text; anything else is HTML
	Code     secret.Text
	Username string
	Link     string // an http or https URL; any other is left out and the link's text stays
}

// The texts of a pool that has none of its own, in Cognito's wording where that is known.
const (
	// DefaultVerificationSMS confirms a phone number.
	DefaultVerificationSMS = "Your confirmation code is {####}"
	// DefaultVerificationSubject goes with DefaultVerificationEmail.
	DefaultVerificationSubject = "Your verification code"
	// DefaultVerificationEmail confirms an e-mail address.
	DefaultVerificationEmail = "Your confirmation code is {####}"
	// DefaultLinkSubject goes with DefaultLinkEmail.
	DefaultLinkSubject = "Your verification link"
	// DefaultLinkEmail confirms an e-mail address by a link.
	DefaultLinkEmail = "Please click the link below to verify your email address. {##Verify Email##}"
	// DefaultAuthenticationSMS carries a sign-in code.
	DefaultAuthenticationSMS = "Your authentication code is {####}."
	// DefaultAuthenticationSubject goes with DefaultAuthenticationEmail.
	DefaultAuthenticationSubject = "Your authentication code"
	// DefaultAuthenticationEmail carries a sign-in code.
	DefaultAuthenticationEmail = "Your authentication code is {####}."
	// SignInLinkSubject goes with SignInLinkEmail.
	SignInLinkSubject = "Your sign-in link"
	// SignInLinkEmail carries a link to sign in by, which is no more Cognito's than the link.
	SignInLinkEmail = "Follow this link to sign in: {##Sign in##}. It works once, for a few minutes, and in the browser that asked for it. " +
		"If that was not yours, you need not do anything."
	// DefaultInvitationSMS carries a temporary password.
	DefaultInvitationSMS = "Your username is {username} and temporary password is {####}."
	// DefaultInvitationSubject goes with DefaultInvitationEmail.
	DefaultInvitationSubject = "Your temporary password"
	// DefaultInvitationEmail carries a temporary password.
	DefaultInvitationEmail = "Your username is {username} and temporary password is {####}."
)

// Errors of a template that lacks what it is for.
var (
	ErrNoCode     = errors.New("message: the template lacks {####}")
	ErrNoUsername = errors.New("message: the template lacks {username}")
)

// placeholder matches the code before the link: {####} is not a link without text. A link begins at the last "{##"
// before its end, so that one without an end takes nothing with it.
var placeholder = regexp.MustCompile(`\{####\}|\{username\}|\{##((?:[^{]|(?:\{#?)+[^{#])+?)##\}`)

// Render fills the template in one pass: a placeholder inside a value stays
// text. In the body of an e-mail every value is escaped for HTML, and the
// template itself is taken as HTML that the pool's owner wrote. The subject is
// one line: control characters, line breaks and bad UTF-8 are taken out of it
// whole, and out of each value elsewhere. A plain text shows a link as its URL.
func (t Template) Render(v Values) (subject, body string) {
	plain := func(s string) string { return s }
	subject = strip(fill(t.Subject, v, plain, noLink))
	if v.Medium == SMS {
		return subject, fill(t.Body, v, plain, plainLink)
	}
	return subject, fill(t.Body, v, html.EscapeString, htmlLink)
}

func fill(text string, v Values, escape func(string) string, link func(to, text string) string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		switch found {
		case "{####}":
			return escape(strip(string(v.Code)))
		case "{username}":
			return escape(strip(v.Username))
		}
		return link(safeLink(v.Link), placeholder.FindStringSubmatch(found)[1])
	})
}

// noLink keeps the code that a link holds out of the lists of messages that show subjects.
func noLink(_, text string) string { return text }

func plainLink(to, text string) string {
	if to == "" {
		return text
	}
	return to
}

func htmlLink(to, text string) string {
	if to == "" {
		return text
	}
	return `<a href="` + html.EscapeString(to) + `">` + text + `</a>`
}

// safeLink keeps a link that a mail program may follow, and nothing that runs.
func safeLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return u.String()
}

func strip(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// ValidateCode tells whether a text, of an SMS or an e-mail that confirms or
// signs in, has the place for the code. The error is ErrNoCode.
func ValidateCode(body string) error {
	if !strings.Contains(body, "{####}") {
		return ErrNoCode
	}
	return nil
}

// ValidateInvitation tells whether an invitation, SMS or e-mail, has the places
// for the username and the temporary password. The error is ErrNoUsername or
// ErrNoCode, the former first. Pools without passwords need not call it.
func ValidateInvitation(body string) error {
	if !strings.Contains(body, "{username}") {
		return ErrNoUsername
	}
	return ValidateCode(body)
}
