// Package policy reads IAM policy documents and decides by them. It knows identity-based policies: what a key or a role may
// do. The language is that of the IAM User Guide, "IAM JSON policy element reference" and "Policy evaluation logic".
package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxSize is the length of the longest document in bytes: what IAM allows the policies of a role together.
const MaxSize = 10_240

// Document is a policy. It is immutable and safe for concurrent use; what it was read from is Text.
type Document struct {
	text       string
	statements []statement
}

// Text is the document as it was written.
func (d *Document) Text() string { return d.text }

type statement struct {
	deny       bool
	actions    patterns
	resources  patterns
	conditions []condition
}

// patterns are those of Action or Resource, or, when not is set, of NotAction or NotResource.
type patterns struct {
	not  bool
	list []pattern
}

// wire is a document as JSON has it.
type wire struct {
	Version   string           `json:"Version"`
	Id        string           `json:"Id"`
	Statement oneOrMany[entry] `json:"Statement"`
}

type entry struct {
	Sid         string            `json:"Sid"`
	Effect      string            `json:"Effect"`
	Action      oneOrMany[string] `json:"Action"`
	NotAction   oneOrMany[string] `json:"NotAction"`
	Resource    oneOrMany[string] `json:"Resource"`
	NotResource oneOrMany[string] `json:"NotResource"`
	Condition   conditions        `json:"Condition"`
}

// oneOrMany is a list that JSON may write without brackets when it has one element.
type oneOrMany[T any] []T

// UnmarshalJSON implements [json.Unmarshaler].
func (l *oneOrMany[T]) UnmarshalJSON(text []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(text)), "[") {
		var many []T
		err := json.Unmarshal(text, &many, strict)
		*l = many
		return err
	}
	var one T
	err := json.Unmarshal(text, &one, strict)
	*l = oneOrMany[T]{one}
	return err
}

// scalar is a value of a condition, which JSON may write as a string, a number or a boolean.
type scalar string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *scalar) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '"':
		var quoted string
		err := json.Unmarshal(text, &quoted)
		*s = scalar(quoted)
		return err
	case '{', '[', 'n':
		return errors.New("a value of a condition is no string, number or boolean")
	}
	*s = scalar(text)
	return nil
}

// strict refuses what a document may not have: a mistyped Condition must not make a policy that allows more.
var strict = json.RejectUnknownMembers(true)

// Parse reads a document. The error says what is wrong with it.
func Parse(text []byte) (*Document, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("policy: longer than %d bytes", MaxSize)
	}
	if err := refuseNull(text); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	var w wire
	if err := json.Unmarshal(text, &w, strict); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if w.Version != "" && w.Version != "2012-10-17" && w.Version != "2008-10-17" {
		return nil, fmt.Errorf("policy: Version %q is none", w.Version)
	}
	if len(w.Statement) == 0 {
		return nil, errors.New("policy: Statement is missing")
	}
	d := &Document{text: string(text)}
	for n, e := range w.Statement {
		s, err := e.compile(w.Version == "2012-10-17")
		if err != nil {
			return nil, fmt.Errorf("policy: statement %d: %w", n+1, err)
		}
		d.statements = append(d.statements, s)
	}
	return d, nil
}

// refuseNull finds a null, which would stand for an element that is not there: a Condition, for one.
func refuseNull(text []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		t, err := d.ReadToken()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case t.Kind() == 'n':
			return fmt.Errorf("null at %s", d.StackPointer())
		}
	}
}

// compile checks a statement. Only documents of the newer version have variables.
func (e *entry) compile(variables bool) (s statement, err error) {
	if e.Effect != "Allow" && e.Effect != "Deny" {
		return s, fmt.Errorf("the effect is %q, not Allow or Deny", e.Effect)
	}
	s.deny = e.Effect == "Deny"
	if s.actions, err = choose("Action", e.Action, e.NotAction); err != nil {
		return s, err
	}
	for n, a := range slices.Concat(e.Action, e.NotAction) {
		if a != "*" && !strings.Contains(a, ":") {
			return s, fmt.Errorf("the action %q has no service before it", a)
		}
		s.actions.list[n] = compile(strings.ToLower(a), false)
	}
	if s.resources, err = choose("Resource", e.Resource, e.NotResource); err != nil {
		return s, err
	}
	for n, r := range slices.Concat(e.Resource, e.NotResource) {
		if r != "*" && !strings.HasPrefix(r, "arn:") {
			return s, fmt.Errorf("the resource %q is no ARN", r)
		}
		s.resources.list[n] = compile(r, variables)
	}
	s.conditions, err = compileConditions(e.Condition, variables)
	for n := range s.conditions {
		s.conditions[n].denies = s.deny
	}
	return s, err
}

// choose makes room for the patterns of the one of two elements that a statement has.
func choose(name string, these, allBut []string) (patterns, error) {
	switch {
	case len(these) > 0 && len(allBut) > 0:
		return patterns{}, fmt.Errorf("%s and Not%[1]s exclude each other", name)
	case len(these)+len(allBut) == 0:
		return patterns{}, fmt.Errorf("%s is missing", name)
	}
	return patterns{not: len(allBut) > 0, list: make([]pattern, len(these)+len(allBut))}, nil
}
