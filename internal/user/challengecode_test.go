package user

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
)

// challengeCode sends a code, or a link, for a challenge of the server's own function, and returns where it went.
func (o *office) challengeCode(ctx context.Context, hide, name, link string) (string, error) {
	o.Helper()
	c := o.client(func(in *idp.CreateUserPoolClientRequest) { in.PreventUserExistenceErrors = hide })
	s := ChallengeCode{Name: name, Code: "c0de", Link: link}
	if u, err := o.users.Find(ctx, o.pool, name); err == nil {
		s.Sub = u.Sub
	}
	out, err := o.users.SendChallengeCode(ctx, o.pool, c, s)
	o.users.Wait()
	return out, err
}

// TestChallengeCode sends codes and links to verified addresses, and pretends where the client hides who has one.
func TestChallengeCode(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "user@code.test", "")
		o.create("unverified", map[string]string{"email": "other@code.test"})
		o.create("mute", nil)
		for _, hide := range []string{"LEGACY", "ENABLED"} {
			for _, link := range []string{"", "https://app.test/#c0de"} {
				out, err := o.challengeCode(o.Context(), hide, "user", link)
				o.must(err)
				sent := o.inbox.Messages("user@code.test")
				m := sent[len(sent)-1]
				if out != "u***@c***" || m.Code != "c0de" || m.Purpose != message.Authentication || !strings.Contains(m.Body, link) || (link == "") != strings.Contains(m.Body, "code is c0de") {
					o.Errorf("%s: to %s: %s", hide, out, m.Body)
				}
			}
		}
		if n := len(o.inbox.Messages("user@code.test")); n != 4 {
			o.Errorf("sent %d mails", n)
		}
		for _, name := range []string{"unverified", "mute"} {
			_, err := o.challengeCode(o.Context(), "LEGACY", name, "")
			wantFault(o.T, err, "InvalidParameterException", "The user has no verified e-mail address.")
		}
		for _, name := range []string{"unverified", "mute", "nobody"} {
			out, err := o.challengeCode(o.Context(), "ENABLED", name, "")
			if again, _ := o.challengeCode(o.Context(), "ENABLED", name, ""); err != nil || len(out) != len("u***@c***") || again != out {
				o.Errorf("%s: %s, then %s, %v", name, out, again, err)
			}
		}
		if n := len(o.inbox.Messages("other@code.test")); n != 0 {
			o.Errorf("sent %d mails to an address that nobody has verified", n)
		}
		out, err := o.challengeCode(o.Context(), "ENABLED", "somebody@code.test", "")
		if o.must(err); out != "s***@c***" {
			o.Errorf("pretends to send to %s", out)
		}
	})
}

// TestChallengeCodeLimits sends no more of them than of other sign-in codes: of each user, to each destination, by each address
// (checklist 23).
func TestChallengeCodeLimits(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "user@code.test", "")
		for _, name := range []string{"user", "nobody"} {
			for i := range 20 {
				if _, err := o.challengeCode(o.Context(), "ENABLED", name, ""); err != nil {
					o.Fatalf("%s, mail %d: %v", name, i+1, err)
				}
			}
			_, err := o.challengeCode(o.Context(), "ENABLED", name, "")
			wantTooMany(o.T, err)
		}
		time.Sleep(time.Hour)
		o.users.With(Options{MessagesPerDestination: 3})
		before := len(o.inbox.Messages("user@code.test"))
		for range 3 {
			_, err := o.challengeCode(o.Context(), "LEGACY", "user", "")
			o.must(err)
		}
		_, err := o.challengeCode(o.Context(), "LEGACY", "user", "")
		wantTooMany(o.T, err)
		_, err = o.challengeCode(o.Context(), "ENABLED", "user", "")
		o.must(err)
		if n := len(o.inbox.Messages("user@code.test")) - before; n != 3 {
			o.Errorf("sent %d mails", n)
		}
		o.users.With(Options{MessagesPerAddress: 2})
		for i, name := range []string{"user", "nobody", "user", "nobody"} {
			_, err := o.challengeCode(from(o.T, "192.0.2.1"), "ENABLED", name, "")
			if f, _ := errors.AsType[*fault.Error](err); (f != nil) != (i > 1) {
				o.Errorf("mail %d: %v", i+1, err)
			}
		}
	})
}

// TestChallengeCodeIsSentOnce goes on with a mail that takes longer than a function may: the function is called again otherwise.
func TestChallengeCodeIsSentOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "user@code.test", "")
		o.users.sender = slow{o.inbox}
		ctx, cancel := context.WithTimeout(o.Context(), 5*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := o.challengeCode(ctx, "LEGACY", "user", "")
		if n := len(o.inbox.Messages("user@code.test")); err != nil || n != 1 || time.Since(begun) != 7*time.Second {
			o.Errorf("%d mails after %v: %v", n, time.Since(begun), err)
		}
	})
}

// slow is a sender that takes seven seconds, where it may.
type slow struct{ message.Sender }

func (s slow) Send(ctx context.Context, m message.Message) error {
	select {
	case <-time.After(7 * time.Second):
		return s.Sender.Send(ctx, m)
	case <-ctx.Done():
		return ctx.Err()
	}
}
