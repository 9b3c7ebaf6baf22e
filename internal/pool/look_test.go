package pool_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// gallery is a pool with a domain and two clients, whose pages get a look.
type gallery struct {
	*testing.T
	pools    *pool.Registry
	pool     *pool.Pool
	one, two string // clients
}

// onEngines runs a test in a gallery on both engines.
func onEngines(t *testing.T, test func(*gallery)) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		test(newGallery(t, pool.New(db, keyring(t), pool.Options{BaseDomain: "example.com", PublicURL: "https://id.example.com:8443"})))
	})
}

func newGallery(t *testing.T, r *pool.Registry) *gallery {
	g := &gallery{T: t, pools: r, pool: create(t, r, &idp.CreateUserPoolRequest{})}
	g.one = createClient(t, r, g.pool, &idp.CreateUserPoolClientRequest{}).ID
	g.two = createClient(t, r, g.pool, &idp.CreateUserPoolClientRequest{}).ID
	return g
}

func (g *gallery) fatal(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

func (g *gallery) same(what string, got, want any) {
	g.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		g.Errorf("%s: %s", what, diff)
	}
}

// style sets the look of the classic pages.
func (g *gallery) style(client, css string, logo []byte) *idp.UICustomizationType {
	g.Helper()
	s, err := g.pools.SetUICustomization(g.Context(), &idp.SetUICustomizationRequest{UserPoolId: g.pool.ID, ClientId: client, CSS: css, ImageFile: logo})
	g.fatal(err)
	return s
}

// classic checks which style and which logo the pages of a client have, by their content.
func (g *gallery) classic(client, css string, logo []byte) {
	g.Helper()
	c, err := g.pools.Classic(g.Context(), g.pool, client)
	g.fatal(err)
	if c == nil {
		c = new(pool.Classic)
	}
	g.same("CSS", g.file(c.CSS, "text/css; charset=utf-8"), css)
	g.same("logo", g.file(c.Logo, "image/png"), string(logo))
}

// file returns the content of a path, "" for no path.
func (g *gallery) file(path, kind string) string {
	g.Helper()
	if path == "" {
		return ""
	}
	name, ok := strings.CutPrefix(path, "/_cognate/branding/"+g.pool.ID+"/")
	if !ok {
		g.Fatalf("%q is no path", path)
	}
	content, got, err := g.pools.BrandingFile(g.Context(), g.pool.ID, name)
	g.fatal(err)
	g.same("media type", got, kind)
	return string(content)
}

func picture(t testing.TB, side int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	red  = ".label-customizable{color:red}"
	blue = ".label-customizable{color:blue}"
)

func TestClassic(t *testing.T) {
	onEngines(t, func(g *gallery) {
		_, err := g.pools.SetUICustomization(g.Context(), &idp.SetUICustomizationRequest{UserPoolId: g.pool.ID, CSS: red})
		wantFault(g.T, err, idp.CodeInvalidParameter, "There has to be an existing domain associated with this user pool")
		addDomain(g.T, g.pools, g.pool, "shop", 1)
		small, large := picture(g, 1), picture(g, 9)
		g.classic(g.one, "", nil)
		all := g.style("ALL", red, small)
		g.classic(g.one, red, small)
		g.classic(g.two, red, small)
		own := g.style(g.one, blue, nil)
		g.classic(g.one, blue, nil)
		g.classic(g.two, red, small)
		g.style(g.two, "", large)
		g.classic(g.two, "", large)

		c, err := g.pools.Classic(g.Context(), g.pool, g.two)
		g.fatal(err)
		g.same("client of the pool's style", all.ClientId, "ALL")
		g.same("client of its own style", own.ClientId, g.one)
		shown, err := g.pools.UICustomization(g.Context(), g.pool.ID, g.two)
		g.fatal(err)
		g.same("address of the logo", shown.ImageUrl, "https://shop.auth."+region+".example.com:8443"+c.Logo)

		again := g.style(g.one, red, nil)
		g.same("creation of a style that is replaced", again.CreationDate, own.CreationDate)
		g.style(g.one, "", nil)
		g.style(g.two, " ", []byte{})
		g.classic(g.one, red, small)
		g.style("", "", nil)
		g.classic(g.one, "", nil)
		shown, err = g.pools.UICustomization(g.Context(), g.pool.ID, g.one)
		g.fatal(err)
		g.same("style of a pool without any", shown, &idp.UICustomizationType{})
	})
}

