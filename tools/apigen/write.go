package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

func writeTypes(b *bytes.Buffer, m *model) {
	imports(b, m)
	for _, name := range m.shapeNames() {
		s := m.Shapes[name]
		if s.Type != "structure" || s.Document {
			continue
		}
		fmt.Fprintf(b, "// %s is a structure of the service model.\ntype %s struct {\n", name, name)
		for _, x := range s.Members {
			required := slices.Contains(s.Required, x.Name)
			typ, plain := m.goType(x.Shape, required)
			tag := x.Name + ",omitzero"
			if plain {
				tag = x.Name
			}
			fmt.Fprintf(b, "\t%s %s `json:\"%s\"`\n", export(x.Name), typ, tag)
		}
		fmt.Fprintf(b, "}\n\n")
		if m.hasSecret(name) {
			writeHidden(b, name)
		}
	}
}

// imports names the packages that the members of this model need.
func imports(b *bytes.Buffer, m *model) {
	fmt.Fprintln(b, "import (\n\"log/slog\"\n\n\"cognate/api\"")
	for _, s := range m.Shapes {
		if s.Document {
			fmt.Fprintln(b, "\n\"github.com/go-json-experiment/json/jsontext\"")
			break
		}
	}
	fmt.Fprint(b, ")\n\n")
}

// writeHidden keeps a structure with a secret in it out of every log line.
func writeHidden(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, "// String hides the members: some are secret.\nfunc (%s) String() string { return \"%s{...}\" }\n\n", name, name)
	fmt.Fprintf(b, "// GoString hides the members: some are secret.\nfunc (x %s) GoString() string { return x.String() }\n\n", name)
	fmt.Fprintf(b, "// LogValue hides the members: some are secret.\nfunc (x %s) LogValue() slog.Value { return slog.StringValue(x.String()) }\n\n", name)
}

// goType is the Go type of a member, and whether its zero value is written: a required number or
// boolean cannot be absent, so it needs no pointer.
func (m *model) goType(name string, required bool) (typ string, plain bool) {
	s := m.Shapes[name]
	switch s.Type {
	case "structure":
		if s.Document {
			return "jsontext.Value", false
		}
		return "*" + name, false
	case "list":
		elem, _ := m.goType(s.Member.Shape, true)
		return "[]" + elem, false
	case "map":
		value, _ := m.goType(s.Value.Shape, true)
		return "map[string]" + value, false
	case "string":
		return "string", false
	case "blob":
		return "[]byte", false
	case "timestamp":
		return "api.Time", false
	case "boolean", "integer", "long":
		typ = map[string]string{"boolean": "bool", "integer": "int64", "long": "int64"}[s.Type]
		if required {
			return typ, true
		}
		return "*" + typ, false
	}
	panic("apigen: unknown type " + s.Type + " of " + name)
}

func writeOps(b *bytes.Buffer, m *model) {
	fmt.Fprint(b, "import \"cognate/api\"\n\n")
	validation := "InvalidParameterException"
	if _, ok := m.Shapes[validation]; !ok || m.Metadata.EndpointPrefix != "cognito-idp" {
		validation = "ValidationException"
	}
	fmt.Fprintf(b, "// Service is all operations of the model, in alphabetical order.\nvar Service = &api.Service{\nName: %q,\nTargetPrefix: %q,\nValidationError: %q,\n}\n\n",
		m.Metadata.EndpointPrefix, m.Metadata.TargetPrefix, validation)
	fmt.Fprintln(b, "// The operations.\nvar (")
	for _, name := range m.operationNames() {
		op := m.Operations[name]
		out := "api.None"
		if op.Output != nil {
			out = op.Output.Shape
		}
		fmt.Fprintf(b, "%s = api.Op[%s, %s]{Descriptor: &api.Descriptor{Service: Service, Name: %q, Auth: %s, Input: &shape%s",
			name, op.Input.Shape, out, name, m.auth(op), op.Input.Shape)
		if op.Output != nil {
			fmt.Fprintf(b, ", Output: &shape%s", out)
		}
		fmt.Fprintf(b, ", Errors: []string{%s}}}\n", errorList(op))
	}
	fmt.Fprint(b, ")\n\nfunc init() {\nService.Operations = []*api.Descriptor{\n")
	for _, name := range m.operationNames() {
		fmt.Fprintf(b, "%s.Descriptor,\n", name)
	}
	fmt.Fprintln(b, "}\n}")
}

