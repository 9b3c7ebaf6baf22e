package hostedui

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
)

// ThemeSource is what a client's look is made of. Its zero value is the house's own look.
type ThemeSource struct {
	// ID is part of the address of the theme's CSS: a client id.
	ID string
	// Settings is a managed login's settings document, nil for none. What is not understood in it is left out.
	Settings json.RawMessage
	// Assets are the documents' images.
	Assets []ThemeAsset
	// ClassicCSS is the address of the classic pages' CSS, which the caller has checked, and Logo that of their
	// image; "" for none.
	ClassicCSS, Logo string
}

// ThemeAsset is an image of a managed login, in the API's terms.
type ThemeAsset struct {
	Category  string // FORM_LOGO, PAGE_BACKGROUND, ...
	ColorMode string // LIGHT, DARK, DYNAMIC
	URL       string // an absolute path on this host: the pages load nothing from elsewhere
}

// Picture is an image for light and for dark pages; "" for none.
type Picture struct{ Light, Dark string }

// Theme is a look, made once by NewTheme and never changed: many requests may use it at once. Templates read its
// members.
type Theme struct {
	// Mode is "light" or "dark" for pages that are always so, "" for those that follow the browser.
	Mode string
	// CSS and Classic are addresses of style sheets, "" for none.
	CSS, Classic string
	// Icon is the favicon.
	Icon string
	// FormLogo stands above the form, inside its card or outside; Align is "start", "center" or "end".
	FormLogo    Picture
	LogoOutside bool
	Align       string
	Header      *Band // nil for none
	Footer      *Band
	NoLanguages bool // there is no choice of language
	NoGraphics  bool // pages have no pictures of their own
	NoBadges    bool // the buttons of providers have none
	FirstOthers bool // providers stand above the form
	DomainBox   bool // SAML providers are found by the domain of an e-mail address, and have no buttons
	hash        string
	css         []byte
}

// Band is the strip above or below the page.
type Band struct {
	Logo  Picture
	Align string
}

// plain is the house's own look.
var plain = &Theme{Align: "center", Icon: noIcon}

// noIcon keeps browsers from asking for /favicon.ico.
const noIcon = "data:,"

// NewTheme makes a look. It cannot fail: what is not understood is left out.
func NewTheme(from ThemeSource) *Theme {
	t := &Theme{Align: "center", Icon: noIcon, Classic: localURL(from.ClassicCSS)}
	if t.Classic != "" {
		t.Mode = "light" // it was written for pages that are always light
	}
	if logo := localURL(from.Logo); logo != "" {
		t.FormLogo = Picture{Light: logo}
	}
	if len(from.Settings) > 0 {
		t.read(newSettings(from))
	}
	if len(t.css) > 0 {
		t.hash = contentHash(t.css)
		t.CSS = "/_cognate/themes/" + url.PathEscape(from.ID) + "/" + t.hash + "/theme.css"
	}
	return t
}

// ServeHTTP serves a theme's CSS at ThemePattern, like View.Assets; the caller has found the theme by the path's id.
func (t *Theme) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asset{hash: t.hash, kind: assetKinds["style.css"], body: t.css}.serve(w, r)
}

var schemes = map[string]string{"LIGHT": "light", "DARK": "dark"}

var alignments = map[string]string{"START": "start", "CENTER": "center", "END": "end"}

func (t *Theme) read(s *settings) {
	t.Mode = cmp.Or(schemes[s.text("categories.global.colorSchemeMode")], t.Mode)
	t.css = s.sheet()
	t.NoLanguages = s.is("categories.form.languageSelector.enabled", false)
	t.NoGraphics = s.is("categories.form.displayGraphics", false)
	t.NoBadges = s.is("componentClasses.idpButtons.icons.enabled", false)
	t.FirstOthers = s.firstMethod() == "FEDERATED"
	style := s.text("categories.auth.federation.interfaceStyle")
	t.DomainBox = style != "" && style != "BUTTON_LIST" // what the other value is called, Cognito's documentation does not say
	if s.is("components.form.logo.enabled", true) {
		if logo := s.picture("FORM_LOGO"); logo != (Picture{}) {
			t.FormLogo = logo
		}
		t.LogoOutside = s.text("components.form.logo.formInclusion") == "OUT"
		t.Align = cmp.Or(alignments[s.text("components.form.logo.location")], t.Align)
	}
	t.Icon = cmp.Or(s.picture("FAVICON_SVG").Light, s.picture("FAVICON_ICO").Light, t.Icon)
	t.Header = s.band("pageHeader", "PAGE_HEADER_LOGO")
	t.Footer = s.band("pageFooter", "PAGE_FOOTER_LOGO")
}

func (s *settings) band(name, logo string) *Band {
	if !s.is("categories.global."+name+".enabled", true) {
		return nil
	}
	b := &Band{Align: cmp.Or(alignments[s.text("components."+name+".logo.location")], "start")}
	if s.is("components."+name+".logo.enabled", true) {
		b.Logo = s.picture(logo)
	}
	return b
}
