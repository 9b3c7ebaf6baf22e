package quota

import (
	"reflect"
	"slices"

	"cognate/api"
	"cognate/api/identity"
)

// operation is the name of an operation; two services may have one of the same name.
type operation struct{ service, name string }

func nameOf(op *api.Descriptor) operation { return operation{op.Service.Name, op.Name} }

// rule is how an operation is counted.
type rule struct {
	category  *category // nil: it is not
	challenge bool      // whether it answers challenges

	pool, user, token, response, parameters int // which member says so; -1 for none
}

// newRule makes the rule of an operation.
func newRule(op *api.Descriptor) *rule {
	at := func(names ...string) int {
		return slices.IndexFunc(op.Input.Members, func(m api.Member) bool { return slices.Contains(names, m.Name) })
	}
	return &rule{
		category: categoryOf(op), challenge: at("ChallengeResponses") >= 0,
		pool: at("UserPoolId", "ClientId"), user: at("Username"), token: at("AccessToken"),
		response: at("ChallengeName"), parameters: at("ChallengeResponses", "AuthParameters"),
	}
}

// categoryOf finds the category of an operation; nil when it has none.
func categoryOf(op *api.Descriptor) *category {
	list := userPools
	if op.Service == identity.Service {
		list = identityPools
	}
	for i := range list {
		if c := &list[i]; slices.Contains(c.operations, op.Name) || c.operations == nil && c.name == op.Name {
			return c
		}
	}
	return nil
}

// about is what a request is about, as far as it says so.
type about struct{ pool, user, token, challenge string }

// read reads an input: field i of its structure is member i of its shape (see [api.Shape]).
func (r *rule) read(in any) (a about) {
	v := reflect.ValueOf(in).Elem()
	text := func(i int) string {
		if i < 0 {
			return ""
		}
		return v.Field(i).String()
	}
	a = about{pool: text(r.pool), user: text(r.user), token: text(r.token)}
	if r.challenge {
		a.challenge = text(r.response)
	}
	if r.parameters >= 0 && a.user == "" {
		if named, ok := v.Field(r.parameters).Interface().(map[string]string); ok {
			a.user = named["USERNAME"]
		}
	}
	return a
}
