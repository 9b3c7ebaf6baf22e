package user

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/store"
)

// signInCode sends a user a sign-in code, and returns it.
func (o *office) signInCode(name string, s SignInCode) string {
	o.Helper()
	u := o.find(name)
	s.Address, s.Digits, s.Lifetime = u.Attributes[s.Attr], 8, 3*time.Minute
	_, err := o.users.SendSignInCode(o.Context(), o.pool, o.client(nil), u, s)
	o.must(err)
	sent := o.inbox.Messages(s.Address)
	return string(sent[len(sent)-1].Code)
}

// proveCode checks a sign-in code and uses it up, as the end of a sign-in does.
func (o *office) proveCode(name string, s SignInCode, code string) error {
	o.Helper()
	a, err := o.users.SignIn(o.Context(), o.pool, name)
	o.must(err)
	_, use, err := o.users.ProveSignInCode(o.Context(), o.pool, &a, s, code)
	if err != nil {
		return err
	}
	return o.db.Update(o.Context(), use)
}

// TestSignInCodeBinding: a code is good for the user, the sign-in and the medium that it was sent for, once, and
// until the next one is sent (checklist 15).
func TestSignInCodeBinding(t *testing.T) {
	inOffice(t, func(o *office) {
		const wrong = "Invalid code or auth state for the user."
		o.reachable("user", "user@code.test", "+15550000001")
		o.reachable("other", "other@code.test", "+15550000002")
		mail := SignInCode{Flow: "flow", Attr: attrEmail}
		code := o.signInCode("user", mail)
		wantFault(o.T, o.proveCode("user", SignInCode{Flow: "another", Attr: attrEmail}, code), "CodeMismatchException", wrong)
		wantFault(o.T, o.proveCode("user", SignInCode{Flow: "flow", Attr: attrPhone}, code), "CodeMismatchException", wrong)
		wantFault(o.T, o.proveCode("other", mail, code), "CodeMismatchException", wrong)
		next := o.signInCode("user", mail)
		wantFault(o.T, o.proveCode("user", mail, code), "CodeMismatchException", wrong)
		o.must(o.proveCode("user", mail, next))
		wantFault(o.T, o.proveCode("user", mail, next), "CodeMismatchException", wrong)
	})
}

// TestSignInCodeExpires: a code ends with its time; that a wrong one has would tell nothing (checklist 15).
func TestSignInCodeExpires(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "user@code.test", "")
		s := SignInCode{Flow: "flow", Attr: attrEmail}
		code := o.signInCode("user", s)
		time.Sleep(3 * time.Minute)
		wantFault(o.T, o.proveCode("user", s, "00000000"), "CodeMismatchException", "Invalid code or auth state for the user.")
		wantFault(o.T, o.proveCode("user", s, code), "ExpiredCodeException", "Invalid code provided, please request a code again.")
	})
}

// TestSignInCodeAtRest: the store keeps no code that can be read (checklist 15).
func TestSignInCodeAtRest(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "user@code.test", "")
		code := o.signInCode("user", SignInCode{Flow: "flow", Attr: attrEmail})
		var row store.Code
		o.must(o.db.View(o.Context(), func(tx *store.Tx) (err error) {
			row, err = tx.GetCode(o.pool.ID, o.find("user").Sub, purposeSignIn, "")
			return err
		}))
		if text := fmt.Sprintf("%s %+v", row.Hash, row); len(row.Hash) < 32 || len(code) != 8 || strings.Contains(text, code) {
			o.Errorf("%s is kept as %s", code, text)
		}
	})
}

// TestSignInCodeNotDelivered: the sign-in operations declare no CodeDeliveryFailureException.
func TestSignInCodeNotDelivered(t *testing.T) {
	inOffice(t, func(o *office) {
		o.reachable("user", "user@code.test", "")
		u, client := o.find("user"), o.client(nil)
		send := func(by message.Sender) error {
			o.users.sender = by
			_, err := o.users.SendSignInCode(o.Context(), o.pool, client, u, SignInCode{Flow: "flow", Attr: attrEmail, Address: "user@code.test", Digits: 8, Lifetime: time.Minute})
			return err
		}
		wantFault(o.T, send(message.Nowhere{}), idp.CodeInvalidParameter, "Unable to deliver the message.")
		if err := send(broken{}); err != errDown {
			o.Errorf("got %v, want %v", err, errDown)
		}
	})
}
