package hostedui

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// designed is a settings document in the form in which Cognito's designer saves it, shortened.
const designed = `{
	"components": {
		"pageBackground": {"image": {"enabled": true}, "lightMode": {"color": "e8f3ecff"}, "darkMode": {"color": "07150dff"}},
		"form": {"borderRadius": 4, "lightMode": {"backgroundColor": "ffffffff", "borderColor": "1f6b43ff"},
			"darkMode": {"backgroundColor": "0f2418ff", "borderColor": "2d8a5aff"},
			"logo": {"enabled": true, "location": "START", "position": "TOP", "formInclusion": "IN"}},
		"primaryButton": {
			"lightMode": {"defaults": {"backgroundColor": "1f6b43ff", "textColor": "ffffffff"}, "hover": {"backgroundColor": "17512fff", "textColor": "ffffffff"}},
			"darkMode": {"defaults": {"backgroundColor": "6fd19cff", "textColor": "04140bff"}, "hover": {"backgroundColor": "9be3bcff", "textColor": "04140bff"}}},
		"pageHeader": {"logo": {"enabled": true, "location": "CENTER"}, "lightMode": {"background": {"color": "1f6b43ff"}}}
	},
	"componentClasses": {
		"buttons": {"borderRadius": 24}, "input": {"borderRadius": 2},
		"link": {"lightMode": {"defaults": {"textColor": "1f6b43ff"}}, "darkMode": {"defaults": {"textColor": "6fd19cff"}}}
	},
	"categories": {
		"form": {"languageSelector": {"enabled": false}, "displayGraphics": true, "location": {"horizontal": "START", "vertical": "CENTER"}},
		"auth": {"authMethodOrder": [[{"display": "BUTTON", "type": "FEDERATED"}, {"display": "INPUT", "type": "USERNAME_PASSWORD"}]]},
		"global": {"colorSchemeMode": "DYNAMIC", "spacingDensity": "COMPACT", "pageHeader": {"enabled": false}, "pageFooter": {"enabled": false}}
	}
}`

func TestTheme(t *testing.T) {
	theme := NewTheme(ThemeSource{ID: "client", Settings: json.RawMessage(designed), Assets: []ThemeAsset{
		{"PAGE_BACKGROUND", "LIGHT", "/_cognate/images/1.png"}, {"PAGE_BACKGROUND", "DARK", "/_cognate/images/2.png"},
		{"FORM_LOGO", "DYNAMIC", "/_cognate/images/3.svg"}, {"FAVICON_ICO", "LIGHT", "/_cognate/images/4.ico"},
		{"FORM_BACKGROUND", "LIGHT", "/_cognate/images/5.png"}, {"PAGE_HEADER_LOGO", "LIGHT", "/_cognate/images/6.png"},
	}})
	css := string(theme.css)
	for _, want := range []string{
		":root{--radius:4px;--radius-button:24px;--radius-field:2px;--across:flex-start;--down:center;--gap:1rem;", "--primary:#1f6b43ff;", "--primary-hover:#17512fff;",
		`--page-image:url("/_cognate/images/1.png");`, `:root:not(.light){--page:#07150dff;`, `--page-image:url("/_cognate/images/2.png");`, "\n:root.dark{--page:#07150dff;",
	} {
		if !strings.Contains(css, want) {
			t.Errorf("no %s in\n%s", want, css)
		}
	}
	if strings.Contains(css, "5.png") {
		t.Error("a background that is not turned on")
	}
	want := &Theme{
		CSS: theme.CSS, Icon: "/_cognate/images/4.ico", FormLogo: Picture{Light: "/_cognate/images/3.svg"}, Align: "start", NoLanguages: true, FirstOthers: true,
		hash: theme.hash, css: theme.css,
	}
	if diff := cmp.Diff(want, theme, cmp.AllowUnexported(Theme{})); diff != "" {
		t.Error(diff)
	}
	if !styleSheet.MatchString(css) {
		t.Errorf("not our grammar:\n%s", css)
	}
}

