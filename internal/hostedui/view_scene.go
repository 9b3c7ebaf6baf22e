package hostedui

import (
	"html/template"
	"strconv"
	"strings"
	"time"
)

// scene is what templates see: the page as .P, and the words, addresses and fields around it. Its exported methods
// are a contract with operators' templates, described in docs/pages.md.
type scene struct {
	P      Page
	frame  *Frame
	words  *dictionary
	view   *View
	fields []*Field
}

func (v *View) scene(p Page) *scene {
	s := &scene{P: p, frame: p.frame(), view: v}
	s.words = v.shelf.named(s.frame.Language)
	if f, ok := p.(interface{ fields(*scene) []*Field }); ok {
		s.fields = s.finish(f.fields(s))
	}
	return s
}

// T returns a key's words in the page's language; pairs of a placeholder and its value fill it in.
func (s *scene) T(key string, pairs ...string) string { return s.words.say(key, pairs...) }

// When writes a time in the language's way, in UTC, and "" for the zero time.
func (s *scene) When(t time.Time) string { return s.words.when(t) }

// Machine writes a time as a time element's datetime attribute has it.
func (s *scene) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Lang and Dir are the html element's attributes.
func (s *scene) Lang() string { return s.words.name }
func (s *scene) Dir() string  { return s.words.direction() }

// Asset is the address of "style.css" or "passkey.js".
func (s *scene) Asset(name string) string { return s.view.assets[name].url }

// Look is the theme, never nil.
func (s *scene) Look() *Theme {
	if s.frame.Theme == nil {
		return plain
	}
	return s.frame.Theme
}

// Logo is the form's logo, nil without one.
func (s *scene) Logo() *Picture {
	if l := s.Look(); l.FormLogo.Light != "" {
		return &l.FormLogo
	}
	return nil
}

// Favicon is the address of the favicon.
func (s *scene) Favicon() template.URL { return template.URL(s.Look().Icon) }

// Link adds the kept query to a path.
func (s *scene) Link(path string) string { return s.frame.link(path) }

// Action is where the page's forms post to.
func (s *scene) Action() string { return s.frame.link(s.frame.Action) }

// Token is the hidden field _csrf, and Turn those of a challenge, where the page has one.
func (s *scene) Token() string { return s.frame.Token }
func (s *scene) Turn() *Turn {
	if p, ok := s.P.(interface{ turn() *Turn }); ok && p.turn().Session != "" {
		return p.turn()
	}
	return nil
}

func (t *Turn) turn() *Turn { return t }

// Terms are the links to terms, nil without any.
func (s *scene) Terms() *Terms { return s.frame.Terms }

// Notice is what went well, in the page's language.
func (s *scene) Notice() string { return s.words.translate(s.frame.Notice) }

// Problem is what went wrong.
type Problem struct {
	Text  string
	Items []ProblemItem
}

// ProblemItem is one thing: ID is that of its field, "" without one.
type ProblemItem struct{ Text, ID string }

// Problem returns what went wrong, nil when nothing did.
func (s *scene) Problem() *Problem {
	if s.frame.Error == "" && len(s.frame.FieldErrors) == 0 && !s.wrongField() {
		return nil
	}
	p := &Problem{Text: s.words.translate(s.frame.Error)}
	told := map[string]bool{}
	for _, f := range s.fields {
		if f.Error != "" {
			p.Items = append(p.Items, ProblemItem{s.T("errors.item", "field", f.Label, "text", f.Error), f.ID})
		}
		told[f.Name] = true
	}
	for _, name := range sortedKeys(s.frame.FieldErrors) {
		if !told[name] {
			p.Items = append(p.Items, ProblemItem{Text: s.words.translate(s.frame.FieldErrors[name])})
		}
	}
	if p.Text == "" {
		p.Text = s.T("errors")
	}
	return p
}

func (s *scene) wrongField() bool {
	for _, f := range s.fields {
		if f.Error != "" {
			return true
		}
	}
	return false
}

// Tongue is a language to choose.
type Tongue struct {
	Tag, Name string
	Current   bool
}

// Languages are those to choose from, nil where the page has no choice.
func (s *scene) Languages() []Tongue {
	if s.frame.LanguagePath == "" || s.Look().NoLanguages {
		return nil
	}
	tongues := make([]Tongue, 0, len(s.view.shelf.list))
	for _, d := range s.view.shelf.list {
		tongues = append(tongues, Tongue{d.name, d.words["language"], d == s.words})
	}
	return tongues
}

// LanguagePath is where the choice leads, and Kept the query as hidden fields.
func (s *scene) LanguagePath() string      { return s.frame.LanguagePath }
func (s *scene) Kept() map[string][]string { return s.frame.kept() }

// Label is what people call a factor.
func (s *scene) Label(f Factor) string { return s.T("factor." + string(f)) }

// Icon is the name of a factor's icon.
func (s *scene) Icon(f Factor) string { return factorIcons[f] }

var factorIcons = map[Factor]string{
	Password: "lock", EmailOTP: "mail", SMSOTP: "message", SMSMFA: "message", WebAuthn: "key", TOTP: "phone",
}

// Path returns one of the paths of this package by the name of its page.
func (s *scene) Path(page string) string {
	return s.Link(map[string]string{
		"login": PathLogin, "signup": PathSignUp, "forgot": PathForgot, "resend": PathResend,
	}[page])
}

// Requirements are a policy's, as words.
func (s *scene) Requirements(p Policy) (list []string) {
	if p.MinLength > 0 {
		list = append(list, s.T("policy.length", "count", strconv.Itoa(p.MinLength)))
	}
	for _, r := range []struct {
		asked bool
		key   string
	}{{p.Uppercase, "policy.uppercase"}, {p.Lowercase, "policy.lowercase"}, {p.Number, "policy.number"}, {p.Symbol, "policy.symbol"}} {
		if r.asked {
			list = append(list, s.T(r.key))
		}
	}
	return list
}

// Provider is what people call a provider.
func (s *scene) Provider(p Provider) string {
	if p.Label != "" {
		return p.Label
	}
	if known, ok := socialNames[p.Name]; ok {
		return known
	}
	return p.Name
}

var socialNames = map[string]string{"LoginWithAmazon": "Amazon", "SignInWithApple": "Apple"}

// Initial is the first letter of a name, for a badge.
func (s *scene) Initial(name string) string {
	for _, r := range name {
		return strings.ToUpper(string(r))
	}
	return ""
}

// Number writes a number.
func (s *scene) Number(n int) string { return strconv.Itoa(n) }

// Groups splits a key to type into groups of four.
func (s *scene) Groups(key string) string {
	var b strings.Builder
	for i, r := range []rune(key) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// QR is the address of the picture of a QR code, "" when there is none to draw.
func (s *scene) QR(text string) template.URL { return template.URL(qrCode(text)) }
