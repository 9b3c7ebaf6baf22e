package hostedui

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var write = flag.String("write", "", "write the pages to this `folder`, to look at them")

// TestGalleryWrite makes files of the pages: go test ./internal/hostedui -run GalleryWrite -args -write DIR
func TestGalleryWrite(t *testing.T) {
	if *write == "" {
		t.Skip("no -write folder")
	}
	v := newView(t)
	for _, d := range v.shelf.list {
		writeGallery(t, v, Frame{Language: d.name, Action: PathLogin, Query: "client_id=1example23456789&response_type=code", Token: "token", Terms: &Terms{"/terms", "/privacy"}}, d.name)
	}
	branded := NewTheme(ThemeSource{ID: "client", Settings: []byte(designed)})
	writeGallery(t, v, Frame{Language: "en", Theme: branded, Action: PathLogin, Token: "token"}, "branded")
	classic := NewTheme(ThemeSource{ClassicCSS: "/classic.css"})
	writeGallery(t, v, Frame{Language: "en", Theme: classic, Action: PathLogin, Token: "token"}, "classic")
	saveFile(t, "classic.css", classicStyle)
	saveFile(t, "theme.css", string(branded.css))
	for name, a := range v.assets {
		saveFile(t, name, string(a.body))
	}
}

func writeGallery(t *testing.T, v *View, frame Frame, folder string) {
	for _, s := range gallery(frame, "alice@example.com") {
		html := render(t, v, s.page)
		for name, a := range v.assets {
			html = strings.ReplaceAll(html, a.url, "../"+name)
		}
		html = strings.ReplaceAll(html, `"/classic.css"`, `"../classic.css"`)
		if frame.Theme != nil && frame.Theme.CSS != "" {
			html = strings.ReplaceAll(html, frame.Theme.CSS, "../theme.css")
		}
		saveFile(t, filepath.Join(folder, s.name+".html"), html)
	}
}

func saveFile(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(*write, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// classicStyle is what people write for the classic pages.
const classicStyle = `
.background-customizable { background-color: #faf7f0; }
.banner-customizable { background-color: #5b2a86; padding: 25px 0; }
.label-customizable { font-weight: 400; }
.inputField-customizable { background-color: #fff; border: 1px solid #ccc; color: #555; height: 34px; width: 100%; }
.submitButton-customizable { background-color: #5b2a86; color: #fff; font-size: 14px; font-weight: bold; height: 40px; margin: 20px 0 10px; width: 100%; }
.submitButton-customizable:hover { background-color: #41205f; color: #fff; }
.idpButton-customizable { background-color: #5bc0de; border-color: #46b8da; color: #000; height: 40px; text-align: center; width: 100%; }
.errorMessage-customizable { background: #f5f5f5; border: 2px solid #d64958; color: #d64958; font-size: 14px; padding: 5px; width: 100%; }
.passwordCheck-notValid-customizable { color: #df3312; }
`
