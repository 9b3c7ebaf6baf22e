package store

import (
	"database/sql"
	"time"
)

// ClassicStyle is the look of the classic pages of a client, or, with an empty ClientID, of all clients of the pool
// that have none of their own. CSSHash is empty without CSS, ImageKind and ImageHash are without an image.
type ClassicStyle struct {
	PoolID, ClientID     string
	CSS, CSSHash         string
	ImageKind, ImageHash string
	Created, Modified    time.Time
}

func (s *ClassicStyle) scan(r *sql.Rows) error {
	return r.Scan(&s.PoolID, &s.ClientID, &s.CSS, &s.CSSHash, &s.ImageKind, &s.ImageHash, when(&s.Created), when(&s.Modified))
}

// PutClassicStyle inserts a style with the bytes of its image, or replaces all of the one that is there but Created.
// ErrNotFound when the pool or the client is not there.
func (t *Tx) PutClassicStyle(s ClassicStyle, image []byte) error {
	return t.put("put classic style", `
		INSERT INTO classic_styles (pool_id, owner, client_id, css, css_hash, image_kind, image_hash, image, created, modified)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (pool_id, owner) DO UPDATE SET css = excluded.css, css_hash = excluded.css_hash,
			image_kind = excluded.image_kind, image_hash = excluded.image_hash, image = excluded.image, modified = excluded.modified`,
		s.PoolID, s.ClientID, sql.NullString{String: s.ClientID, Valid: s.ClientID != ""}, s.CSS, s.CSSHash, s.ImageKind, s.ImageHash,
		image, millis(s.Created), millis(s.Modified))
}

// GetClassicStyle returns the style of a client, or of the pool with an empty clientID, or ErrNotFound.
func (t *Tx) GetClassicStyle(poolID, clientID string) (s ClassicStyle, err error) {
	err = get(t, "get classic style", s.scan, `
		SELECT pool_id, owner, css, css_hash, image_kind, image_hash, created, modified FROM classic_styles
		WHERE pool_id = $1 AND owner = $2`, poolID, clientID)
	return s, err
}

// DeleteClassicStyle deletes a style if it is there.
func (t *Tx) DeleteClassicStyle(poolID, clientID string) error {
	return t.put("delete classic style", `DELETE FROM classic_styles WHERE pool_id = $1 AND owner = $2`, poolID, clientID)
}

// GetClassicCSS returns the CSS of any style of a pool by its hash, or ErrNotFound.
func (t *Tx) GetClassicCSS(poolID, hash string) (css string, err error) {
	err = get(t, "get classic CSS", scanString(&css), `
		SELECT css FROM classic_styles WHERE pool_id = $1 AND css_hash = $2 LIMIT 1`, poolID, hash)
	return css, err
}

// Image is a picture of the pages of a pool.
type Image struct {
	Kind string
	Body []byte
}

// GetImage returns an image of any style or branding of a pool by its hash, or ErrNotFound.
func (t *Tx) GetImage(poolID, hash string) (i Image, err error) {
	err = get(t, "get image", func(r *sql.Rows) error { return r.Scan(&i.Kind, raw(&i.Body)) }, `
		SELECT kind, body FROM branding_assets WHERE pool_id = $1 AND hash = $2
		UNION ALL
		SELECT image_kind, image FROM classic_styles WHERE pool_id = $1 AND image_hash = $2
		LIMIT 1`, poolID, hash)
	return i, err
}
