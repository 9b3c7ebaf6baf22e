// Package floors holds the house's one structural rule: a package imports only lower floors.
package floors

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// floors is where each package stands; inside a floor of one number nothing imports its neighbours,
// except where a fraction says the order. docs/architecture.md shows the same picture in words.
var floors = map[string]float64{
	"cmd/cognate":     6.1,
	"internal/server": 6,

	"internal/idpserver":      5,
	"internal/identityserver": 5,
	"internal/oauthserver":    5,
	"internal/oauth":          4.4,
	"internal/browser":        0,
	"internal/hostedui":       5,
	"internal/gateway":        5,
	"internal/seed":           5,
	"internal/clientconfig":   5,
	"internal/importserver":   5,

	"internal/authn":        4.3,
	"internal/identitypool": 4.3,
	"internal/userimport":   4.3,
	"internal/userexport":   4.4,
	"internal/token":        4.2,
	"internal/user":         4.2,
	"internal/passkey":      4.2,
	"internal/threat":       4.15,
	"internal/pool":         4.1,
	"internal/access":       4.1,
	"internal/quota":        4.1,

	"internal/message/inbox":     3.1,
	"internal/message/pinpoint":  3.1,
	"internal/message/ses":       3.1,
	"internal/message/smtp":      3.1,
	"internal/message/sns":       3.1,
	"internal/message/twilio":    3.1,
	"internal/message/webhook":   3.1,
	"internal/message":           3,
	"internal/trigger":           3,
	"internal/trigger/builtin":   3.1,
	"internal/trigger/lambda":    3.1,
	"internal/trigger/process":   3.1,
	"internal/trigger/webhook":   3.1,
	"internal/federation":        3,
	"internal/federation/oidc":   3.1,
	"internal/federation/social": 3.2,
	"internal/federation/saml":   3.1,

	"internal/credential":          3,
	"internal/credential/embedded": 3.1,
	"internal/credential/sts":      3.1,

	"internal/logdelivery":            3,
	"internal/logdelivery/cloudwatch": 3.1,
	"internal/logdelivery/file":       3.1,
	"internal/logdelivery/firehose":   3.1,
	"internal/logdelivery/s3":         3.1,
	"internal/logdelivery/webhook":    3.1,

	"internal/store/sqlite":   2.1,
	"internal/store/postgres": 2.1,
	"internal/store":          2,

	"client/awscredentials": 1.2, // public, for apps; of the house only the command imports them
	"client":                1.1,
	"internal/awsjson":      1.1,
	"api/cognate":           1,
	"api/idp":               1,
	"api/identity":          1,

	"api":                        0,
	"verify":                     0,
	"internal/awsclient":         0,
	"internal/encryptionsdk":     0,
	"internal/encryptionsdk/kms": 0.1,
	"internal/cache":             0,
	"internal/fault":             0,
	"internal/policy":            0,
	"internal/metrics":           0,
	"internal/meter":             0,
	"internal/outbound":          0,
	"internal/passhash":          0.1,
	"internal/secret":            0,
	"internal/tlscert":           0,
	"internal/sigv4":             0,
	"internal/srp":               0,
}

// beside are packages that stand outside the house and see all of it: test kits and tools. Nothing in
// the house imports them.
var beside = map[string]bool{
	"bench": true, "tools/apigen": true, "internal/floors": true,
	"internal/store/storetest": true, "internal/store/storetest/engines": true, "internal/message/messagetest": true, "internal/secret/secrettest": true,
	"internal/federation/federationtest": true, "internal/trigger/triggertest": true, "internal/scripttest": true,
	"internal/credential/credentialtest": true, "internal/logdelivery/logdeliverytest": true,
	"internal/awsclient/awstest": true,
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestPackagesImportOnlyLowerFloors(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "cognate/")
		if beside[name] {
			continue
		}
		floor, ok := floors[name]
		if !ok {
			t.Errorf("%s has no floor: place it in this test and in docs/architecture.md", name)
			continue
		}
		seen++
		for _, i := range p.Imports {
			lower, ours := strings.CutPrefix(i, "cognate/")
			if !ours {
				continue
			}
			if to, ok := floors[lower]; !ok || to >= floor {
				t.Errorf("%s (floor %v) imports %s (floor %v)", name, floor, lower, to)
			}
		}
	}
	if seen != len(floors) {
		t.Errorf("%d packages stand on floors, but %d are listed", seen, len(floors))
	}
}

func packages(t *testing.T) (out []listed) {
	text, err := exec.Command("go", "list", "-json=ImportPath,Imports", "cognate/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
}