// TestLogo is about images that are none, or too large, by their bytes.
func TestLogo(t *testing.T) {
	g := newGallery(t, registry(t))
	addDomain(t, g.pools, g.pool, "shop", 1)
	var photo bytes.Buffer
	g.fatal(jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 4, 4)), nil))
	if s := g.style("ALL", "", photo.Bytes()); !strings.HasSuffix(s.ImageUrl, ".jpg") || !strings.HasPrefix(s.ImageUrl, "https://") {
		t.Errorf("a photo is at %q", s.ImageUrl)
	}
	whole := picture(t, 9)
	largest := append(whole, make([]byte, 100<<10-len(whole))...)
	g.style("ALL", "", largest)
	for name, c := range map[string]struct {
		logo []byte
		text string
	}{
		"too large": {append(largest, 0), "The image file is larger than 100 KB."},
		"text":      {[]byte("plain"), "The image file is not a PNG, JPG or JPEG image."},
		"GIF":       {[]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), "The image file is not a PNG, JPG or JPEG image."},
		"SVG":       {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "The image file is not a PNG, JPG or JPEG image."},
		"a head":    {whole[:12], "The image file is not a PNG, JPG or JPEG image."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.pools.SetUICustomization(t.Context(), &idp.SetUICustomizationRequest{UserPoolId: g.pool.ID, ImageFile: c.logo})
			wantFault(t, err, idp.CodeInvalidParameter, c.text)
		})
	}
}

func asset(category, mode, kind string, body []byte) *idp.AssetType {
	return &idp.AssetType{Category: category, ColorMode: mode, Extension: kind, Bytes: body}
}

const (
	drawing  = `<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>`
	settings = `{"categories":{"global":{"colorSchemeMode":"DARK"}},"components":{"form":{"borderRadius":4.5}}}`
)

func TestBranding(t *testing.T) {
	onEngines(t, func(g *gallery) {
		r, ctx := g.pools, g.Context()
		none := func(what, client string) {
			g.Helper()
			if b, err := r.Branding(ctx, g.pool, client); b != nil || err != nil {
				g.Errorf("%s: %v, %v", what, b, err)
			}
		}
		none("at first", g.one)
		made, err := r.CreateBranding(ctx, &idp.CreateManagedLoginBrandingRequest{
			UserPoolId: g.pool.ID, ClientId: g.one, Settings: jsontext.Value(settings), Assets: []*idp.AssetType{
				asset("PAGE_BACKGROUND", "LIGHT", "PNG", picture(g, 3)), asset("FORM_LOGO", "DYNAMIC", "SVG", []byte(drawing)),
			},
		})
		g.fatal(err)
		b, err := r.Branding(ctx, g.pool, g.one)
		g.fatal(err)
		g.same("settings", string(b.Settings), settings)
		g.same("logo", g.file(b.Assets[0].Path, "image/svg+xml"), drawing)
		g.same("background", g.file(b.Assets[1].Path, "image/png"), string(picture(g, 3)))
		g.same("categories", []string{b.Assets[0].Category, b.Assets[1].Category, b.Assets[1].ColorMode}, []string{"FORM_LOGO", "PAGE_BACKGROUND", "LIGHT"})
		logo := b.Assets[0].Path
		none("another client", g.two)

		// An update leaves alone what it does not name.
		_, err = r.UpdateBranding(ctx, &idp.UpdateManagedLoginBrandingRequest{
			UserPoolId: g.pool.ID, ManagedLoginBrandingId: made.ManagedLoginBrandingId, Settings: jsontext.Value(`{"components":{"form":{"borderRadius":8}}}`),
			Assets: []*idp.AssetType{asset("FORM_LOGO", "DYNAMIC", "PNG", picture(g, 4))},
		})
		g.fatal(err)
		b, err = r.Branding(ctx, g.pool, g.one)
		g.fatal(err)
		g.same("settings that are changed", string(b.Settings), strings.Replace(settings, "4.5", "8", 1))
		g.same("the new logo", g.file(b.Assets[0].Path, "image/png"), string(picture(g, 4)))
		g.same("the old background", g.file(b.Assets[1].Path, "image/png"), string(picture(g, 3)))
		if _, _, err := r.BrandingFile(ctx, g.pool.ID, filepath.Base(logo)); !errors.Is(err, store.ErrNotFound) {
			g.Errorf("the replaced logo: %v", err)
		}

		_, err = r.UpdateBranding(ctx, &idp.UpdateManagedLoginBrandingRequest{UserPoolId: g.pool.ID, ManagedLoginBrandingId: made.ManagedLoginBrandingId, UseCognitoProvidedValues: new(true)})
		g.fatal(err)
		b, err = r.Branding(ctx, g.pool, g.one)
		g.fatal(err)
		if !b.Provided || b.Settings != nil || b.Assets != nil {
			g.Errorf("the server's own look: %+v", b)
		}
		g.fatal(r.DeleteBranding(ctx, g.pool.ID, strings.ToUpper(made.ManagedLoginBrandingId)))
		none("deleted", g.one)
	})
}

