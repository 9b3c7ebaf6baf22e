package saml

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"cognate/internal/federation"
)

// handedIn is an answer that is for AWS, as an app hands it to an identity pool.
func handedIn(t *testing.T) *answer {
	a := newAnswer(t)
	a.unasked()
	a.response.CreateAttr("Destination", awsRecipient)
	a.find("Subject/SubjectConfirmation/SubjectConfirmationData").CreateAttr("Recipient", awsRecipient)
	a.find("Conditions/AudienceRestriction/Audience").SetText(awsAudience)
	return a
}

func newVerifier(t *testing.T, change Trust) federation.Verifier {
	t.Helper()
	change.Metadata = []byte(describe(idpSigner(t)))
	v, err := NewVerifier(federation.Env{Skew: time.Minute}, change)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (a *answer) token(t *testing.T) string {
	return base64.StdEncoding.EncodeToString([]byte(write(t, a.make(t))))
}

// TestVerifier proves the same assertion twice: apps show it when they ask for an id, and again when they ask for credentials.
func TestVerifier(t *testing.T) {
	v, token := newVerifier(t, Trust{}), handedIn(t).token(t)
	for range 2 {
		got, err := v.Verify(t.Context(), token, nil)
		if err != nil || got.Subject != alice || got.Client != "" || strings.Join(got.Claims["groups"], ",") != "a,b c" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	elsewhere := newVerifier(t, Trust{Audience: "here", Recipient: "https://here.example/saml"})
	if _, err := elsewhere.Verify(t.Context(), token, nil); !errors.Is(err, federation.ErrSignature) {
		t.Errorf("one for another recipient: %v", err)
	}
}

// TestVerifierRefuses gives assertions that prove nothing here (checklist 57).
func TestVerifierRefuses(t *testing.T) {
	v := newVerifier(t, Trust{})
	for what, tt := range map[string]struct {
		change func(*answer)
		want   error
	}{
		"another signer":   {func(a *answer) { a.signs = another(t) }, federation.ErrSignature},
		"no signature":     {func(a *answer) { a.signAssertion = false }, federation.ErrSignature},
		"another audience": {func(a *answer) { a.find("Conditions/AudienceRestriction/Audience").SetText(audience) }, federation.ErrSignature},
		"another recipient": {func(a *answer) {
			a.find("Subject/SubjectConfirmation/SubjectConfirmationData").CreateAttr("Recipient", acs)
		}, federation.ErrSignature},
		"an old assertion":  {func(a *answer) { a.assertion.CreateAttr("IssueInstant", timeText(time.Now().Add(-7*time.Minute))) }, federation.ErrSignature},
		"somebody's answer": {func(a *answer) { a.response.CreateAttr("InResponseTo", asked) }, federation.ErrSignature},
		"two assertions":    {func(a *answer) { a.response.AddChild(a.assertion.Copy()) }, federation.ErrNoToken},
		"no response":       {func(a *answer) { a.response.Tag = "Reply" }, federation.ErrNoToken},
		"another SAML":      {func(a *answer) { a.response.CreateAttr("Version", "1.1") }, federation.ErrNoToken},
	} {
		a := handedIn(t)
		tt.change(a)
		if got, err := v.Verify(t.Context(), a.token(t), nil); got != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	for _, text := range []string{"", "x", "eA=="} {
		if got, err := v.Verify(t.Context(), text, nil); got != nil || !errors.Is(err, federation.ErrNoToken) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestVerifierWantsMetadata(t *testing.T) {
	if v, err := NewVerifier(federation.Env{}, Trust{Metadata: []byte("<x/>")}); v != nil || err == nil {
		t.Errorf("%v, %v", v, err)
	}
}
