package hostedui

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// settings is a managed login's settings document and its images.
type settings struct {
	document any
	assets   []ThemeAsset
}

func newSettings(from ThemeSource) *settings {
	s := &settings{assets: from.Assets}
	if json.Unmarshal(from.Settings, &s.document) != nil {
		s.document = nil // a document that is none says nothing
	}
	return s
}

// at returns what is at a path of member names joined by dots, nil when nothing is.
func (s *settings) at(path string) any {
	here := s.document
	for name := range strings.SplitSeq(path, ".") {
		members, ok := here.(map[string]any)
		if !ok {
			return nil
		}
		here = members[name]
	}
	return here
}

func (s *settings) text(path string) string {
	text, _ := s.at(path).(string)
	return text
}

// is reports whether the document says want, and not nothing.
func (s *settings) is(path string, want bool) bool {
	said, ok := s.at(path).(bool)
	return ok && said == want
}

// firstMethod is the way to sign in that comes first.
func (s *settings) firstMethod() string {
	rows, _ := s.at("categories.auth.authMethodOrder").([]any)
	if len(rows) == 0 {
		return ""
	}
	row, _ := rows[0].([]any)
	if len(row) == 0 {
		return ""
	}
	method, _ := row[0].(map[string]any)
	kind, _ := method["type"].(string)
	return kind
}

// picture finds the images of a category: one for both modes serves as the light one.
func (s *settings) picture(category string) (p Picture) {
	for _, a := range s.assets {
		address := localURL(a.URL)
		if a.Category != category || address == "" {
			continue
		}
		switch a.ColorMode {
		case "DARK":
			p.Dark = address
		case "LIGHT":
			p.Light = address
		default:
			p = Picture{Light: address}
		}
	}
	if p.Light == "" {
		p.Light, p.Dark = p.Dark, ""
	}
	return p
}

var localPath = regexp.MustCompile(`^/[A-Za-z0-9._~-][A-Za-z0-9/._~%-]*(\?[A-Za-z0-9._~%=&-]*)?$`)

// localURL returns an address of this host as it is, and any other as "": the pages load nothing from elsewhere, and
// these characters mean nothing to CSS and HTML.
func localURL(address string) string {
	if !localPath.MatchString(address) {
		return ""
	}
	return address
}

// shade is a colour of the document: six or eight hexadecimal digits.
type shade struct{ value uint32 }

var hexColor = regexp.MustCompile(`^#?[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$`)

func parseColor(text string) (shade, bool) {
	if !hexColor.MatchString(text) {
		return shade{}, false
	}
	text = strings.TrimPrefix(text, "#")
	if len(text) == 6 {
		text += "ff"
	}
	n, err := strconv.ParseUint(text, 16, 32)
	return shade{uint32(n)}, err == nil
}

func (c shade) css() string { return fmt.Sprintf("#%08x", c.value) }

// colors are where in the document the colours are, with * for lightMode or darkMode, and the custom property of each.
var colors = []struct{ path, property string }{
	{"components.pageBackground.*.color", "page"},
	{"components.form.*.backgroundColor", "card"},
	{"components.form.*.borderColor", "card-line"},
	{"components.pageText.*.headingColor", "heading"},
	{"components.pageText.*.bodyColor", "text"},
	{"components.pageText.*.descriptionColor", "soft"},
	{"components.pageHeader.*.background.color", "header"},
	{"components.pageHeader.*.borderColor", "header-line"},
	{"components.pageFooter.*.background.color", "footer"},
	{"components.pageFooter.*.borderColor", "footer-line"},
	{"components.primaryButton.*.defaults.backgroundColor", "primary"},
	{"components.primaryButton.*.defaults.textColor", "primary-text"},
	{"components.primaryButton.*.hover.backgroundColor", "primary-hover"},
	{"components.primaryButton.*.hover.textColor", "primary-hover-text"},
	{"components.primaryButton.*.active.backgroundColor", "primary-active"},
	{"components.primaryButton.*.active.textColor", "primary-active-text"},
	{"components.secondaryButton.*.defaults.backgroundColor", "second"},
	{"components.secondaryButton.*.defaults.textColor", "second-text"},
	{"components.secondaryButton.*.defaults.borderColor", "second-line"},
	{"components.secondaryButton.*.hover.backgroundColor", "second-hover"},
	{"components.secondaryButton.*.hover.textColor", "second-hover-text"},
	{"components.secondaryButton.*.hover.borderColor", "second-hover-line"},
	{"components.secondaryButton.*.active.backgroundColor", "second-active"},
	{"components.secondaryButton.*.active.textColor", "second-active-text"},
	{"components.secondaryButton.*.active.borderColor", "second-active-line"},
	{"components.idpButton.standard.*.defaults.backgroundColor", "idp"},
	{"components.idpButton.standard.*.defaults.textColor", "idp-text"},
	{"components.idpButton.standard.*.defaults.borderColor", "idp-line"},
	{"components.idpButton.standard.*.hover.backgroundColor", "idp-hover"},
	{"components.idpButton.standard.*.hover.textColor", "idp-hover-text"},
	{"components.idpButton.standard.*.hover.borderColor", "idp-hover-line"},
	{"components.idpButton.standard.*.active.backgroundColor", "idp-active"},
	{"components.idpButton.standard.*.active.textColor", "idp-active-text"},
	{"components.idpButton.standard.*.active.borderColor", "idp-active-line"},
	{"components.alert.*.error.backgroundColor", "error-back"},
	{"components.alert.*.error.borderColor", "error-line"},
	{"componentClasses.statusIndicator.*.error.indicatorColor", "error"},
	{"componentClasses.statusIndicator.*.success.backgroundColor", "good-back"},
	{"componentClasses.statusIndicator.*.success.borderColor", "good-line"},
	{"componentClasses.statusIndicator.*.success.indicatorColor", "good"},
	{"componentClasses.optionControls.*.selected.backgroundColor", "control"},
	{"componentClasses.input.*.defaults.backgroundColor", "field"},
	{"componentClasses.input.*.defaults.borderColor", "field-line"},
	{"componentClasses.input.*.placeholderColor", "placeholder"},
	{"componentClasses.inputDescription.*.textColor", "hint"},
	{"componentClasses.inputLabel.*.textColor", "label"},
	{"componentClasses.link.*.defaults.textColor", "link"},
	{"componentClasses.link.*.hover.textColor", "link-hover"},
	{"componentClasses.focusState.*.borderColor", "focus"},
	{"componentClasses.divider.*.borderColor", "line"},
}

