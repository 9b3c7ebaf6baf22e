package threat

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"cognate/api"
	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// rules are a risk configuration, read: that of a client, or of its pool where the client has none of its own. Without
// either, everything is watched and nothing done.
type rules struct {
	pool, client     string
	takeover         *idp.AccountTakeoverRiskConfigurationType
	passwords        *idp.CompromisedCredentialsRiskConfigurationType
	blocked, skipped []netip.Prefix
}

// kindRules is the [store.Change] of a pool's risk configurations, by the pool's id.
const kindRules = "risk"

func (s *Service) changed(c store.Change) {
	switch c.Kind {
	case kindRules, "pool": // which may be gone, and made again under its old id
		s.rules.Drop(func(_ string, r *rules) bool { return r.pool == c.ID })
	case "client":
		s.rules.Drop(func(_ string, r *rules) bool { return r.client == c.ID })
	case "":
		s.rules.Drop(func(string, *rules) bool { return true })
	}
}

// rulesOf returns the rules for a client of a pool, at most 30 seconds old. It is not changed.
func (s *Service) rulesOf(ctx context.Context, p *pool.Pool, clientID string) (*rules, error) {
	key := p.ID + "/" + clientID
	r, generation := s.rules.Get(key)
	if r != nil {
		return r, nil
	}
	now, shown := time.Now(), &idp.RiskConfigurationType{}
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		shown, err = read(tx, p.ID, clientID)
		if errors.Is(err, store.ErrNotFound) && clientID != "" {
			shown, err = read(tx, p.ID, "")
		}
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	r = &rules{pool: p.ID, client: clientID, takeover: shown.AccountTakeoverRiskConfiguration, passwords: shown.CompromisedCredentialsRiskConfiguration}
	if e := shown.RiskExceptionConfiguration; e != nil {
		if r.blocked, err = ranges(e.BlockedIPRangeList); err == nil {
			r.skipped, err = ranges(e.SkippedIPRangeList)
		}
		if err != nil {
			return nil, fmt.Errorf("threat: the risk configuration of pool %s, client %q: %w", p.ID, clientID, err)
		}
	}
	s.rules.Put(key, r, generation, now)
	return r, nil
}

// read reads a configuration. It is never nil.
func read(tx *store.Tx, poolID, clientID string) (*idp.RiskConfigurationType, error) {
	shown := &idp.RiskConfigurationType{UserPoolId: poolID, ClientId: clientID}
	row, err := tx.GetRiskConfiguration(poolID, clientID)
	if err != nil {
		return shown, err
	}
	if err := json.Unmarshal(row.Document, shown); err != nil {
		return shown, fmt.Errorf("threat: the risk configuration of pool %s, client %q: %w", poolID, clientID, err)
	}
	shown.UserPoolId, shown.ClientId, shown.LastModifiedDate = poolID, clientID, api.At(row.Modified)
	return shown, nil
}

// ranges reads networks; a single address is one, too.
func ranges(list []string) (out []netip.Prefix, err error) {
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, none := netip.ParseAddr(text)
			if none != nil || address.Zone() != "" {
				return nil, invalid("Invalid IP range: %s", text)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		if network.Addr().Is4In6() {
			return nil, invalid("Invalid IP range: %s", text)
		}
		out = append(out, network.Masked())
	}
	return out, nil
}

