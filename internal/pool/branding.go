package pool

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"

	"github.com/go-json-experiment/json/jsontext"
)

// Branding is what managed login is dressed in for a client.
type Branding struct {
	// Provided says that it is the server's own look: there are no Settings and no Assets then.
	Provided bool
	// Settings is the settings document, nil for none. What Cognito documents of it is checked: colours are eight
	// hexadecimal digits, the rest are plain words, numbers and booleans.
	Settings jsontext.Value
	Assets   []Asset
	// Modified changes with all of it.
	Modified time.Time
}

// Asset is an image of a branding, in the API's terms.
type Asset struct {
	Category, ColorMode, ResourceID string
	// Path is where the pages' door serves it; see [Registry.BrandingFile].
	Path string
}

const (
	maxBrandings = 20      // of a pool
	maxAssets    = 40      // of a branding
	maxUpload    = 2 << 20 // bytes of a request
)

var errBrandingSource = invalid("useCognitoProvidedValues or settings should be specified (but not both)")

// CreateBranding gives a client its look of managed login.
func (r *Registry) CreateBranding(ctx context.Context, in *idp.CreateManagedLoginBrandingRequest) (*idp.ManagedLoginBrandingType, error) {
	if err := checkBranding(in.UseCognitoProvidedValues, in.Settings, in.Assets); err != nil {
		return nil, err
	}
	settings, err := mergeSettings(nil, in.Settings)
	if err != nil {
		return nil, err
	}
	b := store.Branding{
		ID: uuid.NewString(), PoolID: in.UserPoolId, ClientID: in.ClientId,
		Provided: isTrue(in.UseCognitoProvidedValues), Settings: settings, Created: now(),
	}
	b.Modified = b.Created
	var made *idp.ManagedLoginBrandingType
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		if _, _, err := r.getPoolClient(tx, in.UserPoolId, in.ClientId); err != nil {
			return err
		}
		if err := insertBranding(tx, b); err != nil {
			return err
		}
		made, err = putAssets(tx, b, in.Assets)
		return err
	})
	return made, err
}

func insertBranding(tx *store.Tx, b store.Branding) error {
	err := tx.CreateBranding(b)
	if errors.Is(err, store.ErrExists) {
		return fault.Newf(idp.CodeManagedLoginBrandingExists, "A ManagedLoginBranding already exists for client %s", b.ClientID)
	}
	if err != nil {
		return err
	}
	n, err := tx.CountBrandings(b.PoolID)
	if err == nil && n > maxBrandings {
		err = fault.Newf(idp.CodeLimitExceeded, "The limit of %d managed login branding styles of a user pool is reached.", maxBrandings)
	}
	return err
}

// putAssets adds assets to a branding, has everybody read it anew, and describes it.
func putAssets(tx *store.Tx, b store.Branding, given []*idp.AssetType) (*idp.ManagedLoginBrandingType, error) {
	for _, a := range given {
		err := tx.PutBrandingAsset(store.BrandingAsset{
			BrandingID: b.ID, PoolID: b.PoolID, Category: a.Category, ColorMode: a.ColorMode, ResourceID: a.ResourceId,
			Kind: a.Extension, Hash: contentHash(a.Bytes), Body: a.Bytes,
		})
		if err != nil {
			return nil, err
		}
	}
	tx.Notify(kindLook, b.PoolID)
	d, err := describeBranding(tx, b)
	if err == nil && len(d.Assets) > maxAssets {
		err = invalidf("A managed login branding style can have at most %d assets.", maxAssets)
	}
	return d, err
}

// UpdateBranding changes what in names of a branding: as in Cognito, members of the settings that it does not name stay,
// and so do assets of other categories, colour modes and resource ids, for a look may be too large for one request. To
// use the server's own look drops both.
func (r *Registry) UpdateBranding(ctx context.Context, in *idp.UpdateManagedLoginBrandingRequest) (*idp.ManagedLoginBrandingType, error) {
	if err := checkBrandingID(in); err != nil {
		return nil, err
	}
	if err := checkBranding(in.UseCognitoProvidedValues, in.Settings, in.Assets); err != nil {
		return nil, err
	}
	var changed *idp.ManagedLoginBrandingType
	modified := now()
	err := r.db.Update(ctx, func(tx *store.Tx) error {
		b, err := r.getBranding(tx, in.UserPoolId, in.ManagedLoginBrandingId)
		if err != nil {
			return err
		}
		b.Provided, b.Modified = isTrue(in.UseCognitoProvidedValues), modified
		if b.Provided {
			b.Settings, err = nil, tx.DeleteBrandingAssets(b.ID)
		} else {
			b.Settings, err = mergeSettings(b.Settings, in.Settings)
		}
		if err != nil {
			return err
		}
		if err := tx.UpdateBranding(b); err != nil {
			return err
		}
		changed, err = putAssets(tx, b, in.Assets)
		return err
	})
	return changed, err
}

// checkBrandingID refuses an update without what the model does not require, but the operation does.
func checkBrandingID(in *idp.UpdateManagedLoginBrandingRequest) error {
	switch {
	case in.UserPoolId == "":
		return missing("userPoolId")
	case in.ManagedLoginBrandingId == "":
		return missing("managedLoginBrandingId")
	}
	return nil
}

