package oauthserver_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/trigger"
)

// shaper is the pool's function that changes tokens.
type shaper struct {
	throws error
	calls  []string // the sources
}

func (f *shaper) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	_, rest, _ := strings.Cut(string(event), `"triggerSource":"`)
	source, _, _ := strings.Cut(rest, `"`)
	f.calls = append(f.calls, source)
	return []byte(`{"response":{"claimsAndScopeOverrideDetails":{"accessTokenGeneration":{"claimsToAddOrOverride":{"plan":"gold"}}}}}`), f.throws
}

// TestPreToken asks the pool's function when a code is made, so that a refusal is told to the app's page, and again for each refresh.
func TestPreToken(t *testing.T) {
	onEngines(t, func(h *house) {
		f := &shaper{}
		h.tokens.With(trigger.New(f, slog.New(slog.DiscardHandler)))
		h.must(h.pools.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: h.pool.ID, LambdaConfig: &idp.LambdaConfigType{
			PreTokenGenerationConfig: &idp.PreTokenGenerationVersionConfigType{LambdaVersion: "V3_0", LambdaArn: "arn:aws:lambda:us-east-1:123456789012:function:claims"},
		}}))
		login := h.signIn()
		code := h.code(login)
		f.throws = &trigger.Thrown{Message: "not today"}
		if to := h.ask(login, "state", "s"); to.String() != callback+"?error=invalid_request&error_description=PreTokenGeneration+failed+with+error+not+today.+&state=s" {
			t.Errorf("sent to %s", to)
		}
		if to := h.ask(login, "response_type", "token"); !strings.Contains(to.Fragment, "PreTokenGeneration") {
			t.Errorf("sent to %s", to)
		}
		got := h.exchange(code) // which was asked about before
		if h.claims(got.Access)["plan"] != "gold" {
			t.Errorf("%v", h.claims(got.Access))
		}
		if got := h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", got.Refresh); got.Error != "invalid_request" || got.Description != "PreTokenGeneration failed with error not today. " {
			t.Errorf("a refresh: %+v", got)
		}
		if got := h.asMachine("grant_type", "client_credentials"); got.Error != "invalid_request" {
			t.Errorf("a machine: %+v", got)
		}
		if got := h.asMachine("grant_type", "client_credentials", "aws_client_metadata", "[]"); got.Error != "invalid_request" {
			t.Errorf("foul metadata: %+v", got)
		}
		f.throws = nil
		if got := h.asApp("/oauth2/token", "grant_type", "refresh_token", "refresh_token", got.Refresh); h.claims(got.Access)["plan"] != "gold" {
			t.Errorf("a refresh: %+v", got)
		}
		if got := h.asMachine("grant_type", "client_credentials", "aws_client_metadata", `{"a":"b"}`); h.claims(got.Access)["plan"] != "gold" {
			t.Errorf("a machine: %+v", got)
		}
		want := "TokenGeneration_HostedAuth TokenGeneration_HostedAuth TokenGeneration_HostedAuth TokenGeneration_RefreshTokens TokenGeneration_ClientCredentials TokenGeneration_RefreshTokens TokenGeneration_ClientCredentials"
		if calls := strings.Join(f.calls, " "); calls != want {
			t.Errorf("called %s\nwant %s", calls, want)
		}
	})
}
