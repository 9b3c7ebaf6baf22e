package file_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cognate/internal/logdelivery"
	"cognate/internal/logdelivery/file"
	"cognate/internal/logdelivery/logdeliverytest"
)

func lines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		t.Errorf("%s ends within a line", path)
	}
	out := strings.Split(string(text), "\n")
	return out[:len(out)-1]
}

func open(t *testing.T, c file.Config) *file.Sink {
	t.Helper()
	s, err := file.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	logdeliverytest.Run(t, func(t *testing.T) *logdeliverytest.Fixture {
		path := filepath.Join(t.TempDir(), "log")
		return &logdeliverytest.Fixture{
			Sink: open(t, file.Config{Path: path}), ARN: "arn:aws:logs:us-east-1:123456789012:log-group:cognate",
			Received: func() []string { return lines(t, path) },
			Break: func(broken bool) { // a folder is in its place
				if !broken {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					return
				}
				if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func batch(documents ...string) (b logdelivery.Batch) {
	for _, d := range documents {
		b.Entries = append(b.Entries, logdelivery.Entry{Time: time.Now(), Document: []byte(d)})
	}
	return b
}

func put(t *testing.T, s *file.Sink, documents ...string) {
	t.Helper()
	if left, err := s.Deliver(t.Context(), batch(documents...)); err != nil || len(left) > 0 {
		t.Fatalf("%d are left: %v", len(left), err)
	}
}

// TestRotation keeps as many files as it is to, none longer than it may be.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := open(t, file.Config{Path: path, MaxBytes: 20, Keep: 2})
	for i := range 9 {
		put(t, s, fmt.Sprintf("document%d", i)) // of ten bytes, with the end
	}
	put(t, s, strings.Repeat("x", 100)) // alone in its file
	for name, want := range map[string]string{"": strings.Repeat("x", 100), ".1": "document8", ".2": "document6 document7", ".3": ""} {
		if got := strings.Join(lines(t, path+name), " "); got != want {
			t.Errorf("log%s has %q, want %q", name, got, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestMovedFile begins a file anew that something else has moved away, and goes on with one that was there.
func TestMovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := open(t, file.Config{Path: path})
	put(t, s, "one")
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	put(t, s, "two")
	if got, old := lines(t, path), lines(t, path+".old"); len(got) != 1 || got[0] != "two" || len(old) != 1 {
		t.Errorf("%q and %q", got, old)
	}
	put(t, open(t, file.Config{Path: path}), "three")
	if got := lines(t, path); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]file.Config{
		"no path": {}, "no folder": {Path: "/nowhere/log"}, "a folder": {Path: t.TempDir()},
		"negative size": {Path: filepath.Join(t.TempDir(), "log"), MaxBytes: -1}, "negative number": {Path: filepath.Join(t.TempDir(), "log"), Keep: -1},
	} {
		if _, err := file.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
