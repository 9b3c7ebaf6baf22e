package user

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/message"
	"cognate/internal/store"
)

func TestCreateInvites(t *testing.T) {
	o := newOffice(t, nil)
	u, err := o.tryCreate("Ann", map[string]string{"email": "Ann@Example.com", "phone_number": "+4917012345", "email_verified": "True"}, told)
	o.must(err)
	if u.Status != "FORCE_CHANGE_PASSWORD" || !u.Enabled || u.Username != "Ann" {
		t.Errorf("created %+v", u)
	}
	want := map[string]string{"email": "Ann@Example.com", "email_verified": "true", "phone_number": "+4917012345"}
	if stored := o.find("Ann"); !maps.Equal(stored.Attributes, want) || stored.Sub != u.Sub {
		t.Errorf("stored %+v", stored)
	}
	m := o.inbox.Messages("")
	if len(m) != 1 || m[0].Purpose != message.AdminCreateUser || m[0].Medium != message.SMS || m[0].Destination != "+4917012345" {
		t.Fatalf("messages %v", m)
	}
	password := string(m[0].Code)
	if m[0].Body != "Your username is Ann and temporary password is "+password+"." {
		t.Errorf("body %q", m[0].Body)
	}
	if right, temporary := o.signsIn("Ann", password); !right || !temporary {
		t.Errorf("the password of the message: right %v, temporary %v", right, temporary)
	}
}

func TestInvitationMedia(t *testing.T) {
	const phone, mail = "+4917012345", "a@example.com"
	for _, c := range []struct {
		media       []string
		phone, mail string
		want        []string
	}{
		{nil, phone, mail, []string{phone}},
		{nil, "", mail, []string{mail}},
		{nil, phone, "", []string{phone}},
		{nil, "", "", nil},
		{[]string{"EMAIL"}, phone, mail, []string{mail}},
		{[]string{"EMAIL"}, phone, "", []string{phone}},
		{[]string{"SMS"}, phone, mail, []string{phone}},
		{[]string{"SMS"}, "", mail, []string{mail}},
		{[]string{"SMS", "EMAIL"}, phone, mail, []string{phone, mail}},
		{[]string{"EMAIL", "SMS", "EMAIL"}, "", mail, []string{mail}},
		{[]string{"EMAIL"}, "", "", nil},
	} {
		o := newOffice(t, nil)
		_, err := o.tryCreate("ann", map[string]string{"email": c.mail, "phone_number": c.phone}, func(in *idp.AdminCreateUserRequest) {
			in.MessageAction, in.DesiredDeliveryMediums = "", c.media
		})
		o.must(err)
		var got []string
		for _, m := range o.inbox.Messages("") {
			got = append(got, m.Destination)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v to %q and %q: went to %v", c.media, c.phone, c.mail, got)
		}
	}
}

func TestInvitationTemplate(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.UsernameAttributes = []string{"email"}
		in.AdminCreateUserConfig = &idp.AdminCreateUserConfigType{InviteMessageTemplate: &idp.MessageTemplateType{
			EmailSubject: "Hi", EmailMessage: "<b>{username}</b> {####}", SMSMessage: "{username}/{####}",
		}}
	})
	u, err := o.tryCreate("ann@example.com", map[string]string{"phone_number": "+491"}, func(in *idp.AdminCreateUserRequest) {
		in.MessageAction, in.TemporaryPassword, in.DesiredDeliveryMediums = "", "Given&123", []string{"SMS", "EMAIL"}
	})
	o.must(err)
	m := o.inbox.Messages("")
	if len(m) != 2 || m[0].Body != "ann@example.com/Given&123" || m[1].Subject != "Hi" || m[1].Body != "<b>ann@example.com</b> Given&amp;123" {
		t.Errorf("messages %+v", m)
	}
	if u.Username != u.Sub || u.Attributes["email"] != "ann@example.com" {
		t.Errorf("user %+v", u)
	}
	if right, _ := o.signsIn("ann@example.com", "Given&123"); !right {
		t.Error("the address is no sign-in name")
	}
}

func TestSuppressSendsNothing(t *testing.T) {
	o := newOffice(t, nil)
	o.create("ann", map[string]string{"email": "a@example.com"})
	if m := o.inbox.Messages(""); len(m) != 0 {
		t.Errorf("sent %v", m)
	}
}

func TestTemporaryPasswordPolicy(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) { in.Policies = nil })
	const prefix = "Password did not conform with password policy: "
	for password, reason := range map[string]string{
		"Short1!": "Password not long enough", "lowercase1!": "Password must have uppercase characters",
		"UPPERCASE1!": "Password must have lowercase characters", "NoNumber!": "Password must have numeric characters",
		"NoSymbol1": "Password must have symbol characters",
	} {
		_, err := o.tryCreate("ann", nil, func(in *idp.AdminCreateUserRequest) { in.TemporaryPassword = password })
		wantFault(t, err, idp.CodeInvalidPassword, prefix+reason)
	}
	_, err := o.users.Find(t.Context(), o.pool, "ann")
	wantFault(t, err, idp.CodeUserNotFound, "User does not exist.")
	seen := map[string]bool{}
	for range 100 {
		password := temporaryPassword(o.pool)
		if err := checkPolicy(o.pool, policyAdmin, password); err != nil || seen[password] {
			t.Fatalf("%v, or invented twice", err)
		}
		seen[password] = true
	}
}

