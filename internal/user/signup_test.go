package user

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/pool"
	"cognate/internal/srp"
	"cognate/internal/store"
)

const good = "Passw0rd!"

// client makes an app client of the office's pool.
func (o *office) client(change func(*idp.CreateUserPoolClientRequest)) *pool.Client {
	o.Helper()
	in := &idp.CreateUserPoolClientRequest{UserPoolId: o.pool.ID, ClientName: "c"}
	if change != nil {
		change(in)
	}
	c, err := o.pools.CreateClient(o.Context(), in)
	o.must(err)
	return c
}

func discreet(in *idp.CreateUserPoolClientRequest) { in.PreventUserExistenceErrors = "ENABLED" }

func (o *office) signUp(c *pool.Client, name string, attributes map[string]string) (*idp.SignUpResponse, error) {
	return o.users.SignUp(o.Context(), o.pool, c, &idp.SignUpRequest{Username: name, Password: good, UserAttributes: attributeList(attributes)})
}

func (o *office) signedUp(c *pool.Client, name string, attributes map[string]string) string {
	o.Helper()
	out, err := o.signUp(c, name, attributes)
	o.must(err)
	return out.UserSub
}

// code is the last code that was sent to an address.
func (o *office) code(to string) string {
	o.Helper()
	o.users.Wait()
	sent := o.inbox.Messages(to)
	if len(sent) == 0 {
		o.Fatalf("nothing was sent to %s", to)
	}
	return string(sent[len(sent)-1].Code)
}

