package identitypool

import (
	"context"
	"maps"
	"strings"
)

// arn returns the Amazon Resource Name of a pool.
func (r *Registry) arn(p *pool) string {
	return "arn:aws:cognito-identity:" + p.region + ":" + r.accountID + ":identitypool/" + p.IdentityPoolId
}

// idOf returns the id in the ARN of a pool.
func idOf(arn string) (string, error) {
	before, id, ok := strings.Cut(arn, ":identitypool/")
	if !ok || !strings.HasPrefix(before, "arn:") || id == "" {
		return "", invalidf("%s is not the ARN of an identity pool.", arn)
	}
	return id, nil
}

// Tag adds tags to the pool of an ARN, in place of those of the same keys.
func (r *Registry) Tag(ctx context.Context, arn string, tags map[string]string) error {
	return r.retag(ctx, arn, func(have map[string]string) { maps.Copy(have, tags) })
}

// Untag takes tags from the pool of an ARN; those that are not there do not matter.
func (r *Registry) Untag(ctx context.Context, arn string, keys []string) error {
	return r.retag(ctx, arn, func(have map[string]string) {
		for _, k := range keys {
			delete(have, k)
		}
	})
}

func (r *Registry) retag(ctx context.Context, arn string, fn func(map[string]string)) error {
	id, err := idOf(arn)
	if err != nil {
		return err
	}
	_, err = r.change(ctx, id, func(p *pool) error {
		if r.arn(p) != arn {
			return noPool(id)
		}
		fn(p.IdentityPoolTags)
		return p.checkTags()
	})
	return err
}

// Tags returns the tags of the pool of an ARN.
func (r *Registry) Tags(ctx context.Context, arn string) (map[string]string, error) {
	id, err := idOf(arn)
	if err != nil {
		return nil, err
	}
	p, err := r.view(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.arn(p) != arn {
		return nil, noPool(id)
	}
	return p.IdentityPoolTags, nil
}
