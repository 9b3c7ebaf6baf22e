package user

import (
	"context"
	"strings"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// The pool's functions around sign-ups and sign-ins (protocol page "triggers"). None is called in a transaction.

// preSignUp asks the pool's function for a user who is about to be made under a name. What it wants verified must be there.
func (d *Directory) preSignUp(ctx context.Context, p *pool.Pool, scene trigger.Scene, u store.User, validation []*idp.AttributeType, metadata trigger.Metadata) (trigger.PreSignUpResponse, error) {
	request := trigger.PreSignUpRequest{UserAttributes: trigger.Attributes{}, ClientMetadata: metadata}
	for name, value := range u.Attributes {
		if _, flag := strings.CutSuffix(name, verified); !flag || value == "true" { // it goes without saying
			request.UserAttributes[name] = value
		}
	}
	if validation != nil {
		request.ValidationData = trigger.Metadata(attributesOf(validation))
	}
	return trigger.PreSignUp.Call(ctx, d.options.Triggers, p.Functions().PreSignUp, scene, request)
}

// settle applies what the function before sign-ups has settled of a new user.
func settle(u *store.User, r trigger.PreSignUpResponse) error {
	for attr, is := range map[string]bool{attrEmail: r.AutoVerifyEmail, attrPhone: r.AutoVerifyPhone} {
		if !is {
			continue
		}
		if u.Attributes[attr] == "" {
			return invalid("The %s of a user without one cannot be verified.", attr)
		}
		u.Attributes = merged(u.Attributes, map[string]string{attr + verified: "true"})
	}
	if r.AutoConfirmUser {
		u.Status = idp.UserStatusTypeConfirmed
	}
	return nil
}

// confirmed tells the pool's function of a user who has just been confirmed. Its failure takes nothing back.
func (d *Directory) confirmed(ctx context.Context, p *pool.Pool, c *pool.Client, source, sub string, metadata trigger.Metadata) error {
	function := p.Functions().PostConfirmation
	if function == "" {
		return nil
	}
	u, err := d.Find(ctx, p, sub)
	if err != nil {
		return err
	}
	request := trigger.PostConfirmationRequest{UserAttributes: trigger.AttributesOf(u), ClientMetadata: metadata}
	_, err = trigger.PostConfirmation.Call(ctx, d.options.Triggers, function, p.Scene(source, c, u.Username), request)
	return err
}

// BeforeSignIn asks the pool's function for a sign-in, before anything is proven, of an account that a name means; there may be none,
// where the client hides that. What the app has sent along with the beginning is validation.
func (d *Directory) BeforeSignIn(ctx context.Context, p *pool.Pool, c *pool.Client, a Account, name string, validation trigger.Metadata) error {
	function := p.Functions().PreAuthentication
	if function == "" {
		return nil
	}
	request := trigger.PreAuthenticationRequest{ValidationData: validation}
	if a.Exists() {
		name, request.UserAttributes = a.User.Username, trigger.AttributesOf(a.User)
	}
	if c.HidesUsers() {
		request.UserNotFound = new(!a.Exists())
	}
	_, err := trigger.PreAuthentication.Call(ctx, d.options.Triggers, function, p.Scene(trigger.SourcePreAuthentication, c, name), request)
	return err
}

// AfterSignIn tells the pool's function of a user who has proven all that is asked for, before there are tokens: its failure refuses
// them. What the app has sent along with the last answer is metadata.
func (d *Directory) AfterSignIn(ctx context.Context, p *pool.Pool, c *pool.Client, u store.User, newDevice bool, metadata trigger.Metadata) error {
	function := p.Functions().PostAuthentication
	if function == "" {
		return nil
	}
	request := trigger.PostAuthenticationRequest{UserAttributes: trigger.AttributesOf(u), NewDeviceUsed: newDevice, ClientMetadata: metadata}
	_, err := trigger.PostAuthentication.Call(ctx, d.options.Triggers, function, p.Scene(trigger.SourcePostAuthentication, c, u.Username), request)
	return err
}
