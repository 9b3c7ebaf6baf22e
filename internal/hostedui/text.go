package hostedui

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
)

//go:embed locales/*.json
var locales embed.FS

// dictionary is one language's words by key.
type dictionary struct {
	tag   language.Tag
	name  string // the tag as the lang attribute has it
	words map[string]string
	// spare stands in for keys without words: English, nil for English itself.
	spare *dictionary
}

// say returns the words of a key. Pairs of a placeholder's name and its value fill it in.
func (d *dictionary) say(key string, pairs ...string) string {
	text, ok := d.words[key]
	if !ok && d.spare != nil {
		return d.spare.say(key, pairs...)
	}
	if len(pairs) == 0 {
		return text
	}
	filled := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		filled = append(filled, "{"+pairs[i]+"}", pairs[i+1])
	}
	return strings.NewReplacer(filled...).Replace(text)
}

// has reports whether a key has words.
func (d *dictionary) has(key string) bool {
	_, ok := d.words[key]
	return ok || d.spare != nil && d.spare.has(key)
}

// when writes a time the language's way, in UTC: what zone the reader is in is not known. The zero time is "".
func (d *dictionary) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(d.say("time"))
}

// direction is the dir attribute.
func (d *dictionary) direction() string {
	script, _ := d.tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm":
		return "rtl"
	}
	return "ltr"
}

// bookshelf is all languages there are.
type bookshelf struct {
	list    []*dictionary // English first, for it is what is taken when nothing fits
	byName  map[string]*dictionary
	matcher language.Matcher
}

const english = "en"

// openBookshelf reads the embedded languages, and those of a folder over them; "" is no folder.
func openBookshelf(folder string) (*bookshelf, error) {
	b := &bookshelf{byName: map[string]*dictionary{}}
	inside, err := fs.Sub(locales, "locales")
	if err != nil {
		return nil, err
	}
	if err := b.read(inside, english+".json", "locales"); err != nil {
		return nil, err
	}
	if err := b.readAll(inside, "locales"); err != nil {
		return nil, err
	}
	if folder != "" {
		if err := b.readAll(os.DirFS(folder), folder); err != nil {
			return nil, err
		}
	}
	tags := make([]language.Tag, len(b.list))
	for i, d := range b.list {
		tags[i] = d.tag
	}
	b.matcher = language.NewMatcher(tags)
	return b, nil
}

func (b *bookshelf) readAll(from fs.FS, folder string) error {
	entries, err := fs.ReadDir(from, ".")
	if err != nil {
		return fmt.Errorf("languages: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".json" {
			continue
		}
		if err := b.read(from, e.Name(), folder); err != nil {
			return err
		}
	}
	return nil
}

// read adds a file's language, or its words to a language there is.
func (b *bookshelf) read(from fs.FS, file, folder string) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("language %s: "+format, append([]any{path.Join(folder, file)}, args...)...)
	}
	tag, err := language.Parse(strings.TrimSuffix(file, ".json"))
	if err != nil {
		return fail("the file's name is no language tag: %w", err)
	}
	raw, err := fs.ReadFile(from, file)
	if err != nil {
		return fail("%w", err)
	}
	words := map[string]string{}
	if err := json.Unmarshal(raw, &words); err != nil {
		return fail("line %d: %w", line(raw, err), err)
	}
	d := b.dictionary(tag)
	for key, text := range words {
		if err := b.check(key, text); err != nil {
			return fail("%w", err)
		}
		d.words[key] = text
	}
	if d.words["language"] == "" {
		return fail(`"language", the language's name in itself, is missing`)
	}
	return nil
}

func (b *bookshelf) dictionary(tag language.Tag) *dictionary {
	name := tag.String()
	d, ok := b.byName[name]
	if !ok {
		d = &dictionary{tag: tag, name: name, words: map[string]string{}, spare: b.byName[english]}
		b.byName[name] = d
		b.list = append(b.list, d)
	}
	return d
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// check refuses a key that English does not have, and a text that fills in other things than the English one.
func (b *bookshelf) check(key, text string) error {
	standard := b.byName[english]
	if standard.spare != nil || len(b.list) == 1 {
		return nil
	}
	want, ok := standard.words[key]
	if !ok {
		return fmt.Errorf("%q is no key of en.json", key)
	}
	if a, b := placeholders(want), placeholders(text); !slices.Equal(a, b) {
		return fmt.Errorf("%q must fill in %v, not %v", key, a, b)
	}
	return nil
}

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// line is where in a JSON text an error is, 0 when it does not say.
func line(raw []byte, err error) int {
	var at int64
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = s.Offset
	} else if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at = t.Offset
	} else {
		return 0
	}
	return 1 + bytes.Count(raw[:min(at, int64(len(raw)))], []byte("\n"))
}

// named returns a language, English for one that is not there.
func (b *bookshelf) named(name string) *dictionary {
	if d, ok := b.byName[name]; ok {
		return d
	}
	return b.byName[english]
}

// choose returns the language of the first wish that any fits.
func (b *bookshelf) choose(wishes []string) *dictionary {
	for _, w := range wishes {
		tags, _, err := language.ParseAcceptLanguage(w)
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, confidence := b.matcher.Match(tags...); confidence > language.No {
			return b.list[i]
		}
	}
	return b.byName[english]
}
