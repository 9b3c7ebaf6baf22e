package idpserver_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/api/identity"
	"cognate/api/idp"
	"cognate/internal/awsjson"
	"cognate/internal/identityserver"
	"cognate/internal/idpserver"
)

var update = flag.Bool("update", false, "write docs/coverage.md")

const coveragePage = "../../docs/coverage.md"

// TestCoverage holds docs/coverage.md to the tables of operations of both doors, and every operation that is served to a
// script of its own.
func TestCoverage(t *testing.T) {
	mux := awsjson.New(awsjson.Config{Logger: slog.New(slog.DiscardHandler), Authenticate: awsjson.AnySignature(nil)})
	idpserver.New(idpserver.Core{}).Register(mux)
	identityserver.New(nil, nil).Register(mux)
	page := coverage(mux)
	if *update {
		if err := os.WriteFile(coveragePage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(coveragePage)
	if err != nil || string(have) != page {
		t.Errorf("docs/coverage.md is stale (%v): go test ./internal/idpserver -run Coverage -update", err)
	}
	for _, op := range idp.Service.Operations {
		if _, err := os.Stat("testdata/" + op.Name + ".txt"); mux.Available(op) && err != nil {
			t.Errorf("%s has no script", op.Name)
		}
	}
	for _, op := range cognate.Service.Operations {
		if _, err := os.Stat("testdata/Cognate." + op.Name + ".txt"); !mux.Available(op) || err != nil {
			t.Errorf("%s is not served, or has no script: %v", op.Name, err)
		}
	}
}

func coverage(mux *awsjson.Mux) string {
	var b strings.Builder
	b.WriteString("# Operations\n\nGenerated from the tables in internal/idpserver/ops.go and internal/identityserver/ops.go: `go test ./internal/idpserver -run Coverage -update`.\n\n")
	for _, service := range []*api.Service{idp.Service, identity.Service} {
		var rows strings.Builder
		done := 0
		for _, op := range service.Operations {
			state := "open"
			if mux.Available(op) {
				state = "done"
				done++
			}
			fmt.Fprintf(&rows, "| %s | %s | %s |\n", op.Name, op.Auth, state)
		}
		fmt.Fprintf(&b, "## %s: %d of %d\n\n| operation | authentication | state |\n|---|---|---|\n%s\n", service.Name, done, len(service.Operations), rows.String())
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
