package user

import (
	"testing"
	"time"

	"cognate/api/idp"
)

// Checklist item 9: where a client hides who exists, who is there cannot be told from who is not.
func TestHiddenUsers(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(discreet)
	o.signedUp(c, "alice", map[string]string{"email": "alice@b.test"})
	for _, ask := range []func(string) (*idp.CodeDeliveryDetailsType, error){
		func(name string) (*idp.CodeDeliveryDetailsType, error) { return o.forgot(c, name) },
		func(name string) (*idp.CodeDeliveryDetailsType, error) {
			return o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: name})
		},
	} {
		before := time.Now()
		there, err := ask("alice")
		took := time.Since(before)
		o.must(err)
		for _, name := range []string{"nobody", "n@b.test"} {
			before = time.Now()
			one, err := ask(name)
			if slow := time.Since(before); slow < sendingTime || took < sendingTime {
				t.Errorf("answers come early: who exists after %v, who does not after %v", took, slow)
			}
			o.must(err)
			two, _ := ask(name)
			if *one != *two || one.DeliveryMedium != there.DeliveryMedium || len(one.Destination) != len(there.Destination) {
				t.Errorf("%+v, then %+v; of who exists: %+v", one, two, there)
			}
		}
		const beyond = "Attempt limit exceeded, please try after some time."
		for _, name := range []string{"alice", "nobody"} {
			for {
				if _, err := ask(name); err != nil {
					wantFault(t, err, "LimitExceededException", beyond)
					break
				}
			}
		}
	}
	wantFault(t, o.confirm(c, "nobody", "123456", false), "ExpiredCodeException", "Invalid code provided, please request a code again.")
	wantFault(t, o.confirm(o.client(nil), "nobody", "123456", false), "UserNotFoundException", "Username/client id combination not found.")
}
