package user

import (
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/secret"
	"cognate/internal/store"
)

func (o *office) recoveryCodes(sub string) []secret.Text {
	o.Helper()
	codes, created, err := o.users.CreateRecoveryCodes(o.Context(), o.pool, sub)
	o.must(err)
	if len(codes) != 10 || time.Since(created) > time.Minute {
		o.Fatalf("%d codes, made at %v", len(codes), created)
	}
	return codes
}

func (o *office) useRecoveryCode(sub, text string) (used bool) {
	o.Helper()
	o.must(o.db.Update(o.Context(), func(tx *store.Tx) (err error) {
		used, err = o.users.UseRecoveryCode(tx, o.pool, sub, text)
		return err
	}))
	return used
}

func (o *office) wantLeft(sub string, want int) {
	o.Helper()
	r, err := o.users.DescribeRecoveryCodes(o.Context(), o.pool, sub)
	o.must(err)
	if r.Left != want || (want == 0) != r.Created.IsZero() {
		o.Errorf("%d codes left of %v, want %d", r.Left, r.Created, want)
	}
}

func TestRecoveryCodes(t *testing.T) {
	o := newOffice(t, nil)
	jane, john := o.create("jane", nil), o.create("john", nil)
	codes := o.recoveryCodes(jane.Sub)
	o.wantLeft(jane.Sub, 10)
	o.wantLeft(john.Sub, 0)

	first := string(codes[0])
	if o.useRecoveryCode(john.Sub, first) || o.useRecoveryCode(jane.Sub, "ABCD-EFGH-JKLM-NPQR") || o.useRecoveryCode(jane.Sub, "123456") {
		t.Error("a code that is not the user's is taken")
	}
	has, err := o.users.HasRecoveryCode(t.Context(), o.pool, jane.Sub, first)
	if err != nil || !has {
		t.Errorf("has %t, %v", has, err)
	}
	o.wantLeft(jane.Sub, 10)
	if !o.useRecoveryCode(jane.Sub, first) || o.useRecoveryCode(jane.Sub, first) {
		t.Error("a code is not of single use")
	}
	if !o.useRecoveryCode(jane.Sub, " "+strings.ToLower(strings.ReplaceAll(string(codes[9]), "-", " "))) {
		t.Error("spaces and small letters are not forgiven")
	}
	o.wantLeft(jane.Sub, 8)

	again := o.recoveryCodes(jane.Sub)
	o.wantLeft(jane.Sub, 10)
	if o.useRecoveryCode(jane.Sub, string(codes[1])) || !o.useRecoveryCode(jane.Sub, string(again[1])) {
		t.Error("the old set is alive beside the new one")
	}
	o.must(o.users.DeleteRecoveryCodes(t.Context(), o.pool, jane.Sub))
	o.wantLeft(jane.Sub, 0)
	if o.useRecoveryCode(jane.Sub, string(again[2])) {
		t.Error("a deleted code is taken")
	}
	_, _, err = o.users.CreateRecoveryCodes(t.Context(), o.pool, "nobody")
	wantFault(t, err, idp.CodeUserNotFound, "User does not exist.")
}

// A recovery code is needed when it is needed: no sweep may take it.
func TestRecoveryCodesOutliveSweeps(t *testing.T) {
	o := newOffice(t, nil)
	jane := o.create("jane", nil)
	codes := o.recoveryCodes(jane.Sub)
	if _, err := o.db.Sweep(t.Context(), time.Now().AddDate(1000, 0, 0), 100); err != nil {
		t.Fatal(err)
	}
	o.wantLeft(jane.Sub, 10)
	if !o.useRecoveryCode(jane.Sub, string(codes[3])) {
		t.Error("a code is gone")
	}
}

// What is kept of a code does not give it away.
func TestRecoveryCodesAreHashed(t *testing.T) {
	o := newOffice(t, nil)
	jane := o.create("jane", nil)
	codes := o.recoveryCodes(jane.Sub)
	o.must(o.db.View(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.ListCodes(o.pool.ID, jane.Sub, purposeRecovery)
		for _, row := range rows {
			if digest, err := o.users.openRecovery(row); err != nil || len(digest) != 32 || row.Value != "" || row.Destination != "" {
				t.Errorf("a row of %d bytes of hash, %q, %q", len(row.Hash), row.Value, row.Destination)
			}
		}
		return err
	}))
	seen := map[secret.Text]bool{}
	for _, c := range codes {
		if len(c) != 19 || !LooksLikeRecoveryCode(string(c)) || seen[c] {
			t.Errorf("the code has %d characters, or is there twice", len(c))
		}
		seen[c] = true
	}
}

// TestKeyedRecoveryCodes: codes of the time when they were kept as hashes under the master key are good still.
func TestKeyedRecoveryCodes(t *testing.T) {
	o := newOffice(t, nil)
	jane := o.create("jane", nil)
	row := store.Code{PoolID: o.pool.ID, Sub: jane.Sub, Purpose: purposeRecovery, Attribute: "0", Created: time.Now(), Expires: never}
	row.Hash = o.users.keys.HashCode("ABCDEFGHJKLMNPQR", recoveryBinding(row)...)
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error { return tx.PutCode(row) }))
	if o.useRecoveryCode(jane.Sub, "ABCD-EFGH-JKLM-NPQS") || !o.useRecoveryCode(jane.Sub, "ABCD-EFGH-JKLM-NPQR") {
		t.Error("a code is not taken, or another one is")
	}
}

func TestLooksLikeRecoveryCode(t *testing.T) {
	for text, want := range map[string]bool{
		"ABCD-EFGH-JKLM-NPQR": true, "abcdefghjklmnpqr": true, " ABCD EFGH-jklm NPQ2 ": true,
		"": false, "123456": false, "12345678": false, "ABCD-EFGH-JKLM": false, "ABCD-EFGH-JKLM-NPQ0": false,
		"ABCD-EFGH-IKLM-NPQR": false, "ABCD-EFGH-JKLM-NPQRS": false, "ABCD\nEFGH-JKLM-NPQR": false,
	} {
		if LooksLikeRecoveryCode(text) != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
}
