// Package awscredentials lets the AWS SDK for Go have the credentials that an identity pool gives a user.
package awscredentials

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cognate/client"
)

// Provider is an [aws.CredentialsProvider]. It asks the identity pool each time: what config.WithCredentialsProvider and the clients of
// services are given they put into an [aws.CredentialsCache], which asks when the credentials expire. One that belongs to a user is of no
// use to the next: make new clients of services once another user has signed in.
type Provider struct {
	client *client.Client
	pool   client.IdentityPool
}

// New makes a Provider for the user of a client.
func New(c *client.Client, p client.IdentityPool) *Provider { return &Provider{c, p} }

// Retrieve implements [aws.CredentialsProvider]. Its errors are those of [client.Client.Credentials].
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := p.client.Credentials(ctx, p.pool)
	if err != nil {
		return aws.Credentials{}, err
	}
	return aws.Credentials{
		AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken,
		Source: "CognateIdentityPool", CanExpire: !got.Expires.IsZero(), Expires: got.Expires,
	}, nil
}
