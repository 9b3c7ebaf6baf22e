package storetest

import (
	"errors"
	"testing"

	"cognate/internal/store"
)

func newClassicStyle(pool, client string) store.ClassicStyle {
	return store.ClassicStyle{
		PoolID: pool, ClientID: client, CSS: ".a{}", CSSHash: "css-" + pool + client, ImageKind: "PNG", ImageHash: "classic-" + pool + client, Created: day(0), Modified: day(1),
	}
}

func newBranding(pool, client string) store.Branding {
	return store.Branding{
		ID: "branding-" + client, PoolID: pool, ClientID: client, Provided: true, Settings: []byte(`{"s":1}`), Created: day(0), Modified: day(1),
	}
}

func newBrandingAsset(branding, pool, category string) store.BrandingAsset {
	return store.BrandingAsset{
		BrandingID: branding, PoolID: pool, Category: category, ColorMode: "DARK", Kind: "SVG", Hash: "hash-" + category, Body: []byte{0, 255},
	}
}

func newTerms(pool, client, name string) store.Terms {
	return store.Terms{ID: name + "-" + client, PoolID: pool, ClientID: client, Name: name, Settings: []byte(`{"l":1}`), Created: day(0), Modified: day(1)}
}

// twoPools makes the pool p with the clients c and d, and the pool q with the client e.
func twoPools(t *testing.T, db *store.DB) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreatePool(newPool("p")), tx.CreateClient(newClient("p", "c")), tx.CreateClient(newClient("p", "d")),
			tx.CreatePool(newPool("q")), tx.CreateClient(newClient("q", "e")))
	})
}

func testClassicStyles(t *testing.T, db *store.DB) {
	put := func(s store.ClassicStyle, image string) error {
		return try(db, func(tx *store.Tx) error { return tx.PutClassicStyle(s, []byte(image)) })
	}
	own, all := newClassicStyle("p", "c"), newClassicStyle("p", "")
	is(t, "put without a pool", put(all, ""), store.ErrNotFound)
	twoPools(t, db)
	is(t, "put without a client", put(newClassicStyle("p", "none"), ""), store.ErrNotFound)
	for _, s := range []store.ClassicStyle{own, all, newClassicStyle("q", "")} {
		is(t, "put", put(s, "image of "+s.PoolID+s.ClientID), nil)
	}
	own.CSS, own.CSSHash, own.ImageKind, own.ImageHash, own.Modified = "new", "css-new", "JPEG", "other", day(9)
	later := own
	later.Created = day(8)
	is(t, "put again", put(later, "\x00"), nil)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetClassicStyle("p", "c")
		same(t, "style of a client", got, own)
		got, err2 := tx.GetClassicStyle("p", "")
		same(t, "style of the pool", got, all)
		_, none := tx.GetClassicStyle("p", "d")
		is(t, "get another", none, store.ErrNotFound)
		return errors.Join(err, err2)
	})
	image(t, db, "p", "other", store.Image{Kind: "JPEG", Body: []byte{0}})
	image(t, db, "p", "classic-p", store.Image{Kind: "PNG", Body: []byte("image of p")})
	is(t, "the replaced image", noImage(db, "p", "classic-pc"), store.ErrNotFound)
	is(t, "an image of another pool", noImage(db, "q", "classic-p"), store.ErrNotFound)
	for hash, want := range map[string]string{"css-new": "new", "css-p": ".a{}"} {
		view(t, db, func(tx *store.Tx) error {
			css, err := tx.GetClassicCSS("p", hash)
			same(t, "CSS", css, want)
			return err
		})
	}
	is(t, "the replaced CSS", noCSS(db, "p", "css-pc"), store.ErrNotFound)
	is(t, "CSS of another pool", noCSS(db, "q", "css-p"), store.ErrNotFound)
	for range 2 {
		update(t, db, func(tx *store.Tx) error { return tx.DeleteClassicStyle("p", "c") })
	}
	is(t, "the deleted CSS", noCSS(db, "p", "css-new"), store.ErrNotFound)
	is(t, "the deleted image", noImage(db, "p", "other"), store.ErrNotFound)
	image(t, db, "p", "classic-p", store.Image{Kind: "PNG", Body: []byte("image of p")})
}

func image(t *testing.T, db *store.DB, pool, hash string, want store.Image) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetImage(pool, hash)
		same(t, "image", got, want)
		return err
	})
}

func noImage(db *store.DB, pool, hash string) error {
	return try(db, func(tx *store.Tx) error {
		_, err := tx.GetImage(pool, hash)
		return err
	})
}

func noCSS(db *store.DB, pool, hash string) error {
	return try(db, func(tx *store.Tx) error {
		_, err := tx.GetClassicCSS(pool, hash)
		return err
	})
}

