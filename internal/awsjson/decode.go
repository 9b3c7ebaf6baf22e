package awsjson

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"cognate/api"
	"cognate/internal/fault"
)

// CodeSerialization is the error code of a body that is not JSON, or not of the operation's types.
const CodeSerialization = "SerializationException"

// decode reads body, a JSON object, into the generated structure that v points to, and returns every
// constraint of shape that it breaks, in AWS's words. Members that the shape does not have are
// ignored, and null is the same as absent. Names are case-sensitive; a repeated name, invalid UTF-8
// and NUL are refused. The error is a SerializationException.
//
// Field i of a generated structure is member i of its shape: see [api.Shape].
func decode(body []byte, shape *api.Shape, v any) (violations []string, err error) {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	d := &decoder{dec: jsontext.NewDecoder(bytes.NewBuffer(body))}
	if d.dec.PeekKind() != '{' {
		if _, err := d.dec.ReadToken(); err != nil {
			return nil, malformed(err)
		}
		return nil, fault.New(CodeSerialization, "Expected map or null")
	}
	if err := d.value(shape, reflect.ValueOf(v).Elem(), nil); err != nil {
		return nil, malformed(err)
	}
	if _, err := d.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fault.New(CodeSerialization, "The request body has more than one JSON value.")
	}
	return d.violations, nil
}

// malformed turns a syntax error into the answer; the position in it helps the caller, its text does not.
func malformed(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return fault.Because(err, CodeSerialization, "The request body is not valid JSON.")
}

type decoder struct {
	dec        *jsontext.Decoder
	violations []string
}

// path is the way from the input to a value, innermost last.
type path struct {
	parent *path
	name   string
}

func (p *path) child(name string) *path { return &path{p, name} }

func (p *path) String() string {
	if p.parent == nil {
		return p.name
	}
	return p.parent.String() + "." + p.name
}

// value reads the next JSON value, which is not null.
func (d *decoder) value(s *api.Shape, v reflect.Value, at *path) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch s.Kind {
	case api.Structure:
		return d.structure(s, v, at)
	case api.List:
		return d.list(s, v, at)
	case api.Map:
		return d.mapping(s, v, at)
	case api.Document:
		raw, err := d.dec.ReadValue()
		v.SetBytes(bytes.Clone(raw))
		return err
	}
	return d.scalar(s, v, at)
}

// open reads the token that begins a collection.
func (d *decoder) open(begin jsontext.Kind, want string) error {
	if d.dec.PeekKind() != begin {
		return d.mismatch(want)
	}
	_, err := d.dec.ReadToken()
	return err
}

// null skips a null and reports whether there was one.
func (d *decoder) null() bool {
	if d.dec.PeekKind() != 'n' {
		return false
	}
	_, err := d.dec.ReadToken()
	return err == nil
}

func (d *decoder) structure(s *api.Shape, v reflect.Value, at *path) error {
	if err := d.open('{', "map"); err != nil {
		return err
	}
	var present [128]bool
	for d.dec.PeekKind() == '"' {
		name, err := d.dec.ReadToken()
		if err != nil {
			return err
		}
		i := index(s, name.String())
		if i < 0 {
			if err := d.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if d.null() {
			continue
		}
		m := s.Members[i]
		if err := d.value(m.Shape, v.Field(i), at.member(m.Name)); err != nil {
			return err
		}
		present[i] = true
	}
	for i, m := range s.Members {
		if m.Required && !present[i] && !d.full() {
			d.violate("null ", at.member(m.Name), "Member must not be null")
		}
	}
	_, err := d.dec.ReadToken()
	return err
}

// member is the path of a structure's member, spelled as AWS spells it in its texts: in camel case.
func (p *path) member(name string) *path {
	return p.child(strings.ToLower(name[:1]) + name[1:])
}

func index(s *api.Shape, name string) int {
	for i := range s.Members {
		if s.Members[i].Name == name {
			return i
		}
	}
	return -1
}

func (d *decoder) list(s *api.Shape, v reflect.Value, at *path) error {
	if err := d.open('[', "list"); err != nil {
		return err
	}
	out := reflect.MakeSlice(v.Type(), 0, 4)
	for d.dec.PeekKind() != ']' {
		if d.null() {
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(s.Elem, item, at.child(strconv.Itoa(out.Len()+1)).child("member")); err != nil {
			return err
		}
		out = reflect.Append(out, item)
	}
	v.Set(out)
	d.check(s, v, int64(out.Len()), at)
	_, err := d.dec.ReadToken()
	return err
}

func (d *decoder) mapping(s *api.Shape, v reflect.Value, at *path) error {
	if err := d.open('{', "map"); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(v.Type()))
	for d.dec.PeekKind() == '"' {
		token, err := d.dec.ReadToken()
		if err != nil {
			return err
		}
		key := token.String()
		if strings.ContainsRune(key, 0) {
			return errNUL
		}
		if d.null() {
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(s.Elem, item, at.child(key).child("member")); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), item)
	}
	d.check(s, v, int64(v.Len()), at)
	_, err := d.dec.ReadToken()
	return err
}

