// Package awsclient is what our clients of AWS's services have in common: where they take their settings from, how much they read,
// and what of an error may be told.
package awsclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// maxIdle is how many connections are kept for calls to come.
const maxIdle = 64

// maxAnswer is how much of an answer is read, where the service is not one whose answers are long.
const maxAnswer = 1 << 20

// Config says where a service is called. All else, credentials above all, comes from the standard environment of AWS's clients.
type Config struct {
	Region   string // empty is the environment's
	Endpoint string // a URL; empty is the environment's, or else AWS's
}

// Check refuses what is neither a region nor a URL.
func (c Config) Check() error {
	if c.Region != "" && !IsRegion(c.Region) {
		return fmt.Errorf("%q is not a region", c.Region)
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return errors.New("the endpoint is not a URL")
		}
	}
	return nil
}

// BaseEndpoint is the endpoint for the options of a client, which goes before the environment's; nil for none.
func (c Config) BaseEndpoint() *string {
	if c.Endpoint == "" {
		return nil
	}
	return &c.Endpoint
}

// IsRegion tells whether a region is one: it becomes a part of the name of the host that requests, with their signatures, go to.
func IsRegion(text string) bool {
	return len(text) <= 63 && text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Load reads the environment, for a client that reads no longer answers than most bytes; 0 is 1 MiB. It calls nobody.
func (c Config) Load(ctx context.Context, most int) (aws.Config, error) {
	if most == 0 {
		most = maxAnswer
	}
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = maxIdle })
	out, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(transport))
	if err != nil {
		return out, fmt.Errorf("the environment of AWS's clients: %w", err)
	}
	out.HTTPClient = bounded{out.HTTPClient, most}
	if c.Region != "" {
		out.Region = c.Region
	}
	return out, nil
}

// maxTries is how often a call is made that fails in a way that may pass.
const maxTries = 2

// Open is Check and Load for a service that needs a region, and whose calls may be repeated once.
func (c Config) Open(ctx context.Context) (aws.Config, error) {
	if err := c.Check(); err != nil {
		return aws.Config{}, err
	}
	out, err := c.Load(ctx, 0)
	out.RetryMaxAttempts = maxTries
	switch {
	case err != nil:
		return out, err
	case out.Region == "":
		return out, errors.New("the region is missing: name it, or set AWS_REGION")
	case !IsRegion(out.Region):
		return out, fmt.Errorf("%q is not a region", out.Region)
	}
	return out, nil
}

// ErrTooLong says that an answer is longer than is read.
var ErrTooLong = errors.New("awsclient: the answer is too long")

// bounded is a client that reads no longer answers than most.
type bounded struct {
	aws.HTTPClient
	most int
}

func (b bounded) Do(r *http.Request) (*http.Response, error) {
	answer, err := b.HTTPClient.Do(r)
	if err == nil {
		answer.Body = &body{ReadCloser: answer.Body, left: b.most}
	}
	return answer, err
}

type body struct {
	io.ReadCloser
	left int
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, ErrTooLong
	}
	return n, err
}

// Refusal is the code and the text of what a service has answered; of an error that is none of a service's, there is no code.
func Refusal(err error) (code, text string) {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode(), api.ErrorMessage()
	}
	return "", err.Error()
}

// IsThrottled tells whether a code is of a service that is asked too much.
func IsThrottled(code string) bool {
	switch code {
	case "Throttling", "ThrottlingException", "Throttled", "ThrottledException", "TooManyRequestsException", "TooManyRequests",
		"RequestLimitExceeded", "LimitExceededException", "ServiceQuotaExceededException", "KMSThrottled", "SlowDown":
		return true
	}
	return false
}

// maxRoles bounds the memory of [Roles].
const maxRoles = 1000

// Roles are the credentials of roles that are taken on by STS, kept while they are good. It is safe for concurrent use.
type Roles struct {
	config aws.Config
	mu     sync.Mutex
	known  map[[2]string]aws.CredentialsProvider
}

// NewRoles makes roles that are taken on with the credentials of c.
func NewRoles(c aws.Config) *Roles {
	return &Roles{config: c, known: map[[2]string]aws.CredentialsProvider{}}
}

// Take is the credentials of a role, by its ARN, and an external ID, empty for none. STS is asked when they are used.
func (r *Roles) Take(arn, externalID string) aws.CredentialsProvider {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]string{arn, externalID}
	if p, ok := r.known[key]; ok {
		return p
	}
	if len(r.known) >= maxRoles {
		clear(r.known)
	}
	p := aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(r.config), arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "cognate"
		if externalID != "" {
			o.ExternalID = &externalID
		}
	}))
	r.known[key] = p
	return p
}
