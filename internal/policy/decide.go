package policy

import "strings"

// Context is what is known of a request, by condition key in lower case. A key that is not there has no value.
type Context map[string][]string

// Request is what somebody wants to do.
type Request struct {
	Action   string // "cognito-idp:AdminGetUser"
	Resource string // the ARN of what it is done to; "*" for an action on nothing in particular
	Context  Context
}

// Decision is what policies say to a request.
type Decision int

// The decisions. The zero value refuses.
const (
	NotAllowed Decision = iota // no statement allows it
	Denied                     // a statement denies it
	Allowed
)

// Decide asks all policies of one principal: what one denies no other allows, and what none allows is refused.
func Decide(documents []*Document, r Request) Decision {
	decision := NotAllowed
	action := []rune(strings.ToLower(r.Action))
	for _, d := range documents {
		for _, s := range d.statements {
			switch {
			case !s.applies(action, r):
			case s.deny:
				return Denied
			default:
				decision = Allowed
			}
		}
	}
	return decision
}

func (s *statement) applies(action []rune, r Request) bool {
	if !s.actions.match(func(p pattern) bool {
		filled, ok := p.fill(nil)
		return ok && matches(filled, action)
	}) {
		return false
	}
	if !s.resources.match(func(p pattern) bool {
		filled, ok := p.fill(r.Context)
		return ok && matchesARN(filled, r.Resource)
	}) {
		return false
	}
	for _, c := range s.conditions {
		if !c.holds(r.Context) {
			return false
		}
	}
	return true
}

func (p patterns) match(one func(pattern) bool) bool {
	for _, candidate := range p.list {
		if one(candidate) {
			return !p.not
		}
	}
	return p.not
}
