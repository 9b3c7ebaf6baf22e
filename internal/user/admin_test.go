package user

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/message"
	"cognate/internal/secret"
	"cognate/internal/store"
)

func TestSetPassword(t *testing.T) {
	o := newOffice(t, nil)
	wantFault(t, o.setPassword("ann", "password", true), idp.CodeUserNotFound, "User does not exist.")
	o.create("ann", nil)
	wantFault(t, o.setPassword("ann", "short", true), idp.CodeInvalidPassword, "Password does not conform to policy: Password not long enough")
	for _, from := range []string{"UNCONFIRMED", "CONFIRMED", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED", "EXTERNAL_PROVIDER"} {
		for permanent, want := range map[bool]string{true: "CONFIRMED", false: "FORCE_CHANGE_PASSWORD"} {
			o.setStatus("ann", from)
			o.must(o.setPassword("ann", "password of "+from, permanent))
			right, temporary := o.signsIn("ann", "password of "+from)
			if got := o.find("ann").Status; got != want || !right || temporary == permanent {
				t.Errorf("from %s, permanent %v: %s, right %v, temporary %v", from, permanent, got, right, temporary)
			}
		}
	}
	o.must(o.users.AdminSetPassword(t.Context(), o.pool, &idp.AdminSetUserPasswordRequest{Username: o.find("ann").Sub, Password: "by the sub"}))
	if right, temporary := o.signsIn("ann", "by the sub"); !right || !temporary {
		t.Error("without Permanent it is not temporary")
	}
}

func TestSetPasswordHistory(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) { in.Policies.PasswordPolicy.PasswordHistorySize = new(int64(2)) })
	o.create("ann", nil)
	for _, password := range []string{"password 1", "password 2"} {
		o.must(o.setPassword("ann", password, true))
	}
	for _, permanent := range []bool{true, false} {
		err := o.setPassword("ann", "password 1", permanent)
		wantFault(t, err, idp.CodePasswordHistoryPolicyViolation, "Password has previously been used.")
	}
	o.must(o.setPassword("ann", "password 3", true))
	o.must(o.setPassword("ann", "password 1", true))
}

func TestConfirm(t *testing.T) {
	o := newOffice(t, aliases("email", "preferred_username"))
	wantFault(t, o.users.AdminConfirm(t.Context(), o.pool, "ann", nil), idp.CodeUserNotFound, "User does not exist.")
	o.create("ann", map[string]string{"email": "a@example.com"})
	o.setStatus("ann", "UNCONFIRMED")
	o.must(o.update("ann", map[string]string{"preferred_username": "annie"}))
	if right, _ := o.signsIn("annie", ""); right {
		t.Error("signs in by the preferred name before being confirmed")
	}
	_, err := o.users.Find(t.Context(), o.pool, "annie")
	wantFault(t, err, idp.CodeUserNotFound, "User does not exist.")
	o.must(o.users.AdminConfirm(t.Context(), o.pool, "ann", nil))
	u := o.find("annie")
	if u.Status != "CONFIRMED" || u.Attributes["email_verified"] == "true" {
		t.Errorf("confirmed %+v", u)
	}
	for _, status := range []string{"CONFIRMED", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED"} {
		o.setStatus("ann", status)
		err := o.users.AdminConfirm(t.Context(), o.pool, "ann", nil)
		wantFault(t, err, idp.CodeNotAuthorized, "User cannot be confirmed. Current status is "+status)
	}
}

func TestConfirmWithTakenName(t *testing.T) {
	o := newOffice(t, aliases("preferred_username"))
	for _, name := range []string{"ann", "bob"} {
		o.create(name, nil)
		o.setStatus(name, "UNCONFIRMED")
		o.must(o.update(name, map[string]string{"preferred_username": "same"}))
	}
	o.must(o.users.AdminConfirm(t.Context(), o.pool, "ann", nil))
	const text = "An account with the preferred_username already exists."
	wantFault(t, o.users.AdminConfirm(t.Context(), o.pool, "bob", nil), idp.CodeInvalidParameter, text)
	wantFault(t, o.setPassword("bob", "password", true), idp.CodeInvalidParameter, text)
	if u := o.find("bob"); u.Status != "UNCONFIRMED" {
		t.Errorf("bob is %s", u.Status)
	}
	if right, _ := o.signsIn("bob", "password"); right {
		t.Error("a refused password is in force")
	}
}