// TestThemeProperties holds that each custom property that a theme sets is one that the style sheet reads.
func TestThemeProperties(t *testing.T) {
	sheet, err := assetFiles.ReadFile("assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	var properties []string
	for _, c := range colors {
		properties = append(properties, c.property)
	}
	for _, r := range radii {
		properties = append(properties, r.property)
	}
	for _, b := range backgrounds {
		properties = append(properties, b.property)
	}
	for _, k := range keywords {
		properties = append(properties, k.property)
	}
	for _, p := range properties {
		if !strings.Contains(string(sheet), "--"+p+":") || !strings.Contains(string(sheet), "var(--"+p+")") {
			t.Errorf("the style sheet has no use for --%s", p)
		}
	}
	for _, m := range regexp.MustCompile(`var\((--[a-z-]+)\)`).FindAllStringSubmatch(string(sheet), -1) {
		if !strings.Contains(string(sheet), m[1]+":") {
			t.Errorf("%s is nowhere set", m[1])
		}
	}
}

func TestThemeRefusesOddValues(t *testing.T) {
	for _, settings := range []string{
		"", "null", "[]", `"x"`, "{", `{"components":[]}`, `{"components":{"pageBackground":{"lightMode":{"color":"red"}}}}`,
		`{"components":{"pageBackground":{"lightMode":{"color":"fff;}*{color:red"}}}}`, `{"components":{"form":{"borderRadius":-1}}}`,
		`{"components":{"form":{"borderRadius":"4px"}}}`, `{"components":{"form":{"borderRadius":1e9}}}`, `{"categories":{"form":{"location":{"horizontal":"left;"}}}}`,
		`{"components":{"form":{"backgroundImage":{"enabled":"true"}}}}`,
	} {
		theme := NewTheme(ThemeSource{ID: "c", Settings: json.RawMessage(settings), Assets: []ThemeAsset{{"FORM_BACKGROUND", "LIGHT", "/x.png"}}})
		if len(theme.css) != 0 || theme.CSS != "" {
			t.Errorf("%s gives %s", settings, theme.css)
		}
	}
	for _, address := range []string{
		"https://evil.example/x.png", "//evil.example/x.png", "/\\evil.example", "javascript:alert(1)", `/x"y`, "/x y", "/x)", "/", "x.png", "/x\n", "data:image/png;base64,",
	} {
		theme := NewTheme(ThemeSource{ID: "c", ClassicCSS: address, Logo: address, Settings: json.RawMessage(designed), Assets: []ThemeAsset{
			{"PAGE_BACKGROUND", "LIGHT", address}, {"FORM_LOGO", "LIGHT", address}, {"FAVICON_SVG", "LIGHT", address},
		}})
		if theme.Classic != "" || theme.FormLogo != (Picture{}) || theme.Icon != noIcon || strings.Contains(string(theme.css), "url(") {
			t.Errorf("%q is taken: %+v", address, theme)
		}
	}
}

func TestLooksOfPages(t *testing.T) {
	v := newView(t)
	classic := NewTheme(ThemeSource{ClassicCSS: "/_cognate/classic/1.css", Logo: "/_cognate/classic/1.png"})
	text := render(t, v, &SignIn{Frame: Frame{Theme: classic}, Local: true, Others: Others{Providers: []Provider{{Name: "Google", URL: "/x"}}}})
	for _, want := range []string{
		` class="light"`, `<link rel="stylesheet" href="/_cognate/classic/1.css">`, "/_cognate/classic/1.png", "banner-customizable", "submitButton-customizable", "label-customizable",
		"idpButton-customizable", "socialButton-customizable", "inputField-customizable", "background-customizable", "logo-customizable", "idpDescription-customizable",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	dark := NewTheme(ThemeSource{ID: "c", Settings: json.RawMessage(`{"categories":{"global":{"colorSchemeMode":"DARK","pageHeader":{"enabled":true}},"form":{"displayGraphics":false}},
		"components":{"pageHeader":{"logo":{"enabled":true,"location":"END"}}}}`), Assets: []ThemeAsset{{"PAGE_HEADER_LOGO", "LIGHT", "/l.png"}, {"PAGE_HEADER_LOGO", "DARK", "/d.png"}}})
	text = render(t, v, &SignIn{Frame: Frame{Theme: dark, LanguagePath: PathLogin}, Local: true})
	for _, want := range []string{` class="dark"`, `<header class="header end">`, `src="/l.png"`, `srcset="/d.png"`, "<details>"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, `class="mark"`) {
		t.Error("a picture on a page without graphics")
	}
}

// styleSheet is all that a theme's CSS can be.
var styleSheet = func() *regexp.Regexp {
	const declarations = `(--[a-z-]+:(#[0-9a-f]{8}|\d{1,3}px|flex-start|flex-end|center|1rem|1\.5rem|url\("/[A-Za-z0-9/._~%?=&-]+"\));)+`
	return regexp.MustCompile(`^(:root\{` + declarations + `\}\n)?(@media \(prefers-color-scheme:dark\)\{:root:not\(\.light\)\{` + declarations + `\}\}\n:root\.dark\{` + declarations + `\}\n)?$`)
}()

func FuzzTheme(f *testing.F) {
	f.Add([]byte(designed), "/x.png", "PAGE_BACKGROUND", "LIGHT")
	f.Add([]byte(`{"components":{"form":{"borderRadius":4.5,"lightMode":{"borderColor":"#ABCDEF"}}}}`), `/");}*{x:url("`, "FORM_BACKGROUND", "DARK")
	f.Add([]byte(`{"components":{"pageBackground":{"image":{"enabled":true},"darkMode":{"color":"00000000}"}}}}`), "//x", "PAGE_BACKGROUND", "DYNAMIC")
	v := newView(f)
	f.Fuzz(func(t *testing.T, settings []byte, address, category, mode string) {
		theme := NewTheme(ThemeSource{ID: address, Settings: settings, Assets: []ThemeAsset{{category, mode, address}}, ClassicCSS: address, Logo: address})
		if !styleSheet.Match(theme.css) {
			t.Fatalf("not our grammar: %q", theme.css)
		}
		checkPage(t, v.shelf.byName[english], render(t, v, &SignIn{Frame: Frame{Theme: theme}, Local: true}))
	})
}

// TestUsualBackground shows an image behind the page unless it is turned off, and the others where they are turned on.
func TestUsualBackground(t *testing.T) {
	assets := []ThemeAsset{{"PAGE_BACKGROUND", "LIGHT", "/page.png"}, {"FORM_BACKGROUND", "LIGHT", "/form.png"}}
	for settings, want := range map[string][2]bool{
		`{}`: {true, false},
		`{"components":{"pageBackground":{"image":{"enabled":false}},"form":{"backgroundImage":{"enabled":true}}}}`: {false, true},
		`{"components":{"pageBackground":{"image":{"enabled":true}},"form":{"backgroundImage":{"enabled":false}}}}`: {true, false},
	} {
		css := string(NewTheme(ThemeSource{ID: "c", Settings: []byte(settings), Assets: assets}).css)
		if got := [2]bool{strings.Contains(css, "/page.png"), strings.Contains(css, "/form.png")}; got != want {
			t.Errorf("%s: %s", settings, css)
		}
	}
}
