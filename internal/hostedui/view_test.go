package hostedui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func newView(t testing.TB) *View {
	t.Helper()
	v, err := NewView(ViewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const hostile = `"><script>alert(1)</script>'onload=alert(2) javascript:alert(3)`

// TestGallery puts hostile text into every string of every page in every language, and reads the pages as a browser
// does (checklist 33, 36).
func TestGallery(t *testing.T) {
	v := newView(t)
	for _, d := range v.shelf.list {
		frame := Frame{
			Language: d.name, Theme: NewTheme(ThemeSource{ID: hostile, Settings: []byte(designed), ClassicCSS: "/classic.css", Logo: "/logo.png"}),
			Action: PathLogin, Query: "client_id=1&state=" + "%22%3E%3Cscript%3E" + hostile, Token: hostile,
			Terms: &Terms{"javascript:alert(4)", `https://example.com/"onclick="alert(5)`},
		}
		for _, s := range gallery(frame, hostile) {
			t.Run(d.name+"/"+s.name, func(t *testing.T) { checkPage(t, d, render(t, v, s.page)) })
		}
	}
}

// checkPage checks what holds for all pages.
func checkPage(t *testing.T, d *dictionary, text string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	p := &checked{T: t, ids: map[string]bool{}, labels: map[string]bool{}, count: map[string]int{}}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			p.collect(n)
		}
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			p.element(n)
		}
	}
	if p.count["h1"] != 1 || p.count["main"] != 1 || p.count["title"] < 1 {
		t.Errorf("%d h1, %d main, %d title", p.count["h1"], p.count["main"], p.count["title"])
	}
	if p.lang != d.name || p.dir != "ltr" {
		t.Errorf("lang %q dir %q", p.lang, p.dir)
	}
	if p.count["autofocus"] > 1 {
		t.Errorf("%d fields want the focus", p.count["autofocus"])
	}
	if strings.Contains(text, "ZgotmplZ") && !strings.Contains(text, `href="#ZgotmplZ"`) {
		t.Error("html/template refused a value that is not a link of the hostile ones")
	}
	if regexp.MustCompile(`\{[a-z]+\}`).MatchString(strings.ReplaceAll(text, `{"`, "")) {
		t.Error("a placeholder is not filled in")
	}
}

type checked struct {
	*testing.T
	ids, labels map[string]bool
	count       map[string]int
	lang, dir   string
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func (p *checked) collect(n *html.Node) {
	p.count[n.Data]++
	if _, ok := attribute(n, "autofocus"); ok {
		p.count["autofocus"]++
	}
	if id, ok := attribute(n, "id"); ok {
		if p.ids[id] || id == "" || strings.ContainsAny(id, " \t\n") {
			p.Errorf("id %q is not an id of its own", id)
		}
		p.ids[id] = true
	}
	if id, ok := attribute(n, "for"); ok && n.Data == "label" {
		p.labels[id] = true
	}
}

func (p *checked) element(n *html.Node) {
	switch n.Data {
	case "html":
		p.lang, _ = attribute(n, "lang")
		p.dir, _ = attribute(n, "dir")
	case "script":
		if src, _ := attribute(n, "src"); n.FirstChild != nil || !regexp.MustCompile(`^/_cognate/assets/[0-9a-f]{16}/passkey\.js$`).MatchString(src) {
			p.Errorf("a script that is not ours: %q", src)
		}
	case "style", "iframe", "object", "embed", "base":
		p.Errorf("an element %s", n.Data)
	case "meta":
		if v, ok := attribute(n, "http-equiv"); ok {
			p.Errorf("a meta element in place of a header: %s", v)
		}
	case "form":
		p.form(n)
	case "input", "select", "textarea":
		p.input(n)
	case "img":
		if _, ok := attribute(n, "alt"); !ok {
			p.Error("an image without alt")
		}
	case "button", "a", "summary", "h1", "h2", "label", "legend":
		if strings.TrimSpace(content(n)) == "" {
			p.Errorf("an empty %s", n.Data)
		}
	}
	for _, a := range n.Attr {
		p.attribute(n, a)
	}
}

func content(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func (p *checked) attribute(n *html.Node, a html.Attribute) {
	switch {
	case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc":
		p.Errorf("%s has an attribute %s", n.Data, a.Key)
	case a.Key == "href", a.Key == "src", a.Key == "action", a.Key == "formaction", a.Key == "srcset":
		p.address(n, a.Val)
	case a.Key == "aria-describedby", a.Key == "aria-labelledby":
		for id := range strings.FieldsSeq(a.Val) {
			if !p.ids[id] {
				p.Errorf("%s names %q, which is no id", a.Key, id)
			}
		}
	}
}

var loaded = map[string]bool{"link": true, "script": true, "img": true, "source": true}

func (p *checked) address(n *html.Node, address string) {
	scheme, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(address)), ":")
	data := strings.HasPrefix(address, "data:image/png;base64,") && n.Data == "img" || address == noIcon && n.Data == "link"
	if scheme == "javascript" || scheme == "vbscript" || scheme == "data" && !data {
		p.Errorf("%s leads to %q", n.Data, address)
	}
	if loaded[n.Data] && !data && (!strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//")) {
		p.Errorf("%s loads %q from elsewhere", n.Data, address)
	}
	if id, ok := strings.CutPrefix(address, "#"); ok && id != "ZgotmplZ" && !p.ids[id] {
		p.Errorf("a link to %q, which is no id", id)
	}
}

