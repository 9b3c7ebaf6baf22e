package user

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/passhash"
	"cognate/internal/store"
)

// candidate is one whom every pool takes, but for what change says. The attributes are pairs of name and value.
func candidate(name string, attributes ...string) Candidate {
	c := Candidate{Username: name, Attributes: map[string]string{}}
	for i := 0; i < len(attributes); i += 2 {
		c.Attributes[attributes[i]] = attributes[i+1]
	}
	return c
}

func vouched(name, email string) Candidate {
	return candidate(name, "email", email, "email_verified", "true")
}

func takesImports(in *idp.CreateUserPoolRequest) {
	in.AutoVerifiedAttributes = []string{"email", "phone_number"}
	in.UsernameConfiguration = &idp.UsernameConfigurationType{CaseSensitive: false}
}

// TestRecruit tells for each candidate which rule it breaks, if any.
func TestRecruit(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		takesImports(in)
		in.Schema = []*idp.SchemaAttributeType{{Name: "level", AttributeDataType: "Number", Mutable: new(true)}}
	})
	with := func(name, value string) Candidate {
		c := vouched("alice", "alice@example.com")
		c.Attributes[name] = value
		return c
	}
	mfa := func(value string) Candidate { c := with("name", "A"); c.MFA = value; return c }
	hash := func(algorithm, text string) Candidate {
		c := with("name", "A")
		c.Algorithm, c.Hash = algorithm, text
		return c
	}
	const unvouched = "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true)"
	for _, tt := range []struct {
		what string
		c    Candidate
		want string
	}{
		{"one who is taken", vouched("alice", "alice@example.com"), ""},
		{"by telephone", candidate("alice", "phone_number", "+15550100", "phone_number_verified", "TRUE"), ""},
		{"a formula", with("name", `=HYPERLINK("http://evil.example")`), ""},
		{"a date of birth", with("birthdate", "02/29/2000"), ""},
		{"no name", vouched("", "alice@example.com"), "The User Record does not set cognito:username"},
		{"a space in the name", vouched("a b", "alice@example.com"), "cognito:username must have at most 128 characters, none of them a space or a control character"},
		{"a NUL in the name", vouched("a\x00", "alice@example.com"), "cognito:username must have at most 128 characters, none of them a space or a control character"},
		{"a long name", vouched(strings.Repeat("ä", 129), "alice@example.com"), "cognito:username must have at most 128 characters, none of them a space or a control character"},
		{"no address", candidate("alice"), unvouched},
		{"an address that is not verified", candidate("alice", "email", "a@example.com"), unvouched},
		{"verified without an address", candidate("alice", "email_verified", "true"), unvouched},
		{"verified in other words", candidate("alice", "email", "a@example.com", "email_verified", "yes"), "Attributes did not conform to the schema: email_verified: Value is not a boolean"},
		{"no e-mail address", vouched("alice", "alice"), "Invalid email address format."},
		{"another date of birth", with("birthdate", "2000-02-29"), "Invalid birthdate format. Must be mm/dd/yyyy"},
		{"a day that is none", with("birthdate", "02/30/2000"), "Invalid birthdate format. Must be mm/dd/yyyy"},
		{"a long value", with("name", strings.Repeat("x", 2049)), "Attributes did not conform to the schema: name: String must be no longer than 2048 characters"},
		{"a text for a number", with("custom:level", "x"), "Attributes did not conform to the schema: custom:level: Value is not a number"},
		{"an attribute that is not", with("custom:none", "x"), "Attributes did not conform to the schema: custom:none: Attribute does not exist in the schema.\n"},
		{"a sub", with("sub", "x"), "Cannot modify the non-mutable attribute sub"},
		{"MFA", mfa("true"), "cognito:mfa_enabled must be false or empty: MFA is off for the user pool"},
		{"no MFA", mfa("FALSE"), ""},
		{"MFA perhaps", mfa("perhaps"), "cognito:mfa_enabled is neither true nor false"},
		{"a hash", hash(passhash.Scrypt, importedHash), ""},
		{"a hash of another algorithm", hash(passhash.Bcrypt, importedHash), "password_hash is not a hash that can be imported: it is not bcrypt, as $2b$, two digits of cost, $ and 53 characters are"},
	} {
		_, err := o.users.Recruit(o.pool, tt.c)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.what, err)
			}
			continue
		}
		t.Run(tt.what, func(t *testing.T) { wantFault(t, err, "InvalidParameterException", tt.want) })
	}
}

