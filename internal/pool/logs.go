package pool

import (
	"context"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/internal/logdelivery"
	"cognate/internal/store"
)

// SetLogDelivery says anew where the logs of a pool go; an empty list is nowhere.
func (r *Registry) SetLogDelivery(ctx context.Context, in *idp.SetLogDeliveryConfigurationRequest) (*idp.LogDeliveryConfigurationType, error) {
	if err := checkLogs(in.LogConfigurations); err != nil {
		return nil, err
	}
	err := r.change(ctx, in.UserPoolId, func(_ *store.Tx, old *Pool) (*settings, string, error) {
		s := *old.settings
		s.LogConfigurations = in.LogConfigurations
		return &s, old.Name, checkLogTier(&s)
	})
	if err != nil {
		return nil, err
	}
	return describeLogs(in.UserPoolId, in.LogConfigurations), nil
}

// LogDelivery is where the logs of a pool go, read afresh.
func (r *Registry) LogDelivery(ctx context.Context, poolID string) (out *idp.LogDeliveryConfigurationType, err error) {
	err = r.db.View(ctx, func(tx *store.Tx) error {
		p, err := r.getPool(tx, poolID)
		if err != nil {
			return err
		}
		out = describeLogs(p.ID, p.settings.LogConfigurations)
		return nil
	})
	return out, err
}

func describeLogs(poolID string, list []*idp.LogConfigurationType) *idp.LogDeliveryConfigurationType {
	if list == nil {
		list = []*idp.LogConfigurationType{}
	}
	return &idp.LogDeliveryConfigurationType{UserPoolId: poolID, LogConfigurations: list}
}

// LogDestination is where the documents of a source go; ok is false where they go nowhere. What users do is logged as long as threat
// protection is on.
func (p *Pool) LogDestination(of logdelivery.Source) (to logdelivery.Destination, ok bool) {
	if of == logdelivery.Activities && !p.threatProtection() {
		return to, false
	}
	for _, c := range p.settings.LogConfigurations {
		if c.EventSource == string(of) {
			return logdelivery.Destination{ARN: logARNs(c)[0], PoolARN: p.ARN(), PoolID: p.ID, Source: of}, true
		}
	}
	return to, false
}

func (p *Pool) threatProtection() bool {
	a := p.Settings.UserPoolAddOns
	return p.Settings.UserPoolTier == idp.UserPoolTierTypePlus && a != nil && a.AdvancedSecurityMode != idp.AdvancedSecurityModeTypeOff
}

// logARNs are the destinations of a configuration.
func logARNs(c *idp.LogConfigurationType) (out []string) {
	if d := c.CloudWatchLogsConfiguration; d != nil && d.LogGroupArn != "" {
		out = append(out, d.LogGroupArn)
	}
	if d := c.S3Configuration; d != nil && d.BucketArn != "" {
		out = append(out, d.BucketArn)
	}
	if d := c.FirehoseConfiguration; d != nil && d.StreamArn != "" {
		out = append(out, d.StreamArn)
	}
	return out
}

// checkLogs refuses configurations with all that is wrong about them. The first two texts are Cognito's, its spelling included.
func checkLogs(list []*idp.LogConfigurationType) error {
	text, seen := "", map[string]bool{}
	for _, rule := range []struct {
		text   string
		broken func(*idp.LogConfigurationType) bool
	}{
		{"in request have no destination", func(c *idp.LogConfigurationType) bool { return len(logARNs(c)) == 0 }},
		{"appear more then once in a request", func(c *idp.LogConfigurationType) bool {
			again := seen[c.EventSource]
			seen[c.EventSource] = true
			return again
		}},
		{"in request have more than one destination", func(c *idp.LogConfigurationType) bool { return len(logARNs(c)) > 1 }},
		{"in request have a destination that is not supported", func(c *idp.LogConfigurationType) bool { return !fits(c) }},
		{"in request have a log level that is not supported", func(c *idp.LogConfigurationType) bool {
			return c.LogLevel != logdelivery.Source(c.EventSource).Level()
		}},
	} {
		var sources []string
		for _, c := range list {
			if rule.broken(c) && !slices.Contains(sources, c.EventSource) {
				sources = append(sources, c.EventSource)
			}
		}
		if len(sources) > 0 {
			text += " Following event sources " + rule.text + ": [" + strings.Join(sources, ", ") + "]."
		}
	}
	if text != "" {
		return invalid("Request validation Failed." + text)
	}
	return nil
}

// fits reports whether each destination of a configuration is of the kind that it is said to be, and one that the source may have.
func fits(c *idp.LogConfigurationType) bool {
	is := func(kind logdelivery.Kind, arn string) bool {
		parsed, ok := logdelivery.ParseARN(arn)
		return arn == "" || ok && parsed.Kind == kind
	}
	only := c.EventSource == string(logdelivery.Notifications)
	return (c.CloudWatchLogsConfiguration == nil || is(logdelivery.LogGroup, c.CloudWatchLogsConfiguration.LogGroupArn)) &&
		(c.S3Configuration == nil || !only && is(logdelivery.Bucket, c.S3Configuration.BucketArn)) &&
		(c.FirehoseConfiguration == nil || !only && is(logdelivery.Stream, c.FirehoseConfiguration.StreamArn))
}

// checkLogTier refuses logs of what users do to a pool without threat protection.
func checkLogTier(s *settings) error {
	for _, c := range s.LogConfigurations {
		if c.EventSource == string(logdelivery.Activities) && s.UserPoolTier != idp.UserPoolTierTypePlus {
			return tierFault(s.UserPoolTier, []string{"Threat Protection"})
		}
	}
	return nil
}
