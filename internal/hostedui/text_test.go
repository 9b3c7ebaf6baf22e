package hostedui

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Cognito's values of the parameter lang.
var cognitoLanguages = []string{"de", "en", "es", "fr", "id", "it", "ja", "ko", "nl", "pt-BR", "zh-CN", "zh-TW"}

func TestEveryLanguageSaysEverything(t *testing.T) {
	shelf := newView(t).shelf
	if got := slices.Sorted(maps.Keys(shelf.byName)); !slices.Equal(got, cognitoLanguages) {
		t.Errorf("languages %v, want %v", got, cognitoLanguages)
	}
	standard := shelf.byName[english].words
	for name, d := range shelf.byName {
		for key, want := range standard {
			text, ok := d.words[key]
			if !ok || strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s: %q is %q", name, key, text)
			}
			if !slices.Equal(placeholders(text), placeholders(want)) {
				t.Errorf("%s: %q fills in %v, want %v", name, key, placeholders(text), placeholders(want))
			}
		}
		if len(d.words) != len(standard) {
			t.Errorf("%s has %d keys, English %d", name, len(d.words), len(standard))
		}
	}
}

// TestTranslationsAreTranslated finds texts that were left in English.
func TestTranslationsAreTranslated(t *testing.T) {
	shelf := newView(t).shelf
	standard := shelf.byName[english].words
	for name, d := range shelf.byName {
		same := 0
		for key, text := range d.words {
			if text == standard[key] {
				same++
			}
		}
		if name != english && same > len(standard)/20 { // Code and Passkey are the same words in some
			t.Errorf("%s has %d texts as in English", name, same)
		}
	}
}

func TestEveryKeyIsUsed(t *testing.T) {
	used := map[string]bool{"time": true, "language": true}
	for _, pattern := range []string{"templates/*.html", "view*.go", "text*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`"([a-z][A-Za-z_.]*)"`).FindAllStringSubmatch(string(text), -1) {
				used[m[1]] = !strings.HasSuffix(f, "_test.go") || used[m[1]]
			}
		}
	}
	for _, key := range texts {
		used[key] = true
	}
	for n := NameUsername; n <= NameUsername|NameEmail|NamePhone; n++ {
		used[nameKey(n)] = true
	}
	for f := range factorIcons {
		used["factor."+string(f)] = true
	}
	for name := range standard {
		used["attribute."+name] = true
	}
	used["attribute.updated_at"] = true // a read-only one
	words := newView(t).shelf.byName[english].words
	for key := range words {
		if !used[key] {
			t.Errorf("nothing says %q", key)
		}
	}
	for text, key := range texts {
		if words[key] == "" {
			t.Errorf("%q is translated by %q, which is no key", text, key)
		}
	}
}

func TestLanguageIsChosen(t *testing.T) {
	v := newView(t)
	for _, c := range []struct {
		wishes []string
		want   string
	}{
		{nil, "en"}, {[]string{"", ""}, "en"}, {[]string{"de"}, "de"}, {[]string{"pt"}, "pt-BR"}, {[]string{"pt-PT"}, "pt-BR"}, {[]string{"zh-CN"}, "zh-CN"},
		{[]string{"zh-Hant-HK"}, "zh-TW"}, {[]string{"zh"}, "zh-CN"}, {[]string{"xx", "fr-CH, fr;q=0.9, en;q=0.8"}, "fr"},
		{[]string{"", "sw, ja;q=0.5"}, "ja"}, {[]string{`"><script>`, "ko-KR"}, "ko"}, {[]string{"it", "de"}, "it"}, {[]string{"en-GB"}, "en"},
		{[]string{"tlh", "sw"}, "en"}, {[]string{strings.Repeat("de-", 5000)}, "en"},
	} {
		if got := v.Language(c.wishes...); got != c.want {
			t.Errorf("Language(%.40q) = %q, want %q", c.wishes, got, c.want)
		}
	}
}

func TestAPITextsAreTranslated(t *testing.T) {
	shelf := newView(t).shelf
	for _, c := range []struct{ language, text, want string }{
		{"de", "Incorrect username or password.", "Benutzername oder Passwort ist falsch."},
		{"de", "Password did not conform with policy: Password must have numeric characters", "Das Passwort braucht eine Ziffer."},
		{"fr", "Password does not conform to policy: Password not long enough", "Le mot de passe est trop court."},
		{"de", "Attributes did not conform to the schema: given_name: The attribute is required ", "Vorname muss angegeben werden."},
		{"en", "Invalid attributes given, custom:team is missing", "team is required."},
		{"de", "Attributes did not conform to the schema: name: The attribute is required email: The attribute is required ",
			"Attributes did not conform to the schema: name: The attribute is required email: The attribute is required"},
		{"ja", "PreSignUp failed with error nope.", "PreSignUp failed with error nope."},
		{"ja", "", ""},
	} {
		if got := shelf.named(c.language).translate(c.text); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.language, c.text, got, c.want)
		}
	}
}

func TestTimesAreWritten(t *testing.T) {
	shelf := newView(t).shelf
	at := time.Date(2026, 2, 3, 16, 5, 0, 0, time.FixedZone("", 3600))
	for name, want := range map[string]string{
		"en": "3 Feb 2026, 15:05 UTC", "de": "03.02.2026, 15:05 UTC", "ja": "2026/02/03 15:05 UTC", "ko": "2026. 02. 03. 15:05 UTC", "id": "03/02/2026 15.05 UTC",
	} {
		if got := shelf.named(name).when(at); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, d := range shelf.byName {
		if name != english && strings.ContainsAny(d.when(at), "abcdefghijklmnopqrstuvwxyz") {
			t.Errorf("%s has English in %q", name, d.when(at))
		}
	}
}

func TestOperatorsLanguages(t *testing.T) {
	folder := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("ar.json", `{"language": "العربية", "signin": "تسجيل الدخول"}`)
	put("en.json", `{"signin": "Log in"}`)
	put("notes.txt", "not a language")
	v, err := NewView(ViewOptions{Languages: folder})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Language("ar-EG"); got != "ar" {
		t.Fatalf("ar-EG is %q", got)
	}
	html := render(t, v, &SignIn{Frame: Frame{Language: "ar"}, Local: true})
	for _, want := range []string{`lang="ar" dir="rtl"`, "تسجيل الدخول", "Username"} {
		if !strings.Contains(html, want) {
			t.Errorf("no %q in an Arabic page", want)
		}
	}
	if html := render(t, v, &SignIn{Local: true}); !strings.Contains(html, "Log in") {
		t.Error("the operator's English is not said")
	}
	for text, want := range map[string]string{
		"{\n\"language\": \"x\",\n\"signin\": }":    "pl.json: line 3",
		"{\n\"language\": \"x\",\n\"signin\": 4\n}": "pl.json: line 3",
		`{"language": "x", "sign": "y"}`:            `"sign" is no key`,
		`{"language": "x", "as": "y"}`:              "{username}",
		`{"language": "x", "signin": "{password}"}`: "{password}",
		`{"signin": "y"}`:                           `"language"`,
	} {
		put("pl.json", text)
		if _, err := NewView(ViewOptions{Languages: folder}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	put("pl.json", `{"language": "Polski"}`)
	put("no language.json", `{"language": "x"}`)
	if _, err := NewView(ViewOptions{Languages: folder}); err == nil || !strings.Contains(err.Error(), "no language.json") {
		t.Errorf("a file with a name that is no tag: %v", err)
	}
	if _, err := NewView(ViewOptions{Languages: filepath.Join(folder, "none")}); err == nil {
		t.Error("a folder that is not there is no error")
	}
}