var errNUL = fault.New(CodeSerialization, "A string in the request has a NUL character.")

// scalar reads a value of one token. An element of a list or map is checked by its parent, which
// reports all its elements in one item.
func (d *decoder) scalar(s *api.Shape, v reflect.Value, at *path) error {
	want, ok := tokenKinds[s.Kind]
	if kind := d.dec.PeekKind(); !ok || kind != want && !(want == 't' && kind == 'f') {
		return d.mismatch(scalarNames[s.Kind])
	}
	token, err := d.dec.ReadToken()
	if err != nil {
		return err
	}
	if err := set(s, v, token); err != nil {
		return err
	}
	if at.name != "member" {
		d.check(s, v, size(s, v), at)
	}
	return nil
}

var tokenKinds = map[api.Kind]jsontext.Kind{
	api.String: '"', api.Blob: '"', api.Integer: '0', api.Long: '0', api.Timestamp: '0', api.Boolean: 't',
}

var scalarNames = map[api.Kind]string{
	api.String: "String", api.Blob: "Blob", api.Integer: "Integer", api.Long: "Long", api.Timestamp: "Timestamp", api.Boolean: "Boolean",
}

func set(s *api.Shape, v reflect.Value, token jsontext.Token) error {
	text := token.String()
	switch s.Kind {
	case api.String:
		if strings.ContainsRune(text, 0) {
			return errNUL
		}
		v.SetString(text)
	case api.Boolean:
		v.SetBool(token.Bool())
	case api.Blob:
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fault.New(CodeSerialization, "A blob in the request is not base64.")
		}
		v.SetBytes(data)
	case api.Timestamp:
		t, ok := api.ParseTime(text)
		if !ok {
			return fault.New(CodeSerialization, "A timestamp in the request is out of range.")
		}
		v.Set(reflect.ValueOf(t))
	default:
		n, ok := integer(text, s.Kind)
		if !ok {
			return fault.Newf(CodeSerialization, "class java.lang.Double can not be converted to an %s", scalarNames[s.Kind])
		}
		v.SetInt(n)
	}
	return nil
}

// integer reads a JSON number without a fraction that fits the kind.
func integer(text string, kind api.Kind) (int64, bool) {
	bits := 64
	if kind == api.Integer {
		bits = 32
	}
	if n, err := strconv.ParseInt(text, 10, bits); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != float64(int32(f)) {
		return 0, false
	}
	return int64(f), true
}

// mismatch is the answer to a JSON value of another type than the member's.
func (d *decoder) mismatch(want string) error {
	kind := d.dec.PeekKind()
	if want == "map" || want == "list" {
		if kind == 0 {
			_, err := d.dec.ReadToken()
			return err
		}
		return fault.New(CodeSerialization, "Expected "+want+" or null")
	}
	switch kind {
	case '{':
		return fault.New(CodeSerialization, "Start of structure or map found where not expected.")
	case '[':
		return fault.New(CodeSerialization, "Start of list found where not expected.")
	}
	token, err := d.dec.ReadToken()
	if err != nil {
		return err
	}
	have := map[jsontext.Kind]string{'"': "String", 't': "Boolean", 'f': "Boolean", '0': "Integer"}[kind]
	if kind == '0' && strings.ContainsAny(token.String(), ".eE") {
		have = "Double"
	}
	return fault.Newf(CodeSerialization, "class java.lang.%s can not be converted to an %s", have, want)
}