func errorList(op *operation) string {
	var codes []string
	for _, e := range op.Errors {
		codes = append(codes, codeName(e.Shape))
	}
	slices.Sort(codes)
	return strings.Join(codes, ", ")
}

func codeName(shape string) string { return "Code" + strings.TrimSuffix(shape, "Exception") }

func writeShapes(b *bytes.Buffer, m *model) {
	fmt.Fprintln(b, "import \"cognate/api\"\n\nvar (")
	for _, name := range m.shapeNames() {
		s := m.Shapes[name]
		fmt.Fprintf(b, "shape%s = api.Shape{Name: %q, Kind: api.%s", name, name, kindOf(s))
		if len(s.Members) > 0 && !s.Document {
			fmt.Fprint(b, ", Members: []api.Member{\n")
			for _, x := range s.Members {
				fmt.Fprintf(b, "{Name: %q, Shape: &shape%s", x.Name, x.Shape)
				if slices.Contains(s.Required, x.Name) {
					fmt.Fprint(b, ", Required: true")
				}
				fmt.Fprint(b, "},\n")
			}
			fmt.Fprint(b, "}")
		}
		writeConstraints(b, s)
		fmt.Fprintln(b, "}")
	}
	fmt.Fprintln(b, ")")
}

func writeConstraints(b *bytes.Buffer, s *shape) {
	if s.Key != nil {
		fmt.Fprintf(b, ", Key: &shape%s, Elem: &shape%s", s.Key.Shape, s.Value.Shape)
	}
	if s.Member != nil {
		fmt.Fprintf(b, ", Elem: &shape%s", s.Member.Shape)
	}
	if s.Min != nil {
		fmt.Fprintf(b, ", Min: new(int64(%d))", *s.Min)
	}
	if s.Max != nil {
		fmt.Fprintf(b, ", Max: new(int64(%d))", *s.Max)
	}
	if s.Pattern != "" {
		if _, err := regexp.Compile(s.Pattern); err != nil {
			s.Pattern = rewritten(s.Pattern)
		}
		fmt.Fprintf(b, ", Pattern: `%s`", s.Pattern)
	}
	if s.Enum != nil {
		fmt.Fprintf(b, ", Enum: %#v", s.Enum)
	}
	if s.Sensitive {
		fmt.Fprint(b, ", Sensitive: true")
	}
}

// rewritten says in RE2 what a pattern of the model says with a look-behind: no dot at the end.
func rewritten(pattern string) string {
	const lookBehind = `(?<!\.)$`
	class, ok := strings.CutSuffix(pattern, "*"+lookBehind)
	if !ok || !strings.HasPrefix(class, "^[") || !strings.Contains(class, `\.`) {
		panic("apigen: no RE2 form known for the pattern " + pattern)
	}
	class = strings.TrimPrefix(class, "^")
	return "^(" + class + "*" + strings.Replace(class, `\.`, "", 1) + ")?$"
}

func kindOf(s *shape) string {
	if s.Document {
		return "Document"
	}
	return strings.ToUpper(s.Type[:1]) + s.Type[1:]
}

// writeNames writes the error codes and the values of the enumerations as constants.
func writeNames(b *bytes.Buffer, m *model) {
	fmt.Fprintln(b, "// The error codes.\nconst (")
	var codes []string
	for name, s := range m.Shapes {
		if s.Exception {
			codes = append(codes, name)
		}
	}
	slices.Sort(codes)
	for _, name := range codes {
		fmt.Fprintf(b, "%s = %q\n", codeName(name), name)
	}
	fmt.Fprint(b, ")\n\n")
	for _, name := range m.shapeNames() {
		s := m.Shapes[name]
		if s.Enum == nil {
			continue
		}
		fmt.Fprintf(b, "// The values of %s.\nconst (\n", name)
		for _, v := range s.Enum {
			fmt.Fprintf(b, "%s%s = %q\n", name, camel(v), v)
		}
		fmt.Fprint(b, ")\n\n")
	}
}

// camel turns USER_SRP_AUTH or us-east-1 into UserSrpAuth or UsEast1.
func camel(value string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if strings.ToUpper(word) == word {
			word = strings.ToLower(word)
		}
		b.WriteString(export(word))
	}
	return b.String()
}

func export(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
