package pool

import (
	"context"
	"errors"
	"strings"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/store"
)

// allClients is what the API calls a style for all clients that have none of their own.
const allClients = "ALL"

const maxLogo = 100 << 10 // bytes

// cssVersion is the layout of a style's version: the time when it was set.
const cssVersion = "20060102150405"

// SetUICustomization replaces the look of the classic pages of a client, or of all clients that have none of their own.
// Without CSS and image it takes the look away.
func (r *Registry) SetUICustomization(ctx context.Context, in *idp.SetUICustomizationRequest) (*idp.UICustomizationType, error) {
	kind, err := logoKind(in.ImageFile)
	if err != nil {
		return nil, err
	}
	if err := checkClassicCSS(in.CSS); err != nil {
		return nil, err
	}
	row := store.ClassicStyle{PoolID: in.UserPoolId, ClientID: styleOwner(in.ClientId), CSS: in.CSS, ImageKind: kind, Created: now()}
	row.Modified = row.Created
	if strings.TrimSpace(row.CSS) != "" {
		row.CSSHash = contentHash([]byte(row.CSS))
	}
	if kind != "" {
		row.ImageHash = contentHash(in.ImageFile)
	}
	var shown *idp.UICustomizationType
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		p, err := r.styledPool(tx, in.UserPoolId, row.ClientID)
		if err != nil {
			return err
		}
		tx.Notify(kindLook, p.ID)
		shown, err = r.putStyle(tx, p, row, in.ImageFile)
		return err
	})
	return shown, err
}

func (r *Registry) putStyle(tx *store.Tx, p *Pool, row store.ClassicStyle, logo []byte) (*idp.UICustomizationType, error) {
	if row.CSSHash == "" && row.ImageHash == "" {
		return r.describeStyle(p, row), tx.DeleteClassicStyle(row.PoolID, row.ClientID)
	}
	if err := tx.PutClassicStyle(row, logo); err != nil {
		return nil, err
	}
	row, err := tx.GetClassicStyle(row.PoolID, row.ClientID) // an older one keeps the date of its creation
	return r.describeStyle(p, row), err
}

// logoKind returns the kind of a logo, "" for none.
func logoKind(logo []byte) (string, error) {
	if len(logo) == 0 {
		return "", nil
	}
	if len(logo) > maxLogo {
		return "", invalid("The image file is larger than 100 KB.")
	}
	for _, kind := range []string{idp.AssetExtensionTypePng, idp.AssetExtensionTypeJpeg} {
		if imageKinds[kind].check(logo) == nil {
			return kind, nil
		}
	}
	return "", invalid("The image file is not a PNG, JPG or JPEG image.")
}

// UICustomization returns what GetUICustomization shows, read afresh: nothing where there is none.
func (r *Registry) UICustomization(ctx context.Context, poolID, clientID string) (*idp.UICustomizationType, error) {
	owner, shown := styleOwner(clientID), new(idp.UICustomizationType)
	err := r.db.View(ctx, func(tx *store.Tx) error {
		p, err := r.styledPool(tx, poolID, owner)
		if err != nil {
			return err
		}
		row, err := classicStyle(tx, poolID, owner)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		shown = r.describeStyle(p, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return shown, nil
}

// styleOwner is the client that a request means, "" for all.
func styleOwner(clientID string) string {
	if clientID == allClients {
		return ""
	}
	return clientID
}

var errNoPages = invalid("There has to be an existing domain associated with this user pool")

// styledPool reads the pool of a style, which must have pages, and whose client, when one is named, must be in it.
func (r *Registry) styledPool(tx *store.Tx, poolID, owner string) (p *Pool, err error) {
	if owner == "" {
		p, err = r.getPool(tx, poolID)
	} else {
		p, _, err = r.getPoolClient(tx, poolID, owner)
	}
	if err == nil && p.Host() == "" {
		err = errNoPages
	}
	return p, err
}

// classicStyle returns the style that a client's pages have, its own or the pool's.
func classicStyle(tx *store.Tx, poolID, owner string) (store.ClassicStyle, error) {
	s, err := tx.GetClassicStyle(poolID, owner)
	if errors.Is(err, store.ErrNotFound) && owner != "" {
		return tx.GetClassicStyle(poolID, "")
	}
	return s, err
}

// readClassic reads what [Registry.Classic] returns.
func readClassic(tx *store.Tx, poolID, clientID string) (*Classic, error) {
	s, err := classicStyle(tx, poolID, clientID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := new(Classic)
	if s.CSSHash != "" {
		c.CSS = filePath(poolID, s.CSSHash, suffixCSS)
	}
	if s.ImageHash != "" {
		c.Logo = filePath(poolID, s.ImageHash, imageKinds[s.ImageKind].suffix)
	}
	return c, nil
}

func (r *Registry) describeStyle(p *Pool, row store.ClassicStyle) *idp.UICustomizationType {
	s := &idp.UICustomizationType{
		UserPoolId: row.PoolID, ClientId: or(row.ClientID, allClients), CSS: row.CSS,
		CreationDate: api.At(row.Created), LastModifiedDate: api.At(row.Modified),
	}
	if row.CSSHash != "" {
		s.CSSVersion = row.Modified.UTC().Format(cssVersion)
	}
	if row.ImageHash != "" {
		s.ImageUrl = r.address(p, filePath(row.PoolID, row.ImageHash, imageKinds[row.ImageKind].suffix))
	}
	return s
}
