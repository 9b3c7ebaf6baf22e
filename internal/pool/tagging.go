package pool

import (
	"context"
	"errors"
	"maps"
	"strings"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/store"
)

// Tag adds tags to the pool of an ARN, in place of those of the same keys. The tags that the server itself reads count from then on.
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
	id, err := poolOf(arn)
	if err != nil {
		return err
	}
	return r.change(ctx, id, func(_ *store.Tx, old *Pool) (*settings, string, error) {
		if old.ARN() != arn {
			return nil, "", noPool(id)
		}
		s := *old.settings
		s.UserPoolTags = maps.Clone(s.UserPoolTags)
		if s.UserPoolTags == nil {
			s.UserPoolTags = map[string]string{}
		}
		fn(s.UserPoolTags)
		return &s, old.Name, undeclared(checkTags(s.UserPoolTags, r.opt.Dev))
	})
}

// undeclared turns what the model does not have for the operations of tags into what it has.
func undeclared(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == idp.CodeUserPoolTagging {
		return invalidf("%s", f.Message)
	}
	return err
}

// Tags returns the tags of the pool of an ARN.
func (r *Registry) Tags(ctx context.Context, arn string) (map[string]string, error) {
	id, err := poolOf(arn)
	if err != nil {
		return nil, err
	}
	p, err := r.Pool(ctx, id)
	if err != nil {
		return nil, err
	}
	if p.ARN() != arn {
		return nil, noPool(id)
	}
	return p.Settings.UserPoolTags, nil
}

// poolOf returns the id in the ARN of a pool.
func poolOf(arn string) (string, error) {
	before, id, ok := strings.Cut(arn, ":userpool/")
	if !ok || !strings.HasPrefix(before, "arn:") || id == "" {
		return "", invalidf("%s is not the ARN of a user pool.", arn)
	}
	return id, nil
}
