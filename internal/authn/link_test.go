package authn_test

import (
	"fmt"
	"html"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/authn"
	"cognate/internal/message"
	"cognate/internal/message/inbox"
	"cognate/internal/oauth"
	"cognate/internal/passkey"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/token"
	"cognate/internal/user"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// onEngines runs a test in a house over each engine, whose clock it does not move.
func onEngines(t *testing.T, test func(*house)) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		keys := secrettest.Keyring(t)
		h := &house{T: t, inbox: inbox.New(), db: db, keys: keys, pools: pool.New(db, keys, pool.Options{AccountID: "000000000000"})}
		h.users = user.New(db, keys, h.inbox)
		t.Cleanup(h.users.Wait)
		h.tokens = token.New(db, keys, h.pools, "https://cognate.test")
		h.machine = authn.New(keys, h.users, passkey.New(db, keys, true), h.tokens)
		test(h)
	})
}

// withLinks makes a pool that wants sign-in links, and a client that lets users choose how to sign in.
func (h *house) withLinks(hide string) {
	h.Helper()
	var err error
	h.pool, err = h.pools.Create(h.Context(), "us-east-1", &idp.CreateUserPoolRequest{
		PoolName: "p", AutoVerifiedAttributes: []string{"email"}, UserPoolTags: map[string]string{"cognate:sign-in-links": "enabled"},
		Policies: &idp.UserPoolPolicyType{SignInPolicy: &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}},
	})
	h.must(err)
	h.client, err = h.pools.CreateClient(h.Context(), &idp.CreateUserPoolClientRequest{
		UserPoolId: h.pool.ID, ClientName: "c", PreventUserExistenceErrors: hide, ExplicitAuthFlows: []string{"ALLOW_USER_AUTH"},
	})
	h.must(err)
	h.inbox.Empty()
}

// tag says whether the pool wants sign-in links.
func (h *house) tag(value string) {
	h.Helper()
	h.must(h.pools.Update(h.Context(), &idp.UpdateUserPoolRequest{
		UserPoolId: h.pool.ID, AutoVerifiedAttributes: []string{"email"}, UserPoolTags: map[string]string{"cognate:sign-in-links": value},
		Policies: h.pool.Settings.Policies,
	}))
	h.reload()
}

const linkPage = "https://p.pages.test/link?client_id=c&state=a%26b"

// window is a browser in which somebody signs in at the pages.
type window struct {
	*house
	entrance *oauth.Entrance
	name     string
	link     string // the page that takes links; empty for a page that has none
}

func (h *house) window(name string) *window {
	service := oauth.New(h.db, h.keys, h.pools, h.users, h.tokens, oauth.Options{})
	return &window{house: h, entrance: service.Entrance(&oauth.Request{Pool: h.pool, Page: oauth.PageAccount}, "Test", "192.0.2.1"), name: name, link: linkPage}
}

func (w *window) attempt(parameters map[string]string) *authn.Attempt {
	parameters["USERNAME"] = w.name
	return &authn.Attempt{Pool: w.pool, Client: w.client, Parameters: parameters, Enter: w.entrance.Enter, Link: w.link}
}

// ask asks for a link, or a code.
func (w *window) ask() (*authn.Step, error) {
	a := w.attempt(map[string]string{"PREFERRED_CHALLENGE": "EMAIL_OTP"})
	a.Flow = "USER_AUTH"
	return w.machine.Start(w.Context(), a)
}

func (w *window) mustAsk() *authn.Step {
	w.Helper()
	return w.asks(w.ask())("EMAIL_OTP")
}

func (w *window) answer(session, code string) error {
	a := w.attempt(map[string]string{"EMAIL_OTP_CODE": code})
	a.Challenge, a.Session = "EMAIL_OTP", session
	_, err := w.machine.Respond(w.Context(), a)
	return err
}

func (w *window) resend(session string) (*authn.Step, error) {
	a := w.attempt(map[string]string{})
	a.Session = session
	return w.machine.Resend(w.Context(), a)
}

// isIn checks whether the window's user is signed in.
func (w *window) isIn(want bool) {
	w.Helper()
	if in := w.entrance.Login != nil && w.entrance.Value != "" && w.entrance.Login.User.Username == w.name; in != want {
		w.Errorf("%s is in: %t", w.name, in)
	}
}

// mail is the newest e-mail to an address.
func (h *house) mail(to string) message.Message {
	h.Helper()
	h.users.Wait()
	sent := h.inbox.Messages(to)
	if len(sent) == 0 {
		h.Fatalf("nothing was sent to %s", to)
	}
	return sent[len(sent)-1]
}

