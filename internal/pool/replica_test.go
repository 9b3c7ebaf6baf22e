package pool_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
)

// inRegion is a registry of one region over rows that others share.
func inRegion(db *store.DB, keys *secret.Keyring, region string) *pool.Registry {
	return pool.New(db, keys, pool.Options{AccountID: "000000000000", Region: region, Shared: true, Issuer: "https://id.example.com"})
}

func replicaState(t *testing.T, r *pool.Registry, id string) string {
	t.Helper()
	list, err := r.ListReplicas(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 1 {
		return ""
	}
	return list[1].Status
}

// TestReplicasAreKept has the background task of a region take a replica up when it is told of it, and give it up.
func TestReplicasAreKept(t *testing.T) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		keys := secrettest.Keyring(t)
		here, there := inRegion(db, keys, "us-east-1"), inRegion(db, keys, "eu-west-1")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() { defer close(done); there.KeepReplicas(ctx) }()
		defer func() { stop(); <-done }()
		p, err := here.Create(t.Context(), "ignored-1", &idp.CreateUserPoolRequest{PoolName: "p"})
		if err != nil || p.Region != "us-east-1" {
			t.Fatalf("%+v %v", p, err)
		}
		await := func(state string) {
			t.Helper()
			for end := time.Now().Add(10 * time.Second); replicaState(t, here, p.ID) != state; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("the replica is %q, not %q", replicaState(t, here, p.ID), state)
				}
			}
		}
		for range 2 { // again after it is gone
			if _, err := here.CreateReplica(t.Context(), &idp.CreateUserPoolReplicaRequest{UserPoolId: p.ID, RegionName: "eu-west-1"}); err != nil {
				t.Fatal(err)
			}
			await("INACTIVE")
			if _, err := here.DeleteReplica(t.Context(), &idp.DeleteUserPoolReplicaRequest{UserPoolId: p.ID, RegionName: "eu-west-1"}); err != nil {
				t.Fatal(err)
			}
			await("")
		}
	})
}

// TestForsakenReplica is one whose region has no server: who is told to delete it sees to it a minute later, and nobody sooner.
func TestForsakenReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, keys := engines.Memory(t), secrettest.Keyring(t)
		here, third := inRegion(db, keys, "us-east-1"), inRegion(db, keys, "ap-south-1")
		p, err := here.Create(t.Context(), "", &idp.CreateUserPoolRequest{PoolName: "p"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := here.CreateReplica(t.Context(), &idp.CreateUserPoolReplicaRequest{UserPoolId: p.ID, RegionName: "eu-west-1"}); err != nil {
			t.Fatal(err)
		}
		takeUp := func(want string) {
			t.Helper()
			for _, r := range []*pool.Registry{here, third} {
				if err := r.TakeUp(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := replicaState(t, here, p.ID); got != want {
				t.Errorf("it is %q, not %q", got, want)
			}
		}
		time.Sleep(time.Hour)
		takeUp("CREATING")
		if _, err := here.DeleteReplica(t.Context(), &idp.DeleteUserPoolReplicaRequest{UserPoolId: p.ID, RegionName: "eu-west-1"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Second)
		takeUp("DELETING")
		time.Sleep(time.Second)
		takeUp("")
	})
}

// TestSecondaryRegistry is what a registry of another region knows of a pool.
func TestSecondaryRegistry(t *testing.T) {
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	here, there, all := inRegion(db, keys, "us-east-1"), inRegion(db, keys, "eu-west-1"), pool.New(db, keys, pool.Options{AccountID: "000000000000"})
	p, err := here.Create(t.Context(), "", &idp.CreateUserPoolRequest{PoolName: "p", UserPoolTags: map[string]string{
		"cognate:sign-in-links": "enabled", "team": "red",
	}, LambdaConfig: &idp.LambdaConfigType{
		UserMigration: "arn:aws:lambda:us-east-1:000000000000:function:m", PreSignUp: "arn:aws:lambda:us-east-1:000000000000:function:p",
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := here.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "c"})
	if err != nil {
		t.Fatal(err)
	}
	known := func(what string, wantPool, wantClient bool) {
		t.Helper()
		_, err := there.Pool(t.Context(), p.ID)
		_, _, err2 := there.Client(t.Context(), c.ID)
		if (err == nil) != wantPool || (err2 == nil) != wantClient {
			t.Errorf("%s: pool %v, client %v", what, err, err2)
		}
		listed, _, err := there.List(t.Context(), "", 9)
		if err != nil || len(listed) == 1 != wantPool {
			t.Errorf("%s: %d are listed, %v", what, len(listed), err)
		}
		if _, _, err := all.Client(t.Context(), c.ID); err != nil {
			t.Errorf("%s: a server of all regions: %v", what, err)
		}
	}
	known("without a replica", false, false)
	if _, err := here.CreateReplica(t.Context(), &idp.CreateUserPoolReplicaRequest{
		UserPoolId: p.ID, RegionName: "eu-west-1", UserPoolTags: map[string]string{"team": "blue"},
	}); err != nil {
		t.Fatal(err)
	}
	known("creating", false, false)
	if err := there.TakeUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	known("inactive", true, false)
	turn := func(status string) {
		t.Helper()
		in := &idp.UpdateUserPoolReplicaRequest{UserPoolId: p.ID, RegionName: "eu-west-1", Status: status}
		if _, err := there.UpdateReplica(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	turn("ACTIVE")
	known("active", true, true)
	got, err := there.Pool(t.Context(), p.ID)
	if err != nil || !got.Secondary() || !got.SignInLinks() || got.Settings.UserPoolTags["team"] != "blue" ||
		got.ServedIn() != "eu-west-1" || got.Region != "us-east-1" {
		t.Errorf("%+v %v", got, err)
	}
	if f := got.Functions(); f.UserMigration != "" || f.PreSignUp == "" {
		t.Errorf("the functions are %+v", f)
	}
	own, err := here.Pool(t.Context(), p.ID)
	if err != nil || own.Secondary() || own.Functions().UserMigration == "" || own.Settings.UserPoolTags["team"] != "red" {
		t.Errorf("%+v %v", own, err)
	}
	_, err = there.CreateAs(t.Context(), "us-east-1_Elsewhere", &idp.CreateUserPoolRequest{PoolName: "q"})
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Message != "User pool us-east-1_Elsewhere is not of the Region eu-west-1." {
		t.Error(err)
	}
	turn("INACTIVE")
	known("inactive again", true, false)
}

// TestReplicasCostNothing has a server of all regions make the same statements whether there are replicas or not.
func TestReplicasCostNothing(t *testing.T) {
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	all := pool.New(db, keys, pool.Options{AccountID: "000000000000"})
	p, err := all.Create(t.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p"})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	db.Trace(func(query string, _ []any) {
		if strings.Contains(query, "pool_replicas") {
			asked++
		}
	})
	if _, err := all.Pool(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	pools, _, err := all.List(t.Context(), "", 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.ReplicaRegions(t.Context(), pools); err != nil || asked > 0 {
		t.Errorf("replicas were asked for %d times, %v", asked, err)
	}
}
