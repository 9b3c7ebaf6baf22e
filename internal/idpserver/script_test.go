package idpserver_test

import (
	"os"
	"testing"

	"cognate/api/idp"
	"cognate/internal/scripttest"
	"cognate/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// TestScripts runs the scripts under testdata, one for each operation: see [scripttest.Run].
func TestScripts(t *testing.T) { scripttest.Run(t, idp.Service) }
