package message

import (
	"errors"
	"html"
	"strings"
	"testing"

	"cognate/internal/secret"
)

// TestRender covers checklist 23: values are escaped, and break no line of a header.
func TestRender(t *testing.T) {
	const link = "https://auth.example.com/confirmUser/?client_id=c&user_name=j&confirmation_code=1"
	for _, c := range []struct {
		name          string
		template      Template
		values        Values
		subject, body string
	}{
		{"sms", Template{"", DefaultVerificationSMS}, Values{Medium: SMS, Code: "123456"}, "", "Your confirmation code is 123456"},
		{"e-mail", Template{DefaultVerificationSubject, DefaultVerificationEmail}, Values{Medium: Email, Code: "123456"},
			"Your verification code", "Your confirmation code is 123456"},
		{"authentication", Template{"", DefaultAuthenticationSMS}, Values{Medium: SMS, Code: "12345678"}, "", "Your authentication code is 12345678."},
		{"invitation", Template{DefaultInvitationSubject, DefaultInvitationEmail}, Values{Medium: Email, Code: `a<b&"`, Username: "<i>jane</i>"},
			"Your temporary password", "Your username is &lt;i&gt;jane&lt;/i&gt; and temporary password is a&lt;b&amp;&#34;."},
		{"invitation by sms", Template{"", DefaultInvitationSMS}, Values{Medium: SMS, Code: `a<b&"`, Username: "<jane>"},
			"", `Your username is <jane> and temporary password is a<b&".`},
		{"everything twice", Template{"{username}: {####}", "{####}{####} {username}{username}"}, Values{Code: "1", Username: "j"}, "j: 1", "11 jj"},
		{"values are not templates", Template{"{username}", "{username} {####}"}, Values{Code: "{username}", Username: "{####}{##x##}"},
			"{####}{##x##}", "{####}{##x##} {username}"},
		{"link", Template{"", "Go {##<b>here</b>##}!"}, Values{Link: link},
			"", `Go <a href="https://auth.example.com/confirmUser/?client_id=c&amp;user_name=j&amp;confirmation_code=1"><b>here</b></a>!`},
		{"two links on two lines", Template{"", "{##a\nb##} {##c##}"}, Values{Link: "http://h"}, "", "<a href=\"http://h\">a\nb</a> <a href=\"http://h\">c</a>"},
		{"link in a text", Template{"", "{##here##}"}, Values{Medium: SMS, Link: link}, "", link},
		{"link that runs", Template{"", "{##here##}"}, Values{Link: "javascript:alert(1)"}, "", "here"},
		{"link with a quote", Template{"", "{##here##}"}, Values{Link: `https://h/"onclick="x`}, "", `<a href="https://h/%22onclick=%22x">here</a>`},
		{"no link", Template{"", "{##here##}"}, Values{}, "", "here"},
		{"code is no link", Template{"", "{####} or {##x##}"}, Values{Code: "1", Link: "http://h"}, "", `1 or <a href="http://h">x</a>`},
		{"many placeholders", Template{"{####} {##all##}", "{username}, {##go##} or type {####}, {username}: {##once more##}"},
			Values{Code: "1", Username: "<j>", Link: "http://h"}, "1 all",
			`&lt;j&gt;, <a href="http://h">go</a> or type 1, &lt;j&gt;: <a href="http://h">once more</a>`},
		{"no link in a subject", Template{"Go {##here##}", ""}, Values{Link: link}, "Go here", ""},
		{"link without an end", Template{"", "{##here {username} {####"}, Values{Username: "j", Link: link}, "", "{##here j {####"},
		{"link that begins twice", Template{"", "{##a {##b##} c##}"}, Values{Link: "http://h"}, "", `{##a <a href="http://h">b</a> c##}`},
		{"link around a code", Template{"", "{##{####}##}"}, Values{Code: "1", Link: "http://h"}, "", "{##1##}"},
		{"link around a name", Template{"", "{##for {username}##}"}, Values{Username: "j", Link: "http://h"}, "", `<a href="http://h">for {username}</a>`},
		{"link with braces", Template{"", "{##a{#{b}##}"}, Values{Link: "http://h"}, "", `<a href="http://h">a{#{b}</a>`},
		{"link without a text", Template{"", "{##} {###}"}, Values{Link: "http://h"}, "", "{##} {###}"},
		{"hostile link", Template{"", "{##x##}"}, Values{Link: "https://h/?a='><script>&b=\"\r\n"}, "", "x"},
		{"unknown", Template{"{x}", "{x} {#} {##} {USERNAME} {}"}, Values{}, "{x}", "{x} {#} {##} {USERNAME} {}"},
		{"header injection", Template{"Hi {username}\r\n", "Hi {username}"}, Values{Medium: SMS, Username: "j\r\nBcc: v@x\x00\u2028\u202e"},
			"Hi jBcc: v@x", "Hi jBcc: v@x"},
		{"an sms keeps its template's lines", Template{"", "a\n{####}"}, Values{Medium: SMS, Code: "1"}, "", "a\n1"},
		{"bad UTF-8", Template{"\xff{username}", "\xff{username}"}, Values{Username: "\xfe"}, "\uFFFD\uFFFD", "\uFFFD\uFFFD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			subject, body := c.template.Render(c.values)
			if subject != c.subject || body != c.body {
				t.Errorf("got %q, %q\nwant %q, %q", subject, body, c.subject, c.body)
			}
		})
	}
}

