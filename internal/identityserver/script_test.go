package identityserver_test

import (
	"log/slog"
	"os"
	"testing"

	"cognate/api/identity"
	"cognate/internal/awsjson"
	"cognate/internal/identityserver"
	"cognate/internal/scripttest"
	"cognate/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// TestScripts runs the scripts under testdata, one for each operation: see [scripttest.Run].
func TestScripts(t *testing.T) { scripttest.Run(t, identity.Service) }

// TestCoverage holds every operation that is served to a script of its own. The page is idpserver's to write.
func TestCoverage(t *testing.T) {
	mux := awsjson.New(awsjson.Config{Logger: slog.New(slog.DiscardHandler), Authenticate: awsjson.AnySignature(nil)})
	identityserver.New(nil, nil).Register(mux)
	for _, op := range identity.Service.Operations {
		if _, err := os.Stat("testdata/" + op.Name + ".txt"); mux.Available(op) != (err == nil) {
			t.Errorf("%s is served: %t; its script: %v", op.Name, mux.Available(op), err)
		}
	}
}
