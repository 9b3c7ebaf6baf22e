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
		if frame.Theme != nil {
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
