package saml

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"cognate/internal/federation"
)

// How AWS is known to SAML providers: those that identity pools trust know it, not a user pool.
const (
	awsAudience  = "urn:amazon:webservices"
	awsRecipient = "https://signin.aws.amazon.com/saml"
)

// Trust is a provider whose assertions apps hand in by themselves.
type Trust struct {
	Metadata  []byte // of the provider
	Audience  string // of its assertions; empty is AWS's
	Recipient string // likewise
}

// NewVerifier makes one for responses of a provider, in base64, that nobody asked for. The assertion may not be older than six
// minutes. It names no client.
func NewVerifier(env federation.Env, t Trust) (federation.Verifier, error) {
	m, err := parseMetadata(t.Metadata, env.Dev)
	if err != nil {
		return nil, fmt.Errorf("saml: metadata: %w", err)
	}
	if t.Audience == "" {
		t.Audience = awsAudience
	}
	if t.Recipient == "" {
		t.Recipient = awsRecipient
	}
	p := &provider{entityID: t.Audience, metadata: newSource(Kind{env}, "", m), skew: env.Skew, unasked: true}
	return verifier{p, t.Recipient}, nil
}

type verifier struct {
	*provider
	recipient string
}

// Verify implements [federation.Verifier].
func (v verifier) Verify(ctx context.Context, token string, _ []string) (*federation.Proof, error) {
	a, err := v.Finish(ctx, federation.Callback{Callback: v.recipient, Form: url.Values{"SAMLResponse": {token}}})
	refused, ok := errors.AsType[*federation.Error](err)
	switch {
	case ok && refused.Code == codeRequest:
		return nil, fmt.Errorf("%w: %v", federation.ErrNoToken, refused.Cause)
	case ok:
		return nil, fmt.Errorf("%w: %s: %v", federation.ErrSignature, refused.Description, refused.Cause)
	case err != nil:
		return nil, err
	}
	return &federation.Proof{Subject: a.Subject, Claims: a.Claims}, nil
}
