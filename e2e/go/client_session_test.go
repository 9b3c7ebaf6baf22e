package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	ours "cognate/api/idp"
	"cognate/client"
)

// road is the way to the server: it counts the renewals that go by, and can be slow or closed.
type road struct {
	renewals atomic.Int64
	closed   atomic.Bool
	slow     time.Duration
}

func (r *road) RoundTrip(request *http.Request) (*http.Response, error) {
	if r.closed.Load() {
		return nil, errors.New("the road is closed")
	}
	if strings.HasSuffix(request.Header.Get("X-Amz-Target"), ".GetTokensFromRefreshToken") {
		r.renewals.Add(1)
		time.Sleep(r.slow)
	}
	return http.DefaultTransport.RoundTrip(request)
}

func by(r *road) func(*client.Config) {
	return func(c *client.Config) { c.HTTP = &http.Client{Transport: r} }
}

// age makes the session of a store one whose tokens expire in left.
func age(t *testing.T, s client.Store, left time.Duration) {
	t.Helper()
	text, err := s.Load(t.Context())
	ok(t, err)
	var state map[string]any
	ok(t, json.Unmarshal(text, &state))
	session := state["session"].(map[string]any)
	session["received"], session["expires"] = time.Now().Add(left-time.Hour), time.Now().Add(left)
	text, err = json.Marshal(state)
	ok(t, err)
	ok(t, s.Save(t.Context(), text))
}

// rotating makes an app client that rotates its refresh tokens, with no grace for old ones.
func (k *kit) rotating(t *testing.T) func(*client.Config) {
	t.Helper()
	made, err := k.CreateUserPoolClient(k.ctx, &idp.CreateUserPoolClientInput{UserPoolId: k.poolID, ClientName: aws.String("rotating"),
		ExplicitAuthFlows:    []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserSrpAuth},
		RefreshTokenRotation: &types.RefreshTokenRotationType{Feature: types.FeatureTypeEnabled, RetryGracePeriodSeconds: aws.Int32(0)}})
	ok(t, err)
	return func(c *client.Config) { c.ClientID = *made.UserPoolClient.ClientId }
}

// TestClientRenewsOnce has a hundred callers renew a session whose refresh token is good for one renewal.
func TestClientRenewsOnce(t *testing.T) {
	k := newKit(t)
	store, way := new(client.MemoryStore), &road{slow: 50 * time.Millisecond}
	name, rotating := k.user(t, "app-renew"), k.rotating(t)
	had := enter(t, k, k.app(t, rotating, keeping(store)), name)
	age(t, store, 4*time.Minute)
	c := k.app(t, rotating, keeping(store), by(way))
	got := make([]*client.Session, 100)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			s, err := c.Session(k.ctx)
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = s
		})
	}
	wg.Wait()
	if n := way.renewals.Load(); n != 1 {
		t.Fatalf("%d renewals", n)
	}
	for _, s := range got {
		if *s != *got[0] || s.Access == had.Access || s.Refresh == had.Refresh {
			t.Fatal("callers got different or old tokens")
		}
	}
	kept, err := store.Load(k.ctx)
	ok(t, err)
	if !strings.Contains(string(kept), got[0].Refresh) || strings.Contains(string(kept), had.Refresh) {
		t.Error("the store has not the new refresh token alone")
	}
	signedInAs(t, k, c, *name)
	if _, err := c.Renew(k.ctx); err != nil {
		t.Errorf("the new refresh token: %v", err)
	}
}

func TestClientRenewsWhenDue(t *testing.T) {
	k := newKit(t)
	store, way := new(client.MemoryStore), new(road)
	enter(t, k, k.app(t, keeping(store)), k.user(t, "app-due"))
	age(t, store, 6*time.Minute)
	c := k.app(t, keeping(store), by(way))
	for range 3 {
		_, err := c.Session(k.ctx)
		ok(t, err)
	}
	if n := way.renewals.Load(); n != 0 {
		t.Errorf("%d renewals with six minutes left", n)
	}
	age(t, store, 4*time.Minute)
	_, err := k.app(t, keeping(store), by(way)).Session(k.ctx)
	ok(t, err)
	if n := way.renewals.Load(); n != 1 {
		t.Errorf("%d renewals with four minutes left", n)
	}
}

// TestClientCallerThatLeaves has one caller leave while the renewal goes on for the other.
func TestClientCallerThatLeaves(t *testing.T) {
	k := newKit(t)
	store, way := new(client.MemoryStore), &road{slow: 200 * time.Millisecond}
	rotating := k.rotating(t)
	enter(t, k, k.app(t, rotating, keeping(store)), k.user(t, "app-leave"))
	age(t, store, 0)
	c := k.app(t, rotating, keeping(store), by(way))
	leaving, leave := context.WithCancel(k.ctx)
	left := make(chan error)
	go func() {
		_, err := c.Session(leaving)
		left <- err
	}()
	for way.renewals.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	stayed := make(chan error)
	go func() {
		_, err := c.Session(k.ctx)
		stayed <- err
	}()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	ok(t, <-stayed)
	if n := way.renewals.Load(); n != 1 {
		t.Errorf("%d renewals", n)
	}
}

