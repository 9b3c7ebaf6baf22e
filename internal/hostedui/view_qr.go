package hostedui

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"sync"

	"rsc.io/qr"
)

const (
	maxQR = 500 // bytes: more makes squares too small for a phone's camera
	quiet = 4   // squares around the code, as its standard wants
	scale = 2   // pixels to a square: the page enlarges them without blur
)

// qrCode draws a QR code as a data: URL, "" for a text that is empty or too long.
func qrCode(text string) string {
	if text == "" || len(text) > maxQR {
		return ""
	}
	code, err := qr.Encode(text, qr.L) // a screen is not scratched: the least redundancy will do
	if err != nil {
		return ""
	}
	squares := code.Size
	size := (squares + 2*quiet) * scale
	picture := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, color.Black})
	for y := range squares * scale {
		row := picture.Pix[(y+quiet*scale)*picture.Stride+quiet*scale:]
		for x := range squares * scale {
			if code.Black(x/scale, y/scale) {
				row[x] = 1
			}
		}
	}
	var b bytes.Buffer
	if err := pngEncoder.Encode(&b, picture); err != nil {
		return ""
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}

// pngEncoder keeps what it compresses with, which is large.
var pngEncoder = png.Encoder{BufferPool: new(pngBuffers)}

type pngBuffers struct{ sync.Pool }

// Get returns nil when there is none: the encoder then makes one.
func (p *pngBuffers) Get() *png.EncoderBuffer {
	b, _ := p.Pool.Get().(*png.EncoderBuffer)
	return b
}

// Put keeps one.
func (p *pngBuffers) Put(b *png.EncoderBuffer) { p.Pool.Put(b) }