// wrong is a code that is not the right one.
func wrong(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func (o *office) confirm(c *pool.Client, name, code string, force bool) error {
	_, err := o.users.ConfirmSignUp(o.Context(), o.pool, c, &idp.ConfirmSignUpRequest{Username: name, ConfirmationCode: code, ForceAliasCreation: new(force)})
	return err
}

// member signs up and confirms.
func (o *office) member(c *pool.Client, name string, attributes map[string]string) store.User {
	o.Helper()
	o.signedUp(c, name, attributes)
	to := attributes["phone_number"]
	if to == "" || !o.pool.AutoVerified("phone_number") {
		to = attributes["email"]
	}
	if to == "" {
		o.must(o.users.AdminConfirm(o.Context(), o.pool, name, nil))
	} else {
		o.must(o.confirm(c, name, o.code(to), false))
	}
	return o.find(name)
}

func verifiesEmail(in *idp.CreateUserPoolRequest) { in.AutoVerifiedAttributes = []string{"email"} }
func namedByEmail(in *idp.CreateUserPoolRequest) {
	in.UsernameAttributes = []string{"email"}
	verifiesEmail(in)
}
func namedByEither(in *idp.CreateUserPoolRequest) {
	in.UsernameAttributes = []string{"email", "phone_number"}
}
func namedByPhone(in *idp.CreateUserPoolRequest) { in.UsernameAttributes = []string{"phone_number"} }
func ignoresCase(in *idp.CreateUserPoolRequest) {
	in.UsernameConfiguration = &idp.UsernameConfigurationType{}
}
func aliased(names ...string) func(*idp.CreateUserPoolRequest) {
	return func(in *idp.CreateUserPoolRequest) { in.AliasAttributes = names; verifiesEmail(in); ignoresCase(in) }
}

func TestSignUpTexts(t *testing.T) {
	const invalidCode, denied = "InvalidParameterException", "NotAuthorizedException"
	schema := func(in *idp.CreateUserPoolRequest) {
		in.Schema = []*idp.SchemaAttributeType{
			{Name: "email", Required: new(true), Mutable: new(true)},
			{Name: "name", Required: new(true), Mutable: new(true)},
			{Name: "s", AttributeDataType: "String", Mutable: new(true), StringAttributeConstraints: &idp.StringAttributeConstraintsType{MinLength: "2", MaxLength: "3"}},
			{Name: "n", AttributeDataType: "Number", Mutable: new(true), NumberAttributeConstraints: &idp.NumberAttributeConstraintsType{MinValue: "-5", MaxValue: "10"}},
			{Name: "b", AttributeDataType: "Boolean", Mutable: new(true)},
			{Name: "d", AttributeDataType: "DateTime", Mutable: new(true)},
			{Name: "dev", AttributeDataType: "String", Mutable: new(true), DeveloperOnlyAttribute: new(true)},
		}
	}
	with := func(name, value string) map[string]string {
		return map[string]string{"email": "a@b.test", "name": "A", name: value}
	}
	shape := func(text string) string { return "Attributes did not conform to the schema: " + text }
	for _, c := range []struct {
		pool       func(*idp.CreateUserPoolRequest)
		name       string
		attributes map[string]string
		code, text string // of the refusal; none when empty
	}{
		{namedByEmail, "alice", nil, invalidCode, "Username should be an email."},
		{namedByPhone, "alice", nil, invalidCode, "Username should be a phone number."},
		{namedByEither, "alice", nil, invalidCode, "Username should be either an email or a phone number."},
		{namedByEmail, "a b@c.test", nil, invalidCode, "Invalid email address format."},
		{namedByPhone, "+12345678901234567", nil, invalidCode, "Invalid phone number format."},
		{namedByEither, "+15555550100", nil, "", ""},
		{aliased("email"), "a@b.test", nil, invalidCode, "Username cannot be of email format, since user pool is configured for email alias."},
		{aliased("phone_number"), "a@b.test", nil, "", ""},
		{aliased("phone_number"), "+15555550100", nil, invalidCode, "Username cannot be of phone number format, since user pool is configured for phone number alias."},
		{aliased("preferred_username"), "a", map[string]string{"preferred_username": "b"}, invalidCode,
			"Preferred username cannot be provided for unconfirmed account, since user pool is configured for preferred username alias."},
		{nil, "a", map[string]string{"preferred_username": "b"}, "", ""},
		{schema, "a", nil, invalidCode, shape("email: The attribute is required name: The attribute is required ")},
		{schema, "a", with("name", ""), invalidCode, shape("name: The attribute is required ")},
		{schema, "a", with("custom:x", "1"), invalidCode, shape("custom:x: Attribute does not exist in the schema.\n")},
		{schema, "a", with("x", "1"), invalidCode, shape("x: Attribute does not exist in the schema.\n")},
		{schema, "a", with("custom:s", "1234"), invalidCode, shape("custom:s: String must be no longer than 3 characters")},
		{schema, "a", with("custom:s", "żółć"), invalidCode, shape("custom:s: String must be no longer than 3 characters")},
		{schema, "a", with("custom:s", "żół"), "", ""},
		{schema, "a", with("custom:s", "1"), invalidCode, shape("custom:s: String must be at least 2 characters")},
		{schema, "a", with("name", strings.Repeat("x", 2049)), invalidCode, shape("name: String must be no longer than 2048 characters")},
		{schema, "a", with("custom:n", "11"), invalidCode, shape("custom:n: Number must be no greater than 10")},
		{schema, "a", with("custom:n", "-6"), invalidCode, shape("custom:n: Number must be no less than -5")},
		{schema, "a", with("custom:n", "1e3"), invalidCode, shape("custom:n: Value is not a number")},
		{schema, "a", with("custom:n", "-5"), "", ""},
		{schema, "a", with("updated_at", "-1"), invalidCode, shape("updated_at: Number must be no less than 0")},
		{schema, "a", with("custom:b", "yes"), invalidCode, shape("custom:b: Value is not a boolean")},
		{schema, "a", with("custom:b", "TRUE"), "", ""},
		{schema, "a", with("custom:d", "yesterday"), invalidCode, shape("custom:d: Value is not a date and time")},
		{schema, "a", with("custom:d", "2026-01-02T03:04:05Z"), "", ""},
		{schema, "a", with("name", "a\xff"), invalidCode, shape("name: Value is not a text")},
		{schema, "a", with("name", "a\x00"), invalidCode, shape("name: Value is not a text")},
		{schema, "a", with("birthdate", "2026-02-30"), invalidCode, "Invalid birthdate format. Must be YYYY-MM-DD."},
		{schema, "a", with("birthdate", "2026-02-28"), "", ""},
		{schema, "a", with("email", "nobody"), invalidCode, "Invalid email address format."},
		{schema, "a", with("email", "a@b@c.test"), invalidCode, "Invalid email address format."},
		{schema, "a", with("email", "a\r\nBcc:x@b.test"), invalidCode, "Invalid email address format."},
		{schema, "a", with("phone_number", "5555550100"), invalidCode, "Invalid phone number format."},
		{schema, "a", with("sub", "x"), invalidCode, "Cannot modify the non-mutable attribute sub"},
		{schema, "a", with("identities", "x"), invalidCode, "Cannot modify the non-mutable attribute identities"},
		{schema, "a", with("email_verified", "true"), denied, "A client attempted to write unauthorized attribute"},
		{schema, "a", with("dev:custom:dev", "x"), denied, "A client attempted to write unauthorized attribute"},
	} {
		o := newOffice(t, c.pool)
		_, err := o.signUp(o.client(nil), c.name, c.attributes)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s %q: %v", c.name, c.attributes, err)
			}
			continue
		}
		wantFault(t, err, c.code, c.text)
		if _, err := o.users.Find(t.Context(), o.pool, c.name); err == nil {
			t.Errorf("%s %q: refused and written", c.name, c.attributes)
		}
	}
}