// TestClientOffline has the server out of reach: the session stays, and is good until it expires.
func TestClientOffline(t *testing.T) {
	k := newKit(t)
	store, way := new(client.MemoryStore), new(road)
	name := k.user(t, "app-offline")
	had := enter(t, k, k.app(t, keeping(store)), name)
	age(t, store, time.Minute)
	c := k.app(t, keeping(store), by(way))
	way.closed.Store(true)
	s, err := c.Session(k.ctx)
	ok(t, err)
	if s.Access != had.Access {
		t.Error("another session")
	}
	if _, err := c.Renew(k.ctx); err == nil || errors.Is(err, client.ErrNoSession) {
		t.Errorf("renewed on a closed road: %v", err)
	}
	age(t, store, -time.Minute)
	c = k.app(t, keeping(store), by(way))
	if _, err := c.Session(k.ctx); err == nil || errors.Is(err, client.ErrNoSession) {
		t.Errorf("an expired session on a closed road: %v", err)
	}
	way.closed.Store(false)
	signedInAs(t, k, c, *name)
}

func TestClientSignsOut(t *testing.T) {
	k := newKit(t)
	store, name := new(client.MemoryStore), k.user(t, "app-out")
	c := k.app(t, keeping(store))
	ok(t, c.SignOut(k.ctx)) // of nobody
	had := enter(t, k, c, name)
	ok(t, c.SignOut(k.ctx))
	if text, err := store.Load(k.ctx); err != nil || text != nil {
		t.Errorf("the store keeps %s, %v", text, err)
	}
	if _, err := c.Session(k.ctx); !errors.Is(err, client.ErrNoSession) {
		t.Errorf("signed out: %v", err)
	}
	_, err := client.Call(k.ctx, c, ours.GetUser, &ours.GetUserRequest{AccessToken: had.Access})
	if e := answered(t, err, "NotAuthorizedException"); e.Message != "Access Token has been revoked" {
		t.Errorf("%+v", e)
	}
}

// TestClientSignsOutEverywhere ends the session of another machine, which learns of it when it renews.
func TestClientSignsOutEverywhere(t *testing.T) {
	k := newKit(t)
	name, store := k.user(t, "app-everywhere"), new(client.MemoryStore)
	here, there := k.app(t), k.app(t, keeping(store))
	enter(t, k, here, name)
	enter(t, k, there, name)
	ok(t, here.SignOutEverywhere(k.ctx))
	for range 2 {
		if err := here.SignOutEverywhere(k.ctx); !errors.Is(err, client.ErrNoSession) {
			t.Errorf("here: %v", err)
		}
	}
	_, err := there.Renew(k.ctx)
	if e := answered(t, err, "NotAuthorizedException"); e.Message != "Refresh Token has been revoked" || !errors.Is(err, client.ErrNoSession) {
		t.Errorf("there: %v", err)
	}
	if text, err := store.Load(k.ctx); err != nil || text != nil {
		t.Errorf("the store keeps %s, %v", text, err)
	}
}

// TestClientsShareFile has programs that share a file renew at once, where the second renewal with the same token would end the session.
func TestClientsShareFile(t *testing.T) {
	k := newKit(t)
	path, way := filepath.Join(t.TempDir(), "new", "folder", "session.json"), new(road)
	name, rotating := k.user(t, "app-file"), k.rotating(t)
	file := func() *client.FileStore { return &client.FileStore{Path: path} }
	enter(t, k, k.app(t, rotating, keeping(file())), name)
	info, err := os.Stat(path)
	ok(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	age(t, file(), time.Minute)
	var wg sync.WaitGroup
	for range 8 {
		c := k.app(t, rotating, keeping(file()), by(way))
		wg.Go(func() {
			if _, err := c.Session(k.ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := way.renewals.Load(); n != 1 {
		t.Errorf("%d renewals", n)
	}
	c := k.app(t, rotating, keeping(file()))
	signedInAs(t, k, c, *name)
	other := k.app(t, keeping(file()))
	if _, err := other.Session(k.ctx); err == nil || errors.Is(err, client.ErrNoSession) {
		t.Errorf("the file of another app client: %v", err)
	}
	ok(t, os.Chmod(path, 0o640))
	if _, err := k.app(t, rotating, keeping(file())).Session(k.ctx); err == nil || errors.Is(err, client.ErrNoSession) {
		t.Errorf("a file that others read: %v", err)
	}
	ok(t, os.Chmod(path, 0o600))
	ok(t, c.SignOut(k.ctx))
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

// full is a store that refuses what it is given while it is full.
type full struct {
	client.MemoryStore
	is atomic.Bool
}

func (f *full) Save(ctx context.Context, state []byte) error {
	if f.is.Load() {
		return errors.New("no space left")
	}
	return f.MemoryStore.Save(ctx, state)
}

// TestClientFullStore has a store refuse the new refresh token: nobody gets the tokens, and they are not lost.
func TestClientFullStore(t *testing.T) {
	k := newKit(t)
	store, way, rotating, name := new(full), new(road), k.rotating(t), k.user(t, "app-full")
	enter(t, k, k.app(t, rotating, keeping(store)), name)
	age(t, store, time.Minute)
	c := k.app(t, rotating, keeping(store), by(way))
	store.is.Store(true)
	for range 2 {
		if _, err := c.Session(k.ctx); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("a full store: %v", err)
		}
	}
	store.is.Store(false)
	signedInAs(t, k, c, *name)
	if n := way.renewals.Load(); n != 1 {
		t.Errorf("%d renewals", n)
	}
	signedInAs(t, k, k.app(t, rotating, keeping(store)), *name)
}
