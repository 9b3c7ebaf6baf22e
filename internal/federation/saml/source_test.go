package saml

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cognate/internal/federation"
)

// remote serves metadata without a network, which stands still under synctest.
type remote struct {
	text  atomic.Pointer[string] // nil fails
	calls atomic.Int32
	delay time.Duration
}

func (r *remote) RoundTrip(q *http.Request) (*http.Response, error) {
	r.calls.Add(1)
	time.Sleep(r.delay)
	text := r.text.Load()
	if err := q.Context().Err(); err != nil || text == nil {
		return nil, errors.Join(err, errors.New("unreachable"))
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader([]byte(*text))), Header: http.Header{}}, nil
}

func (r *remote) serve(text string) { r.text.Store(&text) }

func (r *remote) open(t *testing.T, file string) federation.Provider {
	t.Helper()
	k := Kind{Env: federation.Env{HTTP: &http.Client{Transport: r}, Skew: time.Minute}}
	p, err := k.Open(federation.Settings{
		PoolID: poolID, Name: "Corp",
		Details: map[string]string{detailURL: "https://idp.example.com/metadata", detailFile: file, detailSignout: "true"},
		Keys:    &federation.Keys{Signer: fileKey(t, "sp")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *remote) wantCalls(t *testing.T, n int32) {
	t.Helper()
	if got := r.calls.Load(); got != n {
		t.Errorf("the metadata were read %d times, not %d", got, n)
	}
}

func begin(t *testing.T, p federation.Provider) {
	t.Helper()
	if _, err := p.Begin(t.Context(), federation.Request{ID: asked, State: "s", Callback: acs}); err != nil {
		t.Error(err)
	}
}

// Metadata are read again after six hours, and after a minute when that failed; meanwhile the old ones count.
func TestMetadataAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		file := describe(idpSigner(t))
		p := r.open(t, file)
		r.wantCalls(t, 0)
		begin(t, p)
		begin(t, p)
		r.wantCalls(t, 1) // failed
		r.serve("<x/>")
		time.Sleep(metadataWait)
		begin(t, p)
		r.wantCalls(t, 2) // came, and were none
		r.serve(file)
		time.Sleep(metadataWait)
		begin(t, p)
		r.wantCalls(t, 3)
		time.Sleep(metadataAge - time.Second)
		begin(t, p)
		r.wantCalls(t, 3)
		time.Sleep(time.Second)
		begin(t, p)
		r.wantCalls(t, 4)
	})
}

// Checklist 51: a provider that takes a new key is believed once its metadata have the key, without waiting for six hours;
// and a stranger makes the server read them once a minute at most.
func TestMetadataRollOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		old, next := idpSigner(t), newSigner(t)
		r.serve(describe(old))
		p := r.open(t, describe(old))
		begin(t, p)
		answer := func(by signer) string {
			a := newAnswer(t)
			a.signs = by
			return write(t, a.make(t))
		}
		_, err := finish(t, p, answer(next))
		if err == nil {
			t.Fatal("a stranger is believed")
		}
		r.wantCalls(t, 1) // that was a moment ago
		r.serve(describe(old, next))
		time.Sleep(metadataWait)
		for _, by := range []signer{next, old, next} {
			if got, err := finish(t, p, answer(by)); err != nil || got.Subject != alice {
				t.Errorf("got %v, %v", got, err)
			}
		}
		r.wantCalls(t, 2)
		r.serve(describe(next))
		stranger := answer(another(t))
		for range 10 {
			time.Sleep(10 * time.Second)
			finish(t, p, stranger)
		}
		r.wantCalls(t, 3)
		if got, err := finish(t, p, answer(old)); err == nil {
			t.Errorf("got %v by a key that is gone", got)
		}
	})
}

// Answers to logouts are believed as well.
func TestMetadataRollOverOfLogouts(t *testing.T) {
	r := &remote{}
	a := logoutAnswer(t)
	a.signs = another(t)
	a.sign(t, a.response)
	l := r.open(t, describe(idpSigner(t))).(federation.Logouter)
	wantLoggedOut(t, l, a.response, responseText) // the metadata cannot be read
	r.serve(describe(a.signs))
	l = r.open(t, describe(idpSigner(t))).(federation.Logouter)
	l.(leaver).metadata.last.Load().at = time.Now() // and need not be read for their age
	wantLoggedOut(t, l, a.response, "")
	r.wantCalls(t, 2)
}

// Many answers that nobody knows the key of have the metadata read once, and all get what came. One of the browsers goes away.
func TestMetadataSingleFlight(t *testing.T) {
	r := &remote{delay: 100 * time.Millisecond}
	next := another(t)
	r.serve(describe(next))
	p := r.open(t, describe(idpSigner(t)))
	a := newAnswer(t)
	a.signs = next
	text := write(t, a.make(t))
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i == 0 {
				time.AfterFunc(10*time.Millisecond, cancel)
			}
			if got, err := p.Finish(ctx, callback(text)); err != nil || got.Subject != alice {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	group.Wait()
	r.wantCalls(t, 1)
}
