package pool

import (
	"strings"
	"testing"
)

func svg(body string) string {
	return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">` + body + `</svg>`
}

func TestSVG(t *testing.T) {
	for _, text := range []string{
		svg(""), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a logo -->" + svg(`<path d="M0 0h9"/>`) + "\n",
		svg(`<defs><linearGradient id="a"><stop stop-color="#fff"/></linearGradient></defs><rect fill="url(#a)" style="fill: url('#a')"/>`),
		svg(`<style>.a{fill:url(#a)}</style><use href="#a" xlink:href="#a"/><text>1 &lt; 2 @ home</text>`),
		svg(`<image href="data:image/png;base64,iVBORw0K"/>`),
	} {
		if err := checkSVG([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestSVGRefused is what a drawing must not hold: what runs, what loads, and what is none.
func TestSVGRefused(t *testing.T) {
	for what, texts := range map[string][]string{
		"runs": {
			svg(`<script>alert(1)</script>`), svg(`<SCRIPT/>`), svg(`<g onload="alert(1)"/>`), svg(`<g OnClick=""/>`), svg(`<a href="javascript:alert(1)"/>`),
			svg(`<x:script xmlns:x="http://www.w3.org/2000/svg"/>`), svg(`<script xmlns="http://www.w3.org/1999/xhtml"/>`), svg(`<g style="behavior:url(x)"/>`),
			svg(`<animate attributeName="href" to="javascript:alert(1)"/>`), svg(`<set attributeName="onclick" to="x"/>`), svg(`<g fill="expression (x)"/>`),
			svg(`<use href="&#106;avascript:alert(1)"/>`), svg(`<image href="data:image/svg+xml;base64,AAAA"/>`), svg(`<use href="data:image/png;base64,AAAA"/>`),
		},
		"brings others": {
			svg(`<foreignObject/>`), svg(`<foreignObject><p xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>`), svg(`<p xmlns="http://www.w3.org/1999/xhtml"/>`), svg(`<iframe/>`),
		},
		"loads": {
			svg(`<image href="https://evil.example/x"/>`), svg(`<image xlink:href="//evil.example/x"/>`), svg(`<use href="other.svg#a"/>`), svg(`<feImage href="#a"/>`),
			svg(`<rect fill="url(https://evil.example/x)"/>`), svg(`<rect style="fill:URL( 'x' )"/>`), svg(`<style>@import 'x';</style>`), svg(`<style>a{fill:url(x)}</style>`),
			svg(`<style>a{fill:\75rl(x)}</style>`), svg(`<style>a{fill:ur<!-- -->l(x)}</style>`), svg(`<style>a{fill:u<![CDATA[rl(x)]]>}</style>`), svg(`<style>@imp<![CDATA[ort 'x';]]></style>`),
			svg(`<style><g/>a{}</style>`), svg(`<g xml:base="https://evil.example/"/>`), `<?xml-stylesheet href="x"?>` + svg(""),
			`<!DOCTYPE svg SYSTEM "x">` + svg(""), `<!DOCTYPE svg [<!ENTITY a "b">]>` + svg("&a;"), svg(`<style>a{background:image-set('x' 1x)}</style>`),
		},
		"is none": {
			"", " ", "<svg/>", `<g xmlns="http://www.w3.org/2000/svg"/>`, svg("") + svg(""), svg("<g>"), "plain", "\x89PNG\r\n\x1a\n", svg("\xff"), svg("&x;"),
			`<?xml version="1.0" encoding="UTF-7"?>` + svg(""), `<html><body>` + svg("") + `</body></html>`,
		},
	} {
		for _, text := range texts {
			if checkSVG([]byte(text)) == nil {
				t.Errorf("%s, and is accepted: %q", what, text)
			}
		}
	}
}

// FuzzSVG sees to it that nothing accepted has a script or a handler in it.
func FuzzSVG(f *testing.F) {
	f.Add(svg(`<style>.a{fill:url(#a)}</style><use href="#a"/>`))
	f.Add(svg(`<g onload="x"/>`))
	f.Add(svg(`<style>ur<![CDATA[l(x)]]></style>`))
	f.Fuzz(func(t *testing.T, text string) {
		if checkSVG([]byte(text)) != nil {
			return
		}
		for _, bad := range []string{"<script", "<foreignobject", "<!doctype", "<!entity"} {
			if at := strings.Index(strings.ToLower(text), bad); at >= 0 && !quoted(text, at) {
				t.Errorf("%q is accepted", text)
			}
		}
	})
}

// quoted reports whether a place is in a comment, a section or a value, where it means nothing.
func quoted(text string, at int) bool {
	before := text[:at]
	return strings.Count(before, "<!--") > strings.Count(before, "-->") || strings.Count(before, "<![CDATA[") > strings.Count(before, "]]>") ||
		strings.LastIndexAny(before, `"'`) > strings.LastIndex(before, ">")
}