func TestSignUpOnlyByAdministrators(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		in.AdminCreateUserConfig = &idp.AdminCreateUserConfigType{AllowAdminCreateUserOnly: new(true)}
	})
	_, err := o.signUp(o.client(nil), "alice", nil)
	wantFault(t, err, "NotAuthorizedException", "SignUp is not permitted for this user pool")
}

func TestWriteAttributes(t *testing.T) {
	o := newOffice(t, namedByEmail)
	narrow := o.client(func(in *idp.CreateUserPoolClientRequest) { in.WriteAttributes = []string{"name"} })
	_, err := o.signUp(narrow, "a@b.test", map[string]string{"locale": "pl"})
	wantFault(t, err, "NotAuthorizedException", "A client attempted to write unauthorized attribute")
	_, err = o.signUp(narrow, "a@b.test", map[string]string{"name": "A"})
	o.must(err) // the address is the user's name, which needs no permission
}

func TestUserNamedByAddress(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) { namedByEmail(in); ignoresCase(in) })
	c := o.client(nil)
	out, err := o.signUp(c, "Alice@B.test", nil)
	o.must(err)
	if d := out.CodeDeliveryDetails; d == nil || *d != (idp.CodeDeliveryDetailsType{AttributeName: "email", DeliveryMedium: "EMAIL", Destination: "a***@b***"}) || out.UserConfirmed {
		t.Errorf("%+v", out)
	}
	u := o.find("aLICE@b.test")
	if u.Sub != out.UserSub || u.Username != u.Sub || u.Attributes["email"] != "alice@b.test" || u.Attributes["email_verified"] != "false" {
		t.Errorf("%+v", u)
	}
	_, err = o.signUp(c, "alice@b.TEST", nil)
	wantFault(t, err, "UsernameExistsException", "An account with the given email already exists.")
	_, err = o.signUp(c, "carol@b.test", nil)
	o.must(err)
	_, err = o.users.Update(t.Context(), Self{Pool: o.pool, Client: c, User: o.find("carol@b.test")}, attributeList(map[string]string{"email": "alice@b.test"}))
	wantFault(t, err, "AliasExistsException", "An account with the given email already exists.")
	_, err = o.users.Update(t.Context(), Self{Pool: o.pool, Client: c, User: o.find("carol@b.test")}, attributeList(map[string]string{"email": "+15555550100"}))
	wantFault(t, err, "InvalidParameterException", "Invalid email address format.")
	o.must(o.confirm(c, "ALICE@b.test", o.code("alice@b.test"), false))
}

func TestManySignUpsOfOneAddress(t *testing.T) {
	o := newOffice(t, namedByEmail)
	c := o.client(nil)
	var made atomic.Int64
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			_, err := o.signUp(c, "alice@b.test", nil)
			if err == nil {
				made.Add(1)
				return
			}
			wantFault(t, err, "UsernameExistsException", "An account with the given email already exists.")
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("%d users were made", made.Load())
	}
}

func TestManyConfirmationsOfOneUser(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(nil)
	o.signedUp(c, "alice", map[string]string{"email": "alice@b.test"})
	code := o.code("alice@b.test")
	var confirmed atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			err := o.confirm(c, "alice", code, false)
			f, ok := errors.AsType[*fault.Error](err)
			switch {
			case err == nil:
				confirmed.Add(1)
			case !ok || f.Code != idp.CodeNotAuthorized && f.Code != idp.CodeLimitExceeded:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if confirmed.Load() != 1 {
		t.Errorf("%d confirmations succeeded", confirmed.Load())
	}
	if u := o.find("alice"); u.Status != "CONFIRMED" || u.Attributes["email_verified"] != "true" {
		t.Errorf("%+v", u)
	}
}

func TestCodesOfSignUp(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) { in.AutoVerifiedAttributes = []string{"email", "phone_number"} })
	c := o.client(nil)
	o.signedUp(c, "alice", map[string]string{"email": "alice@b.test", "phone_number": "+15555550100"})
	if n := len(o.inbox.Messages("alice@b.test")); n != 0 {
		t.Errorf("%d mails were sent beside the SMS", n)
	}
	first := o.code("+15555550100")
	_, err := o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "alice"})
	o.must(err)
	if second := o.code("+15555550100"); first != second {
		wantFault(t, o.confirm(c, "alice", first, false), "CodeMismatchException", "Invalid verification code provided, please try again.")
	}
	o.expire("alice", codeSignUp)
	wantFault(t, o.confirm(c, "alice", o.code("+15555550100"), false), "ExpiredCodeException", "Invalid code provided, please request a code again.")
}

// expire lets a user's code end now.
func (o *office) expire(name string, k kind) {
	o.Helper()
	u := o.find(name)
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) error {
		c, err := tx.GetCode(o.pool.ID, u.Sub, k.purpose, k.slot("email"))
		if err != nil {
			return err
		}
		c.Expires = time.Now()
		return tx.PutCode(c)
	}))
}

