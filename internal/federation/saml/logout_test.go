package saml

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"

	"cognate/internal/federation"
)

func openLeaver(t *testing.T) federation.Logouter {
	t.Helper()
	l, ok := open(t, map[string]string{detailSignout: "true"}).(federation.Logouter)
	if !ok {
		t.Fatal("the provider cannot end sessions")
	}
	return l
}

// Checklist 51: a request to log out is signed. It names the session of the sign-in.
func TestLogout(t *testing.T) {
	p := open(t, map[string]string{detailSignout: "true"})
	a, err := finish(t, p, write(t, newAnswer(t).make(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := &federation.Session{NameID: alice, Format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", Qualifier: "q", SPQualifier: "spq", SessionIndex: "session-1"}
	if diff := cmp.Diff(want, a.Session); diff != "" {
		t.Error(diff)
	}
	address, err := p.(federation.Logouter).Logout(t.Context(), *a.Session, "_logout-1", "state", sloBack)
	if err != nil {
		t.Fatal(err)
	}
	e, query := sent(t, address, idpSLO+"?SAMLRequest=")
	wantSigned(t, address)
	if !is(e, nsProtocol, "LogoutRequest") || query.Get("RelayState") != "state" {
		t.Errorf("got %s with %v", e.Tag, query)
	}
	got := attributesOf(e)
	wantNow(t, got, "IssueInstant", -time.Minute, 0)
	wantNow(t, got, "NotOnOrAfter", 4*time.Minute, 5*time.Minute)
	if diff := cmp.Diff(map[string]string{"ID": "_logout-1", "Version": "2.0", "Destination": idpSLO}, got); diff != "" {
		t.Error(diff)
	}
	name := e.FindElement("NameID")
	if diff := cmp.Diff(map[string]string{"Format": want.Format, "NameQualifier": "q", "SPNameQualifier": "spq"}, attributesOf(name)); diff != "" {
		t.Error(diff)
	}
	if name.Text() != alice || e.FindElement("SessionIndex").Text() != "session-1" || e.FindElement("Issuer").Text() != audience {
		t.Errorf("got %s", write(t, e))
	}
}

func TestLogoutIsForThoseThatCan(t *testing.T) {
	without := strings.Replace(describe(idpSigner(t)), "SingleLogoutService", "OtherService", 1)
	for _, details := range []map[string]string{nil, {detailSignout: "false"}, {detailSignout: "true", detailFile: without}} {
		p := open(t, details)
		if _, ok := p.(federation.Logouter); ok {
			t.Errorf("%v can end sessions", details[detailSignout])
		}
		if a, err := finish(t, p, write(t, newAnswer(t).make(t))); err != nil || a.Session != nil {
			t.Errorf("got %v, %v", a, err)
		}
	}
}

func logoutAnswer(t *testing.T) *answer {
	a := newAnswer(t)
	a.response = element(t, fmt.Sprintf(`<samlp:LogoutResponse xmlns:samlp="%s" xmlns:saml="%s" ID="_r" Version="2.0" IssueInstant="%s" Destination="%s" InResponseTo="_logout-1"><saml:Issuer>%s</saml:Issuer><samlp:Status><samlp:StatusCode Value="%s"/></samlp:Status></samlp:LogoutResponse>`,
		nsProtocol, nsAssertion, timeText(time.Now()), sloBack, idpID, statusSuccess))
	return a
}

func TestLoggedOut(t *testing.T) {
	l := openLeaver(t)
	for name, tt := range map[string]struct {
		alter func(*testing.T, *answer)
		text  string // empty for success
	}{
		"good":            {func(*testing.T, *answer) {}, ""},
		"to another":      {setResponse("InResponseTo", "_logout-2"), answersText},
		"to none":         {setResponse("InResponseTo", ""), answersText},
		"elsewhere":       {setResponse("Destination", acs), "Destination does not match"},
		"nowhere":         {setResponse("Destination", ""), "Destination does not match"},
		"old version":     {setResponse("Version", "1.1"), malformedText},
		"another issuer":  {func(t *testing.T, a *answer) { a.response.FindElement("Issuer").SetText("x") }, issuerText},
		"no issuer":       {func(t *testing.T, a *answer) { a.response.RemoveChildAt(0); a.response.CreateElement("x") }, issuerText},
		"another message": {func(t *testing.T, a *answer) { a.response.Tag = "Response" }, malformedText},
		"a stranger's":    {func(t *testing.T, a *answer) { a.signs = another(t) }, responseText},
		"a failure": {func(t *testing.T, a *answer) {
			setAttribute(a.response.FindElement("Status/StatusCode"), "Value", statusPrefix+"Responder")
		}, "SAML Response status is not success"},
	} {
		t.Run(name, func(t *testing.T) {
			a := logoutAnswer(t)
			tt.alter(t, a)
			a.sign(t, a.response)
			wantLoggedOut(t, l, a.response, tt.text)
		})
	}
	wantLoggedOut(t, l, logoutAnswer(t).response, responseText) // unsigned
	a := logoutAnswer(t)
	a.sign(t, a.response)
	a.response.CreateAttr("Consent", "urn:x")
	wantLoggedOut(t, l, a.response, responseText) // changed
	a = logoutAnswer(t)
	a.sign(t, a.response)
	outer := logoutAnswer(t).response
	outer.CreateAttr("ID", "_evil")
	outer.AddChild(a.response)
	wantLoggedOut(t, l, outer, malformedText) // wrapped
	if err := l.LoggedOut(t.Context(), form(""), "_logout-1", sloBack); err == nil {
		t.Error("an empty form is an answer")
	}
	if err := l.LoggedOut(t.Context(), form(write(t, outer)), "", sloBack); err == nil {
		t.Error("an answer to nobody is one")
	}
}

func wantLoggedOut(t *testing.T, l federation.Logouter, e *etree.Element, text string) {
	t.Helper()
	err := l.LoggedOut(t.Context(), form(write(t, e)), "_logout-1", sloBack)
	if text == "" {
		if err != nil {
			t.Errorf("%v: %v", err, errors.Unwrap(err))
		}
		return
	}
	code := codeServer
	if text == malformedText {
		code = codeRequest
	}
	wantError(t, nil, err, code, text)
}
