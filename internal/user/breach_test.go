package user

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/fault"
)

// breachFile writes a file of the hashes of passwords; line makes a line of a hash.
func breachFile(t *testing.T, line func(i int, hash string) string, passwords ...string) string {
	t.Helper()
	var hashes []string
	for _, p := range passwords {
		hashes = append(hashes, fmt.Sprintf("%X", sha1.Sum([]byte(p))))
	}
	slices.Sort(hashes)
	for i, h := range hashes {
		hashes[i] = line(i, h)
	}
	return textFile(t, strings.Join(hashes, ""))
}

func textFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "breached")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func counted(i int, hash string) string { return fmt.Sprintf("%s:%d\r\n", hash, i*i*i) }

func opened(t *testing.T, path string) *BreachFile {
	t.Helper()
	b, err := OpenBreachFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// TestBreachFile looks every password of files up, in each of their forms, and as many that are not there.
func TestBreachFile(t *testing.T) {
	for name, line := range map[string]func(int, string) string{
		"bare":             func(_ int, h string) string { return h + "\n" },
		"counted":          counted,
		"lower case":       func(_ int, h string) string { return strings.ToLower(h) + ":1\n" },
		"long counts":      func(i int, h string) string { return fmt.Sprintf("%s:%d\n", h, uint64(1)<<(i%64)) },
		"last one no end":  nil,
		"a blank line end": nil,
	} {
		for _, size := range []int{1, 2, 3, 1000} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				var in []string
				for i := range size {
					in = append(in, fmt.Sprint("password", i))
				}
				form := line
				if form == nil {
					form = counted
				}
				path := breachFile(t, form, in...)
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				switch name {
				case "last one no end":
					path = textFile(t, strings.TrimRight(string(text), "\r\n"))
				case "a blank line end":
					path = textFile(t, string(text)+"\r\n")
				}
				b := opened(t, path)
				for i := range size {
					if has, err := b.Has(t.Context(), in[i]); !has || err != nil {
						t.Errorf("%s: %t, %v", in[i], has, err)
					}
					if has, err := b.Has(t.Context(), fmt.Sprint("other", i)); has || err != nil {
						t.Errorf("other%d: %t, %v", i, has, err)
					}
				}
			})
		}
	}
}

func TestNoBreachFile(t *testing.T) {
	hash := strings.Repeat("0", 39)
	for name, text := range map[string]string{
		"empty":       "",
		"not hashes":  "password\nqwerty\n",
		"NTLM hashes": strings.Repeat("0", 32) + ":1\n",
		"not sorted":  hash + "2:1\n" + hash + "1:9\n",
		"no lines":    strings.Repeat("A", 1000),
		"no hex":      strings.Repeat("X", 40) + "\n",
	} {
		if b, err := OpenBreachFile(textFile(t, text)); err == nil {
			b.Close()
			t.Errorf("%s is a breach file", name)
		}
	}
	if _, err := OpenBreachFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestBreachedPasswords chooses a breached password in every way that there is (checklist 3): each refuses it
// in its own words, and none can tell while the file cannot be read.
func TestBreachedPasswords(t *testing.T) {
	o := newOffice(t, verifiesEmail)
	const breached, reason = "Summer2024!", "Password is known from a data breach"
	file := opened(t, breachFile(t, counted, breached, "another", "and another"))
	o.users.With(Options{Breached: file})
	c := o.client(nil)
	alice := o.member(c, "alice", map[string]string{"email": "alice@b.test"})
	o.create("invited", nil)
	invited := o.find("invited")
	_, err := o.forgot(c, "alice")
	o.must(err)
	ways := map[string]struct {
		prefix string
		choose func(password string) error
	}{
		"SignUp": {policySignUp, func(password string) error {
			_, err := o.users.SignUp(t.Context(), o.pool, c, &idp.SignUpRequest{Username: "new", Password: password})
			return err
		}},
		"ChangePassword": {policyOther, func(password string) error {
			return o.users.ChangePassword(t.Context(), Self{Pool: o.pool, Client: c, User: alice}, good, password)
		}},
		"ConfirmForgotPassword": {policyOther, func(password string) error {
			return o.users.ConfirmForgotPassword(t.Context(), o.pool, c, &idp.ConfirmForgotPasswordRequest{Username: "alice", Password: password, ConfirmationCode: o.code("alice@b.test")})
		}},
		"NEW_PASSWORD_REQUIRED": {policyOther, func(password string) error {
			_, err := o.users.CompleteNewPassword(t.Context(), o.pool, c, invited, password, nil)
			return err
		}},
		"AdminSetUserPassword": {policyOther, func(password string) error { return o.setPassword("alice", password, true) }},
		"AdminCreateUser": {policyAdmin, func(password string) error {
			_, err := o.tryCreate("new", nil, func(in *idp.AdminCreateUserRequest) { in.TemporaryPassword = password })
			return err
		}},
		"AdminCreateUser RESEND": {policyAdmin, func(password string) error {
			_, err := o.tryCreate("invited", nil, func(in *idp.AdminCreateUserRequest) { in.TemporaryPassword = password; resent(in) })
			return err
		}},
	}
	for way, w := range ways {
		t.Run(way, func(t *testing.T) { wantFault(t, w.choose(breached), "InvalidPasswordException", w.prefix+reason) })
	}
	_, err = o.users.Find(t.Context(), o.pool, "new")
	wantFault(t, err, "UserNotFoundException", "User does not exist.")
	if right, _ := o.signsIn("alice", good); !right {
		t.Error("a refused password took the place of the old one")
	}
	o.must(file.Close())
	for way, w := range ways {
		err := w.choose("Never-Breached-7!")
		if _, known := errors.AsType[*fault.Error](err); err == nil || known {
			t.Errorf("%s while the file cannot be read: %v, want an error of the server's", way, err)
		}
		if err != nil && (strings.Contains(err.Error(), "Never-Breached") || !strings.Contains(err.Error(), "breached passwords cannot be read")) {
			t.Errorf("%s: %v", way, err)
		}
	}
	o.users.With(Options{})
	for way, w := range ways {
		if way != "ChangePassword" && way != "AdminCreateUser" { // whose old password and name the others change
			if err := w.choose(breached); err != nil {
				t.Errorf("%s without a file: %v", way, err)
			}
		}
	}
}
