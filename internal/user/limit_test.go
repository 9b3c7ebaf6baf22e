package user

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/awsjson"
)

// from is a context of a request from an address.
func from(t *testing.T, address string) context.Context {
	return awsjson.WithCaller(t.Context(), awsjson.Caller{IP: address})
}

func wantTooMany(t *testing.T, err error) {
	t.Helper()
	wantFault(t, err, "TooManyRequestsException", "Too many requests")
}

const beyondLimit = "Attempt limit exceeded, please try after some time."

// TestFailuresOfAnAddress fails in every public way from one address, about different users: together they
// are bounded, and what was right does not count (checklist 5).
func TestFailuresOfAnAddress(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(nil)
	u := o.member(c, "alice", map[string]string{"email": "alice@b.test"})
	me := Self{Pool: o.pool, Client: c, User: u}
	o.signedUp(c, "bob", map[string]string{"email": "bob@b.test"})
	o.users.With(Options{FailuresPerAddress: 6})
	here := from(t, "192.0.2.1")
	signUp := func(ctx context.Context, name string) error {
		_, err := o.users.SignUp(ctx, o.pool, c, &idp.SignUpRequest{Username: name, Password: good})
		return err
	}
	forgot := func(ctx context.Context, name string) error {
		_, err := o.users.ForgotPassword(ctx, o.pool, c, &idp.ForgotPasswordRequest{Username: name})
		return err
	}
	o.must(forgot(here, "alice"))
	for i := range 10 {
		o.must(signUp(here, fmt.Sprint("new", i))) // an office that registers its people
	}
	ways := map[string]func(context.Context) error{
		"SignUp": func(ctx context.Context) error { return signUp(ctx, "alice") },
		"ConfirmSignUp": func(ctx context.Context) error {
			_, err := o.users.ConfirmSignUp(ctx, o.pool, c, &idp.ConfirmSignUpRequest{Username: "bob", ConfirmationCode: wrong(o.code("bob@b.test"))})
			return err
		},
		"ForgotPassword": func(ctx context.Context) error { return forgot(ctx, "nobody") },
		"ConfirmForgotPassword": func(ctx context.Context) error {
			return o.users.ConfirmForgotPassword(ctx, o.pool, c, &idp.ConfirmForgotPasswordRequest{Username: "alice", Password: good, ConfirmationCode: wrong(o.code("alice@b.test"))})
		},
		"ResendConfirmationCode": func(ctx context.Context) error {
			_, err := o.users.ResendConfirmationCode(ctx, o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "nobody"})
			return err
		},
		"ChangePassword": func(ctx context.Context) error { return o.users.ChangePassword(ctx, me, "wrong", good+"2") },
	}
	for way, fail := range ways {
		if err := fail(here); !guessed(err) {
			t.Errorf("%s: %v, want a failure", way, err)
		}
	}
	for way, fail := range ways {
		t.Run(way, func(t *testing.T) { wantTooMany(t, fail(here)) })
	}
	wantTooMany(t, signUp(here, "carol"))
	o.must(signUp(from(t, "192.0.2.2"), "carol")) // the next house
	o.must(signUp(t.Context(), "dave"))           // a server's own
	signed := awsjson.WithCaller(t.Context(), awsjson.Caller{IP: "192.0.2.1", Principal: awsjson.Principal{AccessKeyID: "AKIA"}})
	o.must(signUp(signed, "erin"))
}

// Of many attempts at once no more fail than one after the other could.
func TestFailuresAtOnce(t *testing.T) {
	o := newOffice(t, nil)
	o.users.With(Options{FailuresPerAddress: 5})
	var looked atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			Watched(o.users, "192.0.2.1", func() (int, error) {
				looked.Add(1)
				time.Sleep(10 * time.Millisecond)
				return 0, errWrongPassword
			})
		})
	}
	all.Wait()
	if n := looked.Load(); n != 5 {
		t.Errorf("%d were looked at, want 5", n)
	}
}

