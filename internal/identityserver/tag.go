package identityserver

import (
	"context"

	"cognate/api/identity"
)

// TagResource adds tags to a pool.
func (s *Service) TagResource(ctx context.Context, in *identity.TagResourceInput) (*identity.TagResourceResponse, error) {
	return &identity.TagResourceResponse{}, s.identities.Tag(ctx, in.ResourceArn, in.Tags)
}

// UntagResource takes tags from a pool.
func (s *Service) UntagResource(ctx context.Context, in *identity.UntagResourceInput) (*identity.UntagResourceResponse, error) {
	return &identity.UntagResourceResponse{}, s.identities.Untag(ctx, in.ResourceArn, in.TagKeys)
}

// ListTagsForResource returns a pool's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *identity.ListTagsForResourceInput) (*identity.ListTagsForResourceResponse, error) {
	tags, err := s.identities.Tags(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &identity.ListTagsForResourceResponse{Tags: tags}, nil
}
