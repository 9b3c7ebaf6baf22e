// Package sts has AWS's Security Token Service give credentials, or what speaks its AssumeRoleWithWebIdentity: that one
// believes the OpenID tokens of this server by its published keys.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
package sts

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"cognate/internal/credential"
)

// usualTimeout is how long an answer may take unless the configuration says otherwise.
const usualTimeout = 5 * time.Second

// Config says where roles are assumed. All else comes from the standard environment of AWS's clients.
type Config struct {
	Region   string        // empty is that of the environment, and else of the identity pool
	Endpoint string        // a URL; empty is AWS's
	Timeout  time.Duration // zero is 5 seconds
}

// Broker is a [credential.Broker] that asks a Security Token Service, once for each request.
type Broker struct {
	config Config

	mu     sync.Mutex
	client *sdk.Client // nil until the first request
}

// New makes a broker. It reads nothing of the environment and calls nobody yet.
func New(c Config) (*Broker, error) {
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, errors.New("the endpoint is not a URL")
		}
	}
	if c.Timeout == 0 {
		c.Timeout = usualTimeout
	}
	return &Broker{config: c}, nil
}

// Assume implements credential.Broker.
func (b *Broker) Assume(ctx context.Context, r credential.Request) (credential.Credentials, error) {
	client, err := b.open(ctx)
	if err != nil {
		return credential.Credentials{}, fmt.Errorf("%w: the environment of AWS's clients: %v", credential.ErrUnavailable, err)
	}
	token, err := r.Token(ctx)
	if err != nil {
		return credential.Credentials{}, err
	}
	limited, cancel := context.WithTimeout(ctx, b.config.Timeout)
	defer cancel()
	out, err := client.AssumeRoleWithWebIdentity(limited, &sdk.AssumeRoleWithWebIdentityInput{
		RoleArn: &r.RoleARN, RoleSessionName: &r.SessionName, WebIdentityToken: &token,
		DurationSeconds: aws.Int32(int32(r.Duration / time.Second)), Policy: narrowing(r),
	}, func(o *sdk.Options) {
		if o.Region == "" {
			o.Region, _, _ = strings.Cut(r.PoolID, ":")
		}
	})
	if err != nil && ctx.Err() != nil {
		return credential.Credentials{}, ctx.Err()
	}
	if err != nil {
		return credential.Credentials{}, because(err, token)
	}
	return read(out)
}

// narrowing is the policy of a request; nil for none.
func narrowing(r credential.Request) *string {
	if r.Policy == "" {
		return nil
	}
	return &r.Policy
}

func read(out *sdk.AssumeRoleWithWebIdentityOutput) (credential.Credentials, error) {
	c := out.Credentials
	if c == nil || c.AccessKeyId == nil || c.SecretAccessKey == nil || c.SessionToken == nil || c.Expiration == nil {
		return credential.Credentials{}, fmt.Errorf("%w: the answer has no credentials", credential.ErrUnavailable)
	}
	return credential.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken, Expires: *c.Expiration,
	}, nil
}

// because tells a refusal from a service that cannot answer, and keeps the token out of what is said.
func because(err error, token string) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Errorf("%w: %s", credential.ErrUnavailable, strings.ReplaceAll(err.Error(), token, "[token]"))
	}
	kind := credential.ErrRefused
	status := 0
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = answer.HTTPStatusCode()
	}
	if status >= 500 || status == 429 || busy[api.ErrorCode()] {
		kind = credential.ErrUnavailable
	}
	return fmt.Errorf("%w: %s: %s", kind, api.ErrorCode(), strings.ReplaceAll(api.ErrorMessage(), token, "[token]"))
}

// busy are the codes by which a service says, with the status of a bad request, that the request was not what is wrong.
var busy = map[string]bool{
	"IDPCommunicationError": true, "Throttling": true, "ThrottlingException": true, "RequestLimitExceeded": true, "UnknownError": true,
}

// open makes the client, unless there is one.
func (b *Broker) open(ctx context.Context) (*sdk.Client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil {
		return b.client, nil
	}
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	b.client = sdk.NewFromConfig(c, func(o *sdk.Options) {
		o.Retryer = aws.NopRetryer{}
		if b.config.Region != "" {
			o.Region = b.config.Region
		}
		if b.config.Endpoint != "" {
			o.BaseEndpoint = &b.config.Endpoint
		}
	})
	return b.client, nil
}
