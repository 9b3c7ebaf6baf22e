package pool

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"image"
	_ "image/jpeg" // formats that image.DecodeConfig reads
	_ "image/png"
	"path"
	"regexp"
	"strings"

	"cognate/api/idp"
	"cognate/internal/store"
)

// ImagePattern is where a door serves [Registry.Image], on all hosts: {pool} is the pool's id and {name} the image's
// name.
const ImagePattern = "GET " + imageRoot + "{pool}/{name}"

const imageRoot = "/_cognate/branding/"

// Image is a picture of the pages of a pool, in a form that was checked when it was uploaded.
type Image struct {
	// Type is its media type.
	Type string
	Body []byte
}

// imageKinds are the kinds of image by the names that the API has for them.
var imageKinds = map[string]struct {
	suffix, media string
	is            func([]byte) error
}{
	idp.AssetExtensionTypePng:  {"png", "image/png", isFormat("png")},
	idp.AssetExtensionTypeJpeg: {"jpg", "image/jpeg", isFormat("jpeg")},
	idp.AssetExtensionTypeWebp: {"webp", "image/webp", isWebP},
	idp.AssetExtensionTypeIco:  {"ico", "image/x-icon", isIcon},
	idp.AssetExtensionTypeSvg:  {"svg", "image/svg+xml", checkSVG},
}

// imagePath is the path of an image on all hosts of its pool. The hash in it is that of the content: whoever has the
// image under a path may keep it for good.
func imagePath(poolID, kind, hash string) string {
	return imageRoot + poolID + "/" + hash + "." + imageKinds[kind].suffix
}

func imageHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

var imageName = regexp.MustCompile(`^[0-9a-f]{32}\.[a-z]{3,4}$`)

// Image returns an image of a pool by its name, the last part of its path, nil when there is none. Anybody may see
// it. It is not kept in memory. An SVG is safe as an image of a page, but a door that serves it adds a policy that
// lets it do nothing when it is opened by itself.
func (r *Registry) Image(ctx context.Context, poolID, name string) (*Image, error) {
	if !imageName.MatchString(name) || !poolIDPattern.MatchString(poolID) {
		return nil, nil
	}
	var row store.Image
	err := r.db.Look(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.GetImage(poolID, strings.TrimSuffix(name, path.Ext(name)))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	kind := imageKinds[row.Kind]
	if path.Ext(name) != "."+kind.suffix {
		return nil, nil
	}
	return &Image{Type: kind.media, Body: row.Body}, nil
}

var errImage = errors.New("not such an image")

// maxSide is how wide and high an image may be, in pixels.
const maxSide = 20000

// isFormat is for the formats of the standard library.
func isFormat(name string) func([]byte) error {
	return func(body []byte) error {
		c, format, err := image.DecodeConfig(bytes.NewReader(body))
		if err != nil || format != name || c.Width > maxSide || c.Height > maxSide {
			return errImage
		}
		return nil
	}
}

// isWebP checks the container: RIFF, the length of the rest, WEBP, and a first chunk of pixels or of extensions.
func isWebP(body []byte) error {
	if len(body) < 20 || string(body[:4]) != "RIFF" || string(body[8:12]) != "WEBP" {
		return errImage
	}
	length, chunk := int(binary.LittleEndian.Uint32(body[4:])), string(body[12:16])
	if length+8 != len(body) || chunk != "VP8 " && chunk != "VP8L" && chunk != "VP8X" {
		return errImage
	}
	return nil
}

// isIcon checks the directory of an icon: each entry lies within the file and is a PNG or a bitmap.
func isIcon(body []byte) error {
	const header, entry = 6, 16
	if len(body) < header || !bytes.Equal(body[:4], []byte{0, 0, 1, 0}) {
		return errImage
	}
	n := int(binary.LittleEndian.Uint16(body[4:]))
	if n == 0 || len(body) < header+n*entry {
		return errImage
	}
	for i := range n {
		e := body[header+i*entry:]
		size, offset := int64(binary.LittleEndian.Uint32(e[8:])), int64(binary.LittleEndian.Uint32(e[12:]))
		if size < 8 || offset < int64(header+n*entry) || offset+size > int64(len(body)) || !isPixels(body[offset:offset+size]) {
			return errImage
		}
	}
	return nil
}

func isPixels(body []byte) bool {
	const bitmapHeader = 40 // the length of a BITMAPINFOHEADER, which begins with it
	return bytes.HasPrefix(body, []byte("\x89PNG\r\n\x1a\n")) || binary.LittleEndian.Uint32(body) == bitmapHeader
}
