package hostedui

import "testing"

func newView(t testing.TB) *View {
	t.Helper()
	v, err := NewView(ViewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTemplatesParse(t *testing.T) { newView(t) }
