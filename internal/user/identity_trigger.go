package user

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/store"
	"cognate/internal/trigger"
)

// inbound lets the pool's function replace what the provider has told, before it is mapped. Who has signed in stays as it is.
func (d *Directory) inbound(ctx context.Context, f *federated) error {
	function := f.pool.Functions().InboundFederation
	if function == nil {
		return nil
	}
	request := trigger.InboundFederationRequest{ProviderName: f.provider.Name, ProviderType: f.provider.Type, Attributes: answersOf(f.assertion)}
	scene := f.pool.Scene(trigger.SourceInboundFederation, f.client, f.name())
	response, err := trigger.InboundFederation.Call(ctx, d.options.Triggers, function.LambdaArn, scene, request)
	if err != nil || len(response.UserAttributesToMap) == 0 {
		return refusedBy(err)
	}
	claims, err := federation.ClaimsOf(response.UserAttributesToMap)
	if err != nil {
		return refusedBy(trigger.Unrecognizable(err))
	}
	f.values = federation.Map(f.provider.Mapping, claims)
	return nil
}

// answersOf is what a provider has answered, as functions see it.
func answersOf(a *federation.Assertion) map[string]any {
	if a.Answers == nil {
		return map[string]any{"samlResponse": a.Claims.Document()}
	}
	out := map[string]any{"userInfo": a.Answers.UserInfo.Document()}
	for name, document := range map[string]jsontext.Value{"tokenResponse": a.Answers.TokenResponse, "idToken": a.Answers.IDToken} {
		if out[name] = document; len(document) == 0 {
			out[name] = map[string]any{}
		}
	}
	return out
}

// beforeFederated asks the pool's function for a sign-in through a provider: the one before sign-ups for whom the provider has
// told of for the first time, the one before sign-ins for the others (protocol page "triggers", section 4).
func (d *Directory) beforeFederated(ctx context.Context, f *federated) error {
	functions := f.pool.Functions()
	if functions.PreSignUp == "" && functions.PreAuthentication == "" {
		return nil
	}
	var u store.User
	err := d.db.View(ctx, func(tx *store.Tx) (err error) {
		u, f.known, err = f.expected(tx)
		return err
	})
	switch {
	case err != nil:
		return err
	case !f.known:
		request := trigger.PreSignUpRequest{UserAttributes: trigger.Attributes(u.Attributes)}
		_, err = trigger.PreSignUp.Call(ctx, d.options.Triggers, functions.PreSignUp, f.scene(trigger.SourcePreSignUpExternal, u), request)
	case !u.Enabled:
		return refused("User is not enabled")
	default:
		request := trigger.PreAuthenticationRequest{UserAttributes: trigger.AttributesOf(u)}
		_, err = trigger.PreAuthentication.Call(ctx, d.options.Triggers, functions.PreAuthentication, f.scene(trigger.SourcePreAuthentication, u), request)
	}
	return refusedBy(err)
}

// expected is the user who will be signed in: known, or as it would be made.
func (f *federated) expected(tx *store.Tx) (u store.User, known bool, err error) {
	i, err := f.find(tx)
	if err == nil {
		u, err = tx.GetUser(f.pool.ID, i.Sub)
		return u, true, err
	}
	if isNotFound(err) {
		u, err = f.addressee(tx)
	}
	if !isNotFound(err) {
		return u, true, err
	}
	u, _, err = f.draft(tx)
	return u, false, err
}

// afterFederated tells the pool's function of a sign-in: the one after confirmations, for a user who is new, the one after sign-ins for
// the others. Its failure fails the sign-in, and takes nothing back.
func (d *Directory) afterFederated(ctx context.Context, f *federated, isNew bool, u store.User) (err error) {
	if isNew {
		err = d.confirmed(ctx, f.pool, f.client, trigger.SourceConfirmSignUp, u.Sub, nil)
	} else {
		err = d.AfterSignIn(ctx, f.pool, f.client, u, false, nil)
	}
	return refusedBy(err)
}

func (f *federated) scene(source string, u store.User) trigger.Scene {
	return f.pool.Scene(source, f.client, u.Username)
}

// refusedBy is a function's refusal, for the app; nil for none.
func refusedBy(err error) error {
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return refused("%s ", known.Message)
	}
	return err
}
