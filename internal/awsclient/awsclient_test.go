package awsclient

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestIsRegion(t *testing.T) {
	for text, want := range map[string]bool{"us-east-1": true, "eu-isoe-west-1": true, "": false, "EU": false, "a.b": false, "a/b": false, "a@b": false, strings.Repeat("a", 64): false} {
		if IsRegion(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestIsThrottled(t *testing.T) {
	for code, want := range map[string]bool{"Throttling": true, "ThrottlingException": true, "TooManyRequestsException": true, "AccessDenied": false, "": false} {
		if IsThrottled(code) != want {
			t.Errorf("%q: %v", code, !want)
		}
	}
}

type still struct{ text string }

func (s still) Do(*http.Request) (*http.Response, error) {
	return &http.Response{Body: io.NopCloser(strings.NewReader(s.text))}, nil
}

func TestBounded(t *testing.T) {
	for n, want := range map[int]error{9: nil, 10: nil, 11: ErrTooLong, 10_000: ErrTooLong} {
		answer, err := bounded{still{strings.Repeat("x", n)}, 10}.Do(nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if !errors.Is(err, want) || err == nil && len(text) != n {
			t.Errorf("%d bytes: %d, %v", n, len(text), err)
		}
	}
}

func TestRolesAreBounded(t *testing.T) {
	r := NewRoles((Config{}).mustLoad(t))
	one := r.Take("a", "1")
	if r.Take("a", "1") != one || r.Take("a", "2") == one {
		t.Error("not kept by role and external ID")
	}
	for range maxRoles {
		r.Take(strings.Repeat("x", len(r.known)), "")
	}
	if len(r.known) > maxRoles {
		t.Errorf("%d roles", len(r.known))
	}
}

func (c Config) mustLoad(t *testing.T) aws.Config {
	t.Helper()
	out, err := c.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
