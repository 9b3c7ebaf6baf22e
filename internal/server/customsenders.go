package server

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"cognate/internal/awsclient"
	"cognate/internal/encryptionsdk"
	"cognate/internal/encryptionsdk/kms"
	"cognate/internal/secret"
	"cognate/internal/user"
)

// CustomSenders say how codes are sealed for the functions that send messages.
type CustomSenders struct {
	// KMS is where the keys are that pools name, unless Keys has them.
	KMS KMS `yaml:"kms"`
	// Keys are in place of keys in KMS, by their ARNs, or "*" for all others.
	Keys map[string]SenderKey `yaml:"keys"`
}

// KMS is AWS KMS, or what speaks its API.
type KMS struct {
	Region   string `yaml:"region"`   // empty is the ARN's
	Endpoint string `yaml:"endpoint"` // empty is AWS's
}

// SenderKey is a key of 32 bytes in hex or base64.
type SenderKey struct {
	SecretFile string `yaml:"secret_file"`
	SecretEnv  string `yaml:"secret_env"`
}

// senderNamespace is the namespace of local keys, whose names are the ARNs of the keys that they are in place of.
const senderNamespace = "cognate"

// sealer makes what seals codes for functions.
func (c *CustomSenders) sealer() (user.Sealer, error) {
	service, err := kms.New(awsclient.Config{Region: c.KMS.Region, Endpoint: c.KMS.Endpoint})
	if err != nil {
		return nil, fmt.Errorf("custom_senders.kms: %w", err)
	}
	local := map[string][]byte{}
	for arn, k := range c.Keys {
		if local[arn], err = k.read(arn); err != nil {
			return nil, fmt.Errorf("custom_senders.keys: %s: %w", arn, err)
		}
	}
	return func(ctx context.Context, key, poolID string, code secret.Text) (string, error) {
		keys, err := keyring(service, local, key)
		if err != nil {
			return "", err
		}
		sealed, err := encryptionsdk.Seal(ctx, keys, encryptionsdk.Context{"userpool-id": poolID}, []byte(code))
		return base64.StdEncoding.EncodeToString(sealed), err
	}, nil
}

func (k SenderKey) read(arn string) ([]byte, error) {
	if arn != "*" && !strings.HasPrefix(arn, "arn:") {
		return nil, errors.New("neither the ARN of a key nor *")
	}
	text, err := readSecret(k.SecretFile, k.SecretEnv)
	if err != nil {
		return nil, err
	}
	key, err := secret.ParseKey(text)
	if err != nil {
		return nil, errors.New("the key is not 32 bytes in hex or base64")
	}
	return key, nil
}

// keyring is the local key in place of one of KMS, or else that one.
func keyring(service *kms.Service, local map[string][]byte, arn string) (encryptionsdk.Keyring, error) {
	for _, name := range []string{arn, "*"} {
		if key, ok := local[name]; ok {
			return encryptionsdk.NewLocal(senderNamespace, arn, key)
		}
	}
	return service.Keyring(arn), nil
}
