package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cognate/internal/store/storetest"
)

// region is a server of one region, in a process of its own.
type region struct {
	*process
	name string
}

// regions are servers over one PostgreSQL database, which share a master key.
type regions struct{ database, data string }

func (of regions) start(t *testing.T, name string) region {
	t.Helper()
	return region{launch(t, of.data, "--region", name, "--database", of.database, "--issuer-url", "https://id.example.com"), name}
}

// replicas are the states of a pool's replicas by region.
func (r region) replicas(t *testing.T, pool string) map[string]string {
	t.Helper()
	_, body, err := r.door("ListUserPoolReplicas", fmt.Sprintf(`{"UserPoolId":%q}`, pool))
	var list struct {
		UserPoolReplicas []struct{ RegionName, Status string }
	}
	if err != nil || json.Unmarshal(body, &list) != nil {
		t.Fatalf("%s %v", body, err)
	}
	states := map[string]string{}
	for _, x := range list.UserPoolReplicas {
		states[x.RegionName] = x.Status
	}
	return states
}

// await waits until a replica of a pool is in a state, "" for gone.
func (r region) await(t *testing.T, pool, name, state string) {
	t.Helper()
	eventually(t, func() error {
		if got := r.replicas(t, pool)[name]; got != state {
			return fmt.Errorf("%s: the replica in %s is %q, not %q", r.name, name, got, state)
		}
		return nil
	})
}

// TestTwoRegions has a pool of one region served in another one, from its replica's beginning to its end.
func TestTwoRegions(t *testing.T) {
	of := regions{storetest.PostgresURL(t), t.TempDir()}
	here, there := of.start(t, "us-east-1"), of.start(t, "eu-west-1")
	pool, client := here.pool(t)
	here.must(t, "SignUp", `{"ClientId":%q,"Username":"jane","Password":%q}`, client, somePassword)
	here.must(t, "AdminConfirmSignUp", `{"UserPoolId":%q,"Username":"jane"}`, pool)
	if a, err := there.signIn(client, "jane", somePassword); err != nil || a.Type != "ResourceNotFoundException" {
		t.Errorf("without a replica: %s %v", a.Type, err)
	}

	here.must(t, "CreateUserPoolReplica", `{"UserPoolId":%q,"RegionName":"eu-west-1"}`, pool)
	here.await(t, pool, "eu-west-1", "INACTIVE") // the other process has taken it up
	if a, err := there.signIn(client, "jane", somePassword); err != nil || a.Type != "ResourceNotFoundException" {
		t.Errorf("inactive: %s %v", a.Type, err)
	}
	here.must(t, "UpdateUserPoolReplica", `{"UserPoolId":%q,"RegionName":"eu-west-1","Status":"ACTIVE"}`, pool)
	var in answer
	eventually(t, func() (err error) {
		if in, err = there.signIn(client, "jane", somePassword); err == nil && in.AuthenticationResult.AccessToken == "" {
			err = fmt.Errorf("nobody can sign in to the active replica: %s", in.Type)
		}
		return err
	})

	// Tokens of one region are good in the other, and so are the keys that it publishes.
	for _, r := range []region{here, there} {
		if a := r.must(t, "GetUser", `{"AccessToken":%q}`, in.AuthenticationResult.AccessToken); a.Username != "jane" {
			t.Errorf("%s: %+v", r.name, a)
		}
		again := r.must(t, "InitiateAuth", `{"ClientId":%q,"AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":%q}}`,
			client, in.AuthenticationResult.RefreshToken)
		here.must(t, "GetUser", `{"AccessToken":%q}`, again.AuthenticationResult.AccessToken)
		there.must(t, "GetUser", `{"AccessToken":%q}`, again.AuthenticationResult.AccessToken)
	}
	if a, b := here.documents(t, pool), there.documents(t, pool); a != b || a == "" {
		t.Errorf("the documents differ:\n%s\n%s", a, b)
	}

	// What changes in the one is seen in the other; it changes in the primary one alone.
	const refused = "OperationNotEnabledException"
	if a, err := there.call("AdminDeleteUser", `{"UserPoolId":%q,"Username":"jane"}`, pool); err != nil || a.Type != refused {
		t.Errorf("a change in the secondary region: %s %v", a.Type, err)
	}
	if a, err := there.call("SignUp", `{"ClientId":%q,"Username":"mary","Password":%q}`, client, somePassword); err != nil || a.Type != refused {
		t.Errorf("a sign-up in the secondary region: %s %v", a.Type, err)
	}
	here.must(t, "AdminUpdateUserAttributes", `{"UserPoolId":%q,"Username":"jane","UserAttributes":[{"Name":"name","Value":"Jane D"}]}`, pool)
	if _, body, err := there.door("AdminGetUser", fmt.Sprintf(`{"UserPoolId":%q,"Username":"jane"}`, pool)); err != nil || !strings.Contains(string(body), "Jane D") {
		t.Errorf("what was changed in the primary region: %s %v", body, err)
	}
	here.must(t, "AdminDisableUser", `{"UserPoolId":%q,"Username":"jane"}`, pool)
	if a, err := there.call("GetUser", `{"AccessToken":%q}`, in.AuthenticationResult.AccessToken); err != nil || a.Type != "NotAuthorizedException" {
		t.Errorf("a user who was disabled in the primary region: %s %v", a.Type, err)
	}
	here.must(t, "AdminEnableUser", `{"UserPoolId":%q,"Username":"jane"}`, pool)
	before := here.documents(t, pool)
	here.must(t, "Cognate.RotateSigningKeys", `{"UserPoolId":%q,"PublishAheadSeconds":0}`, pool)
	fresh, err := there.signIn(client, "jane", somePassword)
	if err != nil {
		t.Fatal(err)
	}
	here.must(t, "GetUser", `{"AccessToken":%q}`, fresh.AuthenticationResult.AccessToken)
	eventually(t, func() error {
		if a, b := here.documents(t, pool), there.documents(t, pool); a != b || a == before {
			return fmt.Errorf("the documents of keys stay different:\n%s\n%s", a, b)
		}
		return nil
	})

	// The region of the replica goes down and comes back as it was.
	there.kill()
	there = of.start(t, "eu-west-1")
	there.must(t, "GetUser", `{"AccessToken":%q}`, fresh.AuthenticationResult.AccessToken)

	here.must(t, "UpdateUserPoolReplica", `{"UserPoolId":%q,"RegionName":"eu-west-1","Status":"INACTIVE"}`, pool)
	eventually(t, func() error {
		a, err := there.signIn(client, "jane", somePassword)
		if err == nil && a.Type != "ResourceNotFoundException" {
			err = fmt.Errorf("one can sign in to an inactive replica: %q", a.Type)
		}
		return err
	})
	here.must(t, "DeleteUserPoolReplica", `{"UserPoolId":%q,"RegionName":"eu-west-1"}`, pool)
	here.await(t, pool, "eu-west-1", "")
	if a, err := there.call("DescribeUserPool", `{"UserPoolId":%q}`, pool); err != nil || a.Type != "ResourceNotFoundException" {
		t.Errorf("a replica that is gone: %s %v", a.Type, err)
	}
	if a, err := here.signIn(client, "jane", somePassword); err != nil || a.AuthenticationResult.AccessToken == "" {
		t.Errorf("the primary region: %s %v", a.Type, err)
	}
}

