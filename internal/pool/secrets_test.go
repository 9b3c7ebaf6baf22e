package pool_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
)

const ownSecret = "abcdefghijklmnopqrstuvwxyz"

func secretHash(secret, username, client string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(username + client))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestSecretLifecycle(t *testing.T) {
	r := registry(t)
	ctx := t.Context()
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{GenerateSecret: new(true)})
	first := c.Describe().ClientSecret
	if !regexp.MustCompile(`^[0-9a-z]{52}$`).MatchString(first) {
		t.Errorf("secret %q", first)
	}
	add := &idp.AddUserPoolClientSecretRequest{UserPoolId: p.ID, ClientId: c.ID}
	added, err := r.AddClientSecret(ctx, add)
	if err != nil {
		t.Fatal(err)
	}
	second := added.ClientSecretValue
	if second == first || len(second) != 52 || !strings.HasPrefix(added.ClientSecretId, c.ID+"--") || added.ClientSecretCreateDate.IsZero() {
		t.Errorf("added %v", toJSON(t, added))
	}
	_, err = r.AddClientSecret(ctx, add)
	wantFault(t, err, idp.CodeLimitExceeded, "A user pool client can have at most 2 client secrets.")

	list, err := r.ListClientSecrets(ctx, p.ID, c.ID)
	if err != nil || len(list) != 2 || list[1].ClientSecretId != added.ClientSecretId {
		t.Fatalf("%v, %v", toJSON(t, list), err)
	}
	if strings.Contains(toJSON(t, list), first) || strings.Contains(toJSON(t, list), second) || strings.Contains(toJSON(t, list), "Value") {
		t.Error("the list shows a secret")
	}
	_, both, err := r.Client(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]bool{first: true, second: true, first[:51]: false, first + "x": false, "": false, ownSecret: false} {
		if both.CheckSecret(s) != want {
			t.Errorf("secret %q is good: %v", s, !want)
		}
		if both.CheckSecretHash(secretHash(s, "ann", c.ID), "sub-1", "ann") != want {
			t.Errorf("hash under secret %q is good: %v", s, !want)
		}
	}
	if both.CheckSecretHash(secretHash(first, "bob", c.ID), "sub-1", "ann") || both.CheckSecretHash(secretHash(first, "ann", "x"), "ann") ||
		both.CheckSecretHash("", "ann") || both.CheckSecretHash(secretHash(first, "ann", c.ID)) {
		t.Error("a wrong SECRET_HASH is good")
	}
	if both.Describe().ClientSecret != first {
		t.Error("the newer secret is described")
	}

	wantFault(t, r.DeleteClientSecret(ctx, p.ID, c.ID, "x"), idp.CodeResourceNotFound, "Client secret x does not exist.")
	if err := r.DeleteClientSecret(ctx, p.ID, c.ID, list[0].ClientSecretId); err != nil {
		t.Fatal(err)
	}
	wantFault(t, r.DeleteClientSecret(ctx, p.ID, c.ID, list[1].ClientSecretId), idp.CodeInvalidParameter, "The last client secret of a user pool client cannot be deleted.")
	_, one, err := r.Client(ctx, c.ID)
	if err != nil || one.CheckSecret(first) || !one.CheckSecret(second) || one.Describe().ClientSecret != second {
		t.Errorf("after deleting the first secret: %v", err)
	}
}

// A value computed elsewhere:
func TestSecretHashVector(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c, err := r.CreateClientAs(t.Context(), "1example23456789", &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "c", ClientSecret: ownSecret})
	if err != nil {
		t.Fatal(err)
	}
	// printf '%s' username1example23456789 | openssl dgst -sha256 -hmac abcdefghijklmnopqrstuvwxyz -binary | base64
	const want = "Y9Vb/dJXSEP8DCfFfW16WmyWuffN7GtvMeZZw2lYJnU="
	if !c.CheckSecretHash(want, "username") {
		t.Error("the SECRET_HASH is not accepted")
	}
}