func TestResetPassword(t *testing.T) {
	o := newOffice(t, nil)
	reset := func(name string) error { return o.users.AdminResetPassword(t.Context(), o.pool, name, nil) }
	wantFault(t, reset("ann"), idp.CodeUserNotFound, "User does not exist.")
	o.create("ann", map[string]string{"email": "a@example.com"})
	for _, status := range []string{"FORCE_CHANGE_PASSWORD", "UNCONFIRMED", "EXTERNAL_PROVIDER"} {
		o.setStatus("ann", status)
		wantFault(t, reset("ann"), idp.CodeNotAuthorized, "User password cannot be reset in the current state.")
	}
	o.must(o.setPassword("ann", "old password", true))
	wantFault(t, reset("ann"), idp.CodeInvalidParameter, "Cannot reset password for the user as there is no registered/verified email or phone_number")
	if u := o.find("ann"); u.Status != "CONFIRMED" {
		t.Errorf("a refused reset left %s", u.Status)
	}
	o.must(o.update("ann", map[string]string{"email_verified": "true"}))
	o.must(reset("ann"))
	o.must(reset("ann")) // another code
	m := o.inbox.Messages("a@example.com")
	if len(m) != 2 || m[0].Purpose != message.ForgotPassword || o.find("ann").Status != "RESET_REQUIRED" {
		t.Fatalf("messages %v, status %s", m, o.find("ann").Status)
	}
	u := o.find("ann")
	check := func(code secret.Text) error {
		return o.db.View(t.Context(), func(tx *store.Tx) error {
			_, err := o.users.checkCode(tx, o.pool, u.Sub, codeReset, "", string(code))
			return err
		})
	}
	if m[0].Code != m[1].Code {
		wantFault(t, check(m[0].Code), idp.CodeCodeMismatch, "Invalid verification code provided, please try again.")
	}
	o.must(check(m[1].Code))

	o.must(o.users.AdminDisable(t.Context(), o.pool, "ann"))
	wantFault(t, reset("ann"), idp.CodeNotAuthorized, "User is disabled.")
}

func TestResetPasswordByAdministratorsOnly(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.AccountRecoverySetting = &idp.AccountRecoverySettingType{RecoveryMechanisms: []*idp.RecoveryOptionType{{Name: "admin_only", Priority: 1}}}
	})
	o.create("ann", map[string]string{"email": "a@example.com", "email_verified": "true"})
	o.setStatus("ann", "CONFIRMED")
	err := o.users.AdminResetPassword(t.Context(), o.pool, "ann", nil)
	wantFault(t, err, idp.CodeNotAuthorized, "Contact administrator to reset password.")
}

// broken is a sender that is down.
type broken struct{}

var errDown = errors.New("the mail server is down")

func (broken) Send(context.Context, message.Message) error { return errDown }

func TestFailedDeliveryIsDeclared(t *testing.T) {
	o := newOffice(t, verifyFirst)
	o.create("ann", map[string]string{"email": "a@example.com", "email_verified": "true"})
	o.setStatus("ann", "CONFIRMED")
	for _, op := range []func() error{
		func() error { return o.users.AdminResetPassword(t.Context(), o.pool, "ann", nil) },
		func() error { return o.update("ann", map[string]string{"email": "new@example.com"}) },
	} {
		o.users.sender = message.Nowhere{}
		wantFault(t, op(), idp.CodeInvalidParameter, "Unable to deliver the message.")
		o.users.sender = &failing{Sender: o.inbox, err: message.ErrThrottled, left: 1}
		wantTooMany(t, op())
		o.users.sender = broken{}
		err := op()
		if _, known := errors.AsType[*fault.Error](err); known || !errors.Is(err, errDown) {
			t.Errorf("a sender that is down: %v", err)
		}
	}
}

func verifyFirst(in *idp.CreateUserPoolRequest) {
	in.AutoVerifiedAttributes = []string{"email", "phone_number"}
	in.UserAttributeUpdateSettings = &idp.UserAttributeUpdateSettingsType{AttributesRequireVerificationBeforeUpdate: []string{"email", "phone_number"}}
}

