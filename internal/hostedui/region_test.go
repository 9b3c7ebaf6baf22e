package hostedui_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cognate/internal/authn"
	"cognate/internal/browser"
	"cognate/internal/hostedui"
	"cognate/internal/oauth"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
	"cognate/internal/user"
)

// TestPagesOfASecondaryRegion shows the page to sign in, and none that changes users.
func TestPagesOfASecondaryRegion(t *testing.T) {
	h := newHouse(t, engines.Memory(t))
	h.must(h.db.Update(t.Context(), func(tx *store.Tx) error {
		return tx.CreateReplica(store.Replica{
			PoolID: h.pool.ID, Region: "eu-west-1", Status: store.ReplicaActive, Settings: []byte("{}"), Created: time.Now(), Modified: time.Now()})
	}))
	keys := h.core.Keys
	pools := pool.New(h.db, keys, pool.Options{AccountID: "000000000000", Dev: true, Region: "eu-west-1"})
	users, tokens := user.New(h.db, keys, h.mail), token.New(h.db, keys, pools, "http://cognate.test")
	view, err := hostedui.NewView(hostedui.ViewOptions{})
	h.must(err)
	mux := http.NewServeMux()
	hostedui.New(hostedui.Core{
		Keys: keys, Pools: pools, Users: users, Passkeys: h.core.Passkeys, Tokens: tokens,
		OAuth: oauth.New(h.db, keys, pools, users, tokens, oauth.Options{}), Machine: authn.New(keys, users, h.core.Passkeys, tokens),
	}, view, browser.Cookies{}, slog.New(slog.DiscardHandler)).Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	get := func(address, path string) (int, string) {
		t.Helper()
		query := url.Values{"client_id": {h.client.ID}, "response_type": {"code"}, "redirect_uri": {callback},
			"user_name": {"jane"}, "confirmation_code": {"123456"}}
		resp, err := http.Get(address + path + "?" + query.Encode())
		h.must(err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		h.must(err)
		return resp.StatusCode, string(text)
	}
	if status, text := get(server.URL, "/login"); status != 200 || !strings.Contains(text, "password") {
		t.Errorf("the page to sign in: %d %s", status, text)
	}
	for _, path := range []string{"/signup", "/forgotPassword", "/account", "/confirmUser"} {
		status, text := get(server.URL, path)
		if status != 400 || !strings.Contains(text, "This page is not enabled in eu-west-1") {
			t.Errorf("%s: %d %s", path, status, text)
		}
		if _, text := get(h.address, path); strings.Contains(text, "is not enabled") {
			t.Errorf("%s in the primary region: %s", path, text)
		}
	}
}