func TestOwnSecret(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{ClientSecret: ownSecret})
	if c.Describe().ClientSecret != ownSecret {
		t.Error("the given secret is not the client's")
	}
	d, err := r.AddClientSecret(t.Context(), &idp.AddUserPoolClientSecretRequest{UserPoolId: p.ID, ClientId: c.ID, ClientSecret: ownSecret + "2"})
	if err != nil || d.ClientSecretValue != "" {
		t.Errorf("a given secret is shown again: %v, %v", err, toJSON(t, d))
	}
	public := createClient(t, r, p, &idp.CreateUserPoolClientRequest{})
	_, err = r.AddClientSecret(t.Context(), &idp.AddUserPoolClientSecretRequest{UserPoolId: p.ID, ClientId: public.ID})
	wantFault(t, err, idp.CodeInvalidParameter, "User pool client "+public.ID+" has no client secret.")
	if public.CheckSecret("") || public.CheckSecretHash(secretHash("", "ann", public.ID), "ann") {
		t.Error("a public client has a right secret")
	}
	list, err := r.ListClientSecrets(t.Context(), p.ID, public.ID)
	if err != nil || toJSON(t, list) != "[]" {
		t.Errorf("%v, %v", toJSON(t, list), err)
	}
}

// The id of a secret of a client with the longest id is still one that the API takes back.
func TestSecretIDsFit(t *testing.T) {
	r := registry(t)
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c, err := r.CreateClientAs(t.Context(), strings.Repeat("a", 128), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "c", ClientSecret: ownSecret})
	if err != nil {
		t.Fatal(err)
	}
	list, err := r.ListClientSecrets(t.Context(), p.ID, c.ID)
	if err != nil || len(list) != 1 || len(list[0].ClientSecretId) > 128 {
		t.Errorf("%v, %v", toJSON(t, list), err)
	}
}

func TestSecretsAreSealed(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), pool.Options{})
	written := &bytes.Buffer{}
	db.Trace(func(query string, args []any) {
		for _, a := range args {
			fmt.Fprintf(written, "%s\n", a)
		}
	})
	p := create(t, r, &idp.CreateUserPoolRequest{})
	c := createClient(t, r, p, &idp.CreateUserPoolClientRequest{ClientSecret: ownSecret})
	added, err := r.AddClientSecret(t.Context(), &idp.AddUserPoolClientSecretRequest{UserPoolId: p.ID, ClientId: c.ID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.UpdateClient(t.Context(), &idp.UpdateUserPoolClientRequest{UserPoolId: p.ID, ClientId: c.ID}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(written.String(), c.ID) {
		t.Fatal("the trace saw nothing")
	}
	for _, s := range []string{ownSecret, added.ClientSecretValue} {
		if strings.Contains(written.String(), s) {
			t.Errorf("secret %q was written in clear", s)
		}
	}
	// A sealed secret is bound to its row.
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.ListClientSecrets(c.ID)
		if err != nil {
			return err
		}
		rows[0].ID = "moved"
		return tx.CreateClientSecret(rows[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.DescribeClient(t.Context(), p.ID, c.ID); err == nil {
		t.Error("a secret that was moved to another row is accepted")
	}
}

func TestClientsDoNotPrintSecrets(t *testing.T) {
	r := registry(t)
	c := createClient(t, r, create(t, r, &idp.CreateUserPoolRequest{}), &idp.CreateUserPoolClientRequest{ClientSecret: ownSecret})
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "client", c)
	logger.Info("x", "client", *c, "settings", c.Settings)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&log, verb, c)
		fmt.Fprintf(&log, verb, *c)
		fmt.Fprintf(&log, verb, struct{ C *pool.Client }{c})
		fmt.Fprintf(&log, verb, struct{ c pool.Client }{*c})
	}
	if strings.Contains(log.String(), ownSecret) || strings.Contains(log.String(), fmt.Sprintf("%x", ownSecret)) {
		t.Errorf("the secret is shown: %s", log.String())
	}
}
