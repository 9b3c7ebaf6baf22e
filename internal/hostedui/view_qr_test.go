package hostedui

import (
	"encoding/base64"
	"image/png"
	"strings"
	"testing"

	"rsc.io/qr"
)

// TestQRCode compares each square of the picture with the code that it shows.
func TestQRCode(t *testing.T) {
	const text = "otpauth://totp/example:alice?secret=JBSWY3DPEHPK3PXP&issuer=example"
	encoded, ok := strings.CutPrefix(qrCode(text), "data:image/png;base64,")
	if !ok {
		t.Fatal("no picture")
	}
	picture, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(encoded)))
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	squares := code.Size
	if want := (squares + 2*quiet) * scale; picture.Bounds().Dx() != want || picture.Bounds().Dy() != want {
		t.Fatalf("%v, want %d", picture.Bounds(), want)
	}
	dark := 0
	for y := -quiet; y < squares+quiet; y++ {
		for x := -quiet; x < squares+quiet; x++ {
			want := uint32(0xffff)
			if code.Black(x, y) {
				want = 0
			}
			if got, _, _, _ := picture.At((x+quiet)*scale+1, (y+quiet)*scale+1).RGBA(); got != want {
				t.Fatalf("square %d,%d is %x, want %x", x, y, got, want)
			}
			if want == 0 {
				dark++
			}
		}
	}
	if dark < squares*squares/4 {
		t.Errorf("only %d dark squares", dark)
	}
	for _, none := range []string{"", strings.Repeat("x", maxQR+1)} {
		if got := qrCode(none); got != "" {
			t.Errorf("a picture of %d bytes of text", len(none))
		}
	}
}
