package idpserver

import (
	"context"

	"cognate/api/idp"
)

// TagResource adds tags to a pool.
func (s *Service) TagResource(ctx context.Context, in *idp.TagResourceRequest) (*idp.TagResourceResponse, error) {
	return &idp.TagResourceResponse{}, s.pools.Tag(ctx, in.ResourceArn, in.Tags)
}

// UntagResource takes tags from a pool.
func (s *Service) UntagResource(ctx context.Context, in *idp.UntagResourceRequest) (*idp.UntagResourceResponse, error) {
	return &idp.UntagResourceResponse{}, s.pools.Untag(ctx, in.ResourceArn, in.TagKeys)
}

// ListTagsForResource returns a pool's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *idp.ListTagsForResourceRequest) (*idp.ListTagsForResourceResponse, error) {
	tags, err := s.pools.Tags(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &idp.ListTagsForResourceResponse{Tags: tags}, nil
}
