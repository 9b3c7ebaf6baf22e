package hostedui

import "encoding/json"

// ThemeSource is what a client's look is made of. Its zero value is the house's own look.
type ThemeSource struct {
	// ID is part of the address of the theme's CSS: a client id.
	ID string
	// Settings is a managed login's settings document, nil for none. What is not understood in it is left out.
	Settings json.RawMessage
	// Assets are the documents' images.
	Assets []ThemeAsset
	// ClassicCSS is the address of the classic pages' CSS, which the caller has checked, and Logo that of their
	// image; "" for none.
	ClassicCSS, Logo string
}

// ThemeAsset is an image of a managed login, in the API's terms.
type ThemeAsset struct {
	Category  string // FORM_LOGO, PAGE_BACKGROUND, ...
	ColorMode string // LIGHT, DARK, DYNAMIC
	URL       string // an absolute path on this host: the pages load nothing from elsewhere
}

// Theme is a look, made once by NewTheme and never changed: many requests may use it at once.
type Theme struct {
	id, hash, classic string
	css               []byte
}

// NewTheme makes a look. It cannot fail: what is not understood is left out.
func NewTheme(from ThemeSource) *Theme {
	return &Theme{id: from.ID, classic: from.ClassicCSS}
}
