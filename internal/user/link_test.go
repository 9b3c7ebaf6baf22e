package user

import (
	"fmt"
	"html"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/message/inbox"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// onEngines runs a test in an office on each engine, whose pools have their pages at one address.
func onEngines(t *testing.T, test func(*office)) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		keys := secrettest.Keyring(t)
		o := &office{T: t, db: db, inbox: inbox.New(), pools: pool.New(db, keys, pool.Options{AccountID: "000000000000", Kinds: providerKinds})}
		o.users = New(db, keys, o.inbox).With(Options{Pages: pages})
		t.Cleanup(o.users.Wait)
		test(o)
	})
}

func pages(p *pool.Pool) string { return "https://" + p.Name + ".pages.test" }

// linked is a pool that confirms by links; template may change its texts.
func linked(template idp.VerificationMessageTemplateType) func(*idp.CreateUserPoolRequest) {
	return func(in *idp.CreateUserPoolRequest) {
		template.DefaultEmailOption = "CONFIRM_WITH_LINK"
		in.AutoVerifiedAttributes, in.VerificationMessageTemplate = []string{"email"}, &template
	}
}

// last is the newest message to an address.
func (o *office) last(to string) message.Message {
	o.Helper()
	o.users.Wait()
	sent := o.inbox.Messages(to)
	if len(sent) == 0 {
		o.Fatalf("nothing was sent to %s", to)
	}
	return sent[len(sent)-1]
}

var anchor = regexp.MustCompile(`<a href="([^"]*)">`)

// follow is the link in an e-mail, as a browser takes it.
func (o *office) follow(m message.Message) *url.URL {
	o.Helper()
	found := anchor.FindAllStringSubmatch(m.Body, -1)
	if len(found) != 1 {
		o.Fatalf("%d links in %q", len(found), m.Body)
	}
	u, err := url.Parse(html.UnescapeString(found[0][1]))
	o.must(err)
	return u
}

// confirmBy confirms a sign-up with what a link holds, as the page does that it leads to.
func (o *office) confirmBy(c *pool.Client, link *url.URL) error {
	q := link.Query()
	if q.Get("client_id") != c.ID {
		o.Errorf("the client of %s", link)
	}
	return o.confirm(c, q.Get("user_name"), q.Get("confirmation_code"), false)
}

// TestConfirmationLink: the link of a pool that confirms by links is at the pool's pages, and confirms.
func TestConfirmationLink(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, linked(idp.VerificationMessageTemplateType{}))
		for _, hide := range []func(*idp.CreateUserPoolClientRequest){nil, discreet} {
			c := o.client(hide)
			name := "alice" + c.ID
			to := name + "@b.test"
			o.signedUp(c, name, map[string]string{"email": to})
			m := o.last(to)
			want := `Please click the link below to verify your email address. <a href="https://p.pages.test/confirmUser?client_id=` + c.ID +
				"&amp;user_name=" + name + "&amp;confirmation_code=" + string(m.Code) + `">Verify Email</a>`
			if m.Subject != "Your verification link" || m.Body != want || m.Purpose != message.SignUp || len(m.Code) != 6 {
				o.Errorf("%q\n got %s\nwant %s", m.Subject, m.Body, want)
			}
			first := o.follow(m)
			_, err := o.users.ResendConfirmationCode(o.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: name})
			o.must(err)
			again := o.last(to)
			if again.Purpose != message.ResendCode || again.Subject != "Your verification link" {
				o.Errorf("%s %q", again.Purpose, again.Subject)
			}
			if again.Code != m.Code {
				wantFault(o.T, o.confirmBy(c, first), "CodeMismatchException", "Invalid verification code provided, please try again.")
			}
			o.must(o.confirmBy(c, o.follow(again)))
			if u := o.find(name); u.Status != "CONFIRMED" || u.Attributes["email_verified"] != "true" {
				o.Errorf("%+v", u)
			}
			wantFault(o.T, o.confirmBy(c, o.follow(again)), "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")
		}
	})
}

// TestConfirmationLinkOfHostileNames: what a user is called stands in the link as a value, and in the mail as text
// (checklist 23).
func TestConfirmationLinkOfHostileNames(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, linked(idp.VerificationMessageTemplateType{
			EmailSubjectByLink: "For {username}: {##go##}",
			EmailMessageByLink: "<p>Hello {username}, {##<b>go</b>##}, or {##without an end, or type {####}.</p>",
		}))
		c := o.client(nil)
		for i, name := range []string{
			`"><script>alert(1)</script>`, `x&confirmation_code=1#f?client_id=2`, `{####}{##x##}`, `'onclick='alert(1)`, `a+b%20c`, `żółć/../x`, `</a>{username}`,
		} {
			to := fmt.Sprintf("hostile%d@b.test", i)
			o.signedUp(c, name, map[string]string{"email": to})
			m := o.last(to)
			link := o.follow(m)
			escaped := html.EscapeString(name)
			want := `<p>Hello ` + escaped + `, <a href="` + html.EscapeString(link.String()) + `"><b>go</b></a>, or {##without an end, or type ` + string(m.Code) + `.</p>`
			if m.Subject != "For "+name+": go" || m.Body != want {
				o.Errorf("%q\n got %s\nwant %s", m.Subject, m.Body, want)
			}
			if q := link.Query(); link.Host != "p.pages.test" || link.Path != "/confirmUser" || link.Fragment != "" || len(q) != 3 || q.Get("user_name") != name {
				o.Errorf("the link of %q is %s", name, link)
			}
			o.must(o.confirmBy(c, link))
		}
	})
}

