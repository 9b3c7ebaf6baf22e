package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	for want, got := range map[string]string{
		"1500 users, 750/s": progressLine(1500, 0, 2*time.Second),
		"[###############...............]  50%  10 users, 10/s": progressLine(10, 0.5, time.Second),
		"[##############################] 100%  10 users, 10/s": progressLine(10, 1.5, time.Second),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestProgress writes one line over another, not more often than anybody reads, and takes it away in the end.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out, begin: time.Now().Add(-time.Hour)}
	p.show(360_000, 0.1)
	p.show(360_001, 0.1)
	p.clear()
	lines := strings.Split(out.String(), "\r")
	if len(lines) != 4 || !strings.Contains(lines[1], " 10%  360000 users, 100/s") || strings.TrimSpace(lines[2]) != "" || len(lines[2]) != len(lines[1]) || lines[3] != "" {
		t.Errorf("%q", lines)
	}
	silent := newProgress(true)
	silent.show(1, 0.5)
	silent.clear()
}
