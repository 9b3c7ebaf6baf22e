package server

import (
	"fmt"

	"cognate/internal/credential"
	"cognate/internal/credential/embedded"
	"cognate/internal/credential/sts"
)

// Credentials say who gives those of the identities of identity pools.
type Credentials struct {
	// Broker is embedded, this server itself, or sts, AWS's Security Token Service or what speaks like it; empty is embedded.
	Broker string `yaml:"broker"`
	// Endpoint is where the service is; empty is what the environment of AWS's clients says, and else AWS's own.
	Endpoint string `yaml:"endpoint"`
	// Region is that of the service; empty is that of the environment, and else of the identity pool.
	Region string `yaml:"region"`
}

// broker makes the one that is configured. own is that of this server, whose sessions it believes in any case.
func (c Credentials) broker(own *embedded.Broker) (credential.Broker, error) {
	switch c.Broker {
	case "", "embedded":
		if c.Endpoint != "" || c.Region != "" {
			return nil, fmt.Errorf("credentials: an endpoint and a region are for the broker sts")
		}
		return own, nil
	case "sts":
		b, err := sts.New(sts.Config{Region: c.Region, Endpoint: c.Endpoint})
		if err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("credentials: the broker is embedded or sts, not %q", c.Broker)
}
