package token_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
)

// kidOf is the key that a token says it is signed with.
func (h *house) kidOf(text string) string {
	h.Helper()
	parsed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256})
	h.must(err)
	return parsed.Signatures[0].Header.KeyID
}

// published are the kids of the document of keys.
func (h *house) published() (kids []string) {
	h.Helper()
	doc, err := h.tokens.JWKS(h.Context(), h.pool.ID)
	h.must(err)
	var set jose.JSONWebKeySet
	h.must(json.Unmarshal(doc, &set))
	for _, k := range set.Keys {
		kids = append(kids, k.KeyID)
	}
	return kids
}

func (h *house) rotate(lead time.Duration) {
	h.Helper()
	_, err := h.tokens.Rotate(h.Context(), h.pool.ID, lead)
	h.must(err)
}

// statuses lists the keys of the pool by use and status.
func (h *house) statuses() string {
	h.Helper()
	keys, err := h.tokens.Keys(h.Context(), h.pool.ID)
	h.must(err)
	var out []string
	for _, k := range keys {
		out = append(out, k.Use+" "+k.Status)
	}
	return strings.Join(out, ", ")
}

func (h *house) sweep() {
	h.Helper()
	_, err := h.db.Sweep(h.Context(), time.Now(), 100)
	h.must(err)
}

// opens checks both tokens as all do that are shown one.
func (h *house) opens(what string, t *token.Tokens) {
	h.Helper()
	_, err := h.tokens.Authorize(h.Context(), t.Access)
	_, err2 := h.tokens.Present(h.Context(), h.pool, token.UseID, t.ID)
	id, _ := token.ReadID(t.ID)
	_, err3 := h.tokens.VerifyID(h.Context(), id)
	if err := errors.Join(err, err2, err3); err != nil {
		h.Errorf("%s: %v", what, err)
	}
}

// TestRotatedKeys follows tokens through a rotation: an old key is believed as long as a token of its can live, and no longer,
// whatever the token says (checklist 43).
func TestRotatedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.client = h.newClient(func(in *idp.CreateUserPoolClientRequest) {
			in.AccessTokenValidity, in.IdTokenValidity = new(int64(24)), new(int64(24))
		})
		old := h.issue()
		for range 2 {
			h.opens("at first", old) // the second time it is remembered
		}
		h.rotate(0)
		last := h.issue()
		if h.kidOf(last.Access) == h.kidOf(old.Access) || h.kidOf(last.ID) == h.kidOf(old.ID) {
			t.Error("the old keys go on to sign")
		}
		if got := h.statuses(); got != "id RETIRING, access RETIRING, id CURRENT, access CURRENT" {
			t.Error(got)
		}
		h.opens("of an old key", old)
		h.opens("of a new key", last)
		forged := h.forge(h.kidOf(old.Access), 99*24*time.Hour)
		time.Sleep(24*time.Hour - time.Second)
		h.sweep()
		h.opens("of an old key at its end", old)
		time.Sleep(time.Hour)
		h.sweep()
		if _, err := h.tokens.Authorize(t.Context(), forged); err != nil {
			t.Errorf("the test makes no good tokens: %v", err)
		}
		if kids := h.published(); len(kids) != 4 || !slices.Contains(kids, h.kidOf(old.Access)) {
			t.Errorf("in the last second there are %d keys", len(kids))
		}
		time.Sleep(time.Second)
		_, err := h.tokens.Authorize(t.Context(), forged)
		h.wants(err, "NotAuthorizedException", "Invalid Access Token")
		if kids := h.published(); len(kids) != 2 || slices.Contains(kids, h.kidOf(old.Access)) || slices.Contains(kids, h.kidOf(old.ID)) {
			t.Errorf("%d keys are published after the end of the old ones", len(kids))
		}
		h.opens("of a new key", h.issue())
		time.Sleep(time.Millisecond)
		h.sweep()
		h.must(h.db.View(t.Context(), func(tx *store.Tx) error {
			rows, err := tx.ListSigningKeys(h.pool.ID)
			if len(rows) != 2 {
				t.Errorf("%d rows are left", len(rows))
			}
			return err
		}))
		if got := h.statuses(); got != "id CURRENT, access CURRENT" {
			t.Error(got)
		}
	})
}