func TestValidateTemplates(t *testing.T) {
	for _, c := range []struct {
		check func(string) error
		body  string
		want  error
	}{
		{ValidateCode, DefaultVerificationSMS, nil},
		{ValidateCode, DefaultVerificationEmail, nil},
		{ValidateCode, DefaultAuthenticationSMS, nil},
		{ValidateCode, DefaultAuthenticationEmail, nil},
		{ValidateCode, "code", ErrNoCode},
		{ValidateCode, "{###}", ErrNoCode},
		{ValidateCode, "{##link##}", ErrNoCode},
		{ValidateInvitation, DefaultInvitationSMS, nil},
		{ValidateInvitation, DefaultInvitationEmail, nil},
		{ValidateInvitation, "{username}", ErrNoCode},
		{ValidateInvitation, "{####}", ErrNoUsername},
		{ValidateInvitation, "", ErrNoUsername},
	} {
		if err := c.check(c.body); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.body, err, c.want)
		}
	}
}

func TestPlainText(t *testing.T) {
	for in, want := range map[string]string{
		"Your code is 1": "Your code is 1",
		"<p>Hello &amp; welcome</p><p>Code: <b>1&nbsp;2</b></p>": "Hello & welcome\n\nCode: 1\u00a02",
		`<a href="https://h/?a=1&amp;b=2">here</a>.`:             "here (https://h/?a=1&b=2).",
		`<A class=x HREF='https://h'>x</A> <a name="y">z</a>`:    "x (https://h) z",
		"a<br>b<br/>c\nd\te": "a\nb\nc d e",
		"1 < 2 and 3<4 > 2":  "1 < 2 and 3<4 > 2",
		"<style>b{color:red}</style>x<script>'</b>'</script>y<!-- z -->": "xy",
		"<!doctype html><html><head><title>t</title></head>x</html>":     "x",
		`<img alt="a > b" src=x>ok`:                                      "ok",
		"<ul><li>a</li><li>b</li></ul>":                                  "a\n\nb",
		"<table><tr><td>a</td><td>b</td></tr></table>":                   "a b",
		"<p":                    "",
		"x<a href=\"":           "x",
		"</a>x</a>":             "x",
		"<script>x":             "",
		"":                      "",
		"<div>\n\n\n\n</div>a ": "a",
	} {
		if got := PlainText(in); got != want {
			t.Errorf("PlainText(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("Hi {username}", DefaultLinkEmail, "jane\r\nBcc: x", "1<2", "https://h/?a=\"")
	f.Add("{##{####}##}", "{{username}}", "<script>", "{username}", "javascript:x")
	f.Fuzz(func(t *testing.T, subject, body, username, code, link string) {
		v := Values{Medium: Email, Username: username, Link: link}
		gotSubject, _ := Template{subject, body}.Render(v)
		if hasControl(gotSubject) {
			t.Errorf("subject %q", gotSubject)
		}
		// A body that is only the name holds no HTML of the name's.
		_, got := Template{Body: "{username}{####}"}.Render(Values{Username: username, Code: "1"})
		if strings.ContainsAny(got, "<>\"'\r\n") {
			t.Errorf("body %q", got)
		}
		_, linked := Template{Body: "{##x##}"}.Render(v)
		if strings.Count(linked, `"`) != 0 && strings.Count(linked, `"`) != 2 || strings.Count(linked, "<") > 2 {
			t.Errorf("link %q", linked)
		}
	})
}

// FuzzTemplate renders any template, and compares with a reader of templates that goes from character to character.
func FuzzTemplate(f *testing.F) {
	for _, body := range []string{DefaultLinkEmail, "{##{####}##}", "{##a {##b##}", "{##a{##}", "{######}", "{##a{#{b##}", "{##a###}{####", "{{username}}\xff"} {
		f.Add(body, "<i>\"j\"", "1", "https://h/?a=1&b='")
	}
	f.Fuzz(func(t *testing.T, body, username, code, link string) {
		v := Values{Medium: Email, Username: username, Code: secret.Text(code), Link: link}
		_, got := Template{Body: body}.Render(v)
		name, number := html.EscapeString(strip(username)), html.EscapeString(strip(code))
		want := readTemplate(body, name, number, func(text string) string { return htmlLink(safeLink(link), text) })
		if got != want {
			t.Errorf("%q\n got %q\nwant %q", body, got, want)
		}
		v.Medium = SMS
		subject, got := Template{Subject: body, Body: body}.Render(v)
		want = readTemplate(body, strip(username), strip(code), func(text string) string { return plainLink(safeLink(link), text) })
		if got != want {
			t.Errorf("text of %q\n got %q\nwant %q", body, got, want)
		}
		if hasControl(subject) || safeLink(link) != "" && len(link) > 20 && !strings.Contains(body+username+code, link) && strings.Contains(subject, link) {
			t.Errorf("subject %q", subject)
		}
	})
}

func readTemplate(text, name, code string, link func(text string) string) (out string) {
	for text = strings.ToValidUTF8(text, "\uFFFD"); text != ""; {
		end, next := -1, -1
		if strings.HasPrefix(text, "{##") && len(text) > 4 {
			end, next = strings.Index(text[4:], "##}")+4, strings.Index(text[3:], "{##")+3
		}
		switch {
		case strings.HasPrefix(text, "{####}"):
			out, text = out+code, text[len("{####}"):]
		case strings.HasPrefix(text, "{username}"):
			out, text = out+name, text[len("{username}"):]
		case end > 3 && (next < 3 || next > end):
			out, text = out+link(text[3:end]), text[end+len("##}"):]
		default:
			out, text = out+text[:1], text[1:]
		}
	}
	return out
}

func FuzzPlainText(f *testing.F) {
	for _, s := range []string{"<p>a</p>", "<a href=x>y</a>", "<!-- <b>", "<script></script", "&#0;&lt;b&gt;", "</", "<a'>\">"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := PlainText(s)
		if strings.HasPrefix(got, "\n") || strings.Contains(got, "\n\n\n") {
			t.Errorf("%q is not tidy", got)
		}
		if !strings.ContainsAny(s, "<&") && strings.Join(strings.Fields(s), " ") != strings.Join(strings.Fields(got), " ") {
			t.Errorf("%q became %q", s, got)
		}
	})
}