var href = regexp.MustCompile(`<a href="([^"]*)">Sign in</a>`)

// carried is what the newest link to an address carries, once it has been found to be one to the page.
func (h *house) carried(to string) string {
	h.Helper()
	m := h.mail(to)
	found := href.FindStringSubmatch(m.Body)
	if found == nil || m.Subject != "Your sign-in link" {
		h.Fatalf("no link: %q %s", m.Subject, m.Body)
	}
	u, err := url.Parse(html.UnescapeString(found[1]))
	h.must(err)
	code := u.Query().Get("link")
	if !strings.HasPrefix(u.String(), linkPage+"&link=") || u.Query().Get("state") != "a&b" || len(code) != 26 || code != string(m.Code) {
		h.Errorf("the link is %s", u)
	}
	return code
}

var typed = regexp.MustCompile(`^Your authentication code is \d{8}\.$`)

// isTyped checks that the newest e-mail to an address has a code to type, and none of a link.
func (h *house) isTyped(to string) {
	h.Helper()
	if m := h.mail(to); !typed.MatchString(m.Body) {
		h.Errorf("%q: %s", m.Subject, m.Body)
	}
}

const wrongCode = "Invalid code or auth state for the user."

// TestSignInLink: a link signs in the browser that asked for it, once. Neither what it carries nor the Session is worth
// anything without the other (checklist 10 and 15).
func TestSignInLink(t *testing.T) {
	onEngines(t, func(h *house) {
		for _, hide := range []string{"LEGACY", "ENABLED"} {
			h.withLinks(hide)
			h.seed("alice", "alice@example.com", "")
			h.seed("bob", "bob@example.com", "")
			alice, bob, again := h.window("alice"), h.window("bob"), h.window("alice")
			first := alice.mustAsk()
			if !first.Link || first.Parameters["CODE_DELIVERY_DESTINATION"] != "a***@e***" || first.Parameters["CODE_DELIVERY_DELIVERY_MEDIUM"] != "EMAIL" {
				h.Errorf("%t %v", first.Link, first.Parameters)
			}
			old := h.carried("alice@example.com")
			bobs := bob.mustAsk()
			h.wants(bob.answer(bobs.Session, old), "CodeMismatchException", wrongCode)
			h.wants(alice.answer(bobs.Session, h.carried("bob@example.com")), "NotAuthorizedException", "Invalid session for the user.")
			second := again.mustAsk()
			link := h.carried("alice@example.com")
			if link == old {
				h.Error("two links are the same")
			}
			h.wants(alice.answer(first.Session, link), "CodeMismatchException", wrongCode)
			h.wants(again.answer(second.Session, old), "CodeMismatchException", wrongCode)
			h.wants(again.answer("", link), "NotAuthorizedException", "Invalid session for the user.")
			h.wants(again.answer(second.Session, ""), "InvalidParameterException", "Missing required parameter EMAIL_OTP_CODE")
			_, err := h.respond("EMAIL_OTP", second.Session, map[string]string{"USERNAME": "alice", "EMAIL_OTP_CODE": link})
			h.wants(err, "NotAuthorizedException", "Invalid session for the user.") // not at the API
			again.isIn(false)
			h.must(again.answer(second.Session, link))
			again.isIn(true)
			h.wants(again.answer(second.Session, link), "CodeMismatchException", wrongCode)
			alice.isIn(false)
			bob.isIn(false)
		}
	})
}

// TestWrongLinksCount: guesses at links lock a name as those at passwords do, whether or not somebody has it
// (checklist 5 and 9).
func TestWrongLinksCount(t *testing.T) {
	onEngines(t, func(h *house) {
		h.withLinks("ENABLED")
		h.seed("alice", "alice@example.com", "")
		for _, name := range []string{"alice", "nobody"} {
			w := h.window(name)
			step := w.mustAsk()
			for range 5 {
				h.wants(w.answer(step.Session, strings.Repeat("A", 26)), "CodeMismatchException", wrongCode)
			}
			code := strings.Repeat("B", 26)
			if name == "alice" {
				code = h.carried("alice@example.com")
			}
			h.wants(w.answer(step.Session, code), "NotAuthorizedException", "Password attempts exceeded")
			w.isIn(false)
		}
	})
}

