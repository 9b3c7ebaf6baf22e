package hostedui

import (
	"maps"
	"slices"
	"strings"
)

// Field is a field of a form, ready to be shown.
type Field struct {
	ID, Name, Label, Value string
	// Type is that of the input element; "textarea" is the element of that name, and "boolean" a choice.
	Type string
	// Mode, Complete and Class are the attributes inputmode, autocomplete and class; "" for none.
	Mode, Complete, Class string
	// Hint and Error are shown with it.
	Hint, Error          string
	Required             bool
	Focus                bool // takes the first key strokes
	Plain                bool // is no word of a language: no capitals, no spelling
	MinLength, MaxLength int
	Min, Max             string
	// Section is the part of the account page where the field is.
	Section string
	// Policy is told with a new password.
	Policy []string
	// Optional is the word for a field that may stay empty, "" where that needs no word.
	Optional string
	// Choices are those of a field of type boolean.
	Choices []FieldChoice
}

// FieldChoice is a value to choose.
type FieldChoice struct {
	Value, Label string
	Chosen       bool
}

// Described is the aria-describedby attribute.
func (f *Field) Described() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if f.Error != "" {
		ids = append(ids, f.ID+"-error")
	}
	return strings.Join(ids, " ")
}

// Fields are the page's, in order; Section those of a part of the account page.
func (s *scene) Fields() []*Field { return s.fields }
func (s *scene) Section(name string) (list []*Field) {
	for _, f := range s.fields {
		if f.Section == name {
			list = append(list, f)
		}
	}
	return list
}

// Passwords reports whether the page asks for one.
func (s *scene) Passwords() bool {
	return slices.ContainsFunc(s.fields, func(f *Field) bool { return f.Type == "password" })
}

// finish gives the fields what they have in common: ids, errors, and the focus to the first that needs a hand.
func (s *scene) finish(fields []*Field) []*Field {
	var wrong, empty *Field
	for _, f := range fields {
		if f.ID == "" {
			f.ID = "field-" + strings.TrimLeft(f.Section+"-"+fieldID(f.Name), "-")
		}
		if text := s.frame.FieldErrors[f.Name]; text != "" && f.Error == "" {
			f.Error = s.words.translate(text)
		}
		if !f.Required && f.Section == "" {
			f.Optional = s.T("optional")
		}
		if wrong == nil && f.Error != "" {
			wrong = f
		}
		if empty == nil && f.Value == "" && f.Section == "" {
			empty = f
		}
	}
	if wrong != nil {
		wrong.Focus = true
	} else if empty != nil {
		empty.Focus = true
	}
	return fields
}

// fieldID makes a field's name an id: what is not a letter or a digit of ASCII is written as its number.
func fieldID(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
		default:
			b.WriteString("-" + strings.ToLower(hexOf(r)) + "-")
		}
	}
	return b.String()
}

