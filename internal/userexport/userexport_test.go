package userexport

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/user"
	"cognate/internal/userimport"
)

// TestRoundTrip moves users to a pool of the same id in another database with another master key: they are what they were.
func TestRoundTrip(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(string) *house) {
		from, to := open(poolID), open(poolID)
		w := from.furnish()
		counts, log, err := to.take(from.clear())
		if err != nil || counts != (userimport.Counts{Imported: 5, GroupsCreated: 2}) {
			t.Fatalf("%+v, %v\n%s", counts, err, log)
		}
		if got, want := to.records(), from.records(); got != want {
			t.Errorf("the records are\n%s\nand were\n%s", got, want)
		}
		to.wantGroups("staff", "empty")
		to.wantSecrets(w)
		counts, _, err = to.take(from.clear())
		if err != nil || counts != (userimport.Counts{Skipped: 5, GroupsThere: 2}) {
			t.Errorf("a second time: %+v, %v", counts, err)
		}
		if _, log, _ := to.take(from.clear()); strings.Count(log, "[SKIPPED]") != 5 || strings.Contains(log, "ann") {
			t.Errorf("the log: %s", log)
		}
	})
}

func (h *house) wantGroups(names ...string) {
	h.Helper()
	for _, name := range names {
		err := h.db.View(h.Context(), func(tx *store.Tx) error {
			g, err := tx.GetGroup(h.pool.ID, name)
			if name == "staff" && (g.Description != "all" || g.RoleARN == "" || g.Precedence == nil || *g.Precedence != 3) {
				h.Errorf("the group is %+v", g)
			}
			return err
		})
		h.must(err)
	}
}

// wantSecrets uses all that a user signs in by.
func (h *house) wantSecrets(w whole) {
	h.Helper()
	if !h.provesSRP("ann", password) || h.provesSRP("ann", password+"x") || !h.sends("ann", password) {
		h.Error("the password of ann is not what it was")
	}
	if h.provesSRP("erik", importedPassword) || !h.sends("erik", importedPassword) || !h.provesSRP("erik", importedPassword) {
		h.Error("the hash of erik's password is not what it was")
	}
	if u, err := h.users.SignIn(h.Context(), h.pool, "ann@example.com"); err != nil || u.User.Sub != w.user.Sub {
		h.Errorf("the address is that of %v, %v", u.User.Username, err)
	}
	if err := h.users.AdminSetPassword(h.Context(), h.pool, &idp.AdminSetUserPasswordRequest{Username: "ann", Password: password + "2", Permanent: new(true)}); err == nil {
		h.Error("a password of the history is taken again")
	}
	h.wantFactors(w)
}

// wantFactors uses what ann has as second factors.
func (h *house) wantFactors(w whole) {
	h.Helper()
	a, err := h.users.SignIn(h.Context(), h.pool, "ann")
	h.must(err)
	if f, err := h.users.SecondFactors(h.Context(), h.pool, a.User); err != nil || f.Preferred != user.FactorTOTP {
		h.Errorf("the factors are %+v, %v", f, err)
	}
	if _, err := h.users.ProveToken(h.Context(), h.pool, &a, h.totp(w.seed, time.Now().Add(-30*time.Second))); err == nil {
		h.Error("a code from before the one that was used is taken")
	}
	if _, err := h.users.ProveToken(h.Context(), h.pool, &a, h.totp(w.seed, time.Now().Add(30*time.Second))); err != nil {
		h.Errorf("the software token: %v", err)
	}
	h.update(func(tx *store.Tx) error {
		used, err := h.users.UseRecoveryCode(tx, h.pool, w.user.Sub, string(w.recovery[3]))
		if !used {
			h.Error("a recovery code is refused")
		}
		return err
	})
	d, err := h.users.Device(h.Context(), h.pool, w.user.Sub, "us-east-1_11111111-2222-3333-4444-555555555555")
	h.must(err)
	if v, err := h.users.DeviceVerifier(d); err != nil || string(v) != "\x03\x02" || !d.Remembered {
		h.Errorf("the device: %x, %v", v, err)
	}
}

