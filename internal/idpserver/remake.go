package idpserver

import (
	"context"

	"cognate/api/cognate"
	"cognate/api/idp"
	"cognate/internal/pool"
)

// ChangeUserPool changes what Cognito lets nobody change once a pool has been created.
func (s *Service) ChangeUserPool(ctx context.Context, in *cognate.ChangeUserPoolRequest) (*cognate.ChangeUserPoolResponse, error) {
	m := pool.Remake{
		CaseSensitive: in.CaseSensitive, AliasAttributes: in.AliasAttributes, UsernameAttributes: in.UsernameAttributes, RemovedAttributes: in.RemovedAttributes,
	}
	for _, a := range in.Attributes {
		m.Attributes = append(m.Attributes, schemaOf(a))
	}
	return s.users.Remake(ctx, s.pools, in.UserPoolId, m, in.DryRun != nil && *in.DryRun)
}

func schemaOf(a *cognate.AttributeChangeType) *idp.SchemaAttributeType {
	out := &idp.SchemaAttributeType{Name: a.Name, AttributeDataType: a.AttributeDataType, Mutable: a.Mutable, Required: a.Required}
	if c := a.StringAttributeConstraints; c != nil {
		out.StringAttributeConstraints = new(idp.StringAttributeConstraintsType(*c))
	}
	if c := a.NumberAttributeConstraints; c != nil {
		out.NumberAttributeConstraints = new(idp.NumberAttributeConstraintsType(*c))
	}
	return out
}