func hexOf(r rune) string {
	const digits = "0123456789abcdef"
	out := ""
	for n := uint32(r); ; n /= 16 {
		out = string(digits[n%16]) + out
		if n < 16 {
			return out
		}
	}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// name makes the field in which a user is named.
func (s *scene) name(names Names, value string) *Field {
	f := &Field{Name: FieldUsername, Value: value, Type: "text", Complete: "username", Required: true, Plain: true, Label: s.T(nameKey(names))}
	switch names {
	case NameEmail:
		f.Type = "email"
	case NamePhone:
		f.Type, f.Hint = "tel", s.T("hint.phone")
	}
	return f
}

// nameKey is the key of what a user can be named by.
func nameKey(names Names) string {
	if names == 0 {
		names = NameUsername
	}
	var parts []string
	for _, n := range []struct {
		name Names
		word string
	}{{NameUsername, "username"}, {NameEmail, "email"}, {NamePhone, "phone"}} {
		if names&n.name != 0 {
			parts = append(parts, n.word)
		}
	}
	return "names." + strings.Join(parts, "_")
}

func (s *scene) password(name, key, complete string) *Field {
	return &Field{Name: name, Label: s.T(key), Type: "password", Complete: complete, Required: true}
}

// newPassword makes the two fields of a new password.
func (s *scene) newPassword(name string, p Policy) []*Field {
	first := s.password(name, "password.new", "new-password")
	if name == FieldPassword {
		first.Label = s.T("password")
	}
	if first.Policy = s.Requirements(p); first.Policy != nil {
		first.Hint = s.T("policy")
	}
	return []*Field{first, s.password(FieldRepeat, "password.repeat", "new-password")}
}

// code makes the field of a code of digits.
func (s *scene) code() *Field {
	return &Field{
		Name: FieldCode, Label: s.T("code"), Type: "text", Mode: "numeric", Complete: "one-time-code", Required: true, Plain: true, Class: "code",
	}
}

// standard is what fields of standard attributes are like; an attribute that is not here is a text.
var standard = map[string]Field{
	"address":            {Type: "textarea", Complete: "street-address"},
	"birthdate":          {Type: "date", Complete: "bday"},
	"email":              {Type: "email", Complete: "email"},
	"family_name":        {Complete: "family-name"},
	"gender":             {Complete: "sex"},
	"given_name":         {Complete: "given-name"},
	"locale":             {Complete: "language", Plain: true},
	"middle_name":        {Complete: "additional-name"},
	"name":               {Complete: "name"},
	"nickname":           {Complete: "nickname"},
	"phone_number":       {Type: "tel", Complete: "tel"},
	"picture":            {Type: "url", Complete: "photo"},
	"preferred_username": {Plain: true},
	"profile":            {Type: "url"},
	"website":            {Type: "url", Complete: "url"},
	"zoneinfo":           {Plain: true},
}

var attributeTypes = map[string]string{"Number": "number", "Boolean": "boolean"}

// attribute makes an attribute's field.
func (s *scene) attribute(a Attribute) *Field {
	f := standard[a.Name]
	if f.Type == "" {
		f.Type = attributeTypes[a.Type]
	}
	if f.Type == "" {
		f.Type = "text"
	}
	if a.Name == "phone_number" {
		f.Hint = s.T("hint.phone")
	}
	f.Name, f.Value, f.Label, f.Required = AttributeField(a.Name), a.Value, s.Called(a), a.Required
	if f.Type == "boolean" {
		f.Choices = s.yesOrNo(a.Value)
	}
	f.MinLength, f.MaxLength, f.Min, f.Max = a.MinLength, a.MaxLength, a.Min, a.Max
	return &f
}

func (s *scene) yesOrNo(value string) []FieldChoice {
	return []FieldChoice{
		{"", "–", value != "true" && value != "false"}, {"true", s.T("yes"), value == "true"}, {"false", s.T("no"), value == "false"},
	}
}

func (s *scene) attributes(list []Attribute) (fields []*Field) {
	for _, a := range list {
		if !a.ReadOnly {
			fields = append(fields, s.attribute(a))
		}
	}
	return fields
}

// Called is what people call an attribute.
func (s *scene) Called(a Attribute) string {
	if a.Label != "" {
		return a.Label
	}
	return s.words.attribute(a.Name)
}

func (p *SignIn) fields(s *scene) []*Field {
	if !p.Local {
		return p.Others.fields(s)
	}
	name := s.name(p.Names, p.Username)
	name.ID, name.Complete = "signInFormUsername", "username webauthn"
	password := s.password(FieldPassword, "password", "current-password")
	password.ID = "signInFormPassword"
	return append([]*Field{name, password}, p.Others.fields(s)...)
}

func (o *Others) fields(s *scene) []*Field {
	if !o.Domain {
		return nil
	}
	return []*Field{{Section: "domain", Name: FieldEmail, Value: o.Email, Type: "email", Complete: "email", Required: true, Plain: true, Label: s.T("signin.domain")}}
}

func (p *SignInStart) fields(s *scene) []*Field {
	name := s.name(p.Names, p.Username)
	name.Complete = "username webauthn"
	return append([]*Field{name}, p.Others.fields(s)...)
}

func (p *PasswordEntry) fields(s *scene) []*Field {
	return []*Field{s.password(FieldPassword, "password", "current-password")}
}

func (p *Code) fields(s *scene) []*Field {
	f := s.code()
	if p.Kind == CodeRecovery {
		f.Label, f.Mode, f.Complete = s.T("code.recovery"), "", "off"
	}
	return []*Field{f}
}

func (p *TOTPSetup) fields(s *scene) []*Field { return []*Field{s.code()} }

func (p *EmailSetup) fields(s *scene) []*Field {
	return []*Field{{Name: FieldEmail, Label: s.T("attribute.email"), Type: "email", Complete: "email", Value: p.Email, Required: true}}
}

func (p *NewPassword) fields(s *scene) []*Field {
	return append(s.attributes(p.Attributes), s.newPassword(FieldNewPassword, p.Policy)...)
}

func (p *SignUp) fields(s *scene) []*Field {
	fields := append([]*Field{s.name(p.Names, p.Username)}, s.attributes(p.Attributes)...)
	if p.Passwordless {
		return fields
	}
	return append(fields, s.newPassword(FieldPassword, p.Policy)...)
}

func (p *Confirm) fields(s *scene) []*Field { return []*Field{s.code()} }

func (p *Forgot) fields(s *scene) []*Field { return []*Field{s.name(p.Names, p.Username)} }

func (p *Reset) fields(s *scene) []*Field {
	return append([]*Field{s.code()}, s.newPassword(FieldNewPassword, p.Policy)...)
}

func (p *Account) fields(s *scene) []*Field {
	fields := inSection("profile", s.attributes(p.Attributes))
	for _, a := range p.Attributes {
		if a.Verification == CodeSent {
			code := s.code()
			code.Error = s.words.translate(a.CodeError)
			fields = append(fields, inSection("verify-"+fieldID(a.Name), []*Field{code})...)
		}
	}
	if p.NoPasswordSection {
		return fields
	}
	passwords := s.newPassword(FieldNewPassword, p.Policy)
	if !p.NoPassword {
		passwords = append([]*Field{s.password(FieldOldPassword, "password.old", "current-password")}, passwords...)
	}
	return append(fields, inSection("password", passwords)...)
}

func inSection(name string, fields []*Field) []*Field {
	for _, f := range fields {
		f.Section = name
	}
	return fields
}