// TestLooksGo sees to it that clients and pools take their looks with them, out of the caches as well.
func TestLooksGo(t *testing.T) {
	onEngines(t, func(g *gallery) {
		r, ctx := g.pools, g.Context()
		addDomain(g.T, r, g.pool, "shop", 1)
		for _, client := range []string{g.one, g.two} {
			g.style(client, "", picture(g, len(client)%7+1))
			_, err := r.CreateBranding(ctx, &idp.CreateManagedLoginBrandingRequest{UserPoolId: g.pool.ID, ClientId: client, UseCognitoProvidedValues: new(true)})
			g.fatal(err)
			g.terms(client, "terms-of-use", map[string]string{"cognito:default": "https://a.b/use"})
			g.terms(client, "privacy-policy", map[string]string{"cognito:default": "https://a.b/privacy"})
			g.has(client, true)
		}
		g.fatal(r.DeleteClient(ctx, g.pool.ID, g.one))
		g.has(g.one, false)
		g.has(g.two, true)
		c, err := r.Classic(ctx, g.pool, g.two)
		g.fatal(err)
		g.fatal(r.DeleteDomain(ctx, g.pool.ID, "shop"))
		g.fatal(r.Delete(ctx, g.pool.ID))
		g.has(g.two, false)
		if _, _, err := r.BrandingFile(ctx, g.pool.ID, filepath.Base(c.Logo)); !errors.Is(err, store.ErrNotFound) {
			g.Errorf("the logo of a deleted pool: %v", err)
		}
	})
}

// has checks whether a client has all parts of a look, or none.
func (g *gallery) has(client string, want bool) {
	g.Helper()
	c, err := g.pools.Classic(g.Context(), g.pool, client)
	b, err2 := g.pools.Branding(g.Context(), g.pool, client)
	t, err3 := g.pools.Terms(g.Context(), g.pool, client)
	g.fatal(errors.Join(err, err2, err3))
	g.same("looks", []bool{c != nil, b != nil, t != nil}, []bool{want, want, want})
}

func (g *gallery) terms(client, name string, links map[string]string) *idp.TermsType {
	g.Helper()
	d, err := g.pools.CreateTerms(g.Context(), &idp.CreateTermsRequest{UserPoolId: g.pool.ID, ClientId: client, TermsName: name, TermsSource: "LINK", Enforcement: "NONE", Links: links})
	g.fatal(err)
	return d
}

func TestTerms(t *testing.T) {
	onEngines(t, func(g *gallery) {
		read := func() *pool.Terms {
			g.Helper()
			d, err := g.pools.Terms(g.Context(), g.pool, g.one)
			g.fatal(err)
			return d
		}
		use := g.terms(g.one, "terms-of-use", map[string]string{"cognito:default": "https://a.b/use", "cognito:portuguese-brazil": "https://a.b/pt"})
		if d := read(); d != nil {
			g.Errorf("terms of use alone: %v", d)
		}
		g.terms(g.one, "privacy-policy", map[string]string{"cognito:german": "https://a.b/de", "cognito:portuguese-brazil": "https://a.b/privacidade"})
		for language, want := range map[string][2]string{
			"pt-BR": {"https://a.b/pt", "https://a.b/privacidade"}, "de": {"https://a.b/use", "https://a.b/de"}, "fr": {"", ""},
		} {
			u, p := read().Links(language)
			g.same(language, [2]string{u, p}, want)
		}
		g.fatal(g.pools.DeleteTerms(g.Context(), g.pool.ID, use.TermsId))
		if d := read(); d != nil {
			g.Errorf("a privacy policy alone: %v", d)
		}
	})
}