// TestOtherPool moves users to a pool of another id: their passwords have to be sent once, and work by SRP then. From there
// they go back as they were.
func TestOtherPool(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(string) *house) {
		from, to := open(poolID), open("us-east-1_Other00001")
		w := from.furnish()
		if counts, log, err := to.take(from.clear()); err != nil || counts.Imported != 5 {
			t.Fatalf("%+v, %v\n%s", counts, err, log)
		}
		back := inMemory(t, poolID)
		if _, _, err := back.take(to.clear()); err != nil || back.records() != from.records() {
			t.Errorf("back again: %v\n%s", err, back.records())
		}
		if to.provesSRP("ann", password) || to.sends("ann", "wrong") || to.provesSRP("ann", password) {
			t.Error("the password works by SRP before it has come")
		}
		if err := to.users.AdminSetPassword(t.Context(), to.pool, &idp.AdminSetUserPasswordRequest{Username: "ann", Password: password + "2", Permanent: new(true)}); err == nil {
			t.Error("a password of the history is taken again")
		}
		if !to.sends("ann", password) || !to.provesSRP("ann", password) {
			t.Error("the password does not work by SRP once it has come")
		}
		to.wantSecrets(w)
	})
}

// TestSamePoolName: the region is no part of a verifier.
func TestSamePoolName(t *testing.T) {
	from, to := inMemory(t, "us-east-1_Moved00001"), inMemory(t, "eu-west-1_Moved00001")
	from.create("ann")
	if _, _, err := to.take(from.clear()); err != nil || !to.provesSRP("ann", password) {
		t.Errorf("SRP does not work: %v", err)
	}
}

// TestKeyedRecoveryCodes: what only the old master key can check goes where that is, and nowhere else.
func TestKeyedRecoveryCodes(t *testing.T) {
	from := inMemory(t, poolID)
	u := from.create("ann")
	from.update(func(tx *store.Tx) error {
		return tx.PutCode(store.Code{
			PoolID: poolID, Sub: u.Sub, Purpose: "recovery", Attribute: "0", Created: time.Now(), Expires: time.Now().AddDate(1, 0, 0),
			Hash: from.keys.HashCode("ABCDEFGHJKLMNPQR", poolID, u.Sub, "recovery", "0"),
		})
	})
	plain := from.clear()
	to := inMemory(t, poolID)
	if _, _, err := to.take(plain); err != nil || strings.Contains(to.records(), "recovery_codes") {
		t.Errorf("under another key: %v", err)
	}
	from.update(func(tx *store.Tx) error { return tx.DeleteUser(poolID, u.Sub) })
	if _, _, err := from.take(plain); err != nil {
		t.Error(err)
	}
	from.update(func(tx *store.Tx) error {
		used, err := from.users.UseRecoveryCode(tx, from.pool, u.Sub, "ABCD-EFGH-JKLM-NPQR")
		if !used {
			t.Error("under the same key it is refused")
		}
		return err
	})
}

// TestUnfit tells why a pool cannot have the users, before any is written.
func TestUnfit(t *testing.T) {
	from := inMemory(t, poolID)
	from.furnish()
	plain := from.clear()
	for want, change := range map[string]func(*idp.CreateUserPoolRequest){
		`the pool lacks the attribute "custom:plan": AddCustomAttributes adds it`: func(in *idp.CreateUserPoolRequest) { in.Schema = nil },
		`the attribute "custom:plan" is a Number, and a "String" in the export`: func(in *idp.CreateUserPoolRequest) {
			in.Schema[0].AttributeDataType = "Number"
		},
		`its users sign in with nothing in the place of a user name, and those of the pool with "email"`: func(in *idp.CreateUserPoolRequest) {
			in.AliasAttributes, in.UsernameAttributes = nil, []string{"email"}
		},
		"one of the two pools tells capitals in user names from small letters, and the other does not": func(in *idp.CreateUserPoolRequest) {
			in.UsernameConfiguration.CaseSensitive = true
		},
	} {
		to := inMemory(t, poolID, change)
		if _, _, err := to.take(plain); err == nil || err.Error() != "the export does not fit the pool: "+want {
			t.Errorf("got %v\nwant %s", err, want)
		}
		if to.records() != "" {
			t.Error("users are written")
		}
	}
}

