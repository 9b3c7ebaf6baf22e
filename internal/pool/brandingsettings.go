package pool

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// defaultSettings is the settings document of the server's own look, with every member that Cognito documents. It is
// the form that documents are held to as well.
//
//go:embed branding_defaults.json
var defaultSettings []byte

var settingsForm = func() (form map[string]any) {
	if err := json.Unmarshal(defaultSettings, &form); err != nil {
		panic(err) // it is embedded
	}
	return form
}()

// mergeSettings returns a document of JSON with the members of another put over its own. Objects are merged, anything
// else is replaced. Nothing put over nothing is nil.
func mergeSettings(under, over []byte) ([]byte, error) {
	var a, b map[string]any
	for _, doc := range []struct {
		text []byte
		into *map[string]any
	}{{under, &a}, {over, &b}} {
		if doc.text == nil {
			continue
		}
		if err := json.Unmarshal(doc.text, doc.into); err != nil {
			return nil, fmt.Errorf("pool: settings of a branding: %w", err)
		}
	}
	if a == nil && b == nil {
		return nil, nil
	}
	return json.Marshal(merged(a, b), json.Deterministic(true))
}

func merged(under, over map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, under)
	for name, value := range over {
		a, isObject := out[name].(map[string]any)
		if b, ok := value.(map[string]any); ok && isObject {
			value = merged(a, b)
		}
		out[name] = value
	}
	return out
}

// checkSettings holds a document to the form that Cognito documents. Members that are not known, within those that
// are, may be whatever is plain: Cognito adds to the form now and then. Nil is no document and passes.
func checkSettings(text jsontext.Value) error {
	if text == nil {
		return nil
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil || doc == nil {
		return invalid("Invalid settings: they must be a JSON object with unique names.")
	}
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		if settingsForm[name] == nil {
			return invalidf("Invalid settings: %.64q is not known.", name)
		}
	}
	return checkMember("", doc, settingsForm)
}

var (
	settingColor = regexp.MustCompile(`^[0-9a-fA-F]{8}$`)
	settingWord  = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	settingName  = regexp.MustCompile(`^\w+$`)
)

// maxWord is how long such a word or name may be.
const maxWord = 64

// settingWords are the words that some members may have; others may have any.
var settingWords = map[string][]string{
	"colorSchemeMode": {"LIGHT", "DARK", "DYNAMIC"},
	"formInclusion":   {"IN", "OUT"},
	"horizontal":      {"START", "CENTER", "END"},
	"location":        {"START", "CENTER", "END"},
	"enabledTypes":    {"ICO", "SVG"},
}

const (
	maxSetting      = 1000 // of numbers, which are pixels
	maxSettingDepth = 16
)

// checkMember holds a value, which is at a path, to the form of it; nil for one that is not known.
func checkMember(path string, value, form any) error {
	if strings.Count(path, ".")+strings.Count(path, "[]") > maxSettingDepth {
		return badSetting(path, "nested less deeply")
	}
	switch form := form.(type) {
	case map[string]any:
		return checkObject(path, value, form)
	case []any:
		return checkArray(path, value, form)
	case bool:
		if _, ok := value.(bool); !ok {
			return badSetting(path, "true or false")
		}
	case float64:
		if n, ok := value.(float64); !ok || n < 0 || n > maxSetting {
			return badSetting(path, fmt.Sprintf("a number from 0 to %d", maxSetting))
		}
	case string:
		return checkText(path, value, form)
	default:
		return checkPlain(path, value)
	}
	return nil
}

func badSetting(path, want string) error {
	return invalidf("Invalid settings: %s must be %s.", path, want)
}

func checkObject(path string, value any, form map[string]any) error {
	members, ok := value.(map[string]any)
	if !ok {
		return badSetting(path, "an object")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		if len(name) > maxWord || !settingName.MatchString(name) {
			return invalidf("Invalid settings: %.64q is not a name.", name)
		}
		if err := checkMember(at, members[name], form[name]); err != nil {
			return err
		}
	}
	return nil
}

// checkArray: the first element of the form is the form of all.
func checkArray(path string, value any, form []any) error {
	elements, ok := value.([]any)
	if !ok {
		return badSetting(path, "a list")
	}
	var each any
	if len(form) > 0 {
		each = form[0]
	}
	for _, e := range elements {
		if err := checkMember(path+"[]", e, each); err != nil {
			return err
		}
	}
	return nil
}

// checkText: the form of a text is a colour, a word in capitals, or any plain text.
func checkText(path string, value any, form string) error {
	text, isText := value.(string)
	name := strings.TrimSuffix(path[strings.LastIndex(path, ".")+1:], "[]")
	words := settingWords[name]
	switch {
	case settingColor.MatchString(form):
		if !isText || !settingColor.MatchString(text) {
			return badSetting(path, "a colour of eight hexadecimal digits")
		}
	case words != nil:
		if !isText || !slices.Contains(words, text) {
			return badSetting(path, "one of "+strings.Join(words, ", "))
		}
	case settingWord.MatchString(form):
		if !isText || len(text) > maxWord || !settingWord.MatchString(text) {
			return badSetting(path, "a word in capital letters")
		}
	default:
		return checkPlain(path, value)
	}
	return nil
}

// checkPlain accepts what means nothing but itself wherever it is written.
func checkPlain(path string, value any) error {
	switch v := value.(type) {
	case bool:
		return nil
	case float64:
		return checkMember(path, v, 0.0)
	case string:
		if utf8.RuneCountInString(v) > 256 || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || strings.ContainsRune(`<>"'\(){};`+"`\x7f", c) }) {
			return badSetting(path, "plain text")
		}
		return nil
	case map[string]any:
		return checkObject(path, v, nil)
	case []any:
		return checkArray(path, v, nil)
	}
	return badSetting(path, "a value")
}
