//go:build linux

package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKillRotation kills a server that rotates keys, and looks for keys in pairs and for every token that was given out.
func TestKillRotation(t *testing.T) {
	data := t.TempDir()
	const issuer = "http://cognate.test" // whatever the address of the process
	p := launch(t, data, "--public-url", issuer)
	acknowledged := 0
	for round := range 6 {
		pool, client := p.pool(t)
		name := fmt.Sprint("user-", round)
		addUser(t, p.door, pool, name)
		tokens, rotations := p.rotateUntilKilled(pool, client, name)
		acknowledged += rotations
		p = launch(t, data, "--public-url", issuer)
		for _, access := range tokens {
			if a, err := p.door.call("GetUser", `{"AccessToken":%q}`, access); err != nil || a.Username != name {
				t.Errorf("round %d: a token that was given out is refused: %s %v", round, a.Type, err)
			}
		}
		if pairs := p.keyPairs(pool); pairs < 1+rotations {
			t.Errorf("round %d: %d rotations were acknowledged, and there are %d pairs of keys", round, rotations, pairs)
		}
		if a, err := p.door.signIn(client, name, somePassword); err != nil || a.AuthenticationResult.AccessToken == "" {
			t.Errorf("round %d: nobody can sign in: %s %v", round, a.Type, err)
		}
	}
	if acknowledged == 0 {
		t.Error("the server was always killed before the first rotation")
	}
}

// rotateUntilKilled rotates the keys of a pool while a user signs in, and kills the process in the middle of it. It returns the
// access tokens that were given out, and how many rotations were acknowledged.
func (p *process) rotateUntilKilled(pool, client, name string) (tokens []string, rotations int) {
	var killed atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !killed.Load() {
			if a, err := p.door.signIn(client, name, somePassword); err == nil && a.AuthenticationResult.AccessToken != "" {
				tokens = append(tokens, a.AuthenticationResult.AccessToken)
			}
		}
	})
	wg.Go(func() {
		for !killed.Load() {
			status, body, err := p.door("Cognate.RotateSigningKeys", fmt.Sprintf(`{"UserPoolId":%q,"PublishAheadSeconds":0}`, pool))
			if err == nil && status == 200 {
				rotations++
			} else if err == nil && !strings.Contains(string(body), "LimitExceededException") {
				p.Errorf("%s", body)
			}
		}
	})
	time.Sleep(100*time.Millisecond + rand.N(400*time.Millisecond))
	killed.Store(true)
	p.kill()
	wg.Wait()
	return tokens, rotations
}

// keyPairs counts the keys of a pool, which are a pair of each use, one of them in use.
func (p *process) keyPairs(pool string) int {
	p.Helper()
	_, body, err := p.door("Cognate.ListSigningKeys", fmt.Sprintf(`{"UserPoolId":%q}`, pool))
	var list struct {
		SigningKeys []struct{ TokenUse, Status string }
	}
	if err != nil || json.Unmarshal(body, &list) != nil {
		p.Fatalf("%s %v", body, err)
	}
	count := map[string]int{}
	for _, k := range list.SigningKeys {
		count[k.TokenUse]++
		count[k.TokenUse+k.Status]++
	}
	if count["id"] != count["access"] || count["idCURRENT"] != 1 || count["accessCURRENT"] != 1 {
		p.Errorf("the keys are %v", count)
	}
	return count["id"]
}