// TestMailsToOneDestination signs up again and again, under different names, with one mailbox: after a few no
// mail goes there any more, and no user is left without one (checklist 23).
func TestMailsToOneDestination(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	o.users.With(Options{MessagesPerDestination: 15})
	c := o.client(nil)
	for i, address := range []string{"victim@b.test", "Victim@B.test", "victim+1@b.test"} {
		if _, err := o.signUp(c, fmt.Sprint("name", i), map[string]string{"email": address}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	_, err := o.signUp(c, "name3", map[string]string{"email": "victim+2@b.test"})
	wantFault(t, err, "LimitExceededException", beyondLimit)
	_, err = o.users.Find(t.Context(), o.pool, "name3")
	wantFault(t, err, "UserNotFoundException", "User does not exist.")
	o.signedUp(c, "name3", map[string]string{"email": "another@b.test"})

	hiding := o.client(discreet)
	for i := range 20 { // each of them could do it five times
		_, err := o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: fmt.Sprint("name", i%3)})
		if i >= 12 {
			wantFault(t, err, "LimitExceededException", beyondLimit)
		} else if err != nil {
			t.Fatalf("message %d: %v", 4+i, err)
		}
		if i == 12 {
			break
		}
	}
	code := o.code("victim+1@b.test")
	sent := len(o.inbox.Messages(""))
	out, err := o.users.ResendConfirmationCode(t.Context(), o.pool, hiding, &idp.ResendConfirmationCodeRequest{Username: "name2"})
	o.must(err)
	o.users.Wait()
	if n := len(o.inbox.Messages("")); n != sent || out.Destination != "v***@b***" {
		t.Errorf("%d messages more, and the answer %+v", n-sent, out)
	}
	o.must(o.confirm(c, "name2", code, false)) // the code that was sent last is still good
}

// TestLimitsOfMessages are the other caps: by the address that asks, by number and by block of numbers, by
// day, of sign-in codes and of the user's own new addresses, each by its declared error (checklist 23).
func TestLimitsOfMessages(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) { in.AutoVerifiedAttributes = []string{"email", "phone_number"} })
	c := o.client(nil)
	phone := func(i int) map[string]string { return map[string]string{"phone_number": fmt.Sprintf("+1555%07d", i)} }
	t.Run("a day of text messages", func(t *testing.T) {
		o.users.With(Options{SMSPerDay: 40})
		for i := range 2 {
			o.signedUp(c, fmt.Sprint("block", i), phone(i))
		}
		_, err := o.signUp(c, "block2", phone(2)) // a twentieth is two
		wantFault(t, err, "LimitExceededException", beyondLimit)
		for i := 1; i < 39; i++ {
			o.signedUp(c, fmt.Sprint("day", i), phone(i*10_000))
		}
		_, err = o.signUp(c, "day39", phone(390_000))
		wantFault(t, err, "LimitExceededException", beyondLimit)
		o.signedUp(c, "mail", map[string]string{"email": "mail@b.test"})
	})
	t.Run("what an address asks for", func(t *testing.T) {
		o.users.With(Options{MessagesPerAddress: 3})
		here := from(t, "192.0.2.1")
		for i, do := range []func() error{
			func() error {
				_, err := o.users.SignUp(here, o.pool, c, &idp.SignUpRequest{Username: "asks", Password: good, UserAttributes: attributeList(map[string]string{"email": "asks@b.test"})})
				return err
			},
			func() error {
				_, err := o.users.ResendConfirmationCode(here, o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "asks"})
				return err
			},
			func() error { // counts like one that is sent
				_, err := o.users.ForgotPassword(here, o.pool, o.client(discreet), &idp.ForgotPasswordRequest{Username: "nobody"})
				return err
			},
		} {
			if err := do(); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		_, err := o.users.ForgotPassword(here, o.pool, o.client(discreet), &idp.ForgotPasswordRequest{Username: "asks"})
		wantTooMany(t, err)
		_, err = o.users.PretendSignInCode(here, o.pool, "nobody", "email")
		wantTooMany(t, err)
		_, err = o.forgot(o.client(discreet), "nobody")
		o.must(err)
	})
	t.Run("what is no reset and no sign-up", func(t *testing.T) {
		o.users.With(Options{})
		u := o.member(c, "carol", map[string]string{"email": "carol@b.test"})
		o.users.With(Options{MessagesPerDestination: 2})
		me := Self{Pool: o.pool, Client: c, User: u}
		for range 2 {
			_, err := o.users.SendVerification(t.Context(), me, "email")
			o.must(err)
		}
		_, err := o.users.SendVerification(t.Context(), me, "email")
		wantFault(t, err, "LimitExceededException", beyondLimit)
		_, err = o.users.SendSignInCode(t.Context(), o.pool, c, u, SignInCode{Flow: "f", Attr: "email", Address: "carol@b.test", Digits: 8, Lifetime: time.Minute})
		wantTooMany(t, err)
		for i := range 3 {
			_, err = o.users.Update(t.Context(), me, attributeList(map[string]string{"email": fmt.Sprintf("carol+%d@c.test", i)}))
			if i < 2 {
				o.must(err)
			}
		}
		wantTooMany(t, err)
		if got := o.find("carol").Attributes["email"]; got != "carol+1@c.test" {
			t.Errorf("a refused change left %s", got)
		}
	})
}