func testBrandings(t *testing.T, db *store.DB) {
	b := newBranding("p", "c")
	create := func(b store.Branding) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateBranding(b) })
	}
	is(t, "create without a pool", create(b), store.ErrNotFound)
	twoPools(t, db)
	is(t, "create without a client", create(newBranding("p", "none")), store.ErrNotFound)
	is(t, "create", create(b), nil)
	twin := b
	twin.ID = "twin"
	is(t, "create a second of the client", create(twin), store.ErrExists)
	is(t, "create for another client", create(newBranding("p", "d")), nil)
	is(t, "create in another pool", create(newBranding("q", "e")), nil)
	b.Provided, b.Settings, b.Modified = false, nil, day(9)
	update(t, db, func(tx *store.Tx) error { return tx.UpdateBranding(b) })
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetBranding(b.ID)
		same(t, "branding", got, b)
		got, err2 := tx.GetClientBranding("c")
		same(t, "branding of the client", got, b)
		got, err3 := tx.GetClientBranding("d")
		same(t, "branding of another client", got, newBranding("p", "d"))
		_, none := tx.GetClientBranding("none")
		is(t, "branding of no client", none, store.ErrNotFound)
		n, err4 := tx.CountBrandings("p")
		same(t, "count", n, 2)
		return errors.Join(err, err2, err3, err4)
	})
	update(t, db, func(tx *store.Tx) error { return tx.DeleteBranding(b.ID) })
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteBranding(b.ID) }), store.ErrNotFound)
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateBranding(b) }), store.ErrNotFound)
	is(t, "create anew", create(b), nil)
}

func testBrandingAssets(t *testing.T, db *store.DB) {
	put := func(a store.BrandingAsset) error {
		return try(db, func(tx *store.Tx) error { return tx.PutBrandingAsset(a) })
	}
	logo, icon := newBrandingAsset("branding-c", "p", "FORM_LOGO"), newBrandingAsset("branding-c", "p", "IDP_BUTTON_ICON")
	is(t, "put without a branding", put(logo), store.ErrNotFound)
	twoPools(t, db)
	update(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.CreateBranding(newBranding("p", "c")), tx.CreateBranding(newBranding("p", "d")))
	})
	icon.ResourceID = "google"
	other := icon
	other.ResourceID = "apple"
	light := logo
	light.ColorMode = "LIGHT"
	for _, a := range []store.BrandingAsset{icon, light, other, logo, newBrandingAsset("branding-d", "p", "FORM_LOGO")} {
		is(t, "put", put(a), nil)
	}
	logo.Kind, logo.Hash, logo.Body = "PNG", "new", []byte{7}
	is(t, "put again", put(logo), nil)
	assets(t, db, "branding-c", logo, light, other, icon)
	image(t, db, "p", "new", store.Image{Kind: "PNG", Body: []byte{7}})
	image(t, db, "p", "hash-FORM_LOGO", store.Image{Kind: "SVG", Body: []byte{0, 255}})
	is(t, "an image of another pool", noImage(db, "q", "new"), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteBrandingAssets("branding-c") })
	assets(t, db, "branding-c")
	is(t, "the deleted image", noImage(db, "p", "new"), store.ErrNotFound)
	update(t, db, func(tx *store.Tx) error { return tx.DeleteBranding("branding-d") })
	is(t, "the image of a deleted branding", noImage(db, "p", "hash-FORM_LOGO"), store.ErrNotFound)
}

// assets checks those of a branding, with and without bytes.
func assets(t *testing.T, db *store.DB, branding string, want ...store.BrandingAsset) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.ListBrandingAssets(branding)
		same(t, "assets of "+branding, got, want)
		for i := range want {
			want[i].Body = nil
		}
		outline, err2 := tx.OutlineBrandingAssets(branding)
		same(t, "outline of "+branding, outline, want)
		return errors.Join(err, err2)
	})
}

func testTerms(t *testing.T, db *store.DB) {
	use, privacy := newTerms("p", "c", "use"), newTerms("p", "c", "privacy")
	create := func(d store.Terms) error {
		return try(db, func(tx *store.Tx) error { return tx.CreateTerms(d) })
	}
	is(t, "create without a pool", create(use), store.ErrNotFound)
	twoPools(t, db)
	is(t, "create without a client", create(newTerms("p", "none", "use")), store.ErrNotFound)
	for _, d := range []store.Terms{use, privacy, newTerms("p", "d", "use"), newTerms("q", "e", "use")} {
		is(t, "create", create(d), nil)
	}
	twin := use
	twin.ID = "twin"
	is(t, "create a second of the name", create(twin), store.ErrExists)
	use.Settings, use.Modified = []byte(`{}`), day(9)
	update(t, db, func(tx *store.Tx) error { return tx.UpdateTerms(use) })
	twin.Name = "privacy"
	twin.ID = use.ID
	is(t, "update to a name that is taken", try(db, func(tx *store.Tx) error { return tx.UpdateTerms(twin) }), store.ErrExists)
	view(t, db, func(tx *store.Tx) error {
		got, err := tx.GetTerms(use.ID)
		same(t, "terms", got, use)
		of, err2 := tx.ListClientTerms("c")
		same(t, "terms of the client", of, []store.Terms{privacy, use})
		n, err3 := tx.CountTerms("p")
		same(t, "count", n, 3)
		return errors.Join(err, err2, err3)
	})
	listTerms(t, db, "privacy-c", "use-c", "use-d")
	update(t, db, func(tx *store.Tx) error { return tx.DeleteTerms(use.ID) })
	listTerms(t, db, "privacy-c", "use-d")
	is(t, "delete again", try(db, func(tx *store.Tx) error { return tx.DeleteTerms(use.ID) }), store.ErrNotFound)
	is(t, "update another", try(db, func(tx *store.Tx) error { return tx.UpdateTerms(use) }), store.ErrNotFound)
}

// listTerms checks those of the pool p, page by page.
func listTerms(t *testing.T, db *store.DB, want ...string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		got, err := pages(func(after string) ([]store.Terms, error) { return tx.ListTerms("p", after, 2) },
			func(d store.Terms) string { return d.ID })
		same(t, "terms", got, want)
		return err
	})
}
