// Package kms is a keyring whose data keys AWS KMS makes, or what speaks its API.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html
package kms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"

	"cognate/internal/awsclient"
	"cognate/internal/encryptionsdk"
)

// provider is what the format calls KMS.
const provider = "aws-kms"

// Service is KMS, as it is configured. It is safe for concurrent use.
type Service struct {
	config awsclient.Config

	mu sync.Mutex
	// generate is nil until the first call. It is the client's method alone: a type that held the client would keep the code of all
	// its operations in the binary.
	generate generate
}

type generate func(context.Context, *sdk.GenerateDataKeyInput, ...func(*sdk.Options)) (*sdk.GenerateDataKeyOutput, error)

// New makes the service. It reads nothing of the environment yet: most servers need no KMS.
func New(c awsclient.Config) (*Service, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &Service{config: c}, nil
}

// Keyring makes data keys that a key of KMS wraps. The key is named by its ARN.
func (s *Service) Keyring(key string) encryptionsdk.Keyring { return keyring{s, key} }

type keyring struct {
	service *Service
	key     string
}

// DataKey implements encryptionsdk.Keyring. KMS is called in the region of the key's ARN, unless the configuration names one.
func (k keyring) DataKey(ctx context.Context, bound encryptionsdk.Context) (none encryptionsdk.DataKey, err error) {
	generate, err := k.service.open(ctx)
	if err != nil {
		return none, err
	}
	in := &sdk.GenerateDataKeyInput{KeyId: &k.key, EncryptionContext: bound, NumberOfBytes: aws.Int32(encryptionsdk.KeySize)}
	out, err := generate(ctx, in, func(o *sdk.Options) {
		if region := regionOf(k.key); k.service.config.Region == "" && region != "" {
			o.Region = region
		}
	})
	if err != nil {
		return none, fmt.Errorf("kms: %w", err)
	}
	if len(out.Plaintext) != encryptionsdk.KeySize || len(out.CiphertextBlob) == 0 || out.KeyId == nil {
		return none, errors.New("kms: the answer is not a data key")
	}
	return encryptionsdk.DataKey{Plain: out.Plaintext, Provider: provider, Info: []byte(*out.KeyId), Wrapped: out.CiphertextBlob}, nil
}

// regionOf is the region in the ARN of a key; empty without one.
func regionOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "kms" || !awsclient.IsRegion(parts[3]) {
		return ""
	}
	return parts[3]
}

// open makes the client, unless there is one.
func (s *Service) open(ctx context.Context) (generate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generate != nil {
		return s.generate, nil
	}
	c, err := s.config.Load(ctx, 0)
	if err != nil {
		return nil, err
	}
	client := sdk.NewFromConfig(c, func(o *sdk.Options) {
		if e := s.config.BaseEndpoint(); e != nil {
			o.BaseEndpoint = e
		}
	})
	s.generate = client.GenerateDataKey
	return s.generate, nil
}