func (p *checked) form(n *html.Node) {
	if method, _ := attribute(n, "method"); method == "get" {
		return
	}
	var tokens int
	for d := range n.Descendants() {
		if name, _ := attribute(d, "name"); d.Data == "input" && name == "_csrf" {
			tokens++
		}
	}
	if method, _ := attribute(n, "method"); method != "post" || tokens != 1 {
		p.Errorf("a form with method %q and %d tokens", method, tokens)
	}
}

func (p *checked) input(n *html.Node) {
	kind, _ := attribute(n, "type")
	if kind == "hidden" {
		return
	}
	if name, _ := attribute(n, "name"); name == "" {
		p.Error("a field without a name")
	}
	id, _ := attribute(n, "id")
	if hidden, _ := attribute(n, "aria-hidden"); hidden == "true" {
		if tab, _ := attribute(n, "tabindex"); tab != "-1" {
			p.Errorf("field %q is hidden and takes the focus", id)
		}
		return
	}
	if inLabel := n.Parent.Data == "label"; !inLabel && !p.labels[id] {
		p.Errorf("field %q has no label", id)
	}
	if _, invalid := attribute(n, "aria-invalid"); invalid && !p.ids[id+"-error"] {
		p.Errorf("field %q is wrong and does not say why", id)
	}
	if _, ok := attribute(n, "value"); ok && kind == "password" {
		p.Error("a password is in the page")
	}
}

// TestPageWeight holds every page with all it loads under 60 kB, uncompressed.
func TestPageWeight(t *testing.T) {
	v := newView(t)
	rest := 0
	for _, a := range v.assets {
		rest += len(a.body)
	}
	frame := Frame{Action: PathLogin, Query: "client_id=1example23456789&state=" + strings.Repeat("x", 300), Token: strings.Repeat("t", 22)}
	for _, d := range v.shelf.list {
		frame.Language = d.name
		for _, s := range gallery(frame, "alice@example.com") {
			if n := rest + len(render(t, v, s.page)); n > 60_000 {
				t.Errorf("%s/%s weighs %d bytes", d.name, s.name, n)
			}
		}
	}
}

// TestSignInForm holds the names that scripts rely on.
func TestSignInForm(t *testing.T) {
	text := render(t, newView(t), &SignIn{Frame: Frame{Action: PathLogin, Query: "client_id=1&state=a%26b", Token: "T"}, Local: true, SignUp: true, Forgot: true})
	for _, want := range []string{
		`name="cognitoSignInForm" method="post" action="/login?client_id=1&amp;state=a%26b"`, `name="_csrf" value="T"`, `name="cognitoAsfData" value=""`,
		`id="signInFormUsername" name="username" autocomplete="username webauthn"`, `id="signInFormPassword" name="password" autocomplete="current-password"`,
		`name="signInSubmitButton"`, `href="/signup?client_id=1&amp;state=a%26b"`, `href="/forgotPassword?client_id=1&amp;state=a%26b"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestChallengeFormsCarryTheTurn(t *testing.T) {
	turn := Turn{Session: "SESSION", Challenge: "SMS_MFA", Username: "alice"}
	v := newView(t)
	for _, p := range []Page{
		&Choice{Turn: turn}, &PasswordEntry{Turn: turn}, &Code{Turn: turn}, &TOTPSetup{Turn: turn}, &EmailSetup{Turn: turn}, &NewPassword{Turn: turn},
		&PasskeySignIn{Turn: turn},
	} {
		text := render(t, v, p)
		for _, want := range []string{`name="session" value="SESSION"`, `name="challenge" value="SMS_MFA"`, `name="username" value="alice"`} {
			if strings.Count(text, want) != 1 {
				t.Errorf("%s has not one %s", p.template(), want)
			}
		}
	}
	if strings.Contains(render(t, v, &TOTPSetup{}), `name="session"`) {
		t.Error("a page outside of a sign-in has a session")
	}
}

// TestEnterIsTheMainButton: a key of Enter presses a form's first button.
func TestEnterIsTheMainButton(t *testing.T) {
	v := newView(t)
	for _, s := range gallery(Frame{Action: "/x"}, "text") {
		root, err := html.Parse(strings.NewReader(render(t, v, s.page)))
		if err != nil {
			t.Fatal(err)
		}
		for form := range root.Descendants() {
			if form.Data != "form" || form.Type != html.ElementNode {
				continue
			}
			for n := range form.Descendants() {
				if n.Data != "button" || n.Type != html.ElementNode {
					continue
				}
				if _, skips := attribute(n, "formnovalidate"); skips {
					t.Errorf("%s: the first button is a way out", s.name)
				}
				break
			}
		}
	}
}

func TestLanguageChoiceKeepsTheQuery(t *testing.T) {
	text := render(t, newView(t), &SignIn{Frame: Frame{Language: "de", LanguagePath: PathLogin, Query: "client_id=1&lang=de&scope=a+b&scope=c"}})
	for _, want := range []string{
		`method="get" action="/login"`, `<input type="hidden" name="client_id" value="1">`, `<input type="hidden" name="scope" value="a b">`,
		`<input type="hidden" name="scope" value="c">`, `name="lang" value="pt-BR"`, `value="de" lang="de" aria-current="true"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, `type="hidden" name="lang"`) {
		t.Error("the language before is kept")
	}
}