// forge signs an access token with a key of the pool, as somebody could who has got hold of it.
func (h *house) forge(kid string, life time.Duration) string {
	h.Helper()
	var sealed []byte
	h.must(h.db.View(h.Context(), func(tx *store.Tx) error {
		rows, err := tx.ListSigningKeys(h.pool.ID)
		for _, row := range rows {
			if row.KID == kid {
				sealed = row.Sealed
			}
		}
		return err
	}))
	der, err := h.keys.Open(sealed, "signing-key:"+kid)
	h.must(err)
	key, err := x509.ParsePKCS8PrivateKey(der)
	h.must(err)
	good := claims(h.T, h.issue().Access)
	good["exp"] = time.Now().Add(life).Unix()
	payload, err := json.Marshal(good)
	h.must(err)
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"kid":"`+kid+`","alg":"RS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	h.must(err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestPublishedAhead has keys known to everybody before they sign, by the clock alone.
func TestPublishedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		old := h.issue()
		h.rotate(token.KeyLead)
		if kids := h.published(); len(kids) != 4 {
			t.Fatalf("%d keys are published", len(kids))
		}
		if got := h.statuses(); got != "id CURRENT, access CURRENT, id NEXT, access NEXT" {
			t.Error(got)
		}
		_, err := h.tokens.Rotate(t.Context(), h.pool.ID, token.KeyLead)
		h.wants(err, "ConcurrentModificationException", "The next signing keys of user pool us-east-1_Tokens1 are published already.")
		time.Sleep(token.KeyLead - time.Second)
		late := h.issue()
		if h.kidOf(late.Access) != h.kidOf(old.Access) {
			t.Error("the next key signs too early")
		}
		time.Sleep(time.Second)
		next := h.issue()
		if kid := h.kidOf(next.Access); kid == h.kidOf(old.Access) || !slices.Contains(h.published(), kid) {
			t.Error("the old key signs on")
		}
		time.Sleep(30 * time.Minute)
		h.opens("of the old key in its last second", late)
		h.opens("of the next key", next)
	})
}

// TestBroughtForward has keys sign sooner that were published for later, and the old ones end sooner for it.
func TestBroughtForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		old := h.issue()
		h.rotate(token.KeyLead)
		before := h.published()
		h.rotate(0)
		if kids := h.published(); !slices.Equal(kids, before) {
			t.Errorf("%v is published, was %v", kids, before)
		}
		if h.kidOf(h.issue().Access) == h.kidOf(old.Access) {
			t.Error("the old key signs on")
		}
		time.Sleep(25 * time.Hour)
		if kids := h.published(); len(kids) != 2 {
			t.Errorf("%d keys are published a day later", len(kids))
		}
	})
}

// TestRotationsAtOnce has one of many rotations win, and all others told so.
func TestRotationsAtOnce(t *testing.T) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		keys := secrettest.Keyring(t)
		for lead, most := range map[time.Duration]int{token.KeyLead: 1, 0: 4} {
			h := newHouseOn(t, db, keys, fmt.Sprint("us-east-1_Lead", int(lead.Hours())))
			first := h.issue()
			errs := make([]error, 8)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { _, errs[i] = h.tokens.Rotate(t.Context(), h.pool.ID, lead) })
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				f, ok := errors.AsType[*fault.Error](err)
				switch {
				case err == nil:
					won++
				case !ok || f.Code != "ConcurrentModificationException" && (lead > 0 || f.Code != "LimitExceededException"):
					t.Errorf("lead %v: %v", lead, err)
				}
			}
			if kids := h.published(); won < 1 || won > most || len(kids) != 2+2*won {
				t.Errorf("lead %v: %d have won, and %d keys are published", lead, won, len(kids))
			}
			h.opens("of the first key", first)
			h.opens("of the last key", h.issue())
		}
	})
}

// TestRotationNobodyTold has a node learn of keys from a token that another has made, and read no more than now and then for
// tokens of keys that there are not (checklist 43).
func TestRotationNobodyTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		first := h.issue()
		filling, stop := context.WithCancel(t.Context())
		go h.tokens.Fill(filling)
		synctest.Wait()
		stop()
		h.must(h.db.Update(t.Context(), func(tx *store.Tx) error { // as Rotate does, but for the announcement
			_, err := tx.TakeSpareKey(h.pool.ID, token.UseAccess, time.Now())
			return err
		}))
		other := token.New(h.db, h.keys, pool.New(h.db, h.keys, pool.Options{AccountID: "000000000000", Dev: true}), "http://cognate.test")
		out, err := other.Issue(t.Context(), h.grant(token.NewFlow()), nil)
		h.must(err)
		if h.kidOf(out.Access) == h.kidOf(first.Access) {
			t.Fatal("the other node does not know of the new key either")
		}
		time.Sleep(5 * time.Second)
		if _, err := h.tokens.Authorize(t.Context(), out.Access); err != nil {
			t.Errorf("the node learns nothing: %v", err)
		}
		reads := 0
		h.db.Trace(func(query string, _ []any) {
			if strings.Contains(query, "FROM signing_keys") {
				reads++
			}
		})
		parts := strings.Split(first.Access, ".")
		for i := range 100 {
			head := strings.Repeat("A", i+1)
			if _, err := h.tokens.Authorize(t.Context(), head+"."+parts[1]+"."+parts[2]); err == nil {
				t.Fatal("a token of no key is believed")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if reads < 1 || reads > 3 {
			t.Errorf("the keys were read %d times in ten seconds", reads)
		}
	})
}

// TestRotationOfNoPool has nothing to rotate.
func TestRotationOfNoPool(t *testing.T) {
	h := newHouse(t)
	_, err := h.tokens.Rotate(t.Context(), "us-east-1_nobody", 0)
	h.wants(err, "ResourceNotFoundException", "User pool us-east-1_nobody does not exist.")
	_, err = h.tokens.Keys(t.Context(), "us-east-1_nobody")
	h.wants(err, "ResourceNotFoundException", "User pool us-east-1_nobody does not exist.")
}
