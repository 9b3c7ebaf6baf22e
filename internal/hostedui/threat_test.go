package hostedui_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"cognate/api/idp"
)

// protect puts the pool under threat protection, which does the same about every risk.
func (h *house) protect(action string) {
	h.Helper()
	h.must(h.core.Pools.Update(h.Context(), &idp.UpdateUserPoolRequest{
		UserPoolId: h.pool.ID, UserPoolTier: "PLUS", AutoVerifiedAttributes: []string{"email"},
		UserPoolAddOns: &idp.UserPoolAddOnsType{AdvancedSecurityMode: "ENFORCED"},
	}))
	a := &idp.AccountTakeoverActionType{Notify: true, EventAction: action}
	_, err := h.threat.SetConfiguration(h.Context(), &idp.SetRiskConfigurationRequest{
		UserPoolId: h.pool.ID, AccountTakeoverRiskConfiguration: &idp.AccountTakeoverRiskConfigurationType{
			NotifyConfiguration: &idp.NotifyConfigurationType{SourceArn: "arn:aws:ses:us-east-1:000000000000:identity/a@example.com"},
			Actions:             &idp.AccountTakeoverActionsType{LowAction: a, MediumAction: a, HighAction: a},
		},
	})
	h.must(err)
}

// events are what a user has done.
func (h *house) events(name string) []*idp.AuthEventType {
	h.Helper()
	p, err := h.core.Pools.Pool(h.Context(), h.pool.ID)
	h.must(err)
	u, err := h.core.Users.Find(h.Context(), p, name)
	h.must(err)
	list, _, err := h.threat.List(h.Context(), p, u.Sub, nil, "")
	h.must(err)
	return list
}

// program is what a browser calls itself.
type program string

// RoundTrip implements [http.RoundTripper].
func (p program) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", string(p))
	return http.DefaultTransport.RoundTrip(r)
}

var mailedLink = regexp.MustCompile(`http://[^ <]*value=(Valid|Invalid)[^ <]*`)

// TestFeedbackLinks signs in at the pages from a new program, which is refused, and follows the links of the mail: opening
// one says nothing yet, for programs that check mail do that, and a press of the button does.
func TestFeedbackLinks(t *testing.T) {
	onEngines(t, func(h *house) {
		h.user("jane")
		h.protect("BLOCK")
		signIn := func(agent string) *tab {
			b := h.browser()
			b.client.Transport = program(agent)
			return b.open("/login"+h.query()).send("", "username", "jane", "password", password)
		}
		signIn("Firefox/1 Linux")
		signIn("Chrome/1 Windows").shows("/login", "The sign-in was refused for security reasons.")
		events := h.events("jane")
		if len(events) != 2 || events[0].EventRisk.RiskDecision != "Block" || events[0].EventContextData.DeviceName != "Chrome, Windows" || events[1].EventResponse != "Pass" {
			t.Fatalf("%d events, %+v", len(events), events[0])
		}
		h.core.Users.Wait()
		mail := h.mail.Messages("jane@example.com")[0].Body
		links := mailedLink.FindAllString(html.UnescapeString(mail), -1)
		if len(links) != 2 {
			t.Fatalf("no links in %s", mail)
		}
		path := strings.TrimPrefix(links[0], h.address)
		b := h.browser().open(path).shows("/feedback", "Was this sign-in yours?")
		if f := h.events("jane")[0].EventFeedback; f != nil {
			t.Errorf("opening the link says %+v", f)
		}
		b.send("").shows("/feedback", "Thank you")
		if f := h.events("jane")[0].EventFeedback; f == nil || f.FeedbackValue != "Valid" || f.Provider != "User" {
			t.Errorf("%+v", f)
		}
		if events = h.events("jane"); len(events) != 2 {
			t.Errorf("%d events", len(events))
		}
		signIn("Chrome/1 Windows")
		if e := h.events("jane")[0]; e.EventResponse != "Pass" || e.EventRisk.RiskDecision != "NoRisk" {
			t.Errorf("once it is known: %+v", e)
		}
		h.browser().open(strings.TrimPrefix(links[1], h.address)).send("").shows("/feedback", "change your password")
		if f := h.events("jane")[1].EventFeedback; f == nil || f.FeedbackValue != "Invalid" {
			t.Errorf("%+v", f)
		}
		for _, bad := range []string{"/feedback", "/feedback?value=Valid&token=x", path + "x"} {
			if b := h.browser().open(bad); b.status != 400 || !strings.Contains(b.text(), "The link is not valid any more.") {
				t.Errorf("%s: %d %s", bad, b.status, b.text())
			}
		}
	})
}
