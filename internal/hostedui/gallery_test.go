package hostedui

import (
	"net/http/httptest"
	"testing"
)

// render returns a page as HTML.
func render(t testing.TB, v *View, p Page) string {
	t.Helper()
	w := httptest.NewRecorder()
	if err := v.Render(w, 200, p); err != nil {
		t.Fatal(err)
	}
	return w.Body.String()
}
