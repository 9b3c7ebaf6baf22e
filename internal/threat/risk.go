package threat

import (
	"cmp"
	"context"
	"slices"
	"time"

	"cognate/api/idp"
	"cognate/internal/store"
)

// Risk is what is held of an attempt, and what is done about it. The zero value is no risk. A sign-in carries it from
// step to step.
type Risk struct {
	Level       string `json:"l,omitzero"` // Low, Medium or High; empty is none
	Action      string `json:"a,omitzero"` // an AccountTakeoverEventActionType; empty where nothing is done about risk
	Notify      bool   `json:"n,omitzero"` // the user is to be told
	Told        bool   `json:"t,omitzero"` // the user has been told
	Compromised bool   `json:"c,omitzero"` // the password has become public
	Refused     bool   `json:"-"`          // it was refused because of the above
}

// Decision is the risk as an event's RiskDecisionType.
func (r Risk) Decision() string {
	switch {
	case r.Refused:
		return idp.RiskDecisionTypeBlock
	case r.Level != "":
		return idp.RiskDecisionTypeAccountTakeover
	}
	return idp.RiskDecisionTypeNoRisk
}

// Blocks reports whether the sign-in must not go on.
func (r Risk) Blocks() bool { return r.Action == idp.AccountTakeoverEventActionTypeBlock }

// Demands reports whether a second factor is wanted where the user has one, and whether there is no sign-in without.
func (r Risk) Demands() (factor, required bool) {
	required = r.Action == idp.AccountTakeoverEventActionTypeMfaRequired
	return required || r.Action == idp.AccountTakeoverEventActionTypeMfaIfConfigured, required
}

// What a sign-in is compared with: the last events that tell what is usual, and what has failed lately.
const (
	history   = 30
	lately    = time.Hour
	manyPass  = 20 // sign-ins lately
	manyNets  = 4  // networks of sign-ins lately
	manyFails = 3  // attempts lately
)

// levels are those of how many signs there are.
var levels = []string{"", idp.RiskLevelTypeLow, idp.RiskLevelTypeMedium, idp.RiskLevelTypeHigh}

// recent reads what a sign-in of a user is compared with, in one query.
func (s *Service) recent(ctx context.Context, poolID, sub string, now time.Time) (past []store.AuthEvent, err error) {
	err = s.db.Look(ctx, func(tx *store.Tx) error {
		past, err = tx.RecentAuthEvents(poolID, sub, now.Add(-lately), history)
		return err
	})
	return past, err
}

// judge compares a place with the past of a user; docs/security.md shows it as a table. Where a network, or a device that
// is one and no mere make, was last called invalid, the level is High. Else each of these signs adds one: a network that
// the user has not been seen in, a device that it has not been seen with, many sign-ins or networks within an hour, and
// some failures within an hour. A network or device that is not known is no sign, nor is a new one of a user who has
// never been seen; a device that the user has had remembered is known. Failures are no sign against whom network and device speak for: others must not be able to make a
// user suspect in its usual place.
func judge(past []store.AuthEvent, here place, now time.Time) string {
	network := verdictOn(past, here.network, func(e *store.AuthEvent) string { return e.Network })
	device := verdictOn(past, here.device, func(e *store.AuthEvent) string { return e.Device })
	if network == invalidBefore || device == invalidBefore && here.specific {
		return idp.RiskLevelTypeHigh
	}
	if here.own {
		device = seenBefore
	}
	signs := 0
	for _, is := range []bool{
		network == seenNever && anySeen(past, func(e *store.AuthEvent) string { return e.Network }),
		device == seenNever && anySeen(past, func(e *store.AuthEvent) string { return e.Device }),
		hurries(past, now),
		fails(past, now) && !(network == seenBefore && device == seenBefore),
	} {
		if is {
			signs++
		}
	}
	return levels[min(signs, len(levels)-1)]
}

// verdict is what a user's past says of a network or a device.
type verdict int

const (
	notKnown verdict = iota // what it is
	seenNever
	seenBefore
	invalidBefore
)

// verdictOn looks for a value among those of the past events: the last feedback counts, and without any that a sign-in
// succeeded.
func verdictOn(past []store.AuthEvent, value string, of func(*store.AuthEvent) string) verdict {
	if value == "" {
		return notKnown
	}
	out, at := seenNever, time.Time{}
	for i := range past {
		e := &past[i]
		switch {
		case of(e) != value:
		case e.Feedback != "" && !e.FeedbackAt.Before(at):
			at, out = e.FeedbackAt, seenBefore
			if e.Feedback == idp.FeedbackValueTypeInvalid {
				out = invalidBefore
			}
		case out == seenNever && succeeded(e):
			out = seenBefore
		}
	}
	return out
}

func succeeded(e *store.AuthEvent) bool {
	return e.Kind == store.AuthEventSignIn && e.Response == store.AuthEventPass && e.Feedback != idp.FeedbackValueTypeInvalid
}

// anySeen reports whether the user has been seen with any value.
func anySeen(past []store.AuthEvent, of func(*store.AuthEvent) string) bool {
	return slices.ContainsFunc(past, func(e store.AuthEvent) bool { return succeeded(&e) && of(&e) != "" })
}

// hurries reports whether a user signs in often, or in many places.
func hurries(past []store.AuthEvent, now time.Time) bool {
	n, networks := 0, map[string]bool{}
	for i := range past {
		if e := &past[i]; succeeded(e) && now.Sub(e.Created) < lately {
			n++
			networks[cmp.Or(e.Network, "?")] = true
		}
	}
	return n >= manyPass || len(networks) >= manyNets
}

// fails reports whether somebody has tried and failed. What was refused because of a risk is no failure.
func fails(past []store.AuthEvent, now time.Time) bool {
	n := 0
	for i := range past {
		e := &past[i]
		if e.Kind == store.AuthEventSignIn && e.Response == idp.EventResponseTypeFail && e.Decision != idp.RiskDecisionTypeBlock && now.Sub(e.Created) < lately {
			n++
		}
	}
	return n >= manyFails
}