// TestCollisions imports into a pool where others have names, accounts and passkeys.
func TestCollisions(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(string) *house) {
		from, to := open(poolID), open(poolID)
		from.create("ann", "email", "ann@example.com", "email_verified", "true")
		held := map[string]func(sub string) error{}
		for name, give := range map[string]func(tx *store.Tx, sub string) error{
			"ida": func(tx *store.Tx, sub string) error {
				return tx.CreateIdentity(store.Identity{PoolID: poolID, Provider: "idp", Value: "1", Sub: sub, Type: "OIDC"})
			},
			"pia": func(tx *store.Tx, sub string) error {
				return tx.CreatePasskey(store.Passkey{PoolID: poolID, ID: "k", RelyingParty: "x", PublicKey: []byte{1}, Sub: sub, Created: time.Now()})
			},
		} {
			u := from.create(name)
			from.update(func(tx *store.Tx) error { return give(tx, u.Sub) })
			held[name] = func(sub string) error {
				return to.db.Update(t.Context(), func(tx *store.Tx) error { return give(tx, sub) })
			}
		}
		from.create("zoe")
		other := to.create("other", "email", "ann@example.com", "email_verified", "true")
		to.must(errors.Join(held["ida"](other.Sub), held["pia"](other.Sub)))
		counts, log, err := to.take(from.clear())
		if err != nil || counts != (userimport.Counts{Imported: 1, Failed: 3}) {
			t.Errorf("%+v, %v", counts, err)
		}
		for _, want := range []string{"An account with the email already exists", "Another user has the account at an identity provider", "Another user has the passkey"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log does not tell %q:\n%s", want, log)
			}
		}
		if !to.provesSRP("zoe", password) || strings.Count(to.records(), "\n") != 2 {
			t.Error("the others are not what they should be")
		}
	})
}

// TestSealed opens what is sealed with the passphrase alone, and all of it or nothing (checklist 61 and 62).
func TestSealed_Items61And62(t *testing.T) {
	h := inMemory(t, poolID)
	w := h.furnish()
	plain := h.clear()
	plain = append(plain, bytes.Repeat([]byte("x"), 200_000)...) // some chunks of age's
	file := h.sealed(plain)
	if got, err := opened(file, passphrase); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if got, err := opened(file, passphrase+" "); !errors.Is(err, ErrPassphrase) || len(got) > 0 {
		t.Errorf("with another passphrase: %d bytes, %v", len(got), err)
	}
	for _, n := range []int{0, 10, 150, len(file) - 1} {
		if got, err := opened(file[:n], passphrase); !errors.Is(err, ErrDamaged) || !bytes.HasPrefix(plain, got) || len(got) == len(plain) {
			t.Errorf("cut off after %d bytes: %d bytes, %v", n, len(got), err)
		}
	}
	for _, n := range []int{5, 170, 70_000, len(file) - 1} {
		bad := bytes.Clone(file)
		bad[n] ^= 1
		if got, err := opened(bad, passphrase); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrPassphrase) || !bytes.HasPrefix(plain, got) {
			t.Errorf("changed at %d: %d bytes, %v", n, len(got), err)
		}
	}
	for _, text := range []string{"ann", "example.com", w.seed.Text(), string(w.seed), password, importedHash, "custom:plan", "verifier", string(passphrase)} {
		for _, form := range []string{text, hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text))} {
			if bytes.Contains(file, []byte(form)) {
				t.Errorf("the file shows %q", form)
			}
		}
	}
}

func opened(file []byte, passphrase secret.Text) ([]byte, error) {
	r, err := Open(bytes.NewReader(file), passphrase)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// TestCutOff imports what comes before the damage, says so, and goes on with a whole file.
func TestCutOff(t *testing.T) {
	from, to := inMemory(t, poolID), inMemory(t, poolID)
	from.furnish()
	for i := range 300 {
		from.create("user" + millis(time.UnixMilli(int64(i))))
	}
	plain := from.clear()
	half := bytes.LastIndexByte(plain[:len(plain)*9/10], '\n') + 1
	counts, _, err := to.take(plain[:half])
	if !errors.Is(err, ErrDamaged) || counts.Imported == 0 || counts.Imported >= 305 {
		t.Fatalf("%+v, %v", counts, err)
	}
	rest, _, err := to.take(plain)
	if err != nil || rest.Skipped != counts.Imported || rest.Imported+rest.Skipped != 305 || to.records() != from.records() {
		t.Errorf("then %+v, %v", rest, err)
	}
}

// TestHidden keeps records out of logs.
func TestHidden(t *testing.T) {
	h := inMemory(t, poolID)
	h.furnish()
	all, err := h.users.Records(t.Context(), h.pool, "", 9)
	h.must(err)
	for _, r := range all.Users {
		for _, v := range []any{r, &r, r.Password, r.SoftwareToken, r.Devices} {
			if text := shown(v); strings.Contains(text, r.Username) || strings.Contains(text, "scrypt") || strings.Contains(text, "16384") {
				t.Errorf("%T is shown: %s", v, text)
			}
		}
	}
}
