package threat

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// service stands in for one that knows public passwords.
type service struct {
	*httptest.Server
	asked  []string
	status int
	body   string // in place of an answer
	slow   bool
}

func newService(t *testing.T, passwords ...string) *service {
	s := &service{status: 200}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		digits := strings.TrimPrefix(r.URL.Path, "/range/")
		s.asked = append(s.asked, digits)
		if r.Header.Get("Add-Padding") != "true" || len(digits) != 5 || r.URL.RawQuery != "" {
			t.Errorf("asked %s with %v", r.URL, r.Header)
		}
		if s.slow {
			<-r.Context().Done()
		}
		w.WriteHeader(s.status)
		if s.body != "" {
			fmt.Fprint(w, s.body)
			return
		}
		fmt.Fprint(w, strings.Repeat("0", 35)+":0\r\n")
		for _, p := range passwords {
			sum := sha1.Sum([]byte(p))
			if hash := strings.ToUpper(hex.EncodeToString(sum[:])); hash[:5] == digits {
				fmt.Fprint(w, hash[5:]+":7\r\n")
			}
		}
		fmt.Fprint(w, strings.Repeat("F", 35)+":0")
	}))
	t.Cleanup(s.Close)
	return s
}

// list asks the service.
func (s *service) list() *Range { return NewRange(s.Client(), s.URL+"/range/") }

// TestRange looks passwords up, of whose hashes five digits leave the house alone (checklist 3).
func TestRange(t *testing.T) {
	s := newService(t, "password1", "hunter2")
	r := s.list()
	for range 2 {
		for password, want := range map[string]bool{"password1": true, "hunter2": true, "nobody's": false} {
			if got, err := r.Has(t.Context(), password); err != nil || got != want {
				t.Errorf("%s: %v, %v", password, got, err)
			}
		}
	}
	if len(s.asked) != 3 {
		t.Errorf("asked %v", s.asked)
	}
	for i := range 3 * maxKept {
		if _, err := r.Has(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.kept) > maxKept {
		t.Errorf("%d answers are kept", len(r.kept))
	}
	if known, err := parseRange([]byte(strings.Repeat("0", 35) + ":0\r\n")); err != nil || strings.Contains(known, "0") {
		t.Errorf("padding counts: %v", err)
	}
}

// TestRangeFails has the service fail in every way: the password is not known, and an error says so without a digit of its
// hash (checklist 62).
func TestRangeFails(t *testing.T) {
	for name, edit := range map[string]func(*service){
		"an error":      func(s *service) { s.status = 503 },
		"too many":      func(s *service) { s.status = 429 },
		"a page":        func(s *service) { s.body = "<html>" },
		"nothing":       func(s *service) { s.body = "\r\n" },
		"too long":      func(s *service) { s.body = strings.Repeat("A", maxRange+1) },
		"no count":      func(s *service) { s.body = strings.Repeat("A", 35) },
		"a short hash":  func(s *service) { s.body = strings.Repeat("A", 34) + ":1" },
		"unreachable":   func(s *service) { s.Close() },
		"never answers": func(s *service) { s.slow = true },
	} {
		s := newService(t)
		edit(s)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		known, err := s.list().Has(ctx, "password1")
		cancel()
		sum := sha1.Sum([]byte("password1"))
		digits := strings.ToUpper(hex.EncodeToString(sum[:]))[:5]
		if known || err == nil || strings.Contains(strings.ToUpper(err.Error()), digits) {
			t.Errorf("%s: %v, %v", name, known, err)
		}
	}
}

func TestCheckRange(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://api.pwnedpasswords.com/range/": true, "https://h/": true,
		"http://h/": false, "https://h": false, "https://h/range": false, "https:///": false, "https://u@h/": false, "https://h/?a=": false, "": false, "%": false,
	} {
		if err := CheckRange(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// FuzzParseRange reads anything as an answer: what it takes for hashes are some that stand there.
func FuzzParseRange(f *testing.F) {
	f.Add([]byte(strings.Repeat("0", 35) + ":0\r\n" + strings.Repeat("a", 35) + ":12"))
	f.Add([]byte("\r\n\r\n"))
	f.Add([]byte(strings.Repeat("0", 35) + ":18446744073709551616"))
	f.Fuzz(func(t *testing.T, body []byte) {
		known, err := parseRange(body)
		if err != nil {
			return
		}
		for line := range strings.SplitSeq(strings.Trim(known, "\n"), "\n") {
			if line != "" && (len(line) != 35 || !bytes.Contains(bytes.ToUpper(body), []byte(line))) {
				t.Errorf("%q", line)
			}
		}
	})
}
