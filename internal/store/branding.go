package store

import (
	"database/sql"
	"time"
)

// Branding is the look of managed login for a client, which has one at most. Provided says that it is the server's
// own look. Settings is the settings document, JSON, nil for none.
type Branding struct {
	ID, PoolID, ClientID string
	Provided             bool
	Settings             []byte
	Created, Modified    time.Time
}

const brandingColumns = `id, pool_id, client_id, provided, settings, created, modified`

func (b *Branding) scan(r *sql.Rows) error {
	return r.Scan(&b.ID, &b.PoolID, &b.ClientID, &b.Provided, raw(&b.Settings), when(&b.Created), when(&b.Modified))
}

// CreateBranding inserts a branding; ErrExists when the client has one or the ID is in use, ErrNotFound when the pool
// or the client is not there.
func (t *Tx) CreateBranding(b Branding) error {
	return t.create("create branding", `
		INSERT INTO brandings (`+brandingColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT DO NOTHING`,
		b.ID, b.PoolID, b.ClientID, b.Provided, string(b.Settings), millis(b.Created), millis(b.Modified))
}

// GetBranding returns a branding, or ErrNotFound.
func (t *Tx) GetBranding(id string) (b Branding, err error) {
	err = get(t, "get branding", b.scan, `SELECT `+brandingColumns+` FROM brandings WHERE id = $1`, id)
	return b, err
}

// GetClientBranding returns the branding of a client, or ErrNotFound.
func (t *Tx) GetClientBranding(clientID string) (b Branding, err error) {
	err = get(t, "get branding", b.scan, `SELECT `+brandingColumns+` FROM brandings WHERE client_id = $1`, clientID)
	return b, err
}

// UpdateBranding writes Provided, Settings and Modified of the branding b.ID, or returns ErrNotFound.
func (t *Tx) UpdateBranding(b Branding) error {
	return t.touch("update branding", `UPDATE brandings SET provided = $2, settings = $3, modified = $4 WHERE id = $1`,
		b.ID, b.Provided, string(b.Settings), millis(b.Modified))
}

// DeleteBranding deletes a branding and its assets, or returns ErrNotFound.
func (t *Tx) DeleteBranding(id string) error {
	return t.touch("delete branding", `DELETE FROM brandings WHERE id = $1`, id)
}

// CountBrandings returns the number of a pool's brandings.
func (t *Tx) CountBrandings(poolID string) (int64, error) {
	return t.count("brandings", `SELECT count(*) FROM brandings WHERE pool_id = $1`, poolID)
}

// BrandingAsset is an image of a branding. No other of the branding has its Category, ColorMode and ResourceID. Body
// is empty in outlines.
type BrandingAsset struct {
	BrandingID, PoolID              string
	Category, ColorMode, ResourceID string
	Kind, Hash                      string
	Body                            []byte
}

// PutBrandingAsset inserts an asset, or replaces the one that is there; ErrNotFound when the branding is not there.
func (t *Tx) PutBrandingAsset(a BrandingAsset) error {
	return t.put("put branding asset", `
		INSERT INTO branding_assets (branding_id, category, color_mode, resource_id, pool_id, kind, hash, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (branding_id, category, color_mode, resource_id) DO UPDATE SET
			kind = excluded.kind, hash = excluded.hash, body = excluded.body`,
		a.BrandingID, a.Category, a.ColorMode, a.ResourceID, a.PoolID, a.Kind, a.Hash, a.Body)
}

// ListBrandingAssets returns the assets of a branding by category, colour mode and resource id.
func (t *Tx) ListBrandingAssets(brandingID string) ([]BrandingAsset, error) {
	return list(t, "branding assets", func(a *BrandingAsset, r *sql.Rows) error {
		return r.Scan(&a.BrandingID, &a.PoolID, &a.Category, &a.ColorMode, &a.ResourceID, &a.Kind, &a.Hash, raw(&a.Body))
	}, `
		SELECT branding_id, pool_id, category, color_mode, resource_id, kind, hash, body FROM branding_assets
		WHERE branding_id = $1 ORDER BY branding_id, category, color_mode, resource_id`, brandingID)
}

// OutlineBrandingAssets is ListBrandingAssets without their bytes.
func (t *Tx) OutlineBrandingAssets(brandingID string) ([]BrandingAsset, error) {
	return list(t, "branding assets", func(a *BrandingAsset, r *sql.Rows) error {
		return r.Scan(&a.BrandingID, &a.PoolID, &a.Category, &a.ColorMode, &a.ResourceID, &a.Kind, &a.Hash)
	}, `
		SELECT branding_id, pool_id, category, color_mode, resource_id, kind, hash FROM branding_assets
		WHERE branding_id = $1 ORDER BY branding_id, category, color_mode, resource_id`, brandingID)
}

// DeleteBrandingAssets deletes all assets of a branding.
func (t *Tx) DeleteBrandingAssets(brandingID string) error {
	return t.put("delete branding assets", `DELETE FROM branding_assets WHERE branding_id = $1`, brandingID)
}
