// Package credentialtest is the suite that every [credential.Broker] passes, and a Security Token Service for those that
// ask one.
package credentialtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cognate/internal/credential"
)

// Role is one that can be assumed in the suite.
const Role = "arn:aws:iam::123456789012:role/path/to/app"

// Session is who credentials act as.
type Session struct {
	ARN, IdentityID, PoolID string
	AMR                     []string
	Tags                    map[string]string
	Policy                  string
}

// House is a broker, and what it needs.
type House struct {
	credential.Broker
	// Token makes the OpenID token of a request.
	Token func(credential.Request) (string, error)
	// Who tells whose credentials are, as those find it who are to believe them.
	Who func(*testing.T, credential.Credentials) Session
}

// Run runs the suite. Each call of open makes a house of its own.
func Run(t *testing.T, open func(*testing.T) House) {
	for name, test := range map[string]func(*testing.T, House){
		"Credentials": testCredentials, "Session": testSession, "Guest": testGuest, "Durations": testDurations,
		"Refusals": testRefusals, "AtOnce": testAtOnce, "Secrets": testSecrets,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func (h House) request() credential.Request {
	r := credential.Request{
		RoleARN: Role, SessionName: credential.SessionName, IdentityID: "us-east-1:11111111-2222-4333-8444-555555555555",
		PoolID: "us-east-1:99999999-2222-4333-8444-555555555555", AMR: []string{"authenticated", "login.example", "login.example:us-east-1:9:ann"},
		Tags: map[string]string{"team": "red", "cost center": "7/é"}, Duration: time.Hour,
	}
	return r
}

func (h House) assume(t *testing.T, r credential.Request) (credential.Credentials, error) {
	if r.Token == nil {
		r.Token = func(context.Context) (string, error) { return h.Token(r) }
	}
	return h.Assume(t.Context(), r)
}

func (h House) must(t *testing.T, r credential.Request) credential.Credentials {
	t.Helper()
	c, err := h.assume(t, r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var keyID = regexp.MustCompile(`^ASIA[A-Z0-9]{16}$`)

func testCredentials(t *testing.T, h House) {
	first, second := h.must(t, h.request()), h.must(t, h.request())
	for _, c := range []credential.Credentials{first, second} {
		if !keyID.MatchString(c.AccessKeyID) || len(c.SecretAccessKey) != 40 || len(c.SessionToken) < 100 {
			t.Errorf("the key is %q, its secret has %d characters, the token %d", c.AccessKeyID, len(c.SecretAccessKey), len(c.SessionToken))
		}
		if strings.ContainsAny(c.SessionToken, " \t\r\n\"\\") {
			t.Error("the token does not fit into a header")
		}
	}
	if first.AccessKeyID == second.AccessKeyID || first.SecretAccessKey == second.SecretAccessKey || first.SessionToken == second.SessionToken {
		t.Error("two sessions share something")
	}
}

func testSession(t *testing.T, h House) {
	r := h.request()
	want := Session{
		ARN:        "arn:aws:sts::123456789012:assumed-role/app/CognitoIdentityCredentials",
		IdentityID: r.IdentityID, PoolID: r.PoolID, AMR: r.AMR, Tags: r.Tags,
	}
	for _, policy := range []string{"", `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`} {
		r.Policy, want.Policy = policy, policy
		if d := cmp.Diff(want, h.Who(t, h.must(t, r))); d != "" {
			t.Error(d)
		}
	}
}

func testGuest(t *testing.T, h House) {
	r := h.request()
	r.AMR, r.Tags = []string{"unauthenticated"}, nil
	got := h.Who(t, h.must(t, r))
	if !slices.Equal(got.AMR, r.AMR) || len(got.Tags) != 0 {
		t.Errorf("a guest is %+v", got)
	}
}

func testDurations(t *testing.T, h House) {
	for _, d := range []time.Duration{15 * time.Minute, time.Hour, 12 * time.Hour} {
		r := h.request()
		r.Duration = d
		before := time.Now()
		c := h.must(t, r)
		if left := c.Expires.Sub(before); left < d-2*time.Second || left > d+2*time.Second {
			t.Errorf("asked for %v, got %v", d, left)
		}
	}
}

func testRefusals(t *testing.T, h House) {
	for _, arn := range []string{
		"arn:aws:iam::123456789012:user/somebody", "arn:aws:iam::12:role/app-of-nobody", "not the ARN of any role",
	} {
		r := h.request()
		r.RoleARN = arn
		if c, err := h.assume(t, r); !errors.Is(err, credential.ErrRefused) || c != (credential.Credentials{}) {
			t.Errorf("%s: %v", arn, err)
		}
	}
}

func testAtOnce(t *testing.T, h House) {
	var mu sync.Mutex
	var all sync.WaitGroup
	keys := map[string]string{}
	for n := range 8 {
		all.Go(func() {
			r := h.request()
			r.IdentityID = fmt.Sprint("us-east-1:", n)
			c, err := h.assume(t, r)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			keys[c.AccessKeyID] = h.Who(t, c).IdentityID
		})
	}
	all.Wait()
	if got := slices.Compact(slices.Sorted(maps.Values(keys))); len(keys) != 8 || len(got) != 8 {
		t.Errorf("the sessions are of %v", got)
	}
}

func testSecrets(t *testing.T, h House) {
	c := h.must(t, h.request())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c)
		if strings.Contains(text, c.SecretAccessKey) || strings.Contains(text, c.SessionToken) {
			t.Errorf("%s shows %s", verb, text)
		}
	}
}
