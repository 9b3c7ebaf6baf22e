package pool

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestSettings(t *testing.T) {
	for _, text := range []string{
		`{}`, string(defaultSettings), `{"components":{}}`, `{"componentClasses":{"buttons":{"borderRadius":8.0}}}`,
		`{"categories":{"global":{"colorSchemeMode":"DYNAMIC","spacingDensity":"COMPACT"},"form":{"sessionTimerDisplay":"NONE"}}}`,
		`{"components":{"favicon":{"enabledTypes":[]},"pageText":{"darkMode":{"headingColor":"ABCDEF01"}}}}`,
		`{"components":{"idpButton":{"custom":{"Bob":{"lightMode":{"x":"00000000"}}}},"somethingNew":{"enabled":true,"words":["A",2]}}}`,
	} {
		if err := checkSettings(jsontext.Value(text)); err != nil {
			t.Errorf("%.80s: %v", text, err)
		}
	}
}

func TestSettingsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`null`: "they must be a JSON object", `[]`: "they must be a JSON object", `"x"`: "they must be a JSON object", `7`: "they must be a JSON object",
		`{"components":{},"components":{}}`: "unique names", `{"colors":{}}`: `"colors" is not known`, `{"Components":{}}`: `"Components" is not known`,
		`{"components":[]}`: "components must be an object", `{"components":null}`: "components must be an object",
		`{"components":{"form":{"lightMode":{"backgroundColor":"red"}}}}`:                  "components.form.lightMode.backgroundColor must be a colour",
		`{"components":{"form":{"lightMode":{"backgroundColor":"ffffff"}}}}`:               "must be a colour",
		`{"components":{"form":{"lightMode":{"backgroundColor":"#ffffffff"}}}}`:            "must be a colour",
		`{"components":{"form":{"lightMode":{"backgroundColor":"ffffffff;"}}}}`:            "must be a colour",
		`{"components":{"form":{"lightMode":{"backgroundColor":7}}}}`:                      "must be a colour",
		`{"components":{"form":{"borderRadius":"4px"}}}`:                                   "components.form.borderRadius must be a number",
		`{"components":{"form":{"borderRadius":-1}}}`:                                      "must be a number",
		`{"components":{"form":{"borderRadius":1e9}}}`:                                     "must be a number",
		`{"components":{"form":{"logo":{"enabled":"true"}}}}`:                              "components.form.logo.enabled must be true or false",
		`{"components":{"form":{"logo":{"location":"LEFT"}}}}`:                             "must be one of START, CENTER, END",
		`{"components":{"form":{"logo":{"formInclusion":"in"}}}}`:                          "must be one of IN, OUT",
		`{"components":{"favicon":{"enabledTypes":["PNG"]}}}`:                              "must be one of ICO, SVG",
		`{"components":{"favicon":{"enabledTypes":"ICO"}}}`:                                "must be a list",
		`{"categories":{"global":{"colorSchemeMode":"light"}}}`:                            "must be one of LIGHT, DARK, DYNAMIC",
		`{"categories":{"global":{"spacingDensity":"1px;"}}}`:                              "must be a word in capital letters",
		`{"categories":{"auth":{"authMethodOrder":[{}]}}}`:                                 "must be a list",
		`{"components":{"new":{"x":"</style><script>"}}}`:                                  "must be plain text",
		`{"components":{"new":{"x":"url(//evil.example)"}}}`:                               "must be plain text",
		`{"components":{"new":{"x":"a\u0000b"}}}`:                                          "must be plain text",
		`{"components":{"new":{"x":null}}}`:                                                "must be a value",
		`{"components":{"a b":1}}`:                                                         "is not a name",
		`{"components":{"new":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}}`: "must be nested less deeply",
		`{"components":{"new":{"x":"` + strings.Repeat("a", 257) + `"}}}`:                  "must be plain text",
	} {
		if err := checkSettings(jsontext.Value(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %s", text, err, want)
		}
	}
}

func TestMergeSettings(t *testing.T) {
	for _, c := range [][3]string{
		{``, ``, ``}, {``, `{}`, `{}`}, {`{"a":1}`, ``, `{"a":1}`}, {`{"a":{"b":1,"c":2}}`, `{"a":{"c":3,"d":4}}`, `{"a":{"b":1,"c":3,"d":4}}`},
		{`{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`}, {`{"a":{"b":1}}`, `{"a":2}`, `{"a":2}`}, {`{"a":2}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
	} {
		got, err := mergeSettings(document(c[0]), document(c[1]))
		if err != nil || string(got) != c[2] {
			t.Errorf("%s over %s: %s, %v", c[1], c[0], got, err)
		}
	}
}

// document is nil for no text.
func document(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}

// FuzzSettings sees to it that accepted documents hold nothing that ends a style or a page.
func FuzzSettings(f *testing.F) {
	f.Add(string(defaultSettings))
	f.Add(`{"components":{"new":{"x":"\u003c/style>"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if checkSettings(jsontext.Value(text)) != nil {
			return
		}
		kept, err := mergeSettings(nil, []byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if strings.ContainsAny(string(kept), `<>();'\`) {
			t.Errorf("%q is accepted", kept)
		}
	})
}
