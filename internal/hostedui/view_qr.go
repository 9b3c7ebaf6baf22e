package hostedui

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"

	"github.com/boombuler/barcode/qr"
)

const (
	maxQR = 500 // bytes: more makes squares too small for a phone's camera
	quiet = 4   // squares around the code, as its standard wants
	scale = 4   // pixels to a square
)

// qrCode draws a QR code as a data: URL, "" for a text that is empty or too long.
func qrCode(text string) string {
	if text == "" || len(text) > maxQR {
		return ""
	}
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return ""
	}
	size := (code.Bounds().Dx() + 2*quiet) * scale
	picture := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, color.Black})
	for y := range size {
		for x := range size {
			at := image.Pt(x/scale-quiet, y/scale-quiet)
			if at.In(code.Bounds()) && code.At(at.X, at.Y) == color.Black {
				picture.Pix[y*picture.Stride+x] = 1
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return ""
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}
