package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// model is the part of a botocore service model that the generator reads.
type model struct {
	Metadata struct {
		EndpointPrefix, TargetPrefix, UID, Protocol, ServiceFullName string
	}
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type operation struct {
	Input, Output *ref
	Errors        []ref
	AuthType      string
}

type ref struct{ Shape string }

type shape struct {
	Type      string
	Members   orderedMembers
	Required  []string
	Member    *ref
	Key       *ref
	Value     *ref
	Min, Max  *int64
	Pattern   string
	Enum      []string
	Sensitive bool
	Exception bool
	Document  bool
}

// orderedMembers keeps the order of the model, which is the order of the Go fields.
type orderedMembers []member

type member struct{ Name, Shape string }

func (o *orderedMembers) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var r ref
		if err := dec.Decode(&r); err != nil {
			return err
		}
		*o = append(*o, member{name.(string), r.Shape})
	}
	return nil
}

func readModel(path string) (*model, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, err
	}
	if m.Metadata.Protocol != "json" {
		return nil, fmt.Errorf("%s: protocol %q is not json", path, m.Metadata.Protocol)
	}
	// The service takes custom domains, with dots, which the model's pattern for a prefix does not.
	if s := m.Shapes["DomainType"]; s != nil {
		s.Pattern = ""
	}
	return m, nil
}

// readFile reads a file, and what is in it when its name ends in .gz, as in botocore's package.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !strings.HasSuffix(path, ".gz") {
		return io.ReadAll(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// shapeNames lists the shapes that are data, in order: errors are codes, not types.
func (m *model) shapeNames() []string {
	var names []string
	for name, s := range m.Shapes {
		if !s.Exception {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (m *model) operationNames() []string {
	var names []string
	for name := range m.Operations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// auth is the class of an operation: signed, or unsigned with an access token of its own, or public.
// An operation that takes a Session instead of the token authenticates by itself.
func (m *model) auth(op *operation) string {
	if op.AuthType != "none" {
		return "api.Signed"
	}
	has := func(name string) bool {
		return slices.ContainsFunc(m.Shapes[op.Input.Shape].Members, func(x member) bool { return x.Name == name })
	}
	if has("AccessToken") && !has("Session") {
		return "api.Token"
	}
	return "api.Public"
}

// hasSecret reports whether a value of the structure may hold a sensitive value.
func (m *model) hasSecret(name string) bool {
	s := m.Shapes[name]
	if s.Sensitive {
		return true
	}
	for _, x := range s.Members {
		if m.hasSecret(x.Shape) {
			return true
		}
	}
	for _, r := range []*ref{s.Member, s.Key, s.Value} {
		if r != nil && m.hasSecret(r.Shape) {
			return true
		}
	}
	return false
}
