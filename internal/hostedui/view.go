// Package hostedui is the door for browsers that shows pages: managed login and the user's own account. Its pages are
// structs, a View makes HTML of them, and the handlers fill them in from the core.
package hostedui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

//go:embed templates/*.html
var embedded embed.FS

// ViewOptions are an operator's changes to the pages. The zero value has none.
type ViewOptions struct {
	// Templates is a folder; its files take the place of the embedded ones of the same names: see docs/pages.md.
	Templates string
	// Languages is a folder of JSON files such as "pl.json" with more languages, or other words for those there are.
	Languages string
}

// View makes HTML of pages. It never changes once it is made: many requests may use it at once.
type View struct {
	// templates are parsed when they are first used: together they take three megabytes, and most servers show few pages, or none.
	templates map[string]func() (*template.Template, error)
	shelf     *bookshelf
	assets    map[string]asset
	buffers   sync.Pool
}

// all has one of each page.
var all = []Page{
	&SignIn{}, &SignInStart{}, &Choice{}, &PasswordEntry{}, &Code{}, &TOTPSetup{}, &EmailSetup{}, &NewPassword{}, &SignUp{},
	&Confirm{}, &Forgot{}, &Reset{}, &PasskeySignIn{}, &PasskeyOffer{}, &Account{}, &LinkSent{}, &LinkLanding{}, &Confirmed{}, &Feedback{},
	&SignedOut{}, &Failure{}, &Unavailable{},
}

// The files that belong to every page.
const (
	layout = "layout.html"
	parts  = "parts.html"
)

// NewView reads all templates and languages, and tries the pages that an operator has changed. An error names the file, and the
// line where there is one.
func NewView(o ViewOptions) (*View, error) {
	shelf, err := openBookshelf(o.Languages)
	if err != nil {
		return nil, err
	}
	v := &View{templates: map[string]func() (*template.Template, error){}, shelf: shelf, assets: readAssets()}
	v.buffers.New = func() any { return new(bytes.Buffer) }
	files, err := readTemplates(o.Templates)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		v.templates[p.template()] = sync.OnceValues(func() (*template.Template, error) { return parse(p, files) })
		if o.Templates == "" {
			continue
		}
		if err := v.execute(io.Discard, p); err != nil { // what html/template finds wrong it says at the first use
			return nil, err
		}
	}
	return v, nil
}

// readTemplates returns the templates' texts by file name.
func readTemplates(folder string) (map[string]string, error) {
	files := map[string]string{}
	names, err := fs.Glob(embedded, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := embedded.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[filepath.Base(name)] = string(text)
	}
	if folder == "" {
		return files, nil
	}
	return files, override(files, folder)
}

// override puts an operator's files in the place of ours. A file that takes no file's place is a mistake.
func override(files map[string]string, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || filepath.Ext(name) != ".html" {
			continue
		}
		if _, ok := files[name]; !ok {
			return fmt.Errorf("templates: %s has the name of no template", filepath.Join(folder, name))
		}
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		files[name] = string(text)
	}
	return nil
}

// parse parses a page's template.
func parse(p Page, files map[string]string) (*template.Template, error) {
	t := template.New("")
	for _, name := range []string{layout, parts, p.template() + ".html"} {
		if _, err := t.New(name).Parse(files[name]); err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
	}
	return t, nil
}

func (v *View) execute(w io.Writer, p Page) error {
	t, err := v.templates[p.template()]()
	if err != nil {
		return err
	}
	if err := t.ExecuteTemplate(w, "page", v.scene(p)); err != nil {
		return fmt.Errorf("templates: %s.html: %w", p.template(), err)
	}
	return nil
}

// Language chooses among the languages that there are: the first of wishes that fits, each a language tag or an
// Accept-Language header; wishes that are empty or malformed do not count, and without any it is English.
func (v *View) Language(wishes ...string) string { return v.shelf.choose(wishes).name }

// Render answers with a page. It sets Content-Type, Content-Language and Content-Length; all other headers are the
// caller's. With an error that is not of w nothing has been written.
func (v *View) Render(w http.ResponseWriter, status int, p Page) error {
	b := v.buffers.Get().(*bytes.Buffer)
	defer v.buffers.Put(b)
	b.Reset()
	if err := v.execute(b, p); err != nil {
		return fmt.Errorf("page %s: %w", p.template(), err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.shelf.named(p.frame().Language).name)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}
