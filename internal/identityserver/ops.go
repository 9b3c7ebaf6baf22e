package identityserver

import (
	"cognate/api/identity"
	"cognate/internal/awsjson"
)

// Register serves the operations on m.
func (s *Service) Register(m *awsjson.Mux) {
	m.Register(identity.Service)

	// pool.go
	awsjson.Handle(m, identity.CreateIdentityPool, s.CreateIdentityPool)
	awsjson.Handle(m, identity.DescribeIdentityPool, s.DescribeIdentityPool)
	awsjson.Handle(m, identity.UpdateIdentityPool, s.UpdateIdentityPool)
	awsjson.Handle(m, identity.DeleteIdentityPool, s.DeleteIdentityPool)
	awsjson.Handle(m, identity.ListIdentityPools, s.ListIdentityPools)

	// role.go
	awsjson.Handle(m, identity.SetIdentityPoolRoles, s.SetIdentityPoolRoles)
	awsjson.Handle(m, identity.GetIdentityPoolRoles, s.GetIdentityPoolRoles)
	awsjson.Handle(m, identity.SetPrincipalTagAttributeMap, s.SetPrincipalTagAttributeMap)
	awsjson.Handle(m, identity.GetPrincipalTagAttributeMap, s.GetPrincipalTagAttributeMap)

	// identity.go
	awsjson.Handle(m, identity.GetId, s.GetId)
	awsjson.Handle(m, identity.UnlinkIdentity, s.UnlinkIdentity)
	awsjson.Handle(m, identity.DescribeIdentity, s.DescribeIdentity)
	awsjson.Handle(m, identity.ListIdentities, s.ListIdentities)
	awsjson.Handle(m, identity.DeleteIdentities, s.DeleteIdentities)

	// credential.go
	awsjson.Handle(m, identity.GetCredentialsForIdentity, s.GetCredentialsForIdentity)
	awsjson.Handle(m, identity.GetOpenIdToken, s.GetOpenIdToken)

	// developer.go
	awsjson.Handle(m, identity.GetOpenIdTokenForDeveloperIdentity, s.GetOpenIdTokenForDeveloperIdentity)
	awsjson.Handle(m, identity.LookupDeveloperIdentity, s.LookupDeveloperIdentity)
	awsjson.Handle(m, identity.MergeDeveloperIdentities, s.MergeDeveloperIdentities)
	awsjson.Handle(m, identity.UnlinkDeveloperIdentity, s.UnlinkDeveloperIdentity)

	// tag.go
	awsjson.Handle(m, identity.TagResource, s.TagResource)
	awsjson.Handle(m, identity.UntagResource, s.UntagResource)
	awsjson.Handle(m, identity.ListTagsForResource, s.ListTagsForResource)
}
