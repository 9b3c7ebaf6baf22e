package server

import (
	"context"
	"fmt"
	"time"

	"cognate/internal/metrics"
	"cognate/internal/outbound"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/threat"
)

// ThreatProtection is how accounts are protected in pools whose UserPoolAddOns ask for it.
type ThreatProtection struct {
	// EventDays is how many days what users do is kept; 0 is 90.
	EventDays int `yaml:"event_days"`
	// PasswordRange is the address of a service that knows passwords that have become public, by the first five hex
	// digits of their SHA-1 hashes, which are added to it: "https://api.pwnedpasswords.com/range/". Empty asks none.
	PasswordRange string `yaml:"password_range"`
}

// longestKept is more days than anybody keeps events.
const longestKept = 3650

func (t ThreatProtection) check() error {
	if t.EventDays < 0 || t.EventDays > longestKept {
		return fmt.Errorf("threat_protection: event_days is not between 1 and %d, or 0 for 90", longestKept)
	}
	if t.PasswordRange == "" {
		return nil
	}
	if err := threat.CheckRange(t.PasswordRange); err != nil {
		return fmt.Errorf("threat_protection: password_range: %w", err)
	}
	return nil
}

// protectAccounts makes the threat protection. The lists of public passwords are the file that nobody may choose from, and
// the service.
func (s *Server) protectAccounts(keys *secret.Keyring, failed func(context.Context, error), pages func(*pool.Pool) string) *threat.Service {
	c := s.config.ThreatProtection
	o := threat.Options{Keep: time.Duration(c.EventDays) * 24 * time.Hour, Unknown: failed, Pages: pages}
	if s.breached != nil {
		o.Passwords = append(o.Passwords, s.breached)
	}
	if c.PasswordRange != "" {
		o.Passwords = append(o.Passwords, threat.NewRange(outbound.NewClient(s.config.Dev, nil), c.PasswordRange))
	}
	return threat.New(s.db, keys, s.pools, o)
}

// newLookupCounter counts the passwords that could not be looked up.
func newLookupCounter() *metrics.Counter {
	return metrics.NewCounter("cognate_password_lookups_failed_total", "Passwords that no list of public ones could be asked about.")
}

func (s *Server) lookupFailed(c *metrics.Counter) func(context.Context, error) {
	return func(ctx context.Context, err error) {
		c.Add()
		s.logger.WarnContext(ctx, "a password could not be looked up among the public ones", "cause", err)
	}
}
