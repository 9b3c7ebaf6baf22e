// Package metrics counts what happens, for Prometheus to read
// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
package metrics

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Counter counts by the values of its labels, which must be few: each set of values is kept. It is safe for concurrent use.
type Counter struct {
	name, help string
	labels     []string

	mu     sync.Mutex
	counts map[string]uint64 // by the labels as they are written
}

// NewCounter makes a counter. Name and labels are Prometheus's: letters, digits and underscores.
func NewCounter(name, help string, labels ...string) *Counter {
	return &Counter{name: name, help: help, labels: labels, counts: map[string]uint64{}}
}

// Add counts one, of as many values as there are labels.
func (c *Counter) Add(values ...string) {
	pairs := make([]string, len(c.labels))
	for i, label := range c.labels {
		pairs[i] = label + `="` + escaper.Replace(values[i]) + `"`
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[strings.Join(pairs, ",")]++
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// write writes the counter in an order that does not change.
func (c *Counter) write(w io.Writer) {
	c.mu.Lock()
	counts := maps.Clone(c.counts)
	c.mu.Unlock()
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s counter\n", c.name, c.help, c.name)
	for _, labels := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(w, "%s{%s} %d\n", c.name, labels, counts[labels])
	}
}

// Handler shows counters.
func Handler(counters ...*Counter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		for _, c := range counters {
			c.write(w)
		}
	})
}