func TestInvitationFails(t *testing.T) {
	o := newOffice(t, nil)
	o.users.sender = message.Nowhere{}
	_, err := o.tryCreate("ann", map[string]string{"email": "a@example.com"}, told)
	wantFault(t, err, idp.CodeCodeDeliveryFailure, "Unable to deliver the message.")
	if u := o.find("ann"); u.Status != "FORCE_CHANGE_PASSWORD" {
		t.Errorf("left as %+v", u)
	}
	o.users.sender = o.inbox
	_, err = o.tryCreate("ann", nil, resent)
	o.must(err)
	if m := o.inbox.Messages("a@example.com"); len(m) != 1 {
		t.Errorf("messages %v", m)
	}
}

func TestResend(t *testing.T) {
	o := newOffice(t, nil)
	_, err := o.tryCreate("nobody", nil, resent)
	wantFault(t, err, idp.CodeUserNotFound, "User does not exist.")

	_, err = o.tryCreate("ann", map[string]string{"email": "a@example.com"}, func(in *idp.AdminCreateUserRequest) {
		in.TemporaryPassword = "first password"
	})
	o.must(err)
	old := o.find("ann")
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error { // a password of last month
		w, err := tx.GetPassword(o.pool.ID, old.Sub)
		if err != nil {
			return err
		}
		w.Set = w.Set.AddDate(0, -1, 0)
		return tx.PutPassword(w)
	}))
	time.Sleep(2 * time.Millisecond) // times are kept in milliseconds
	u, err := o.tryCreate("ann", nil, resent)
	o.must(err)
	if !u.Modified.After(old.Modified) || u.Sub != old.Sub || u.Status != "FORCE_CHANGE_PASSWORD" || u.Attributes["email"] != "a@example.com" {
		t.Errorf("sent again %+v", u)
	}
	second := string(o.inbox.Messages("a@example.com")[0].Code)
	if right, _ := o.signsIn("ann", "first password"); right {
		t.Error("the old password is still right")
	}
	if right, temporary := o.signsIn("ann", second); !right || !temporary {
		t.Error("the new password is wrong or permanent")
	}
	a, err := o.users.SignInBySub(t.Context(), o.pool, u.Sub)
	if o.must(err); time.Since(a.Password.Set) > time.Minute {
		t.Errorf("the expiry counts from %v", a.Password.Set)
	}
	_, err = o.tryCreate("ann", nil, func(in *idp.AdminCreateUserRequest) { in.MessageAction, in.TemporaryPassword = "RESEND", "short" })
	wantFault(t, err, idp.CodeInvalidPassword, "Password did not conform with password policy: Password not long enough")
	for _, status := range []string{"CONFIRMED", "UNCONFIRMED", "RESET_REQUIRED"} {
		o.setStatus("ann", status)
		_, err = o.tryCreate("ann", nil, resent)
		wantFault(t, err, idp.CodeUnsupportedUserState, "Resend not possible. ann status is not FORCE_CHANGE_PASSWORD")
	}
	if right, _ := o.signsIn("ann", second); !right {
		t.Error("a refused request changed the password")
	}
}

func TestCreateExisting(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.UsernameConfiguration = &idp.UsernameConfigurationType{CaseSensitive: false}
	})
	if u := o.create("Ann", nil); u.Username != "ann" {
		t.Errorf("user name %q", u.Username)
	}
	for _, name := range []string{"Ann", "ann", "ANN"} {
		_, err := o.tryCreate(name, nil, nil)
		wantFault(t, err, idp.CodeUsernameExists, "User account already exists")
	}
}

func TestUsernameModes(t *testing.T) {
	for _, c := range []struct {
		mode       func(*idp.CreateUserPoolRequest)
		name, text string
	}{
		{aliases("email"), "a@example.com", "Username cannot be of email format, since user pool is configured for email alias."},
		{aliases("phone_number"), "+4917012345", "Username cannot be of phone number format, since user pool is configured for phone number alias."},
		{usernames("email"), "ann", "Username should be an email."},
		{usernames("phone_number"), "ann", "Username should be a phone number."},
		{usernames("email", "phone_number"), "ann", "Username should be either an email or a phone number."},
	} {
		o := newOffice(t, c.mode)
		_, err := o.tryCreate(c.name, nil, nil)
		wantFault(t, err, idp.CodeInvalidParameter, c.text)
	}
	o := newOffice(t, usernames("email", "phone_number"))
	o.create("a@example.com", nil)
	o.create("+4917012345", nil)
	_, err := o.tryCreate("a@example.com", nil, forced)
	wantFault(t, err, idp.CodeUsernameExists, "An account with the given email already exists.")
	_, err = o.tryCreate("+4917012345", nil, forced)
	wantFault(t, err, idp.CodeUsernameExists, "An account with the given phone_number already exists.")
}

