package saml

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	validator "github.com/mattermost/xml-roundtrip-validator"
)

// Checklist 48: what is no plain document is refused before anything is made of it.
func TestFinishRefusesDocuments(t *testing.T) {
	p := open(t, nil)
	good := write(t, newAnswer(t).make(t))
	for name, text := range map[string]string{
		"empty":               "",
		"no XML":              "hello",
		"cut off":             good[:len(good)-20],
		"two roots":           good + good,
		"text behind":         good + "x",
		"document type":       `<!DOCTYPE r SYSTEM "https://evil.example.com/x.dtd">` + good,
		"entities":            `<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + strings.Replace(good, alice, "&e;", 1),
		"unknown entity":      strings.Replace(good, alice, "&e;", 1),
		"a billion laughs":    `<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>` + strings.Replace(good, alice, "&b;", 1),
		"instruction":         strings.Replace(good, alice, "Alice<?x y?>", 1),
		"declaration within":  strings.Replace(good, alice, `Alice<?xml version="1.0"?>`, 1),
		"leading instruction": `<?xml-stylesheet href="x"?>` + good,
		"inclusion":           strings.Replace(good, "</samlp:Response>", `<xi:include xmlns:xi="`+nsXInclude+`" href="/etc/passwd"/></samlp:Response>`, 1),
		"another encoding":    `<?xml version="1.0" encoding="utf-7"?>` + good,
		"no UTF-8":            strings.Replace(good, alice, "Alice\xff", 1),
		"an attribute twice":  strings.Replace(good, `Version="2.0"`, `Version="2.0" Version="2.0"`, 1),
		"an ID twice":         strings.Replace(good, `<samlp:Status>`, `<samlp:Status Id="_assertion-1">`, 1),
		"deep":                strings.Replace(good, "</samlp:Response>", strings.Repeat("<a>", 50)+strings.Repeat("</a>", 50)+"</samlp:Response>", 1),
		"many elements":       strings.Replace(good, "</samlp:Response>", strings.Repeat("<a/>", 2000)+"</samlp:Response>", 1),
		"many comments":       good + strings.Repeat("<!---->", 2000),
		"many declarations":   strings.Replace(good, "</samlp:Response>", nested(10, 50)+"</samlp:Response>", 1),
		"many attributes":     strings.Replace(good, "</samlp:Response>", `<a `+attributes(100)+"/></samlp:Response>", 1),
		"names of two kinds":  strings.Replace(good, "<samlp:Status>", `<samlp:Status><x:y:z xmlns:x="urn:x"/>`, 1),
		"another message":     strings.ReplaceAll(good, "samlp:Response", "samlp:LogoutResponse"),
		"another namespace":   strings.Replace(good, nsProtocol, "urn:x", 1),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := finish(t, p, text)
			wantError(t, got, err, codeRequest, malformedText)
		})
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("a", i) + `="x"`)
	}
	return b.String()
}

// nested declares n namespaces in each of depth elements.
func nested(depth, n int) string {
	var b strings.Builder
	for d := range depth {
		b.WriteString("<a")
		for i := range n {
			b.WriteString(" xmlns:a" + strings.Repeat("b", d) + strings.Repeat("a", i) + `="x"`)
		}
		b.WriteString(">")
	}
	return b.String() + strings.Repeat("</a>", depth)
}

// Forms: a field that is missing, doubled, too long or not in base64. What is compressed is not unpacked.
func TestFinishRefusesForms(t *testing.T) {
	p := open(t, nil)
	good := newAnswer(t).make(t)
	packed, err := deflate(good.Copy())
	if err != nil {
		t.Fatal(err)
	}
	bomb, err := deflate(element(t, "<a>"+strings.Repeat(" ", 1<<20)+"</a>"))
	if err != nil {
		t.Fatal(err)
	}
	one := base64.StdEncoding.EncodeToString([]byte(write(t, good)))
	long := base64.StdEncoding.EncodeToString([]byte(write(t, good) + strings.Repeat(" ", maxResponse)))
	for name, values := range map[string][]string{
		"none": nil, "empty": {""}, "two": {one, one}, "no base64": {"<a>"}, "half": {one[:len(one)/2+1]}, "too long": {long}, "compressed": {packed}, "bomb": {bomb},
	} {
		t.Run(name, func(t *testing.T) {
			c := callback("")
			c.Form["SAMLResponse"] = values
			got, err := p.Finish(t.Context(), c)
			wantError(t, got, err, codeRequest, malformedText)
		})
	}
}

// Checklist 48: comments within a name or a value cut nothing off: a name that is signed as
// "admin@x.evil" is not read as "admin@x", wherever who carries the document puts them.
func TestFinishReadsWholeTexts(t *testing.T) {
	for _, whole := range [][2]bool{{true, false}, {false, true}} {
		a := newAnswer(t)
		a.signAssertion, a.signResponse = whole[0], whole[1]
		a.find("Subject/NameID").SetText("admin@example.com.evil.example.com")
		a.find("AttributeStatement/Attribute/AttributeValue").SetText("admin@example.com.evil.example.com")
		text := write(t, a.make(t))
		for _, cut := range []string{"<!---->", "<!-- x -->", "<!-- -->" + "<!-- -->"} {
			got, err := finish(t, open(t, nil), strings.ReplaceAll(text, ".evil", cut+".evil"))
			if err != nil || got.Subject != "admin@example.com.evil.example.com" || got.Claims["mail"][0] != got.Subject {
				t.Errorf("%s: got %v, %v", cut, got, err)
			}
		}
	}
}

// What the bounds let through takes no long while: a stranger can send it at any time.
func TestParseIsQuick(t *testing.T) {
	for name, text := range map[string]string{
		"elements":     "<a>" + strings.Repeat("<a/>", maxAnswerElements-1) + "</a>",
		"comments":     "<a>" + strings.Repeat("<!---->", maxAnswerElements-1) + "</a>",
		"attributes":   "<a>" + strings.Repeat("<a"+attributes(maxAttributes)+"/>", 25) + "</a>",
		"declarations": strings.Replace(nested(2, 60), "</a></a>", strings.Repeat("<a/>", maxAnswerElements-2)+"</a></a>", 1),
	} {
		began := time.Now()
		if _, err := parse([]byte(text), maxAnswerElements); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s take %v", name, took)
		}
	}
}

// unstable are documents that encoding/xml does not write as it has read them.
var unstable = []string{
	`<a><![CDATA[]]></a>`, `<a:--/>`, `<a><b:--></b:--></a>`, `<xmlns:a xmlns:xmlns="x" a:a="2"/>`, `<a xmlns:xmlns="x" xmlns:b="y" b:b="z"/>`,
}

// TestParseRefusesTheUnstable: what two readers could take for two things is nothing to check signatures over.
func TestParseRefusesTheUnstable(t *testing.T) {
	for _, text := range unstable {
		if validator.Validate(strings.NewReader(text)) == nil {
			t.Errorf("%s is stable", text)
		}
		if _, err := parse([]byte(text), 100); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// TestParseBoundsAttributes before anything is done with them: what looks at whether they are stable takes the square of their number.
func TestParseBoundsAttributes(t *testing.T) {
	var many strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&many, " p%d:x=''", i)
	}
	began := time.Now()
	if _, err := parse([]byte("<a"+many.String()+"/>"), maxMetadataElements); err != errLarge {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// FuzzParse: what is taken is stable by the judgement of the validator over all of the document, though not each of its tokens is
// written and read again.
func FuzzParse(f *testing.F) {
	f.Add(write(f, newAnswer(f).make(f)))
	f.Add(describe(idpSigner(f)))
	for _, text := range unstable {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := parse([]byte(text), maxMetadataElements); err != nil {
			return
		}
		if err := validator.Validate(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))); err != nil {
			t.Error(err)
		}
	})
}
