// Package client is for apps whose users are in a user pool: of Cognate, or of Amazon Cognito, which it speaks to in the same way. It
// signs users up and in, keeps their tokens and renews them, and gets AWS credentials for them.
//
// A [Client] is for one user at a time: that of a program on the user's own machine. A server that signs many users in makes a Client
// with a [Store] of its own for each, which costs little.
//
// SRP proves passwords: to sign in with one does not send it.
package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"cognate/internal/srp"
)

// Config is what a [Client] takes. PoolID and ClientID are needed.
type Config struct {
	// Endpoint is the URL of the server's API, as http://127.0.0.1:9229; empty means Amazon Cognito in the pool's region.
	Endpoint string

	// Region is where the pool is; empty means that its id tells, as it does.
	Region string

	// PoolID is the user pool's id, as us-east-1_ExaMPle.
	PoolID string

	// ClientID is the id of the app client.
	ClientID string

	// ClientSecret is the app client's secret, where it has one. A program that is handed to users cannot keep a secret.
	ClientSecret string

	// Store keeps the user's session, and what makes this machine a remembered device; nil means memory, until the program ends.
	Store Store

	// DeviceName is how users see this machine in the list of their devices; empty means its host name.
	DeviceName string

	// Metadata goes to the pool's triggers, as ClientMetadata, with every request that takes it.
	Metadata map[string]string

	// HTTP sends requests; nil means one of its own, with a limit of 30 seconds to a request. Redirects are not followed.
	HTTP *http.Client
}

// Client signs a user in and holds the user's session. It is safe for concurrent use.
type Client struct {
	config        Config
	idp, identity string // the URLs of the two services
	http          *http.Client
	offset        atomic.Int64            // how far the server's clock is ahead of this machine's, in nanoseconds
	current       atomic.Pointer[Session] // what the store has, as far as this client knows
	flight        singleflight.Group      // of renewals
	turn          chan struct{}           // holds a token while the state is worked on
	unsaved       []byte                  // a state that the store has refused; guarded by turn
}

// requestTime bounds a request of a Client without an HTTP client of its user's.
const requestTime = 30 * time.Second

// New makes a Client, and an error for a Config that cannot be. It calls nothing.
func New(c Config) (*Client, error) {
	before, after, ok := strings.Cut(c.PoolID, "_")
	switch {
	case !ok || before == "" || after == "":
		return nil, fmt.Errorf("client: Config.PoolID %q is not the id of a user pool", c.PoolID)
	case c.ClientID == "":
		return nil, errors.New("client: Config.ClientID is empty")
	}
	if c.Region == "" {
		c.Region = before
	}
	if c.DeviceName == "" {
		c.DeviceName, _ = os.Hostname()
	}
	if c.Store == nil {
		c.Store = new(MemoryStore)
	}
	made := &Client{config: c, http: transport(c.HTTP), turn: make(chan struct{}, 1)}
	if err := made.locate(); err != nil {
		return nil, err
	}
	return made, nil
}

// locate finds the services: both at the endpoint, or each on a host of Amazon's.
func (c *Client) locate() error {
	if c.config.Endpoint == "" {
		suffix := c.config.Region + ".amazonaws.com"
		if strings.HasPrefix(c.config.Region, "cn-") {
			suffix += ".cn"
		}
		c.idp, c.identity = "https://cognito-idp."+suffix, "https://cognito-identity."+suffix
		return nil
	}
	u, err := url.Parse(c.config.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("client: Config.Endpoint %q is not an address by http or https", c.config.Endpoint)
	}
	c.idp = strings.TrimRight(c.config.Endpoint, "/")
	c.identity = c.idp
	return nil
}

// transport is the HTTP client to use. It follows no redirects, which could carry secrets elsewhere.
func transport(given *http.Client) *http.Client {
	own := http.Client{Timeout: requestTime}
	if given != nil {
		own = *given
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// now is the time by the server's clock, as far as its answers have told.
func (c *Client) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// learnTime reads the server's clock off an answer.
func (c *Client) learnTime(h http.Header) {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		c.offset.Store(int64(time.Until(at)))
	}
}

// secretHash is the SECRET_HASH of a user name; empty at a client without a secret.
func (c *Client) secretHash(username string) string {
	if c.config.ClientSecret == "" {
		return ""
	}
	return srp.SecretHash(username, c.config.ClientID, c.config.ClientSecret)
}