func TestProblemsAreListed(t *testing.T) {
	p := &SignUp{Frame: Frame{Error: "User already exists", FieldErrors: map[string]string{
		FieldUsername: TextRequired, AttributeField("custom:a b"): "Odd.", "elsewhere": TextInternal,
	}}, Attributes: []Attribute{{Name: "custom:a b"}}}
	text := render(t, newView(t), p)
	for _, want := range []string{
		"This username is taken already.", `<a href="#field-username">Username: This field is required.</a>`, `<a href="#field-userAttributes-2e-custom-3a-a-20-b">a b: Odd.</a>`,
		"<li>Something went wrong. Please try again.</li>", `aria-describedby="field-username-error" aria-invalid="true" required autofocus`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestRenderHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	if err := newView(t).Render(w, http.StatusBadRequest, &Failure{Frame: Frame{Language: "pt-BR"}, Code: "redirect_mismatch"}); err != nil {
		t.Fatal(err)
	}
	h := w.Header()
	if w.Code != 400 || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Content-Language") != "pt-BR" || h.Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
		t.Errorf("%d %v", w.Code, h)
	}
}

func TestOperatorsTemplates(t *testing.T) {
	folder := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("signed_out.html", `{{define "title"}}Bye{{end}}{{define "mark"}}{{end}}{{define "content"}}<p>Come back soon, <b>{{.P.Continue}}</b></p>{{end}}`)
	put("README.md", "not a template")
	v, err := NewView(ViewOptions{Templates: folder})
	if err != nil {
		t.Fatal(err)
	}
	if text := render(t, v, &SignedOut{Continue: "<x>"}); !strings.Contains(text, "<title>Bye</title>") || !strings.Contains(text, "<b>&lt;x&gt;</b>") {
		t.Error(text)
	}
	if text := render(t, v, &Confirmed{}); !strings.Contains(text, "registration") {
		t.Error("another page is not the embedded one any more")
	}
	for name, c := range map[string]struct{ text, want string }{
		"signin.html":       {"{{define \"title\"}}\n{{.P.Username}\n{{end}}", "signin.html:2"},
		"code.html":         {"{{define \"title\"}}x{{end}}{{define \"mark\"}}{{end}}{{define \"content\"}}\n\n{{.P.Nothing}}{{end}}", "code.html:3"},
		"forgot.html":       {"{{define \"title\"}}x{{end}}{{define \"mark\"}}{{end}}{{define \"content\"}}<a href='{{if .P.Username}}'{{end}}>{{end}}", "forgot.html:1"},
		"reset.html":        {"just text", "reset.html"},
		"nothing-such.html": {"", "nothing-such.html"},
	} {
		put(name, c.text)
		if _, err := NewView(ViewOptions{Templates: folder}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewView(ViewOptions{Templates: filepath.Join(folder, "none")}); err == nil {
		t.Error("a folder that is not there is no error")
	}
}

func BenchmarkRender(b *testing.B) {
	v := newView(b)
	for _, s := range gallery(Frame{Language: "de", Action: PathLogin, Query: "client_id=1example23456789&response_type=code", Token: "token"}, "alice@example.com") {
		switch s.name {
		case "signin", "signup-everything", "totp-setup", "account-busy":
			b.Run(s.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := v.Render(httptest.NewRecorder(), 200, s.page); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestPagesAreDocumented holds docs/pages.md to the templates there are, and to their class names for classic CSS.
func TestPagesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/pages.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := readTemplates("")
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]bool{}
	for name, text := range files {
		if !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
		for _, class := range regexp.MustCompile(`[A-Za-z-]+-customizable`).FindAllString(text, -1) {
			classes[class] = true
		}
	}
	for _, class := range regexp.MustCompile(`[A-Za-z-]+-customizable`).FindAllString(string(doc), -1) {
		if !classes[class] {
			t.Errorf("%s is documented and not there", class)
		}
		delete(classes, class)
	}
	if len(classes) > 0 {
		t.Errorf("not documented: %v", classes)
	}
}
