package hostedui

import (
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// properties reads the custom properties that a rule of the style sheet sets to colours.
func properties(t *testing.T, sheet, selector string) map[string]uint32 {
	t.Helper()
	_, rest, ok := strings.Cut(sheet, selector+" {")
	if !ok {
		t.Fatalf("no rule %s", selector)
	}
	body, _, _ := strings.Cut(rest, "}")
	out := map[string]uint32{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3,6});`).FindAllStringSubmatch(body, -1) {
		digits := m[2]
		if len(digits) == 3 {
			digits = strings.Join([]string{digits[:1], digits[:1], digits[1:2], digits[1:2], digits[2:], digits[2:]}, "")
		}
		n, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		out[m[1]] = uint32(n)
	}
	return out
}

// luminance and contrast are WCAG 2.2's.
func luminance(c uint32) float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := float64(c>>(16-8*i)&0xff) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

func contrast(a, b uint32) float64 {
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}

// TestContrast holds the house's own look to WCAG 2.2 AA: 4.5 for text (1.4.3), 3 for what shows a field or the focus
// (1.4.11).
func TestContrast(t *testing.T) {
	raw, err := assetFiles.ReadFile("assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	sheet := string(raw)
	light, dark := properties(t, sheet, "\n:root"), properties(t, sheet, "\n  :root:not(.light)")
	if forced := properties(t, sheet, "\n:root.dark"); !maps.Equal(forced, dark) { // CSS has no way to say it once
		t.Errorf("a page that is always dark has other colours: %v, want %v", forced, dark)
	}
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"text", "card", 4.5}, {"text", "page", 4.5}, {"heading", "card", 4.5}, {"heading", "page", 4.5}, {"heading", "field", 4.5}, {"soft", "card", 4.5},
		{"soft", "page", 4.5}, {"label", "card", 4.5}, {"placeholder", "field", 4.5}, {"link", "card", 4.5}, {"link", "page", 4.5}, {"link-hover", "card", 4.5},
		{"primary-text", "primary", 4.5}, {"primary-hover-text", "primary-hover", 4.5}, {"primary-active-text", "primary-active", 4.5},
		{"second-text", "second", 4.5}, {"second-hover-text", "second-hover", 4.5}, {"second-active-text", "second-active", 4.5},
		{"error", "error-back", 4.5}, {"error", "card", 4.5}, {"good", "good-back", 4.5}, {"good", "card", 4.5},
		{"field-line", "card", 3}, {"field-line", "field", 3}, {"second-line", "card", 3}, {"second-line", "page", 3}, {"primary", "card", 3},
		{"focus", "card", 3}, {"focus", "page", 3}, {"error", "field", 3},
	}
	for mode, colors := range map[string]map[string]uint32{"light": light, "dark": dark} {
		for _, p := range pairs {
			front, ok := colors[p.front]
			back, found := colors[p.back]
			if !ok || !found {
				t.Fatalf("%s: no colour %s or %s", mode, p.front, p.back)
			}
			if got := contrast(front, back); got < p.least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", mode, p.front, p.back, got, p.least)
			}
		}
	}
	if fixed := properties(t, sheet, "\n:root.dark"); len(fixed) != len(dark) {
		t.Errorf("pages that are always dark have %d colours, others %d", len(fixed), len(dark))
	} else {
		for name, c := range dark {
			if fixed[name] != c {
				t.Errorf("--%s differs on pages that are always dark", name)
			}
		}
	}
}

func TestAssets(t *testing.T) {
	v := newView(t)
	mux := http.NewServeMux()
	mux.Handle(AssetsPattern, v.Assets())
	theme := NewTheme(ThemeSource{ID: "client 1", Settings: []byte(designed)})
	mux.Handle(ThemePattern, theme)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	const forGood = "public, max-age=31536000, immutable"
	for path, kind := range map[string]string{
		v.assets["style.css"].url: "text/css; charset=utf-8", v.assets["passkey.js"].url: "text/javascript; charset=utf-8", theme.CSS: "text/css; charset=utf-8",
	} {
		w := get(path)
		if h := w.Header(); w.Code != 200 || h.Get("Content-Type") != kind || h.Get("Cache-Control") != forGood || h.Get("X-Content-Type-Options") != "nosniff" || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", path, w.Code, h)
		}
	}
	for _, path := range []string{"/_cognate/assets/0123456789abcdef/style.css", "/_cognate/themes/client/0/theme.css"} {
		if w := get(path); w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	for _, path := range []string{"/_cognate/assets/x/view.go", "/_cognate/assets/x/..%2fview.go"} {
		if w := get(path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
