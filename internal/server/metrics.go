package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"cognate/internal/message"
	"cognate/internal/metrics"
)

// metricsPath is where the server tells what it has counted.
const metricsPath = "/_cognate/metrics"

// Metrics say who may read what the server counts: whoever has the secret, as a bearer token. Without it, in production, nobody may.
type Metrics struct {
	SecretFile string `yaml:"secret_file"`
	SecretEnv  string `yaml:"secret_env"`
}

// newMessageCounter counts messages by what has become of them.
func newMessageCounter() *metrics.Counter {
	return metrics.NewCounter("cognate_messages_total", "Messages to users, by what has become of them.", "medium", "purpose", "sender", "outcome")
}

func countMessages(c *metrics.Counter) message.Reporter {
	return func(_ context.Context, r message.Report) {
		if !r.Pending {
			c.Add(string(r.Message.Medium), string(r.Message.Purpose), r.Sender, string(r.Outcome()))
		}
	}
}

// metricsHandler shows counters to whoever may read them; it is nil where nobody may.
func (c *Config) metricsHandler(counters ...*metrics.Counter) (http.Handler, error) {
	shown := metrics.Handler(counters...)
	if c.Metrics == nil {
		if c.Dev {
			return shown, nil
		}
		return nil, nil
	}
	token, err := readSecret(c.Metrics.SecretFile, c.Metrics.SecretEnv)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if len(token) < 20 {
		return nil, fmt.Errorf("metrics: the secret is shorter than 20 characters")
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if got := sha256.Sum256([]byte(given)); subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "the bearer token is missing or wrong", http.StatusUnauthorized)
			return
		}
		shown.ServeHTTP(w, r)
	}), nil
}
