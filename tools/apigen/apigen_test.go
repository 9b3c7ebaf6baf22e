package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const smallModel = `{
	"metadata": {"endpointPrefix": "small", "targetPrefix": "SmallService", "uid": "small-1", "protocol": "json"},
	"operations": {
		"Put": {"input": {"shape": "PutRequest"}, "errors": [{"shape": "TooBadException"}]},
		"Mine": {"input": {"shape": "MineRequest"}, "output": {"shape": "MineResponse"}, "authtype": "none"}
	},
	"shapes": {
		"PutRequest": {"type": "structure", "required": ["Count"], "members": {"Count": {"shape": "Count"}, "Flag": {"shape": "Flag"}, "Secret": {"shape": "Secret"}, "When": {"shape": "When"}}},
		"MineRequest": {"type": "structure", "members": {"AccessToken": {"shape": "Secret"}, "list": {"shape": "Texts"}}},
		"MineResponse": {"type": "structure", "members": {"Map": {"shape": "Map"}}},
		"Count": {"type": "integer", "min": 1, "max": 60},
		"Flag": {"type": "boolean"},
		"Secret": {"type": "string", "sensitive": true, "pattern": "^[a-z\\.]*(?<!\\.)$"},
		"When": {"type": "timestamp"},
		"Texts": {"type": "list", "member": {"shape": "Kind"}},
		"Kind": {"type": "string", "enum": ["ALL_OF_IT", "us-east-1"]},
		"Map": {"type": "map", "key": {"shape": "Kind"}, "value": {"shape": "Flag"}},
		"TooBadException": {"type": "structure", "exception": true, "members": {}}
	}
}`

// generate writes the small model's package and returns its files joined.
func generate(t *testing.T) (dir, text string) {
	dir = t.TempDir()
	model := filepath.Join(dir, "model.json")
	if err := os.WriteFile(model, []byte(smallModel), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run("small", dir, model, false); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"types_gen.go", "ops_gen.go", "shapes_gen.go", "names_gen.go"} {
		part, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		text += string(part)
	}
	return dir, strings.Join(strings.Fields(text), " ")
}

func TestGenerate(t *testing.T) {
	_, text := generate(t)
	for _, want := range []string{
		"Count int64 `json:\"Count\"`",                           // required: never absent
		"Flag *bool `json:\"Flag,omitzero\"`",                    // optional: absent is not false
		"List []string `json:\"list,omitzero\"`",                 // the wire's spelling stays
		"Map map[string]bool `json:\"Map,omitzero\"`",            // values are plain
		"func (PutRequest) String() string",                      // it holds a secret
		`Auth: api.Signed`,                                       // no authtype
		`Name: "Mine", Auth: api.Token`,                          // an access token and no session
		`Put = api.Op[PutRequest, api.None]`,                     // no output
		`Errors: []string{CodeTooBad}`,                           //
		`CodeTooBad = "TooBadException"`,                         //
		`KindAllOfIt = "ALL_OF_IT"`, `KindUsEast1 = "us-east-1"`, //
		"Pattern: `^([a-z\\.]*[a-z])?$`",          // what RE2 cannot say is said otherwise
		`Min: new(int64(1)), Max: new(int64(60))`, //
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "type TooBadException") || strings.Contains(text, "func (MineResponse) String") {
		t.Error("an error became a type, or a structure without a secret hides itself")
	}
}

func TestCheck(t *testing.T) {
	dir, _ := generate(t)
	model := filepath.Join(dir, "model.json")
	if err := run("small", dir, model, true); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ops_gen.go"), []byte("package small\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run("small", dir, model, true); err == nil || !strings.Contains(err.Error(), "ops_gen.go is stale") {
		t.Errorf("a stale file: %v", err)
	}
}

func TestRefusesAnotherProtocol(t *testing.T) {
	model := filepath.Join(t.TempDir(), "model.json")
	if err := os.WriteFile(model, []byte(strings.Replace(smallModel, `"json"`, `"query"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run("small", t.TempDir(), model, false); err == nil {
		t.Error("accepted")
	}
}