func within(address netip.Addr, networks []netip.Prefix) bool {
	return address.IsValid() && slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// SetConfiguration replaces the risk configuration of a client, or of all clients of a pool that have none of their own.
// A request without any part takes it away.
func (s *Service) SetConfiguration(ctx context.Context, in *idp.SetRiskConfigurationRequest) (*idp.RiskConfigurationType, error) {
	if err := check(in); err != nil {
		return nil, err
	}
	if err := s.owner(ctx, in.UserPoolId, in.ClientId); err != nil {
		return nil, err
	}
	shown := &idp.RiskConfigurationType{
		CompromisedCredentialsRiskConfiguration: in.CompromisedCredentialsRiskConfiguration,
		AccountTakeoverRiskConfiguration:        in.AccountTakeoverRiskConfiguration,
		RiskExceptionConfiguration:              in.RiskExceptionConfiguration,
	}
	document, err := json.Marshal(shown)
	if err != nil {
		return nil, err
	}
	row := store.RiskConfiguration{PoolID: in.UserPoolId, ClientID: in.ClientId, Document: document, Modified: time.Now().UTC()}
	none := *shown == idp.RiskConfigurationType{}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		tx.Notify(kindRules, row.PoolID)
		if none {
			return tx.DeleteRiskConfiguration(row.PoolID, row.ClientID)
		}
		return tx.PutRiskConfiguration(row)
	})
	if err != nil {
		return nil, err
	}
	shown.UserPoolId, shown.ClientId = row.PoolID, row.ClientID
	if !none {
		shown.LastModifiedDate = api.At(row.Modified)
	}
	return shown, nil
}

// Configuration is what DescribeRiskConfiguration shows, read afresh: the names alone where there is none.
func (s *Service) Configuration(ctx context.Context, poolID, clientID string) (shown *idp.RiskConfigurationType, err error) {
	if err := s.owner(ctx, poolID, clientID); err != nil {
		return nil, err
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		shown, err = read(tx, poolID, clientID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return shown, err
}

// owner tells why a pool, or a client of it, can have no configuration.
func (s *Service) owner(ctx context.Context, poolID, clientID string) error {
	if _, err := s.watched(ctx, poolID); err != nil || clientID == "" {
		return err
	}
	_, _, err := s.pools.PoolClient(ctx, poolID, clientID)
	return err
}

// check tells what is wrong with a configuration, beyond its constraints.
func check(in *idp.SetRiskConfigurationRequest) error {
	if e := in.RiskExceptionConfiguration; e != nil {
		if _, err := ranges(slices.Concat(e.BlockedIPRangeList, e.SkippedIPRangeList)); err != nil {
			return err
		}
	}
	t := in.AccountTakeoverRiskConfiguration
	if t == nil {
		return nil
	}
	n := t.NotifyConfiguration
	if n == nil {
		if a := t.Actions; notifies(a.LowAction) || notifies(a.MediumAction) || notifies(a.HighAction) {
			return invalid("Notify configuration must be set when notify is true for any action.")
		}
		return nil
	}
	for _, address := range []string{n.From, n.ReplyTo} {
		if address == "" {
			continue
		}
		if _, err := message.ParseAddress(address); err != nil {
			return invalid("Invalid email address format.")
		}
	}
	for _, mail := range []*idp.NotifyEmailType{n.BlockEmail, n.NoActionEmail, n.MfaEmail} {
		if mail != nil && strings.TrimSpace(mail.HtmlBody+mail.TextBody) == "" {
			return invalid("A notification email needs an HtmlBody or a TextBody.")
		}
	}
	return nil
}

func notifies(a *idp.AccountTakeoverActionType) bool { return a != nil && a.Notify }

// takeoverAction is what is to be done about a sign-in of a level; nil for nothing.
func (r *rules) takeoverAction(level string) *idp.AccountTakeoverActionType {
	if r.takeover == nil || r.takeover.Actions == nil {
		return nil
	}
	switch a := r.takeover.Actions; level {
	case idp.RiskLevelTypeLow:
		return a.LowAction
	case idp.RiskLevelTypeMedium:
		return a.MediumAction
	case idp.RiskLevelTypeHigh:
		return a.HighAction
	}
	return nil
}

// looks reports whether passwords are looked up on an occasion: on each, unless the configuration names some.
func (r *rules) looks(occasion string) bool {
	return r.passwords == nil || len(r.passwords.EventFilter) == 0 || slices.Contains(r.passwords.EventFilter, occasion)
}

// blocksPasswords reports whether a password that has become public is refused.
func (r *rules) blocksPasswords() bool {
	return r.passwords != nil && r.passwords.Actions != nil &&
		r.passwords.Actions.EventAction == idp.CompromisedCredentialsEventActionTypeBlock
}
