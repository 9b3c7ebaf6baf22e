package verify_test

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"testing"

	"cognate/verify"
)

func Example() {
	v, err := verify.New(verify.Config{
		Issuers:   []string{"https://id.example.com/us-east-1_ExaMPle"},
		Use:       verify.Access,
		ClientIDs: []string{"1example23456789"},
		Scopes:    []string{"photos/read"},
	})
	if err != nil {
		log.Fatal(err)
	}
	photos := func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		fmt.Fprintf(w, "the photos of %s\n", claims.Subject)
	}
	http.Handle("/photos", v.Middleware(http.HandlerFunc(photos)))
}

// TestDocs keeps the snippet of the documentation the code that is compiled here.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/verify.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```go\n")
	snippet, _, found := strings.Cut(rest, "```")
	if body := strings.ReplaceAll("\n"+strings.TrimRight(snippet, "\n"), "\n", "\n\t"); !found || !strings.Contains(string(source), body) {
		t.Errorf("docs/verify.md has code that is not compiled:\n%s", snippet)
	}
}