// TestTermsLinks is about where terms may be (checklist 20).
func TestTermsLinks(t *testing.T) {
	for name, dev := range map[string]bool{"production": false, "development": true} {
		t.Run(name, func(t *testing.T) {
			r := pool.New(open(t), keyring(t), pool.Options{Dev: dev})
			g := newGallery(t, r)
			for i, link := range []string{
				"javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "vbscript:x", "/terms", "//a.b/terms", "terms", "https:", "https:///x", "https:a.b", "ftp://a.b/x",
				"https://user@a.b/", "https://a.b:x/", "http://a.b/terms",
			} {
				_, err := r.CreateTerms(t.Context(), &idp.CreateTermsRequest{
					UserPoolId: g.pool.ID, ClientId: g.one, TermsName: fmt.Sprint("terms-", i), TermsSource: "LINK", Enforcement: "NONE",
					Links: map[string]string{"cognito:default": "https://a.b/", "cognito:english": link},
				})
				if dev && link == "http://a.b/terms" {
					g.fatal(err)
					continue
				}
				wantFault(t, err, idp.CodeInvalidParameter, "The link for cognito:english is not an https URL.")
			}
		})
	}
}

// TestBrandingFile is about names that are none.
func TestBrandingFile(t *testing.T) {
	g := newGallery(t, registry(t))
	addDomain(t, g.pools, g.pool, "shop", 1)
	g.style("ALL", red, picture(t, 1))
	c, err := g.pools.Classic(t.Context(), g.pool, g.one)
	g.fatal(err)
	css, logo := filepath.Base(c.CSS), filepath.Base(c.Logo)
	other := create(t, g.pools, &idp.CreateUserPoolRequest{})
	for _, at := range [][2]string{
		{other.ID, logo}, {other.ID, css}, {"", logo}, {"x", logo}, {g.pool.ID + "\x00", logo}, {g.pool.ID, ""}, {g.pool.ID, strings.TrimSuffix(logo, ".png")},
		{g.pool.ID, strings.ReplaceAll(logo, ".png", ".svg")}, {g.pool.ID, strings.ReplaceAll(logo, ".png", ".css")}, {g.pool.ID, strings.ReplaceAll(css, ".css", ".png")},
		{g.pool.ID, ".png"}, {g.pool.ID, ".css"}, {g.pool.ID, strings.Repeat("0", 32) + ".png"}, {g.pool.ID, "../" + logo}, {g.pool.ID, "%00"}, {g.pool.ID, logo + "\x00"},
	} {
		if content, _, err := g.pools.BrandingFile(t.Context(), at[0], at[1]); !errors.Is(err, store.ErrNotFound) || content != nil {
			t.Errorf("%q: %d bytes, %v", at, len(content), err)
		}
	}
}

// TestLooksAreKept sees to it that pages do not read the database for the look of a client.
func TestLooksAreKept(t *testing.T) {
	db := open(t)
	g := newGallery(t, pool.New(db, keyring(t), pool.Options{}))
	g.has(g.one, false)
	db.Trace(func(query string, _ []any) { t.Errorf("reads %s", query) })
	g.has(g.one, false)
	db.Trace(func(string, []any) {})
	_, err := g.pools.CreateBranding(t.Context(), &idp.CreateManagedLoginBrandingRequest{UserPoolId: g.pool.ID, ClientId: g.one, UseCognitoProvidedValues: new(true)})
	g.fatal(err)
	if b, err := g.pools.Branding(t.Context(), g.pool, g.one); b == nil || err != nil {
		t.Errorf("a new branding: %v, %v", b, err)
	}
	var reads int
	db.Trace(func(string, []any) { reads++ })
	db.Publish(store.Change{Kind: "look", ID: g.pool.ID})
	_, err = g.pools.Terms(t.Context(), g.pool, g.one)
	g.fatal(err)
	if reads == 0 {
		t.Error("another node's change is not heeded")
	}
}