// TestLinkOfAUserNamedByAddress: the link names the user by what never changes.
func TestLinkOfAUserNamedByAddress(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			linked(idp.VerificationMessageTemplateType{})(in)
			namedByEmail(in)
		})
		c := o.client(nil)
		sub := o.signedUp(c, "dora@b.test", nil)
		link := o.follow(o.last("dora@b.test"))
		if got := link.Query().Get("user_name"); got != sub {
			o.Errorf("the link names %s", got)
		}
		o.must(o.confirmBy(c, link))
	})
}

// TestWhereNoLinkIsSent: links are for the e-mails of a sign-up; everything else is a code.
func TestWhereNoLinkIsSent(t *testing.T) {
	onEngines(t, func(o *office) {
		code := regexp.MustCompile(`^Your confirmation code is \d{6}$`)
		typed := func(of *office, to string, purpose message.Purpose) {
			of.Helper()
			if m := of.last(to); m.Purpose != purpose || !code.MatchString(m.Body) || m.Medium == message.Email && m.Subject != "Your verification code" {
				of.Errorf("%s %q: %s", m.Purpose, m.Subject, m.Body)
			}
		}
		links := newOfficeIn(o, linked(idp.VerificationMessageTemplateType{}))
		c := links.client(nil)
		u := links.member(c, "alice", map[string]string{"email": "alice@b.test"})
		_, err := links.forgot(c, "alice")
		links.must(err)
		typed(links, "alice@b.test", message.ForgotPassword)
		me := Self{Pool: links.pool, Client: c, User: u}
		_, err = links.users.SendVerification(o.Context(), me, "email")
		links.must(err)
		typed(links, "alice@b.test", message.VerifyUserAttribute)
		_, err = links.users.Update(o.Context(), me, attributeList(map[string]string{"email": "new@b.test"}))
		links.must(err)
		typed(links, "new@b.test", message.UpdateUserAttribute)

		phone := newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			linked(idp.VerificationMessageTemplateType{})(in)
			in.AutoVerifiedAttributes = []string{"email", "phone_number"}
		})
		phone.signedUp(phone.client(nil), "bob", map[string]string{"email": "bob@b.test", "phone_number": "+15555550100"})
		typed(phone, "+15555550100", message.SignUp)

		codes := newOfficeIn(o, verifiesEmail)
		codes.signedUp(codes.client(nil), "carol", map[string]string{"email": "carol@b.test"})
		typed(codes, "carol@b.test", message.SignUp)

		o.users.With(Options{}) // no pages
		links.signedUp(c, "eve", map[string]string{"email": "eve@b.test"})
		typed(links, "eve@b.test", message.SignUp)
	})
}

const linkPage = "https://p.pages.test/link?client_id=c&state=a%26b"

// linkCode asks for a sign-in link, and returns what it carries and the mail.
func (o *office) linkCode(c *pool.Client, u store.User, flow string) (string, message.Message) {
	o.Helper()
	_, err := o.users.SendSignInCode(o.Context(), o.pool, c, u, SignInCode{
		Flow: flow, Attr: attrEmail, Address: u.Attributes[attrEmail], Digits: 8, Lifetime: time.Minute, Link: linkPage,
	})
	o.must(err)
	m := o.last(u.Attributes[attrEmail])
	return o.follow(m).Query().Get("link"), m
}

// TestSignInLink: a link carries a long code of its own in a mail of its own; it is kept as a keyed hash, and good for
// the user and the sign-in that it was sent for, once, until the next one is sent (checklist 15).
func TestSignInLink(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, verifiesEmail)
		const wrong = "Invalid code or auth state for the user."
		c := o.client(nil)
		u := o.member(c, "alice", map[string]string{"email": "alice@b.test"})
		other := o.member(c, "bob", map[string]string{"email": "bob@b.test"})
		code, m := o.linkCode(c, u, "flow")
		want := `Follow this link to sign in: <a href="https://p.pages.test/link?client_id=c&amp;state=a%26b&amp;link=` + code + `">Sign in</a>. ` +
			"It works once, for a few minutes, and in the browser that asked for it. If that was not yours, you need not do anything."
		if m.Subject != "Your sign-in link" || m.Body != want || string(m.Code) != code || m.Purpose != message.Authentication {
			o.Errorf("%q\n got %s\nwant %s", m.Subject, m.Body, want)
		}
		if !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(code) { // 130 bits
			o.Errorf("the link carries %s", code)
		}
		var row store.Code
		o.must(o.db.View(o.Context(), func(tx *store.Tx) (err error) {
			row, err = tx.GetCode(o.pool.ID, u.Sub, purposeSignIn, "")
			return err
		}))
		if text := fmt.Sprintf("%s %+v", row.Hash, row); len(row.Hash) < 32 || strings.Contains(text, code) {
			o.Errorf("%s is kept as %s", code, text)
		}
		mail := SignInCode{Flow: "flow", Attr: attrEmail}
		wantFault(o.T, o.proveCode("alice", SignInCode{Flow: "another", Attr: attrEmail}, code), "CodeMismatchException", wrong)
		wantFault(o.T, o.proveCode("bob", mail, code), "CodeMismatchException", wrong)
		if of, _ := o.linkCode(c, other, "flow"); of == code {
			o.Errorf("two links carry %s", code)
		}
		next, _ := o.linkCode(c, u, "flow")
		wantFault(o.T, o.proveCode("alice", mail, code), "CodeMismatchException", wrong)
		o.must(o.proveCode("alice", mail, next))
		wantFault(o.T, o.proveCode("alice", mail, next), "CodeMismatchException", wrong)
	})
}
