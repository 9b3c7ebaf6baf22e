package token_test

import (
	"slices"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/token"
)

// put writes a session of a user, as old as it is told.
func (h *house) put(sub string, revoked, expires time.Time) (id string) {
	h.Helper()
	now := time.Now().UTC()
	f := store.Family{
		ID: token.NewFlow(), PoolID: h.pool.ID, Sub: sub, ClientID: h.client.ID, Nonce: secret.RandomBytes(16),
		AuthTime: now, Created: now, LastUsed: now, Expires: expires, Revoked: revoked,
	}
	h.must(h.db.Update(h.Context(), func(tx *store.Tx) error { return tx.CreateFamily(f) }))
	return f.ID
}

// listed pages through the user's sessions and returns their ids, and how many pages there were.
func (h *house) listed(limit int) (ids []string, pages int) {
	h.Helper()
	for after := ""; ; pages++ {
		live, next, err := h.tokens.Sessions(h.Context(), h.pool.ID, h.user.Sub, after, limit)
		h.must(err)
		if len(live) > limit {
			h.Fatalf("%d sessions on a page of %d", len(live), limit)
		}
		for _, l := range live {
			if l.ClientName != "c" {
				h.Errorf("the client is %q", l.ClientName)
			}
			ids = append(ids, l.ID)
		}
		if after = next; after == "" {
			return ids, pages + 1
		}
	}
}

func TestSessions(t *testing.T) {
	h := newHouse(t)
	other := h.user
	other.Sub, other.Username, other.UsernameKey = "0f1c2d3e-4b5a-4c7d-8e9f-0a1b2c3d4e5f", "bob", "bob"
	h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { return tx.CreateUser(other) }))
	now := time.Now()
	soon := now.Add(time.Hour)
	var want []string
	for range 3 {
		want = append(want, h.put(h.user.Sub, time.Time{}, soon))
		h.put(h.user.Sub, now, soon)
		h.put(h.user.Sub, time.Time{}, now.Add(-time.Second))
		h.put(other.Sub, time.Time{}, soon)
	}
	for limit, wantPages := range map[int]int{1: 3, 2: 2, 3: 1, 60: 1} {
		got, pages := h.listed(limit)
		// The last live session may be followed by dead ones, which only the next page finds out.
		if !slices.Equal(got, want) || pages < wantPages || pages > wantPages+1 {
			t.Errorf("pages of %d: %v in %d pages, want %v", limit, got, pages, want)
		}
	}
}

// However many sessions have ended, one call reads a bounded number of them.
func TestSessionsAmongManyDead(t *testing.T) {
	h := newHouse(t)
	soon := time.Now().Add(time.Hour)
	first := h.put(h.user.Sub, time.Time{}, soon)
	for range 1200 {
		h.put(h.user.Sub, time.Now(), soon)
	}
	last := h.put(h.user.Sub, time.Time{}, soon)
	got, pages := h.listed(60)
	if !slices.Equal(got, []string{first, last}) || pages != 3 {
		t.Errorf("%v in %d pages, want %s and %s in 3", got, pages, first, last)
	}
}

func TestSessionsOfADeletedClient(t *testing.T) {
	h := newHouse(t)
	h.put(h.user.Sub, time.Time{}, time.Now().Add(time.Hour))
	h.must(h.pools.DeleteClient(t.Context(), h.pool.ID, h.client.ID))
	if got, _ := h.listed(60); len(got) != 0 {
		t.Errorf("%v is listed", got)
	}
}

func TestEndSession(t *testing.T) {
	h := newHouse(t)
	kept, ended := h.issue(), h.issue()
	ids, _ := h.listed(60)
	end := func(sub, id string) error { return h.tokens.EndSession(t.Context(), h.pool.ID, sub, id) }
	const none = "Session does not exist."
	h.wants(end("another", ids[1]), idp.CodeResourceNotFound, none)
	h.wants(h.tokens.EndSession(t.Context(), "us-east-1_Tokens2", h.user.Sub, ids[1]), idp.CodeResourceNotFound, none)
	h.wants(end(h.user.Sub, token.NewFlow()), idp.CodeResourceNotFound, none)
	if _, err := h.refresh(ended.Refresh); err != nil {
		t.Fatal(err)
	}

	h.must(end(h.user.Sub, ids[1]))
	h.wants(end(h.user.Sub, ids[1]), idp.CodeResourceNotFound, none)
	_, err := h.refresh(ended.Refresh)
	h.wants(err, idp.CodeNotAuthorized, "Refresh Token has been revoked")
	_, err = h.tokens.Authorize(t.Context(), ended.Access)
	h.wants(err, idp.CodeNotAuthorized, "Access Token has been revoked")
	if _, err := h.tokens.Authorize(t.Context(), kept.Access); err != nil {
		t.Error(err)
	}

	expired := h.put(h.user.Sub, time.Time{}, time.Now().Add(-time.Second))
	h.wants(end(h.user.Sub, expired), idp.CodeResourceNotFound, none)
}
