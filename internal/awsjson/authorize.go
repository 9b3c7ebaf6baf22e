package awsjson

import (
	"bytes"
	"context"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"cognate/api"
	"cognate/internal/fault"
)

// denied is the fault of who may not do an action.
func denied(p Principal, action string) error {
	who := p.ARN
	if who == "" {
		who = p.AccessKeyID
	}
	return fault.Newf("AccessDeniedException", "User: %s is not authorized to perform: %s", who, action)
}

// accessKeysAlone decides for a server without policies.
func accessKeysAlone(p Principal, action string) error {
	if p.Temporary {
		return denied(p, action)
	}
	return nil
}

func (m *Mux) authorize(ctx context.Context, c Caller, op *api.Descriptor, body []byte) error {
	action := op.Service.Name + ":" + op.Name
	if m.config.Authorize == nil {
		return accessKeysAlone(c.Principal, action)
	}
	return m.config.Authorize(ctx, c, action, resource(op.Input, body))
}

// named are the members by which requests name what they are about.
var named = []string{"UserPoolId", "IdentityPoolId", "ResourceArn"}

// resource finds what a request names by a member that its shape has, "*" when it names nothing. A body that is no JSON
// object, or has the member twice, is refused later.
func resource(shape *api.Shape, body []byte) string {
	at := slices.IndexFunc(shape.Members, func(m api.Member) bool { return slices.Contains(named, m.Name) })
	if at < 0 {
		return "*"
	}
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for kind := d.PeekKind(); kind == '{' || kind == '"'; kind = d.PeekKind() {
		token, err := d.ReadToken()
		switch {
		case err != nil:
			return "*"
		case kind == '{':
			continue
		case token.String() == shape.Members[at].Name:
			return text(d)
		}
		if d.SkipValue() != nil {
			return "*"
		}
	}
	return "*"
}

// maxResource is how many bytes an ARN has at most. What is longer is refused by the operation's constraints, after it has cost nothing to
// compare with policies.
const maxResource = 2048

// text reads a value that is one.
func text(d *jsontext.Decoder) string {
	if d.PeekKind() != '"' {
		return "*"
	}
	token, err := d.ReadToken()
	if err != nil {
		return "*"
	}
	if name := token.String(); len(name) <= maxResource {
		return name
	}
	return "*"
}