func TestUpdateAttributes(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.AutoVerifiedAttributes = []string{"email"}
		in.Schema = []*idp.SchemaAttributeType{
			{Name: "email", Required: new(true), Mutable: new(true)},
			{Name: "fixed", AttributeDataType: "String", Mutable: new(false)},
		}
	})
	wantFault(t, o.update("ann", map[string]string{"name": "Ann"}), idp.CodeUserNotFound, "User does not exist.")
	o.create("ann", map[string]string{"email": "a@example.com", "email_verified": "true", "custom:fixed": "1", "name": "Ann"})
	for name, c := range map[string]struct{ value, text string }{
		"custom:x":     {"1", "user.custom:x: Attribute does not exist in the schema.\n"},
		"custom:fixed": {"2", "user.custom:fixed: Attribute cannot be updated.\n"},
		"email":        {"", "user.email: Required attribute cannot be deleted.\n"},
		"sub":          {"x", "Cannot modify the non-mutable attribute sub"},
	} {
		wantFault(t, o.update("ann", map[string]string{"name": "changed", name: c.value}), idp.CodeInvalidParameter, c.text)
	}
	if u := o.find("ann"); u.Attributes["name"] != "Ann" {
		t.Errorf("a refused update changed %v", u.Attributes)
	}
	steps := []struct{ edit, want map[string]string }{
		{map[string]string{"custom:fixed": "1", "name": ""}, map[string]string{"email": "a@example.com", "email_verified": "true"}},
		{map[string]string{"email": "b@example.com"}, map[string]string{"email": "b@example.com", "email_verified": "false"}},
		{map[string]string{"email_verified": "TRUE"}, map[string]string{"email": "b@example.com", "email_verified": "true"}},
		{map[string]string{"email": "c@example.com", "email_verified": "true"}, map[string]string{"email": "c@example.com", "email_verified": "true"}},
		{map[string]string{"email": "d@example.com", "email_verified": "false"}, map[string]string{"email": "d@example.com", "email_verified": "false"}},
		{map[string]string{"email": "e@example.com", "email_verified": "True"}, map[string]string{"email": "e@example.com", "email_verified": "true"}},
		{map[string]string{"email": "e@example.com"}, map[string]string{"email": "e@example.com", "email_verified": "true"}},
	}
	for _, s := range steps {
		before := o.find("ann").Modified
		time.Sleep(2 * time.Millisecond) // times are kept in milliseconds
		o.must(o.update("ann", s.edit))
		s.want["custom:fixed"] = "1"
		u := o.find("ann")
		if !maps.Equal(u.Attributes, s.want) || !u.Modified.After(before) {
			t.Errorf("%v: %v, changed %v after %v", s.edit, u.Attributes, u.Modified, before)
		}
	}
	if m := o.inbox.Messages(""); len(m) != 0 {
		t.Errorf("sent %v", m)
	}
}

func TestUpdateVerifiesFirst(t *testing.T) {
	o := newOffice(t, verifyFirst)
	o.create("ann", map[string]string{"email": "old@example.com", "email_verified": "true"})
	want := func(step string, email, verified string, messages int) {
		t.Helper()
		u := o.find("ann")
		if u.Attributes["email"] != email || u.Attributes["email_verified"] != verified || len(o.inbox.Messages("")) != messages {
			t.Errorf("%s: %v, %d messages", step, u.Attributes, len(o.inbox.Messages("")))
		}
	}
	o.must(o.update("ann", map[string]string{"email": "new@example.com", "name": "Ann"}))
	want("new address", "old@example.com", "true", 1)
	if u := o.find("ann"); u.Attributes["name"] != "Ann" {
		t.Error("the other attribute did not change")
	}
	m := o.inbox.Messages("new@example.com")
	if len(m) != 1 || m[0].Purpose != message.UpdateUserAttribute {
		t.Fatalf("messages %v", m)
	}
	o.must(o.update("ann", map[string]string{"email": "new@example.com", "email_verified": "false"}))
	want("new address, not verified", "old@example.com", "true", 2)
	code := string(o.inbox.Messages("new@example.com")[1].Code)
	o.must(o.users.VerifyAttribute(t.Context(), Self{Pool: o.pool, User: o.find("ann")}, "email", code))
	want("verified by the code", "new@example.com", "true", 2)
	o.must(o.update("ann", map[string]string{"email": "third@example.com", "email_verified": "true"}))
	want("vouched for", "third@example.com", "true", 2)
	o.must(o.update("ann", map[string]string{"phone_number": "+4917012345"}))
	if u := o.find("ann"); u.Attributes["phone_number"] != "+4917012345" || u.Attributes["phone_number_verified"] != "false" {
		t.Errorf("a first number: %v", u.Attributes)
	}
	want("first number", "third@example.com", "true", 3)
}