// radii are the document's lengths, in pixels.
var radii = []struct{ path, property string }{
	{"components.form.borderRadius", "radius"},
	{"components.alert.borderRadius", "radius-alert"},
	{"componentClasses.buttons.borderRadius", "radius-button"},
	{"componentClasses.input.borderRadius", "radius-field"},
}

const maxRadius = 100 // pixels; the designer goes no further

// backgrounds are the images behind parts of the page: what turns each on or off, its category, and whether it is on when
// nothing is said.
var backgrounds = []struct {
	path, category, property string
	usual                    bool
}{
	{"components.pageBackground.image.enabled", "PAGE_BACKGROUND", "page-image", true},
	{"components.form.backgroundImage.enabled", "FORM_BACKGROUND", "card-image", false},
	{"components.pageHeader.backgroundImage.enabled", "PAGE_HEADER_BACKGROUND", "header-image", false},
	{"components.pageFooter.backgroundImage.enabled", "PAGE_FOOTER_BACKGROUND", "footer-image", false},
}

// keywords are the document's settings of a few values each.
var keywords = []struct {
	path, property string
	values         map[string]string
}{
	{"categories.form.location.horizontal", "across", map[string]string{"START": "flex-start", "CENTER": "center", "END": "flex-end"}},
	{"categories.form.location.vertical", "down", map[string]string{"START": "flex-start", "CENTER": "center", "END": "flex-end"}},
	{"categories.global.spacingDensity", "gap", map[string]string{"COMPACT": "1rem", "SPACIOUS": "1.5rem"}},
}

// sheet is the document as CSS, nil when it says nothing.
func (s *settings) sheet() []byte {
	light, dark := s.colors("lightMode")+s.images(false), s.colors("darkMode")+s.images(true)
	var b strings.Builder
	if all := s.measures() + light; all != "" {
		b.WriteString(":root{" + all + "}\n")
	}
	if dark != "" {
		b.WriteString("@media (prefers-color-scheme:dark){:root:not(.light){" + dark + "}}\n:root.dark{" + dark + "}\n")
	}
	return []byte(b.String())
}

func (s *settings) colors(mode string) string {
	var b strings.Builder
	for _, c := range colors {
		if v, ok := parseColor(s.text(strings.Replace(c.path, "*", mode, 1))); ok {
			b.WriteString("--" + c.property + ":" + v.css() + ";")
		}
	}
	return b.String()
}

func (s *settings) images(dark bool) string {
	var b strings.Builder
	for _, i := range backgrounds {
		if on := s.is(i.path, true) || i.usual && !s.is(i.path, false); !on {
			continue
		}
		p := s.picture(i.category)
		address := p.Light
		if dark {
			address = p.Dark
		}
		if address != "" {
			b.WriteString("--" + i.property + `:url("` + address + `");`)
		}
	}
	return b.String()
}

func (s *settings) measures() string {
	var b strings.Builder
	for _, r := range radii {
		if n, ok := s.at(r.path).(float64); ok && n >= 0 && n <= maxRadius {
			b.WriteString("--" + r.property + ":" + strconv.Itoa(int(n)) + "px;")
		}
	}
	for _, k := range keywords {
		if v, ok := k.values[s.text(k.path)]; ok {
			b.WriteString("--" + k.property + ":" + v + ";")
		}
	}
	return b.String()
}