// documents are those of a pool's keys.
func (r region) documents(t *testing.T, pool string) string {
	t.Helper()
	resp, err := http.Get("http://" + r.addr + "/" + pool + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc any
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	return fmt.Sprint(doc)
}

// TestReplicaOfAnotherIssuer waits for a server whose tokens are the same as in the primary region.
func TestReplicaOfAnotherIssuer(t *testing.T) {
	of := regions{storetest.PostgresURL(t), t.TempDir()}
	here := of.start(t, "us-east-1")
	other := launch(t, of.data, "--region", "eu-west-1", "--database", of.database) // its own address
	pool, _ := here.pool(t)
	here.must(t, "CreateUserPoolReplica", `{"UserPoolId":%q,"RegionName":"eu-west-1"}`, pool)
	time.Sleep(time.Second)
	if state := here.replicas(t, pool)["eu-west-1"]; state != "CREATING" {
		t.Errorf("it is %s", state)
	}
	other.kill()
	of.start(t, "eu-west-1")
	here.await(t, pool, "eu-west-1", "INACTIVE")
}

// TestReplicasNeedPostgres has a server over SQLite say that it has no replicas.
func TestReplicasNeedPostgres(t *testing.T) {
	p := launch(t, t.TempDir(), "--region", "us-east-1")
	pool, _ := p.pool(t)
	a, err := p.call("CreateUserPoolReplica", `{"UserPoolId":%q,"RegionName":"eu-west-1"}`, pool)
	if err != nil || a.Type != "OperationNotEnabledException" {
		t.Errorf("%s %v", a.Type, err)
	}
}