func TestAliasConflictAtCreation(t *testing.T) {
	o := newOffice(t, aliases("email"))
	mine := map[string]string{"email": "a@example.com", "email_verified": "true"}
	first := o.create("first", mine)
	unverified := o.create("second", map[string]string{"email": "a@example.com"})
	if _, ok := unverified.Attributes["email_verified"]; ok {
		t.Errorf("%v", unverified.Attributes)
	}
	_, err := o.tryCreate("third", mine, nil)
	wantFault(t, err, idp.CodeUsernameExists, "An account with the email already exists.")
	_, err = o.users.Find(t.Context(), o.pool, "third")
	wantFault(t, err, idp.CodeUserNotFound, "User does not exist.")
	if u := o.find("a@example.com"); u.Sub != first.Sub {
		t.Errorf("the alias went to %s", u.Username)
	}
	third, err := o.tryCreate("third", mine, forced)
	o.must(err)
	if u := o.find("a@example.com"); u.Sub != third.Sub {
		t.Errorf("the alias stayed with %s", u.Username)
	}
	if u := o.find("first"); u.Attributes["email_verified"] != "false" {
		t.Errorf("the old owner is still verified: %v", u.Attributes)
	}
}

func TestCreateChecksAttributes(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.Schema = []*idp.SchemaAttributeType{{Name: "family_name", Required: new(true), Mutable: new(true)}}
	})
	for name, c := range map[string]struct{ value, text string }{
		"custom:x":     {"1", "Attributes did not conform to the schema: custom:x: Attribute does not exist in the schema.\n"},
		"email":        {"nonsense", "Invalid email address format."},
		"phone_number": {"0170", "Invalid phone number format."},
		"sub":          {"x", "Cannot modify the non-mutable attribute sub"},
	} {
		_, err := o.tryCreate("ann", map[string]string{name: c.value}, nil)
		wantFault(t, err, idp.CodeInvalidParameter, c.text)
	}
	o.create("ann", nil) // without the required family_name
}

func TestPasswordlessCreation(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.Policies.SignInPolicy = &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}
		in.Schema = []*idp.SchemaAttributeType{{Name: "email", Required: new(true), Mutable: new(true)}}
	})
	_, err := o.tryCreate("ann", nil, nil)
	wantFault(t, err, idp.CodeInvalidParameter, "Attributes did not conform to the schema: email: The attribute is required ")
	u, err := o.tryCreate("ann", map[string]string{"email": "a@example.com"}, told)
	o.must(err)
	a, err := o.users.SignInBySub(t.Context(), o.pool, u.Sub)
	if o.must(err); u.Status != "CONFIRMED" || a.HasPassword {
		t.Errorf("status %s, has a password %v", u.Status, a.HasPassword)
	}
	if m := o.inbox.Messages(""); len(m) != 0 {
		t.Errorf("told of a password that is not there: %v", m)
	}
	u, err = o.tryCreate("bob", nil, func(in *idp.AdminCreateUserRequest) { in.TemporaryPassword = "temporary" })
	if o.must(err); u.Status != "FORCE_CHANGE_PASSWORD" {
		t.Errorf("with a password: %s", u.Status)
	}
}

func TestConcurrentCreation(t *testing.T) {
	for name, c := range map[string]struct {
		mode     func(*idp.CreateUserPoolRequest)
		username string
		text     string
	}{
		"name":    {nil, "ann", "User account already exists"},
		"address": {usernames("email"), "ann@example.com", "An account with the given email already exists."},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, c.mode)
			errs := make([]error, 20)
			var group sync.WaitGroup
			for i := range errs {
				group.Go(func() { _, errs[i] = o.tryCreate(c.username, nil, nil) })
			}
			group.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					wantFault(t, err, idp.CodeUsernameExists, c.text)
				}
			}
			if users := o.pages("", 60); won != 1 || len(users) != 1 {
				t.Errorf("%d won, %d users", won, len(users))
			}
		})
	}
}

// TestNoPasswordAtRest looks for temporary passwords in the bytes of the database (security checklist 12).
func TestNoPasswordAtRest(t *testing.T) {
	folder := t.TempDir()
	o := newOfficeAt(t, filepath.Join(folder, "db"), nil)
	_, err := o.tryCreate("findable-name", map[string]string{"email": "a@example.com"}, told)
	o.must(err)
	_, err = o.tryCreate("findable-name", nil, resent)
	o.must(err)
	o.must(o.setPassword("findable-name", "chosen-by-admin", false))
	passwords := []string{"chosen-by-admin"}
	for _, m := range o.inbox.Messages("") {
		passwords = append(passwords, string(m.Code))
	}
	var bytes strings.Builder
	files, err := os.ReadDir(folder)
	o.must(err)
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(folder, f.Name()))
		o.must(err)
		bytes.Write(b)
	}
	if !strings.Contains(bytes.String(), "findable-name") || len(passwords) != 3 {
		t.Fatal("these are not the bytes of the database")
	}
	for _, p := range passwords {
		if strings.Contains(bytes.String(), p) {
			t.Error("a password stands in the database")
		}
	}
}