// TestRecruitsOfPools are rules that not all pools have.
func TestRecruitsOfPools(t *testing.T) {
	o := newOffice(t, nil)
	withMFA := func(mode string) func(*idp.CreateUserPoolRequest) {
		return func(in *idp.CreateUserPoolRequest) {
			takesImports(in)
			in.MfaConfiguration = mode
			in.SmsConfiguration = &idp.SmsConfigurationType{SnsCallerArn: "arn:aws:iam::000000000000:role/sms"}
		}
	}
	phone := candidate("alice", "phone_number", "+15550100", "phone_number_verified", "true")
	mfa := func(c Candidate, value string) Candidate { c.MFA = value; return c }
	byEmail := func(in *idp.CreateUserPoolRequest) { takesImports(in); in.UsernameAttributes = []string{"email"} }
	for _, tt := range []struct {
		what  string
		pool  func(*idp.CreateUserPoolRequest)
		c     Candidate
		want  string
		check func(store.User) bool
	}{
		{"MFA for whom it is required", withMFA("ON"), mfa(phone, "true"), "", func(u store.User) bool { return len(u.Extra) == 0 }},
		{"no MFA where it is required", withMFA("ON"), mfa(phone, "false"), "cognito:mfa_enabled must be true or empty: the user pool requires MFA", nil},
		{"MFA by choice", withMFA("OPTIONAL"), mfa(phone, "true"), "", func(u store.User) bool {
			s, err := SettingsOf(u)
			return err == nil && len(s.Enabled) == 1 && s.Enabled[0] == FactorSMS
		}},
		{"no MFA by choice", withMFA("OPTIONAL"), mfa(phone, ""), "", func(u store.User) bool { return len(u.Extra) == 0 }},
		{"MFA without a telephone", withMFA("OPTIONAL"), mfa(vouched("alice", "a@example.com"), "true"), "User does not have delivery config set to turn on SMS_MFA", nil},
		{"a required attribute", func(in *idp.CreateUserPoolRequest) {
			takesImports(in)
			in.Schema = []*idp.SchemaAttributeType{{Name: "family_name", Required: new(true), Mutable: new(true)}}
		}, vouched("alice", "a@example.com"), "Attributes did not conform to the schema: family_name: The attribute is required ", nil},
		{"no address for a name", byEmail, vouched("alice", "a@example.com"), "Username should be an email.", nil},
		{"another address for a name", byEmail, vouched("b@example.com", "a@example.com"), "cognito:username and email differ, and users sign in with email", nil},
		{"an address for a name", byEmail, vouched("a@example.com", "A@example.com"), "", func(u store.User) bool {
			return u.Username == u.Sub && u.Attributes["email"] == "a@example.com" && u.Status == "RESET_REQUIRED"
		}},
		{"who needs no password", func(in *idp.CreateUserPoolRequest) {
			takesImports(in)
			in.Policies.SignInPolicy = &idp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP"}}
		}, vouched("alice", "a@example.com"), "", func(u store.User) bool { return u.Status == "CONFIRMED" }},
	} {
		t.Run(tt.what, func(t *testing.T) {
			in := newOfficeIn(o, tt.pool)
			r, err := in.users.Recruit(in.pool, tt.c)
			if tt.want != "" {
				wantFault(t, err, "InvalidParameterException", tt.want)
			} else if err != nil || !tt.check(r.user.User) {
				t.Errorf("%+v, %v", r.user.User, err)
			}
		})
	}
}

// enlist recruits candidates, all of whom must be fit for it, in one transaction.
func (o *office) enlist(candidates ...Candidate) (results []error) {
	o.Helper()
	var recruits []Recruit
	for _, c := range candidates {
		c.Attributes = maps.Clone(c.Attributes)
		r, err := o.users.Recruit(o.pool, c)
		o.must(err)
		recruits = append(recruits, r)
	}
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) (err error) {
		results, err = o.users.Enlist(tx, o.pool, recruits)
		return err
	}))
	return results
}