// TestLinkOfNobody: for a name that nobody has, all is as for one that somebody has, but that nothing is sent
// (checklist 9).
func TestLinkOfNobody(t *testing.T) {
	onEngines(t, func(h *house) {
		h.withLinks("ENABLED")
		h.seed("alice", "alice@example.com", "")
		var steps []*authn.Step
		for _, name := range []string{"alice", "nobody"} {
			w := h.window(name)
			step := w.mustAsk()
			again := h.asks(w.resend(step.Session))("EMAIL_OTP")
			if again.Parameters["CODE_DELIVERY_DESTINATION"] != step.Parameters["CODE_DELIVERY_DESTINATION"] {
				h.Errorf("%v, then %v", step.Parameters, again.Parameters)
			}
			steps = append(steps, step, again)
			for range 18 { // with the two before: twenty
				w.mustAsk()
			}
			_, err := w.ask()
			h.wants(err, "TooManyRequestsException", "Too many requests")
			_, err = w.resend(step.Session)
			h.wants(err, "TooManyRequestsException", "Too many requests")
		}
		keys := func(s *authn.Step) []string { return slices.Sorted(maps.Keys(s.Parameters)) }
		for _, s := range steps[1:] {
			if !s.Link || len(s.Session) != len(steps[0].Session) || !slices.Equal(keys(s), keys(steps[0])) {
				h.Errorf("%t, %d characters, %v; alice has %d and %v", s.Link, len(s.Session), s.Parameters, len(steps[0].Session), steps[0].Parameters)
			}
		}
		h.users.Wait()
		if n := len(h.inbox.Messages("")); n != len(h.inbox.Messages("alice@example.com")) || n != 20 {
			h.Errorf("%d messages", n)
		}
	})
}

// TestChosenLink: a link is sent, too, when the user chooses the e-mail among other factors.
func TestChosenLink(t *testing.T) {
	onEngines(t, func(h *house) {
		h.withLinks("LEGACY")
		h.seed("alice", "alice@example.com", "")
		w := h.window("alice")
		a := w.attempt(map[string]string{})
		a.Flow = "USER_AUTH"
		step := h.asks(h.machine.Start(h.Context(), a))("SELECT_CHALLENGE")
		if step.Link {
			h.Error("a link before the choice")
		}
		a = w.attempt(map[string]string{"ANSWER": "EMAIL_OTP"})
		a.Challenge, a.Session = "SELECT_CHALLENGE", step.Session
		step = h.asks(h.machine.Respond(h.Context(), a))("EMAIL_OTP")
		if !step.Link {
			h.Error("no link")
		}
		h.must(w.answer(step.Session, h.carried("alice@example.com")))
		w.isIn(true)
	})
}

// TestWhereCodesAreTyped: links are for pages that take them, in pools that want them, and for first factors by e-mail.
func TestWhereCodesAreTyped(t *testing.T) {
	onEngines(t, func(h *house) {
		h.withChoice("LEGACY", 3)
		h.seed("alice", "alice@example.com", "+15550000001")
		ask := func(w *window) {
			h.Helper()
			step := w.mustAsk()
			if step.Link {
				h.Error("a link")
			}
			h.isTyped("alice@example.com")
			h.must(w.answer(step.Session, string(h.mail("alice@example.com").Code)))
			w.isIn(true)
		}
		ask(h.window("alice")) // no tag
		h.tag("disabled")
		ask(h.window("alice"))
		h.tag("enabled")
		bare := h.window("alice")
		bare.link = ""
		ask(bare)

		api := &authn.Attempt{Pool: h.pool, Client: h.client, Flow: "USER_AUTH", Link: linkPage,
			Parameters: map[string]string{"USERNAME": "alice", "PREFERRED_CHALLENGE": "EMAIL_OTP"}}
		if step := h.asks(h.machine.Start(h.Context(), api))("EMAIL_OTP"); step.Link {
			h.Error("a link at the API")
		}
		h.isTyped("alice@example.com")

		w := h.window("alice")
		a := w.attempt(map[string]string{"PREFERRED_CHALLENGE": "SMS_OTP"})
		a.Flow = "USER_AUTH"
		if step := h.asks(h.machine.Start(h.Context(), a))("SMS_OTP"); step.Link {
			h.Error("a link in a text message")
		}
		if m := h.mail("+15550000001"); !typed.MatchString(m.Body) {
			h.Errorf("by SMS: %s", m.Body)
		}

		h.withMFA("OPTIONAL", user.FactorEmail)
		h.prefers("alice", user.FactorEmail)
		a = w.attempt(map[string]string{"PASSWORD": password})
		a.Flow = "USER_PASSWORD_AUTH"
		step := h.asks(h.machine.Start(h.Context(), a))("EMAIL_OTP")
		again := h.asks(w.resend(step.Session))("EMAIL_OTP")
		if step.Link || again.Link {
			h.Error("a link as second factor")
		}
		h.isTyped("alice@example.com")
	})
}

