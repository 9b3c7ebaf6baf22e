package access

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cognate/internal/policy"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const readOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-idp:Describe*","Resource":"*"}]}`

func document(t *testing.T, text string) *policy.Document {
	t.Helper()
	d, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// TestKeys makes a key and changes it (checklist 53: each key carries a policy).
func TestKeys(t *testing.T) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		r, ctx := New(db, secrettest.Keyring(t)), t.Context()
		_, err := r.Key(ctx, "AKIANOBODY")
		is(t, "a key that is none", err, ErrNoKey)
		k, value, err := r.CreateKey(ctx, "ci", document(t, readOnly))
		is(t, "create", err, nil)
		got, err := r.Key(ctx, k.ID)
		if err != nil || got.Name != "ci" || got.Policy.Text() != readOnly || !got.Created.Equal(k.Created) {
			t.Errorf("%+v, %v", got, err)
		}
		if opened, err := r.Secret(got); err != nil || opened != value || len(value) != 40 || len(k.ID) != 20 {
			t.Errorf("the secret is another one: %v", err)
		}
		is(t, "disable", r.EnableKey(ctx, k.ID, false), nil)
		_, err = r.Key(ctx, k.ID)
		is(t, "a disabled key", err, ErrNoKey)
		is(t, "enable", r.EnableKey(ctx, k.ID, true), nil)
		other := strings.Replace(readOnly, "Describe", "List", 1)
		is(t, "another policy", r.SetKeyPolicy(ctx, k.ID, document(t, other)), nil)
		all, err := r.Keys(ctx)
		if err != nil || len(all) != 1 || all[0].Policy.Text() != other || !all[0].Enabled {
			t.Errorf("%+v, %v", all, err)
		}
		is(t, "delete", r.DeleteKey(ctx, k.ID), nil)
		_, err = r.Key(ctx, k.ID)
		is(t, "a deleted key", err, ErrNoKey)
		for what, err := range map[string]error{"delete": r.DeleteKey(ctx, k.ID), "enable": r.EnableKey(ctx, k.ID, true), "policy": r.SetKeyPolicy(ctx, k.ID, k.Policy)} {
			is(t, what+" what is gone", err, ErrNoKey)
		}
	})
}

func TestBadNames(t *testing.T) {
	r, ctx, d := New(engines.Memory(t), secrettest.Keyring(t)), t.Context(), document(t, readOnly)
	for _, name := range []string{"", "a b", "a/b", "a\n", strings.Repeat("a", 65)} {
		_, _, err := r.CreateKey(ctx, name, d)
		is(t, name, err, ErrName)
	}
	for _, arn := range []string{"", "role/x", "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:role/", "arn:aws:iam::123456789012:role/a*"} {
		is(t, arn, r.PutRole(ctx, arn, d), ErrARN)
	}
}

// TestSealed holds that a secret opens for its own key only, and stands nowhere in clear.
func TestSealed(t *testing.T) {
	db := engines.Memory(t)
	r, ctx := New(db, secrettest.Keyring(t)), t.Context()
	a, value, err := r.CreateKey(ctx, "a", document(t, readOnly))
	is(t, "create", err, nil)
	if strings.Contains(string(a.sealed), string(value)) {
		t.Error("the secret is kept in clear")
	}
	a.ID = "AKIAOTHER"
	if _, err := r.Secret(a); err == nil {
		t.Error("one key's secret opens as another's")
	}
}

func TestRoles(t *testing.T) {
	engines.Each(t, func(t *testing.T, db *store.DB) {
		r, ctx := New(db, secrettest.Keyring(t)), t.Context()
		const arn = "arn:aws:iam::123456789012:role/app/user"
		_, err := r.Role(ctx, arn)
		is(t, "a role without a policy", err, ErrNoRole)
		is(t, "put", r.PutRole(ctx, arn, document(t, strings.Replace(readOnly, "Describe", "List", 1))), nil)
		is(t, "put again", r.PutRole(ctx, arn, document(t, readOnly)), nil)
		role, err := r.Role(ctx, arn)
		if err != nil || role.Policy.Text() != readOnly {
			t.Errorf("%+v, %v", role, err)
		}
		all, err := r.Roles(ctx)
		if err != nil || !slices.ContainsFunc(all, func(o Role) bool { return o.ARN == arn }) || len(all) != 1 {
			t.Errorf("%+v, %v", all, err)
		}
		is(t, "delete", r.DeleteRole(ctx, arn), nil)
		is(t, "delete again", r.DeleteRole(ctx, arn), ErrNoRole)
		_, err = r.Role(ctx, arn)
		is(t, "a role that is gone", err, ErrNoRole)
	})
}

// TestOtherProcess changes what a registry knows behind its back: another process has the same database.
func TestOtherProcess(t *testing.T) {
	db, keys := engines.Memory(t), secrettest.Keyring(t)
	here, there, ctx := New(db, keys), New(db, keys), context.Background()
	k, _, err := there.CreateKey(ctx, "a", document(t, readOnly))
	is(t, "create", err, nil)
	if _, err := here.Key(ctx, k.ID); err != nil {
		t.Error(err)
	}
	is(t, "disable in silence", db.Update(ctx, func(tx *store.Tx) error {
		row := k.row()
		row.Enabled = false
		return tx.UpdateAccessKey(row)
	}), nil)
	here.mu.Lock()
	here.known.read = time.Now().Add(-maxAge)
	here.mu.Unlock()
	_, err = here.Key(ctx, k.ID)
	is(t, "after a while", err, ErrNoKey)
}

// TestChangesAtOnce holds that nobody sees what was before a change once it is acknowledged.
func TestChangesAtOnce(t *testing.T) {
	r, ctx := New(engines.Memory(t), secrettest.Keyring(t)), t.Context()
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					r.Key(ctx, "AKIANOBODY")
				}
			}
		})
	}
	for range 50 {
		k, _, err := r.CreateKey(ctx, "a", document(t, readOnly))
		is(t, "create", err, nil)
		_, err = r.Key(ctx, k.ID)
		is(t, "a new key", err, nil)
		is(t, "delete", r.DeleteKey(ctx, k.ID), nil)
		_, err = r.Key(ctx, k.ID)
		is(t, "a deleted key", err, ErrNoKey)
	}
	close(done)
	readers.Wait()
}
