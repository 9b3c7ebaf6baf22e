package pool

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"image"
	_ "image/jpeg" // formats that image.DecodeConfig reads
	_ "image/png"

	"cognate/api/idp"
)

// imageKinds are the kinds of image by the names that the API has for them.
var imageKinds = map[string]struct {
	suffix, media string
	check         func([]byte) error
}{
	idp.AssetExtensionTypePng:  {"png", "image/png", isFormat("png")},
	idp.AssetExtensionTypeJpeg: {"jpg", "image/jpeg", isFormat("jpeg")},
	idp.AssetExtensionTypeWebp: {"webp", "image/webp", isWebP},
	idp.AssetExtensionTypeIco:  {"ico", "image/x-icon", isIcon},
	idp.AssetExtensionTypeSvg:  {"svg", "image/svg+xml", checkSVG},
}

// contentHash is the name of a file of the pages: what it holds has no other name.
func contentHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
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
