package pool

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	svgSpace = "http://www.w3.org/2000/svg"
	xmlSpace = "http://www.w3.org/XML/1998/namespace"
)

// svgElements are those that only draw. What runs, moves, links or brings in other languages is not among them: script,
// foreignObject, a, animate, set, feImage.
var svgElements = setOf(`svg g defs symbol use title desc metadata switch style view path rect circle ellipse line polyline
	polygon text tspan textPath linearGradient radialGradient stop pattern clipPath mask marker image filter feBlend
	feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight
	feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset
	fePointLight feSpecularLighting feSpotLight feTile feTurbulence`)

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// svgReader is what of a drawing was read.
type svgReader struct {
	open  []string // the elements
	seen  bool     // the root
	style []byte   // the text of the style that is open: comments and sections may cut it anywhere
}

// checkSVG accepts a drawing that is complete in itself: no script, no event handlers, nothing loaded, no document type
// and so no entities.
func checkSVG(body []byte) error {
	if !utf8.Valid(body) {
		return errImage
	}
	d, r := xml.NewDecoder(bytes.NewReader(body)), new(svgReader)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && r.seen {
			return nil
		}
		if err != nil {
			return errImage
		}
		if err := r.read(token); err != nil {
			return err
		}
	}
}

func (r *svgReader) read(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		if len(r.open) == 0 && (r.seen || t.Name.Local != "svg") {
			return errImage
		}
		if r.inStyle() {
			return errors.New("it has an element in a style")
		}
		r.open, r.seen, r.style = append(r.open, t.Name.Local), true, nil
		return checkElement(t)
	case xml.EndElement:
		inStyle := r.inStyle()
		r.open = r.open[:len(r.open)-1]
		if inStyle {
			return checkStyle(string(r.style))
		}
	case xml.CharData:
		if r.inStyle() {
			r.style = append(r.style, t...)
		}
	case xml.Directive:
		return errors.New("it has a document type")
	case xml.ProcInst:
		if t.Target != "xml" {
			return errors.New("it has a processing instruction")
		}
	}
	return nil
}

func (r *svgReader) inStyle() bool { return len(r.open) > 0 && r.open[len(r.open)-1] == "style" }

func checkElement(e xml.StartElement) error {
	if e.Name.Space != svgSpace || !svgElements[e.Name.Local] {
		return errors.New("it has the element " + e.Name.Local)
	}
	for _, a := range e.Attr {
		name := strings.ToLower(a.Name.Local)
		switch {
		case a.Name.Space == "xmlns" || a.Name.Local == "xmlns":
		case strings.HasPrefix(name, "on"):
			return errors.New("it has an event handler")
		case name == "base" && a.Name.Space == xmlSpace:
			return errors.New("it refers to something outside itself")
		case name == "href" && !isOwnReference(e.Name.Local, a.Value):
			return errors.New("it refers to something outside itself")
		default:
			if err := checkStyle(a.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

var pixelData = regexp.MustCompile(`^data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=\s]*$`)

// isOwnReference reports whether a reference stays in the document: to a part of it, or to the pixels that it holds.
func isOwnReference(element, value string) bool {
	return strings.HasPrefix(value, "#") || element == "image" && pixelData.MatchString(value)
}

var (
	styleURL     = regexp.MustCompile(`(?i)url\(\s*["']?\s*(.?)`)
	styleForeign = regexp.MustCompile(`(?i)[\\@]|expression\s*\(|script\s*:|image(-set)?\s*\(|src\s*\(`)
)

// checkStyle refuses what could load something to the text of a style sheet or an attribute, which may be a style.
func checkStyle(text string) error {
	if styleForeign.MatchString(text) {
		return errors.New("it has a style that is not allowed")
	}
	for _, m := range styleURL.FindAllStringSubmatch(text, -1) {
		if m[1] != "#" {
			return errors.New("it refers to something outside itself")
		}
	}
	return nil
}
