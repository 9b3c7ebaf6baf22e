package idpserver

import (
	"context"
	"time"

	"cognate/api"
	"cognate/api/cognate"
	"cognate/internal/token"
)

// ListSigningKeys lists the keys of a pool's tokens.
func (s *Service) ListSigningKeys(ctx context.Context, in *cognate.ListSigningKeysRequest) (*cognate.ListSigningKeysResponse, error) {
	keys, err := s.tokens.Keys(ctx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &cognate.ListSigningKeysResponse{SigningKeys: describeKeys(keys)}, nil
}

// RotateSigningKeys has new keys sign the tokens of a pool.
func (s *Service) RotateSigningKeys(ctx context.Context, in *cognate.RotateSigningKeysRequest) (*cognate.RotateSigningKeysResponse, error) {
	lead := token.KeyLead
	if in.PublishAheadSeconds != nil {
		lead = time.Duration(*in.PublishAheadSeconds) * time.Second
	}
	keys, err := s.tokens.Rotate(ctx, in.UserPoolId, lead)
	if err != nil {
		return nil, err
	}
	return &cognate.RotateSigningKeysResponse{SigningKeys: describeKeys(keys)}, nil
}

// RevokeSigningKey withdraws a retiring key at once.
func (s *Service) RevokeSigningKey(ctx context.Context, in *cognate.RevokeSigningKeyRequest) (*cognate.RevokeSigningKeyResponse, error) {
	keys, err := s.tokens.Withdraw(ctx, in.UserPoolId, in.KeyId)
	if err != nil {
		return nil, err
	}
	return &cognate.RevokeSigningKeyResponse{SigningKeys: describeKeys(keys)}, nil
}

func describeKeys(keys []token.Key) []*cognate.SigningKeyType {
	out := make([]*cognate.SigningKeyType, len(keys))
	for i, k := range keys {
		out[i] = &cognate.SigningKeyType{
			KeyId: k.ID, TokenUse: k.Use, Algorithm: "RS256", Status: k.Status,
			CreationDate: api.At(k.Created), ActivationDate: api.At(k.Activates), RetirementDate: api.At(k.Retires),
		}
	}
	return out
}