// TestEnlist brings those who are free together with those who are there already, in the pool and in the batch.
func TestEnlist(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			takesImports(in)
			in.AliasAttributes = []string{"email", "preferred_username"}
		})
		old := o.create("old", map[string]string{"email": "old@example.com", "email_verified": "true", "preferred_username": "veteran"})
		preferred := vouched("eve", "eve@example.com")
		preferred.Attributes["preferred_username"] = "Alice"
		const taken = "An account with the email already exists."
		for i, err := range o.enlist(
			vouched("alice", "alice@example.com"),
			vouched("OLD", "new@example.com"),         // a user name
			vouched("bob", "OLD@example.com"),         // an address that another signs in with
			vouched("Alice", "alice2@example.com"),    // one of the batch
			vouched("carol", "alice@example.com"),     // the address of one of the batch
			vouched("veteran", "veteran@example.com"), // the preferred name of another
			vouched(old.Sub, "sub@example.com"),
			preferred,
			vouched("dave", "dave@example.com"),
		) {
			want := []any{nil, ErrMember, taken, ErrMember, taken, ErrMember, ErrMember, "An account with the preferred_username already exists.", nil}[i]
			switch want := want.(type) {
			case nil:
				if err != nil {
					o.Errorf("candidate %d: %v", i, err)
				}
			case error:
				if !errors.Is(err, want) {
					o.Errorf("candidate %d: %v, want %v", i, err, want)
				}
			case string:
				wantFault(o.T, err, "UsernameExistsException", want)
			}
		}
		for _, name := range []string{"alice", "dave", "alice@example.com", "dave@example.com"} {
			if u := o.find(name); u.Status != "RESET_REQUIRED" || !u.Enabled {
				o.Errorf("%s is %+v", name, u)
			}
		}
		// Of those who were refused nothing is left: their other names are free.
		for i, err := range o.enlist(vouched("bob", "bob@example.com"), vouched("carol", "new@example.com"), vouched("eve", "eve@example.com")) {
			if err != nil {
				o.Errorf("candidate %d, the second time: %v", i, err)
			}
		}
		if u := o.find("old@example.com"); u.Sub != old.Sub || u.Attributes["email_verified"] != "true" {
			o.Errorf("old is %+v", u)
		}
	})
}

// TestEnlistByAddress is about a pool where addresses are the names: a second user of an address is one who is there.
func TestEnlistByAddress(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) { takesImports(in); in.UsernameAttributes = []string{"email"} })
	results := o.enlist(vouched("a@example.com", ""), vouched("A@example.com", ""), vouched("b@example.com", ""))
	if results[0] != nil || results[1] != ErrMember || results[2] != nil {
		t.Errorf("%v", results)
	}
}

// importedHash is scrypt of importedPassword, of little cost, made by OpenSSL.
const (
	importedPassword = "Passw0rd!"
	importedHash     = "16384$8$1$00112233445566778899aabbccddeeff$b5492f580a399175171092a709f7896aa830667110f04fa1dac2c89aac4c34ea"
)

func withHash(c Candidate) Candidate {
	c.Algorithm, c.Hash = passhash.Scrypt, importedHash
	return c
}

// TestForeignPassword signs in somebody who has come with a hash: the first time makes a verifier of it, and before that
// there is none.
func TestForeignPassword(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, func(in *idp.CreateUserPoolRequest) {
			takesImports(in)
			in.Policies.PasswordPolicy.MinimumLength = new(int64(20)) // which an imported password need not keep
			in.Policies.PasswordPolicy.PasswordHistorySize = new(int64(2))
		})
		o.enlist(withHash(vouched("alice", "alice@example.com")))
		a := o.account(o.users, o.find("alice").Sub)
		if !a.HasPassword || a.HasVerifier() || !a.Password.Foreign() || a.User.Status != "CONFIRMED" {
			o.Fatalf("%+v", a)
		}
		if _, err := o.users.Verifier(a.Password); err == nil {
			o.Error("a hash is a verifier")
		}
		was := a
		if ok, err := o.users.ProvePassword(o.Context(), o.pool, &a, "wrong"); ok || err != nil || !a.Password.Foreign() {
			o.Errorf("a wrong password: %v, %v", ok, err)
		}
		o.proves(&a, importedPassword)
		if !a.HasVerifier() || !a.Password.Set.Equal(was.Password.Set) {
			o.Errorf("after the first sign-in the password is %+v", a.Password)
		}
		// Whoever has read the hash before the verifier took its place is let in, too, and changes nothing.
		o.proves(&was, importedPassword)
		now := o.account(o.users, a.User.Sub)
		if _, err := o.users.Verifier(now.Password); err != nil || string(now.Password.Sealed) != string(a.Password.Sealed) {
			o.Errorf("the verifier: %v", err)
		}
		if right, temporary := o.signsIn("alice", importedPassword); !right || temporary {
			o.Error("the second sign-in fails")
		}
		wantFault(o.T, o.setPassword("alice", importedPassword, true), "InvalidPasswordException", "Password does not conform to policy: Password not long enough")
	})
}