// TestResentLink: what is sent again is what was sent first, and the first is void.
func TestResentLink(t *testing.T) {
	onEngines(t, func(h *house) {
		h.withLinks("LEGACY")
		h.seed("alice", "alice@example.com", "")
		w := h.window("alice")
		step := w.mustAsk()
		old := h.carried("alice@example.com")
		again := h.asks(w.resend(step.Session))("EMAIL_OTP")
		link := h.carried("alice@example.com")
		if !again.Link || link == old {
			h.Error("no other link")
		}
		h.wants(w.answer(again.Session, old), "CodeMismatchException", wrongCode)
		h.must(w.answer(step.Session, link)) // the first Session is of the same sign-in
		w.isIn(true)

		w = h.window("alice")
		bare := *w
		bare.link = ""
		step = bare.mustAsk()
		if again = h.asks(w.resend(step.Session))("EMAIL_OTP"); again.Link {
			h.Error("a link after a code")
		}
		h.isTyped("alice@example.com")

		step = w.mustAsk()
		h.tag("disabled")
		if again = h.asks(w.resend(step.Session))("EMAIL_OTP"); again.Link {
			h.Error("a link in a pool that wants none any more")
		}
		h.isTyped("alice@example.com")
		h.must(w.answer(again.Session, string(h.mail("alice@example.com").Code)))
		w.isIn(true)
	})
}

// codeOf is the row of a user's sign-in code.
func (h *house) codeOf(sub string) (row store.Code) {
	h.Helper()
	h.must(h.db.View(h.Context(), func(tx *store.Tx) (err error) {
		row, err = tx.GetCode(h.pool.ID, sub, "sign-in", "")
		return err
	}))
	return row
}

// TestLinkExpires: a link that is too old is refused, even were its Session not.
func TestLinkExpires(t *testing.T) {
	onEngines(t, func(h *house) {
		h.withLinks("LEGACY")
		h.seed("alice", "alice@example.com", "")
		w := h.window("alice")
		step := w.mustAsk()
		row := h.codeOf(h.sub("alice"))
		if lives := row.Expires.Sub(row.Created); lives > 3*time.Minute || lives < 3*time.Minute-5*time.Second {
			h.Errorf("the code lives %s", lives)
		}
		row.Expires = time.Now().UTC()
		h.must(h.db.Update(h.Context(), func(tx *store.Tx) error { return tx.PutCode(row) }))
		h.wants(w.answer(step.Session, h.carried("alice@example.com")), "ExpiredCodeException", "Invalid code provided, please request a code again.")
		w.isIn(false)
	})
}

// TestLinkTime: a link lives as long as the Session, which no resending prolongs (checklist 15).
func TestLinkTime(t *testing.T) {
	inTime(t, func(h *house) {
		h.withLinks("LEGACY")
		h.seed("alice", "alice@example.com", "")
		w := h.window("alice")
		step := w.mustAsk()
		end := time.Now().Add(3 * time.Minute)
		time.Sleep(2 * time.Minute)
		again := h.asks(w.resend(step.Session))("EMAIL_OTP")
		if row := h.codeOf(h.sub("alice")); !row.Expires.Equal(end) {
			h.Errorf("the code ends at %s, the Session at %s", row.Expires, end)
		}
		link := h.carried("alice@example.com")
		time.Sleep(time.Minute + time.Millisecond)
		for _, session := range []string{step.Session, again.Session} {
			h.wants(w.answer(session, link), "NotAuthorizedException", "Invalid session for the user, session is expired.")
		}
		_, err := w.resend(again.Session)
		h.wants(err, "NotAuthorizedException", "Invalid session for the user, session is expired.")
		step = w.mustAsk()
		time.Sleep(3*time.Minute - time.Millisecond)
		h.must(w.answer(step.Session, h.carried("alice@example.com")))
		w.isIn(true)
	})
}

// TestLinksPrintNothing: what has a link does not show it (checklist 62).
func TestLinksPrintNothing(t *testing.T) {
	inTime(t, func(h *house) {
		h.withLinks("LEGACY")
		h.seed("alice", "alice@example.com", "")
		w := h.window("alice")
		step := w.mustAsk()
		code := h.carried("alice@example.com")
		a := w.attempt(map[string]string{"EMAIL_OTP_CODE": code})
		if text := fmt.Sprintf("%v %+v %#v %v %+v", a, *a, *a, step, h.mail("alice@example.com")); strings.Contains(text, code) || strings.Contains(text, step.Session) {
			h.Errorf("printed: %s", text)
		}
	})
}
