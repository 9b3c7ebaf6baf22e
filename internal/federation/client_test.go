package federation_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cognate/internal/federation"
	"cognate/internal/outbound"
)

// TestBounds gives up on an answer that is too long or that does not come.
func TestBounds(t *testing.T) {
	size := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
		}
		io.WriteString(w, strings.Repeat("x", size))
	}))
	defer s.Close()
	env := federation.Env{HTTP: outbound.NewClient(true, nil)}
	size = federation.MaxAnswer
	if _, body, err := env.Get(t.Context(), s.URL); err != nil || len(body) != size {
		t.Errorf("as long as may be: %d, %v", len(body), err)
	}
	size++
	if _, _, err := env.Get(t.Context(), s.URL); err == nil {
		t.Error("too long an answer")
	}
	env.HTTP.Timeout = 50 * time.Millisecond
	_, _, err := env.Get(t.Context(), s.URL+"/slow")
	if f := federation.Unanswered(err, "late", "otherwise"); err == nil || f.Description != "late" || f.Code != "invalid_request" || f.Cause == nil {
		t.Errorf("%v, %v", f, err)
	}
	if f := federation.Unanswered(errors.New("x"), "late", "otherwise"); f.Description != "otherwise" {
		t.Errorf("%v", f)
	}
	for _, reset := range []error{io.EOF, io.ErrUnexpectedEOF} {
		if f := federation.Unanswered(reset, "late", "otherwise"); f.Description != "Connection reset" {
			t.Errorf("%v", f)
		}
	}
}