func TestUpdateMovesAliases(t *testing.T) {
	o := newOffice(t, aliases("email"))
	ann := o.create("ann", map[string]string{"email": "ann@example.com", "email_verified": "true"})
	o.create("bob", map[string]string{"email": "bob@example.com", "email_verified": "true"})
	err := o.update("bob", map[string]string{"email": "ann@example.com", "email_verified": "true"})
	wantFault(t, err, idp.CodeAliasExists, "An account with the email already exists.")
	if u := o.find("bob"); u.Attributes["email"] != "bob@example.com" {
		t.Errorf("a refused update changed %v", u.Attributes)
	}
	o.must(o.update("ann", map[string]string{"email": "new@example.com"}))
	for _, name := range []string{"ann@example.com", "new@example.com"} {
		_, err := o.users.Find(t.Context(), o.pool, name)
		wantFault(t, err, idp.CodeUserNotFound, "User does not exist.")
	}
	o.must(o.update("ann", map[string]string{"email_verified": "true"}))
	if u := o.find("new@example.com"); u.Sub != ann.Sub {
		t.Errorf("the alias is %s", u.Username)
	}
	o.must(o.update("bob", map[string]string{"email": "ann@example.com", "email_verified": "true"}))

	o = newOfficeIn(o, usernames("email"))
	o.create("ann@example.com", nil)
	o.create("bob@example.com", nil)
	err = o.update("bob@example.com", map[string]string{"email": "ann@example.com"})
	wantFault(t, err, idp.CodeAliasExists, "An account with the given email already exists.")
	o.must(o.update("bob@example.com", map[string]string{"email": "free@example.com"}))
	o.find("free@example.com")
}