func (o *office) proves(a *Account, password string) {
	o.Helper()
	if ok, err := o.users.ProvePassword(o.Context(), o.pool, a, password); !ok || err != nil {
		o.Errorf("the password is refused: %v", err)
	}
}

// TestForeignPasswordIsReplaced changes an imported password before it was ever used.
func TestForeignPasswordIsReplaced(t *testing.T) {
	o := newOffice(t, func(in *idp.CreateUserPoolRequest) {
		takesImports(in)
		in.Policies.PasswordPolicy.PasswordHistorySize = new(int64(2))
	})
	o.enlist(withHash(vouched("alice", "alice@example.com")), withHash(vouched("bob", "bob@example.com")))
	me := Self{Pool: o.pool, User: o.find("alice")}
	wantFault(t, o.users.ChangePassword(t.Context(), me, "wrong password", "another password"), "NotAuthorizedException", "Incorrect username or password.")
	wantFault(t, o.users.ChangePassword(t.Context(), me, importedPassword, importedPassword), "PasswordHistoryPolicyViolationException", "Password has previously been used.")
	o.must(o.users.ChangePassword(t.Context(), me, importedPassword, "another password"))
	o.must(o.setPassword("bob", "another password", true))
	for _, name := range []string{"alice", "bob"} {
		if right, _ := o.signsIn(name, "another password"); !right {
			t.Errorf("%s cannot sign in", name)
		}
		if right, _ := o.signsIn(name, importedPassword); right {
			t.Errorf("%s signs in with the imported password", name)
		}
	}
}

// TestForeignPasswordsAtOnce signs somebody in many times at once: one verifier comes of it, and everybody is let in.
func TestForeignPasswordsAtOnce(t *testing.T) {
	onEngines(t, func(o *office) {
		o = newOfficeIn(o, takesImports)
		o.enlist(withHash(vouched("alice", "alice@example.com")))
		sub := o.find("alice").Sub
		var all sync.WaitGroup
		for range 8 {
			a := o.account(o.users, sub)
			all.Go(func() { o.proves(&a, importedPassword) })
		}
		all.Wait()
		if a := o.account(o.users, sub); !a.HasVerifier() {
			o.Error("the hash is still there")
		}
	})
}

// TestSlowHashesTakeTurns holds hashes that nobody waits for any more to take no turn.
func TestSlowHashesTakeTurns(t *testing.T) {
	o := newOffice(t, takesImports)
	o.enlist(withHash(vouched("alice", "alice@example.com")))
	a := o.account(o.users, o.find("alice").Sub)
	for range cap(o.users.slow) {
		o.users.slow <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if ok, err := o.users.ProvePassword(ctx, o.pool, &a, importedPassword); ok || err == nil {
		t.Errorf("it did not wait: %v, %v", ok, err)
	}
	<-o.users.slow
	o.proves(&a, importedPassword)
}

// TestForeignHashIsSealed looks for the hash in what is kept of a user.
func TestForeignHashIsSealed(t *testing.T) {
	o := newOffice(t, takesImports)
	o.enlist(withHash(vouched("alice", "alice@example.com")))
	a := o.account(o.users, o.find("alice").Sub)
	if strings.Contains(string(a.Password.Sealed), "00112233") {
		t.Error("the hash can be read")
	}
	// Nobody else's hash can be put in its place.
	a.Password.Sub = "another"
	if ok, _ := o.users.ProvePassword(t.Context(), o.pool, &a, importedPassword); ok {
		t.Error("a hash fits another user")
	}
}
