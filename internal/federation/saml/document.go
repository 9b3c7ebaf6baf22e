package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/beevik/etree"
	validator "github.com/mattermost/xml-roundtrip-validator"
)

// The bounds of a document. Declarations are bounded because to make canonical XML is to copy all that are in scope for each
// element.
const (
	maxAnswerElements   = 1000 // goxmldsig refuses more within what is signed
	maxMetadataElements = 10000
	maxDepth            = 32
	maxAttributes       = 64  // of an element
	maxDeclarations     = 128 // of namespaces, in and around an element
)

// The namespaces.
const (
	nsProtocol     = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion    = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsMetadata     = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature    = "http://www.w3.org/2000/09/xmldsig#"
	nsEncryption   = "http://www.w3.org/2001/04/xmlenc#"
	nsEncryption11 = "http://www.w3.org/2009/xmlenc11#"
	nsXInclude     = "http://www.w3.org/2001/XInclude"
	nsXML          = "http://www.w3.org/XML/1998/namespace"
)

// parse reads a document that anybody can have written. It takes no document type, and so no entities but those of XML
// itself, no processing instructions and no inclusions, and nothing that two readers could understand in two ways.
func parse(text []byte, maxElements int) (*etree.Element, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := scan(text, maxElements); err != nil {
		return nil, err
	}
	d := etree.NewDocument()
	if err := d.ReadFromBytes(text); err != nil {
		return nil, err
	}
	root := d.Root()
	if root == nil {
		return nil, errors.New("the document is empty")
	}
	return root, nil
}

// scanner looks at a document from its first to its last token.
type scanner struct {
	roots, elements, maxElements int

	declared []int // how many namespaces are, in each open element and around it
	ids      map[string]bool
}

// stable reads the tokens of a document as they are written. One that would not be the same when encoding/xml writes and reads it
// again is an error: readers could take it for two things (CVE-2020-29509 and those after it).
type stable struct{ written *xml.Decoder }

// Token implements [xml.TokenReader].
func (s stable) Token() (xml.Token, error) {
	t, err := s.written.RawToken()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case xml.StartElement:
		if len(t.Attr) > maxAttributes {
			return nil, errLarge // before the validator compares each attribute with each other
		}
	case xml.EndElement:
		return t, nil // whoever reads it wants the name of its start element, which was looked at
	case xml.CharData:
		if isPlain(t) {
			return t, nil
		}
	}
	if err := validator.CheckToken(t); err != nil {
		return nil, err // without the token: beside one, an error counts for nothing
	}
	return t, nil
}

// isPlain reports whether there is something in a text, and nothing but letters and signs that each reader and writer of XML knows:
// to write and read it gives it back.
func isPlain(text []byte) bool {
	for _, c := range text {
		if c != '\n' && c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return len(text) > 0
}

func scan(text []byte, maxElements int) error {
	s := scanner{maxElements: maxElements, ids: map[string]bool{}}
	d := xml.NewTokenDecoder(stable{xml.NewDecoder(bytes.NewReader(text))})
	for first := true; ; first = false {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = s.token(t, first)
		}
		if err != nil {
			return err
		}
	}
}

func (s *scanner) token(t xml.Token, first bool) error {
	switch t := t.(type) {
	case xml.Directive:
		return errors.New("a document type is not accepted")
	case xml.ProcInst:
		if !first || t.Target != "xml" {
			return errors.New("processing instructions are not accepted")
		}
	case xml.CharData:
		if len(s.declared) == 0 && len(bytes.TrimSpace(t)) > 0 {
			return errors.New("text stands outside of the document's element")
		}
	case xml.Comment:
		return s.count()
	case xml.EndElement:
		s.declared = s.declared[:len(s.declared)-1]
	case xml.StartElement:
		return s.start(t)
	}
	return nil
}

func (s *scanner) start(t xml.StartElement) error {
	around := 0
	if depth := len(s.declared); depth > 0 {
		around = s.declared[depth-1]
	} else {
		s.roots++
	}
	s.declared = append(s.declared, around)
	if err := s.count(); err != nil {
		return err
	}
	switch {
	case s.roots > 1:
		return errors.New("the document has more than one element")
	case len(s.declared) > maxDepth:
		return errLarge
	case t.Name.Space == nsXInclude:
		return errors.New("inclusions are not accepted")
	}
	seen := make(map[xml.Name]bool, len(t.Attr))
	for _, a := range t.Attr {
		if seen[a.Name] {
			return fmt.Errorf("the attribute %s comes twice", a.Name.Local)
		}
		seen[a.Name] = true
		if err := s.attribute(a); err != nil {
			return err
		}
	}
	return nil
}

var errLarge = errors.New("the document is too large")

// count counts elements and comments.
func (s *scanner) count() error {
	if s.elements++; s.elements > s.maxElements {
		return errLarge
	}
	return nil
}

func (s *scanner) attribute(a xml.Attr) error {
	switch {
	case a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns":
		here := &s.declared[len(s.declared)-1]
		if *here++; *here > maxDeclarations {
			return errors.New("the document declares too many namespaces")
		}
	case strings.EqualFold(a.Name.Local, "ID"):
		if a.Value == "" || s.ids[a.Value] {
			return fmt.Errorf("the ID %q is empty or not the only one", a.Value)
		}
		s.ids[a.Value] = true
	}
	return nil
}

func is(e *etree.Element, space, tag string) bool { return e.Tag == tag && e.NamespaceURI() == space }

func children(e *etree.Element, space, tag string) (out []*etree.Element) {
	for _, c := range e.ChildElements() {
		if is(c, space, tag) {
			out = append(out, c)
		}
	}
	return out
}

// atMostOne returns the only child of a name, nil where there is none.
func atMostOne(e *etree.Element, space, tag string) (*etree.Element, error) {
	found := children(e, space, tag)
	if len(found) > 1 {
		return nil, fmt.Errorf("%s has more than one %s", e.Tag, tag)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}

func exactlyOne(e *etree.Element, space, tag string) (*etree.Element, error) {
	c, err := atMostOne(e, space, tag)
	if err == nil && c == nil {
		err = fmt.Errorf("%s has no %s", e.Tag, tag)
	}
	return c, err
}

// attribute returns an attribute without prefix; "" when it is not there.
func attribute(e *etree.Element, key string) string {
	v, _ := lookAttribute(e, key)
	return v
}

func lookAttribute(e *etree.Element, key string) (string, bool) {
	for _, a := range e.Attr {
		if a.Space == "" && a.Key == key {
			return a.Value, true
		}
	}
	return "", false
}

// text returns all text of an element, whatever comments stand in between; an element within is an error.
func text(e *etree.Element) (string, error) {
	if len(e.ChildElements()) > 0 {
		return "", fmt.Errorf("%s has more in it than text", e.Tag)
	}
	return allText(e), nil
}

// allText returns the text of an element and of all within.
func allText(e *etree.Element) string {
	var b strings.Builder
	writeText(&b, e)
	return b.String()
}

func writeText(b *strings.Builder, e *etree.Element) {
	for _, c := range e.Child {
		switch c := c.(type) {
		case *etree.CharData:
			b.WriteString(c.Data)
		case *etree.Element:
			writeText(b, c)
		}
	}
}

// walk calls do for e and for all elements within, until one call fails.
func walk(e *etree.Element, do func(*etree.Element) error) error {
	if err := do(e); err != nil {
		return err
	}
	for _, c := range e.ChildElements() {
		if err := walk(c, do); err != nil {
			return err
		}
	}
	return nil
}