func missing(member string) error {
	return invalidf("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

// DeleteBranding deletes the branding of a client.
func (r *Registry) DeleteBranding(ctx context.Context, poolID, id string) error {
	return r.db.Update(ctx, func(tx *store.Tx) error {
		b, err := r.getBranding(tx, poolID, id)
		if err != nil {
			return err
		}
		tx.Notify(kindLook, poolID)
		return tx.DeleteBranding(b.ID)
	})
}

// DescribeBranding returns a branding, read afresh; merged fills in what it leaves to the server's own look.
func (r *Registry) DescribeBranding(ctx context.Context, poolID, id string, merged bool) (d *idp.ManagedLoginBrandingType, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		b, err := r.getBranding(tx, poolID, id)
		if err != nil {
			return err
		}
		d, err = describeMerged(tx, b, merged)
		return err
	})
	return d, err
}

// DescribeClientBranding is DescribeBranding for the branding of a client.
func (r *Registry) DescribeClientBranding(ctx context.Context, poolID, clientID string, merged bool) (d *idp.ManagedLoginBrandingType, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		if _, _, err := r.getPoolClient(tx, poolID, clientID); err != nil {
			return err
		}
		b, err := tx.GetClientBranding(clientID)
		if errors.Is(err, store.ErrNotFound) {
			return fault.Newf(idp.CodeResourceNotFound, "ManagedLoginBranding for client %s does not exist.", clientID)
		}
		if err != nil {
			return err
		}
		d, err = describeMerged(tx, b, merged)
		return err
	})
	return d, err
}

// getBranding returns a branding that has to be the pool's.
func (r *Registry) getBranding(tx *store.Tx, poolID, id string) (store.Branding, error) {
	if _, err := r.getPool(tx, poolID); err != nil {
		return store.Branding{}, err
	}
	b, err := tx.GetBranding(strings.ToLower(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && b.PoolID != poolID {
		return store.Branding{}, fault.New(idp.CodeResourceNotFound, "ManagedLoginBranding does not exist.")
	}
	return b, err
}

func describeMerged(tx *store.Tx, b store.Branding, merged bool) (*idp.ManagedLoginBrandingType, error) {
	d, err := describeBranding(tx, b)
	if err == nil && merged {
		d.Settings, err = mergeSettings(defaultSettings, d.Settings)
	}
	return d, err
}

func describeBranding(tx *store.Tx, b store.Branding) (*idp.ManagedLoginBrandingType, error) {
	d := &idp.ManagedLoginBrandingType{
		ManagedLoginBrandingId: b.ID, UserPoolId: b.PoolID, UseCognitoProvidedValues: &b.Provided, Settings: b.Settings,
		Assets: []*idp.AssetType{}, CreationDate: api.At(b.Created), LastModifiedDate: api.At(b.Modified),
	}
	rows, err := tx.ListBrandingAssets(b.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range rows {
		d.Assets = append(d.Assets, &idp.AssetType{
			Category: a.Category, ColorMode: a.ColorMode, Extension: a.Kind, ResourceId: a.ResourceID, Bytes: a.Body,
		})
	}
	return d, nil
}

// readBranding reads what [Registry.Branding] returns.
func readBranding(tx *store.Tx, poolID, clientID string) (*Branding, error) {
	row, err := tx.GetClientBranding(clientID)
	if errors.Is(err, store.ErrNotFound) || err == nil && row.PoolID != poolID {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := &Branding{Provided: row.Provided, Settings: row.Settings, Modified: row.Modified}
	assets, err := tx.OutlineBrandingAssets(row.ID)
	for _, a := range assets {
		b.Assets = append(b.Assets, Asset{a.Category, a.ColorMode, a.ResourceID, filePath(a.PoolID, a.Hash, imageKinds[a.Kind].suffix)})
	}
	return b, err
}

// checkBranding enforces what a request to make or change a branding may hold: one source, and images that are what
// they are said to be.
func checkBranding(provided *bool, settings jsontext.Value, assets []*idp.AssetType) error {
	if isTrue(provided) == (settings != nil) {
		return errBrandingSource
	}
	if isTrue(provided) && len(assets) > 0 {
		return invalid("Assets cannot be specified together with useCognitoProvidedValues.")
	}
	size, seen := len(settings), map[string]bool{}
	for _, a := range assets {
		size += len(a.Bytes) * 4 / 3 // as it came, in base64
		key := a.Category + "/" + a.ColorMode + "/" + a.ResourceId
		if seen[key] {
			return invalidf("The asset %s for %s is given more than once.", a.Category, a.ColorMode)
		}
		seen[key] = true
		if err := checkAsset(a); err != nil {
			return err
		}
	}
	if size > maxUpload {
		return invalidf("The settings and assets of one request must not exceed %d MB.", maxUpload>>20)
	}
	return checkSettings(settings)
}

// onlyKinds are the categories of images that must be of one kind.
var onlyKinds = map[string]string{
	idp.AssetCategoryTypeFaviconIco: idp.AssetExtensionTypeIco, idp.AssetCategoryTypeFaviconSvg: idp.AssetExtensionTypeSvg,
}

func checkAsset(a *idp.AssetType) error {
	if only, ok := onlyKinds[a.Category]; ok && a.Extension != only {
		return invalidf("The asset %s must be an %s.", a.Category, only)
	}
	if len(a.Bytes) == 0 {
		return invalidf("The asset %s has no image.", a.Category)
	}
	switch err := imageKinds[a.Extension].check(a.Bytes); {
	case errors.Is(err, errImage):
		return invalidf("The asset %s is not a valid %s.", a.Category, a.Extension)
	case err != nil:
		return invalidf("The asset %s is not allowed: %s.", a.Category, err)
	}
	return nil
}
