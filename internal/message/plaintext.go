package message

import (
	"html"
	"regexp"
	"strings"
)

var (
	attrHref  = regexp.MustCompile(`(?is)\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`)
	manySpace = regexp.MustCompile(`[ \t\r\f\v]+`)
	manyLines = regexp.MustCompile(`\n{3,}`)
)

// unseen are elements whose content a mail program does not show.
var unseen = map[string]bool{"script": true, "style": true, "head": true, "title": true, "template": true}

// breaks are elements that begin and end a line.
var breaks = map[string]bool{
	"address": true, "article": true, "blockquote": true, "br": true, "center": true, "dd": true, "div": true, "dl": true,
	"dt": true, "footer": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "header": true,
	"hr": true, "li": true, "main": true, "ol": true, "p": true, "pre": true, "section": true, "table": true, "tr": true, "ul": true,
}

// PlainText is the text that an HTML body shows, for readers that do not show
// HTML: one line for each block, a link as "text (URL)". It is meant for
// messages, not for pages: it knows no styles. Any input gives a text, and the
// time it takes is linear in the input's length.
func PlainText(body string) string {
	var p plainer
	for body != "" {
		body = p.step(body)
	}
	return tidy(p.out.String())
}

// plainer walks over HTML once, from left to right.
type plainer struct {
	out   strings.Builder
	links []string // the targets of the links that are open
}

// step takes one text or one tag off the front and returns the rest.
func (p *plainer) step(s string) string {
	open := strings.IndexByte(s, '<')
	if open != 0 {
		return p.text(s, open)
	}
	if rest, ok := strings.CutPrefix(s, "<!--"); ok {
		return after(rest, "-->")
	}
	name, closing := tagName(s)
	if name == "" {
		p.out.WriteByte('<')
		return s[1:]
	}
	end := tagEnd(s)
	p.tag(name, closing, s[:end])
	if rest := s[end:]; unseen[name] && !closing {
		return skipElement(rest, name)
	}
	return s[end:]
}

// text writes the characters before the next tag, which starts at end or never.
func (p *plainer) text(s string, end int) string {
	if end < 0 {
		end = len(s)
	}
	// An HTML line break is a space like another.
	p.out.WriteString(strings.ReplaceAll(html.UnescapeString(s[:end]), "\n", " "))
	return s[end:]
}

func (p *plainer) tag(name string, closing bool, whole string) {
	switch {
	case name == "a" && !closing:
		p.links = append(p.links, href(whole))
	case name == "a":
		p.closeLink()
	case name == "td" || name == "th":
		p.out.WriteByte(' ')
	case breaks[name]:
		p.out.WriteByte('\n')
	}
}

func (p *plainer) closeLink() {
	if len(p.links) == 0 {
		return
	}
	to := p.links[len(p.links)-1]
	p.links = p.links[:len(p.links)-1]
	if to != "" {
		p.out.WriteString(" (" + to + ")")
	}
}

func href(tag string) string {
	found := attrHref.FindStringSubmatch(tag)
	if found == nil {
		return ""
	}
	return strip(html.UnescapeString(found[1] + found[2] + found[3]))
}

// tagName is the lower-case name of the tag that s begins with; empty when the
// "<" is only a character, as in "a < b".
func tagName(s string) (name string, closing bool) {
	s = s[1:]
	if rest, ok := strings.CutPrefix(s, "/"); ok {
		s, closing = rest, true
	}
	if strings.HasPrefix(s, "!") || strings.HasPrefix(s, "?") {
		return "!", false // a doctype or an instruction: no element
	}
	end := 0
	for end < len(s) && isNameByte(s[end], end) {
		end++
	}
	return strings.ToLower(s[:end]), closing
}

func isNameByte(c byte, at int) bool {
	letter := c|0x20 >= 'a' && c|0x20 <= 'z'
	return letter || at > 0 && (c >= '0' && c <= '9' || c == '-' || c == ':')
}

// tagEnd is the index after the ">" that ends the tag, quotes respected.
func tagEnd(s string) int {
	var quote byte
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == '>':
			return i + 1
		}
	}
	return len(s)
}

// skipElement is what follows the element's end tag, or nothing.
func skipElement(s, name string) string {
	for {
		i := strings.Index(s, "</")
		if i < 0 {
			return ""
		}
		s = s[i:]
		if found, closing := tagName(s); closing && found == name {
			return s[tagEnd(s):]
		}
		s = s[2:]
	}
}

func after(s, sep string) string {
	_, rest, _ := strings.Cut(s, sep)
	return rest
}

// tidy ends each line without space and leaves one empty line between blocks at most.
func tidy(s string) string {
	lines := strings.Split(manySpace.ReplaceAllString(s, " "), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.TrimSpace(manyLines.ReplaceAllString(strings.Join(lines, "\n"), "\n\n"))
}