func TestNewCodesDoNotMakeGuessesFree(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(nil)
	o.signedUp(c, "alice", map[string]string{"email": "alice@b.test"})
	resend := func() error {
		_, err := o.users.ResendConfirmationCode(t.Context(), o.pool, c, &idp.ResendConfirmationCodeRequest{Username: "alice"})
		return err
	}
	const beyond = "Attempt limit exceeded, please try after some time."
	for i := range 15 {
		if i%3 == 0 {
			o.must(resend())
		}
		wantFault(t, o.confirm(c, "alice", wrong(o.code("alice@b.test")), false), "CodeMismatchException", "Invalid verification code provided, please try again.")
	}
	wantFault(t, resend(), "LimitExceededException", beyond)
	wantFault(t, o.confirm(c, "alice", o.code("alice@b.test"), false), "LimitExceededException", beyond)
	if u := o.find("alice"); u.Status != "UNCONFIRMED" {
		t.Errorf("%s beyond the limit", u.Status)
	}
}

// A code proves the address that it went to, and no other.
func TestACodeEndsWithItsAddress(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	c := o.client(nil)
	o.signedUp(c, "alice", map[string]string{"email": "alice@b.test"})
	code := o.code("alice@b.test")
	o.must(o.update("alice", map[string]string{"email": "victim@b.test"}))
	wantFault(t, o.confirm(c, "alice", code, false), "ExpiredCodeException", "Invalid code provided, please request a code again.")
	o.must(o.update("alice", map[string]string{"email": "alice@b.test", "email_verified": "true"}))
	o.must(o.users.AdminConfirm(t.Context(), o.pool, "alice", nil))
	_, err := o.forgot(c, "alice")
	o.must(err)
	code = o.code("alice@b.test")
	o.must(o.update("alice", map[string]string{"email": "new@b.test", "email_verified": "true"}))
	wantFault(t, o.reset(c, "alice", code, "N3w-Horse!"), "ExpiredCodeException", "Invalid code provided, please request a code again.")
}

func TestPasswordlessSignUp(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		verifiesEmail(in)
		in.Policies.SignInPolicy = &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}
	})
	choice := o.client(func(in *idp.CreateUserPoolClientRequest) { in.ExplicitAuthFlows = []string{"ALLOW_USER_AUTH"} })
	signUp := func(c *pool.Client, name, email string) error {
		in := &idp.SignUpRequest{Username: name}
		if email != "" {
			in.UserAttributes = attributeList(map[string]string{"email": email})
		}
		_, err := o.users.SignUp(t.Context(), o.pool, c, in)
		return err
	}
	const short = "Password did not conform with policy: Password not long enough"
	wantFault(t, signUp(o.client(nil), "alice", "alice@b.test"), "InvalidPasswordException", short)
	wantFault(t, signUp(choice, "alice", ""), "InvalidPasswordException", short)
	o.must(signUp(choice, "alice", "alice@b.test"))
	if a, err := o.users.SignIn(t.Context(), o.pool, "alice"); err != nil || a.HasPassword {
		t.Errorf("%v, %v", a.HasPassword, err)
	}
	o.must(o.confirm(choice, "alice", o.code("alice@b.test"), false))
}

func TestSecretHashNames(t *testing.T) {
	o := newOffice(t, aliased("email"))
	open := o.client(nil)
	alice := o.member(open, "alice", map[string]string{"email": "alice@b.test"})
	c := o.client(func(in *idp.CreateUserPoolClientRequest) { in.ClientSecret = "0123456789abcdefghijklmnopq" })
	hash := func(name string) string { return srp.SecretHash(name, c.ID, "0123456789abcdefghijklmnopq") }
	forgot := func(c *pool.Client, hash string) error {
		_, err := o.users.ForgotPassword(t.Context(), o.pool, c, &idp.ForgotPasswordRequest{Username: "Alice@b.test", SecretHash: hash})
		return err
	}
	for _, name := range []string{"Alice@b.test", "alice", alice.Sub} {
		o.must(forgot(c, hash(name)))
	}
	unfit := fmt.Sprintf("Unable to verify secret hash for client %s", c.ID)
	wantFault(t, forgot(c, hash("bob")), "NotAuthorizedException", unfit)
	wantFault(t, forgot(c, hash("")), "NotAuthorizedException", unfit)
	wantFault(t, forgot(c, ""), "NotAuthorizedException", "Client "+c.ID+" is configured with secret but SECRET_HASH was not received")
	wantFault(t, forgot(open, "x"), "NotAuthorizedException", "Unable to verify secret hash for client "+open.ID)
}
