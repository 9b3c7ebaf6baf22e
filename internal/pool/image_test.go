package pool

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"cognate/api/idp"
)

// samples are images that are what their names say.
func samples(t testing.TB) map[string][]byte {
	square := image.NewPaletted(image.Rect(0, 0, 4, 4), nil)
	square.Palette = append(square.Palette, image.Black)
	encoded := func(encode func(*bytes.Buffer) error) []byte {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	pixels := encoded(func(b *bytes.Buffer) error { return png.Encode(b, square) })
	return map[string][]byte{
		idp.AssetExtensionTypePng:  pixels,
		idp.AssetExtensionTypeJpeg: encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, square, nil) }),
		idp.AssetExtensionTypeSvg:  []byte(svg("<g/>")),
		idp.AssetExtensionTypeIco:  icon(pixels),
		idp.AssetExtensionTypeWebp: webp("VP8L"),
		"GIF":                      encoded(func(b *bytes.Buffer) error { return gif.Encode(b, square, nil) }),
		"text":                     []byte("plain text, long enough to be looked at"),
		"HTML":                     []byte("<!DOCTYPE html><html><body></body></html>"),
	}
}

// icon is an icon file of one image.
func icon(pixels []byte) []byte {
	head := []byte{0, 0, 1, 0, 1, 0, 4, 4, 0, 0, 1, 0, 32, 0}
	head = binary.LittleEndian.AppendUint32(head, uint32(len(pixels)))
	head = binary.LittleEndian.AppendUint32(head, 22)
	return append(head, pixels...)
}

func webp(chunk string) []byte {
	body := []byte("WEBP" + chunk + "\x08\x00\x00\x00\x2f\x03\xc0\x00\x00\x00\x00\x00")
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// TestImages holds that an image is of the kind that it is said to be, and of no other.
func TestImages(t *testing.T) {
	all := samples(t)
	for kind := range imageKinds {
		for is, body := range all {
			err := checkAsset(&idp.AssetType{Category: "FORM_LOGO", ColorMode: "LIGHT", Extension: kind, Bytes: body})
			if (err == nil) != (is == kind) {
				t.Errorf("%s as %s: %v", is, kind, err)
			}
		}
		for _, cut := range []int{0, 1, 4, 12, 19} {
			if checkAsset(&idp.AssetType{Category: "FORM_LOGO", ColorMode: "LIGHT", Extension: kind, Bytes: all[kind][:cut]}) == nil {
				t.Errorf("%d bytes of %s are accepted", cut, kind)
			}
		}
	}
}

func TestIcons(t *testing.T) {
	pixels := samples(t)[idp.AssetExtensionTypePng]
	outside, many, script := icon(pixels), icon(pixels), icon([]byte("<script>alert(1)</script>"))
	binary.LittleEndian.PutUint32(outside[18:], 1<<31)
	many[4] = 255
	for name, body := range map[string][]byte{
		"outside": outside, "more than there are": many, "none": icon(pixels)[:6], "script": script, "within the directory": within(icon(pixels)), "a cursor": cursor(icon(pixels)),
	} {
		if isIcon(body) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func within(body []byte) []byte {
	binary.LittleEndian.PutUint32(body[18:], 0)
	return body
}

func cursor(body []byte) []byte {
	body[2] = 2
	return body
}

// TestOnlyKinds is about categories whose images must be of one kind.
func TestOnlyKinds(t *testing.T) {
	all := samples(t)
	for category, want := range map[string]string{"FAVICON_ICO": "ICO", "FAVICON_SVG": "SVG"} {
		for kind := range imageKinds {
			err := checkAsset(&idp.AssetType{Category: category, ColorMode: "DYNAMIC", Extension: kind, Bytes: all[kind]})
			if (err == nil) != (kind == want) {
				t.Errorf("%s of the kind %s: %v", category, kind, err)
			}
		}
	}
}

func FuzzImages(f *testing.F) {
	for _, body := range samples(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, k := range imageKinds {
			_ = k.check(body) // must not panic
		}
	})
}