// TestNoLostUpdate changes different attributes of one user at the same time: all changes stay.
func TestNoLostUpdate(t *testing.T) {
	o := newOffice(t, nil)
	o.create("ann", map[string]string{"zoneinfo": "here"})
	names := []string{"name", "given_name", "family_name", "middle_name", "nickname", "profile", "website", "gender", "locale", "address"}
	var group sync.WaitGroup
	for _, name := range names {
		group.Go(func() {
			if err := o.update("ann", map[string]string{name: "set"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Go(func() {
		if err := o.setPassword("ann", "password", true); err != nil {
			t.Error(err)
		}
	})
	group.Go(func() {
		if err := o.users.AdminDisable(t.Context(), o.pool, "ann"); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
	u := o.find("ann")
	for _, name := range names {
		if u.Attributes[name] != "set" {
			t.Errorf("%s is lost", name)
		}
	}
	if u.Attributes["zoneinfo"] != "here" || u.Status != "CONFIRMED" || u.Enabled {
		t.Errorf("lost: %+v", u)
	}
}

func TestDeleteAttributes(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.AliasAttributes = []string{"email"}
		in.Schema = []*idp.SchemaAttributeType{{Name: "family_name", Required: new(true), Mutable: new(true)}}
	})
	del := func(name string, attributes ...string) error {
		return o.users.AdminDeleteAttributes(t.Context(), o.pool, &idp.AdminDeleteUserAttributesRequest{Username: name, UserAttributeNames: attributes})
	}
	wantFault(t, del("ann", "name"), idp.CodeUserNotFound, "User does not exist.")
	o.create("ann", map[string]string{"email": "a@example.com", "email_verified": "true", "name": "Ann", "family_name": "A"})
	wantFault(t, del("ann", "name", "family_name"), idp.CodeInvalidParameter, "user.family_name: Required attribute cannot be deleted.\n")
	wantFault(t, del("ann", "custom:x"), idp.CodeInvalidParameter, "user.custom:x: Attribute does not exist in the schema.\n")
	wantFault(t, del("ann", "sub"), idp.CodeInvalidParameter, "Cannot modify the non-mutable attribute sub")
	o.must(del("a@example.com", "email", "name", "nickname"))
	if u := o.find("ann"); !maps.Equal(u.Attributes, map[string]string{"family_name": "A"}) {
		t.Errorf("left %v", u.Attributes)
	}
	_, err := o.users.Find(t.Context(), o.pool, "a@example.com")
	wantFault(t, err, idp.CodeUserNotFound, "User does not exist.")
}

func TestDisableAndEnable(t *testing.T) {
	o := newOffice(t, nil)
	wantFault(t, o.users.AdminDisable(t.Context(), o.pool, "ann"), idp.CodeUserNotFound, "User does not exist.")
	wantFault(t, o.users.AdminEnable(t.Context(), o.pool, "ann"), idp.CodeUserNotFound, "User does not exist.")
	u := o.create("ann", nil)
	o.create("bob", nil)
	c := o.client(nil)
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error {
		for id, sub := range map[string]string{"1": u.Sub, "2": u.Sub, "3": o.subOf(tx, "bob")} {
			if err := tx.CreateFamily(store.Family{ID: id, PoolID: o.pool.ID, Sub: sub, ClientID: c.ID}); err != nil {
				return err
			}
		}
		return nil
	}))
	for range 2 { // a repetition is no error
		o.must(o.users.AdminDisable(t.Context(), o.pool, "ann"))
	}
	if o.find("ann").Enabled || !o.find("bob").Enabled {
		t.Error("the wrong user is disabled")
	}
	for range 2 {
		o.must(o.users.AdminEnable(t.Context(), o.pool, "ann"))
	}
	if !o.find("ann").Enabled {
		t.Error("not enabled again")
	}
	for id, revoked := range map[string]bool{"1": true, "2": true, "3": false} {
		o.must(o.db.View(t.Context(), func(tx *store.Tx) error {
			f, err := tx.GetFamily(id)
			if f.Revoked.IsZero() == revoked {
				t.Errorf("session %s is revoked at %v", id, f.Revoked)
			}
			return err
		}))
	}
}

func (o *office) subOf(tx *store.Tx, name string) string {
	u, err := tx.GetUserByUsername(o.pool.ID, name)
	o.must(err)
	return u.Sub
}

func TestDelete(t *testing.T) {
	o := newOffice(t, aliases("email"))
	del := func(name string) error { return o.users.AdminDelete(t.Context(), o.pool, name) }
	wantFault(t, del("ann"), idp.CodeUserNotFound, "User does not exist.")
	mine := map[string]string{"email": "a@example.com", "email_verified": "true"}
	old := o.create("ann", mine)
	o.must(del("a@example.com"))
	wantFault(t, del("ann"), idp.CodeUserNotFound, "User does not exist.")
	if u := o.create("ann", mine); u.Sub == old.Sub {
		t.Error("the sub is used again")
	}
}

func TestSeed(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.AliasAttributes = []string{"email"}
		in.AutoVerifiedAttributes = []string{"email"}
		in.Schema = []*idp.SchemaAttributeType{{Name: "family_name", Required: new(true), Mutable: new(true)}}
	})
	attributes := map[string]string{"email": "a@example.com", "email_verified": "true"}
	o.must(o.users.Seed(t.Context(), o.pool, "ann", "pw", attributes))
	u := o.find("a@example.com")
	if u.Username != "ann" || u.Status != "CONFIRMED" || !u.Enabled || !maps.Equal(u.Attributes, attributes) {
		t.Errorf("seeded %+v", u)
	}
	if right, temporary := o.signsIn("ann", "pw"); !right || temporary {
		t.Errorf("the password: right %v, temporary %v", right, temporary)
	}
	wantFault(t, o.users.Seed(t.Context(), o.pool, "ann", "pw", nil), idp.CodeUsernameExists, "User account already exists")
	wantFault(t, o.users.Seed(t.Context(), o.pool, "bob", "pw", attributes), idp.CodeUsernameExists, "An account with the email already exists.")
	err := o.users.Seed(t.Context(), o.pool, "bob", "pw", map[string]string{"email": "nonsense"})
	wantFault(t, err, idp.CodeInvalidParameter, "Invalid email address format.")
	o.must(o.users.Seed(t.Context(), o.pool, "bob", "", nil))
	bob, err := o.users.SignIn(t.Context(), o.pool, "bob")
	if o.must(err); bob.HasPassword {
		t.Error("a password out of nothing")
	}
	if m := o.inbox.Messages(""); len(m) != 0 {
		t.Errorf("sent %v", m)
	}

	byMail := newOfficeIn(o, usernames("email"))
	given := map[string]string{}
	o.must(byMail.users.Seed(t.Context(), byMail.pool, "c@example.com", "pw", given))
	if u := byMail.find("c@example.com"); u.Username != u.Sub || len(given) != 0 {
		t.Errorf("seeded %+v from %v", u, given)
	}
}
