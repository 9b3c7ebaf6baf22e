package pool_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/federation"
	"cognate/internal/federation/federationtest"
	"cognate/internal/federation/social"
	"cognate/internal/outbound"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// countingKind is a kind of provider whose details need a client_id, and that counts what it opens.
type countingKind struct {
	opened  *atomic.Int64
	checked func() // called by Check; nil for nothing
}

func (k countingKind) Check(_ context.Context, details map[string]string) (map[string]string, error) {
	if k.checked != nil {
		k.checked()
	}
	if details["client_id"] == "" {
		return nil, fault.New(idp.CodeInvalidParameter, "client_id is missing")
	}
	complete := maps.Clone(details)
	complete["authorize_url"] = "https://found.example/authorize"
	return complete, nil
}

func (k countingKind) Open(s federation.Settings) (federation.Provider, error) {
	k.opened.Add(1)
	return &openProvider{settings: s}, nil
}

type openProvider struct {
	federation.Provider
	settings federation.Settings
}

func newKind() countingKind { return countingKind{opened: new(atomic.Int64)} }

func kinds(k federation.Kind) pool.Options {
	return pool.Options{Kinds: map[string]federation.Kind{"OIDC": k, "SAML": k, "Google": k}}
}

// TestMappedFields asks Facebook for what is mapped, and for something else once something else is.
func TestMappedFields(t *testing.T) {
	n := federationtest.NewNetwork(t)
	n.Method, n.Asks = http.MethodGet, url.Values{"scope": {"email"}}
	asked := ""
	n.Info = func(r *http.Request, _, subject string) any {
		asked = r.URL.Query().Get("fields")
		return map[string]string{"id": subject}
	}
	env := federation.Env{HTTP: outbound.NewClient(true, nil), Dev: true}
	r := pool.New(open(t), keyring(t), pool.Options{Kinds: social.Kinds(env)})
	p := create(t, r, &idp.CreateUserPoolRequest{})
	in := providerRequest(p, "Facebook", "Facebook", map[string]string{
		"client_id": federationtest.ClientID, "client_secret": federationtest.Secret, "authorize_scopes": "email",
		"authorize_url": n.URL + "/auth", "token_url": n.URL + federationtest.TokenPath, "attributes_url": n.URL + federationtest.InfoPath + "?fields=",
	})
	in.AttributeMapping = map[string]string{"name": "last_name", "email": "email", "nickname": "email"}
	if _, err := r.CreateProvider(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	want := func(fields string) {
		t.Helper()
		v, err := r.Provider(t.Context(), p, "Facebook")
		if err != nil {
			t.Fatal(err)
		}
		to, err := v.Begin(t.Context(), federation.Request{ID: "_id", State: "s", Callback: federationtest.Callback})
		if err != nil {
			t.Fatal(err)
		}
		a, err := v.Finish(t.Context(), federation.Callback{ID: "_id", Callback: federationtest.Callback, Form: n.SignIn(t, to, "jane")})
		if err != nil || a.Subject != "jane" || asked != fields {
			t.Errorf("asked for %q, want %q: %v, %v", asked, fields, a, err)
		}
	}
	want("id,email,last_name")
	_, err := r.UpdateProvider(t.Context(), &idp.UpdateIdentityProviderRequest{UserPoolId: p.ID, ProviderName: "Facebook", AttributeMapping: map[string]string{"birthdate": "birthday"}})
	if err != nil {
		t.Fatal(err)
	}
	want("id,birthday")
}

func createProvider(t *testing.T, r *pool.Registry, p *pool.Pool, name, kind string, details map[string]string) *idp.IdentityProviderType {
	t.Helper()
	made, err := r.CreateProvider(t.Context(), providerRequest(p, name, kind, details))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func providerRequest(p *pool.Pool, name, kind string, details map[string]string) *idp.CreateIdentityProviderRequest {
	all := map[string]string{"client_id": "c", "client_secret": "very-secret"}
	maps.Copy(all, details)
	return &idp.CreateIdentityProviderRequest{UserPoolId: p.ID, ProviderName: name, ProviderType: kind, ProviderDetails: all}
}

// TestProviderIsOpenedOnce reads a provider again and again: it is opened anew when it has changed, here or elsewhere, and
// only then.
func TestProviderIsOpenedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, k := open(t), newKind()
		r := pool.New(db, keyring(t), kinds(k))
		p := create(t, r, &idp.CreateUserPoolRequest{})
		createProvider(t, r, p, "one", "OIDC", nil)
		in := providerRequest(p, "two", "OIDC", nil)
		in.IdpIdentifiers = []string{"two.example"}
		if _, err := r.CreateProvider(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		want := func(what string, opened int64) *pool.Provider {
			t.Helper()
			before := k.opened.Load()
			v, err := r.Provider(t.Context(), p, "two")
			if err != nil {
				t.Fatal(err)
			}
			same, err := r.ProviderFor(t.Context(), p, "two.example")
			if err != nil || same != v {
				t.Errorf("%s: by its identifier it is %v, %v", what, same, err)
			}
			if got := k.opened.Load() - before; got != opened {
				t.Errorf("%s: opened %d times, want %d", what, got, opened)
			}
			return v
		}
		first := want("at first", 1)
		want("again", 0)
		time.Sleep(time.Minute)
		if want("a minute later", 0) != first {
			t.Error("what has not changed is another provider")
		}
		if err := r.Update(t.Context(), &idp.UpdateUserPoolRequest{UserPoolId: p.ID, PoolName: "new"}); err != nil {
			t.Fatal(err)
		}
		want("after an update of the pool", 0)
		db.Publish(store.Change{})
		want("after the other nodes were lost", 0)
		if _, err := r.UpdateProvider(t.Context(), &idp.UpdateIdentityProviderRequest{UserPoolId: p.ID, ProviderName: "one", AttributeMapping: map[string]string{}}); err != nil {
			t.Fatal(err)
		}
		want("after an update of another", 0)
		_, err := r.UpdateProvider(t.Context(), &idp.UpdateIdentityProviderRequest{UserPoolId: p.ID, ProviderName: "two", AttributeMapping: map[string]string{"email": "mail"}})
		if err != nil {
			t.Fatal(err)
		}
		if v := want("after an update", 1); v.Mapping["email"] != "mail" || v.Mapping["username"] != "sub" || v.Detail("client_secret") != "very-secret" {
			t.Errorf("updated to %v", v.Mapping)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", first, first, *first, first); strings.Contains(text, "secret") {
			t.Errorf("printed as %s", text) // checklist 62
		}
		list, err := r.Providers(t.Context(), p)
		if err != nil || len(list) != 2 || list[1].Name != "two" || list[1].Type != "OIDC" || len(list[1].Identifiers) != 1 {
			t.Errorf("listed %v, %v", list, err)
		}
		for _, odd := range []string{"", "a\x00", "\xff", "Two"} {
			_, err = r.Provider(t.Context(), p, odd)
			wantFault(t, err, "ResourceNotFoundException", "Identity provider "+odd+" does not exist.")
		}
		if err := r.DeleteProvider(t.Context(), p.ID, "two"); err != nil {
			t.Fatal(err)
		}
		_, err = r.Provider(t.Context(), p, "two")
		wantFault(t, err, "ResourceNotFoundException", "Identity provider two does not exist.")
		_, err = r.ProviderFor(t.Context(), p, "two.example")
		wantFault(t, err, "ResourceNotFoundException", "Identity provider with identifier two.example does not exist.")
	})
}

// TestSealedProviders looks for a provider's secrets in the rows (checklist 61), and moves sealed details to another one.
func TestSealedProviders(t *testing.T) {
	db := open(t)
	r := pool.New(db, keyring(t), kinds(newKind()))
	p := create(t, r, &idp.CreateUserPoolRequest{})
	createProvider(t, r, p, "one", "OIDC", nil)
	createProvider(t, r, p, "two", "OIDC", nil)
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		row, err := tx.GetIdentityProvider(p.ID, "one")
		if text := fmt.Sprintf("%s %s", row.Details, row.Mapping); strings.Contains(text, "secret") {
			t.Errorf("stored as %s", text)
		}
		row.Name = "two"
		return errors.Join(err, tx.UpdateIdentityProvider(row))
	})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := r.DescribeProvider(t.Context(), p.ID, "two"); err == nil {
		t.Errorf("another provider's details are %v", d)
	}
}

// TestProviderKeys signs and decrypts with the keys of SAML providers: one signing key for all of a pool, and an encryption
// key for each, used where answers are encrypted.
func TestProviderKeys(t *testing.T) {
	r := pool.New(open(t), keyring(t), kinds(newKind()))
	p, q := create(t, r, &idp.CreateUserPoolRequest{}), create(t, r, &idp.CreateUserPoolRequest{})
	plain := createProvider(t, r, p, "plain", "SAML", nil)
	if plain.ProviderDetails["ActiveEncryptionCertificate"] != "" {
		t.Error("a certificate is shown that nothing is encrypted for")
	}
	sealed := createProvider(t, r, p, "sealed", "SAML", map[string]string{"EncryptedResponses": "true", "ActiveEncryptionCertificate": "mine"})
	createProvider(t, r, p, "oidc", "OIDC", nil)
	createProvider(t, r, q, "elsewhere", "SAML", nil)
	keys := map[string]*federation.Keys{}
	for name, of := range map[string]*pool.Pool{"plain": p, "sealed": p, "oidc": p, "elsewhere": q} {
		v, err := r.Provider(t.Context(), of, name)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = v.Provider.(*openProvider).settings.Keys
	}
	if keys["oidc"] != nil || keys["plain"].Decrypter != nil || keys["plain"].Encryption != nil {
		t.Error("keys where there are to be none")
	}
	checkSigner(t, r, p, keys["plain"], keys["sealed"])
	checkSigner(t, r, q, keys["elsewhere"])
	if string(keys["plain"].Certificate) == string(keys["elsewhere"].Certificate) {
		t.Error("two pools sign with one key")
	}
	shown, err := base64.StdEncoding.DecodeString(sealed.ProviderDetails["ActiveEncryptionCertificate"])
	if err != nil || string(shown) != string(keys["sealed"].Encryption) {
		t.Errorf("the certificate is shown as %q, %v", shown, err)
	}
	c, err := x509.ParseCertificate(shown)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, c.PublicKey.(*rsa.PublicKey), []byte("answer"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := keys["sealed"].Decrypter.Decrypt(rand.Reader, secret, &rsa.OAEPOptions{Hash: crypto.SHA256})
	if err != nil || string(got) != "answer" {
		t.Errorf("decrypted %q, %v", got, err)
	}
}

// checkSigner wants keys to sign with the pool's certificate, which lasts ten years.
func checkSigner(t *testing.T, r *pool.Registry, p *pool.Pool, all ...*federation.Keys) {
	t.Helper()
	der, err := r.SigningCertificate(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil || c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
		t.Fatalf("the certificate is not signed by itself: %v", err)
	}
	if left := time.Until(c.NotAfter); left < 10*365*24*time.Hour || left > 3654*24*time.Hour || time.Now().Before(c.NotBefore) {
		t.Errorf("the certificate lasts from %v to %v", c.NotBefore, c.NotAfter)
	}
	for _, keys := range all {
		sum := sha256.Sum256([]byte("request"))
		signature, err := keys.Signer.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil || string(keys.Certificate) != string(der) || c.CheckSignature(x509.SHA256WithRSA, []byte("request"), signature) != nil {
			t.Errorf("a request is not signed by the pool's certificate: %v", err)
		}
	}
}

// TestSigningKeysTogether: of many who need a pool's first signing key at the same time, all get the same.
func TestSigningKeysTogether(t *testing.T) {
	r := pool.New(open(t), keyring(t), pool.Options{})
	p := create(t, r, &idp.CreateUserPoolRequest{})
	var all sync.WaitGroup
	certificates := make([]string, 4)
	for i := range certificates {
		all.Go(func() {
			der, err := r.SigningCertificate(t.Context(), p)
			if err != nil {
				t.Error(err)
			}
			certificates[i] = string(der)
		})
	}
	all.Wait()
	for _, c := range certificates {
		if c != certificates[0] || c == "" {
			t.Error("there are two certificates")
		}
	}
}

// TestProviderReplacedMeanwhile updates a provider that is deleted, or deleted and made anew, while its details are checked.
func TestProviderReplacedMeanwhile(t *testing.T) {
	k := newKind()
	db, keys := open(t), keyring(t)
	r := pool.New(db, keys, kinds(k))
	p := create(t, r, &idp.CreateUserPoolRequest{})
	for _, again := range []bool{false, true} {
		createProvider(t, r, p, "one", "OIDC", nil)
		k.checked = func() {
			k.checked = nil
			time.Sleep(2 * time.Millisecond) // another time of creation
			if err := r.DeleteProvider(t.Context(), p.ID, "one"); err != nil {
				t.Error(err)
			}
			if again {
				createProvider(t, r, p, "one", "SAML", nil)
			}
		}
		meanwhile := pool.New(db, keys, kinds(&k))
		_, err := meanwhile.UpdateProvider(t.Context(), &idp.UpdateIdentityProviderRequest{UserPoolId: p.ID, ProviderName: "one", ProviderDetails: map[string]string{"client_id": "new"}})
		if again {
			wantFault(t, err, "ConcurrentModificationException", "Identity provider one was replaced meanwhile.")
		} else {
			wantFault(t, err, "ResourceNotFoundException", "Identity provider one does not exist.")
		}
	}
	without := pool.New(db, keys, pool.Options{})
	_, err := without.UpdateProvider(t.Context(), &idp.UpdateIdentityProviderRequest{UserPoolId: p.ID, ProviderName: "one"})
	wantFault(t, err, "UnsupportedIdentityProviderException", "Identity providers of type SAML are not supported.")
	if _, err := without.Provider(t.Context(), p, "one"); err == nil {
		t.Error("a provider without a plug-in is open")
	}
	_, err = without.CreateProvider(t.Context(), providerRequest(p, "two", "OIDC", nil))
	wantFault(t, err, "InvalidParameterException", "Identity providers of type OIDC are not supported.")
}

// TestUnaskedProviders: a client of a SAML provider that begins sign-ins by itself has SAML providers alone.
func TestUnaskedProviders(t *testing.T) {
	r := pool.New(open(t), keyring(t), kinds(newKind()))
	p := create(t, r, &idp.CreateUserPoolRequest{})
	createProvider(t, r, p, "unasked", "SAML", map[string]string{"IDPInit": "true"})
	createProvider(t, r, p, "asked", "SAML", nil)
	createProvider(t, r, p, "oidc", "OIDC", nil)
	for want, names := range map[string][]string{
		"": {"unasked", "asked"},
		"A SAML provider with IdP-initiated sign-in cannot be used together with COGNITO.": {"COGNITO", "unasked"},
		"A SAML provider with IdP-initiated sign-in cannot be used together with OIDC.":    {"unasked", "oidc"},
		"The provider none does not exist for User Pool " + p.ID + ".":                     {"asked", "none"},
	} {
		_, err := r.CreateClient(t.Context(), &idp.CreateUserPoolClientRequest{UserPoolId: p.ID, ClientName: "c", SupportedIdentityProviders: names})
		if want != "" {
			wantFault(t, err, "InvalidParameterException", want)
		} else if err != nil {
			t.Error(err)
		}
	}
	createClient(t, r, p, &idp.CreateUserPoolClientRequest{SupportedIdentityProviders: []string{"COGNITO", "asked", "oidc"}})
}

// TestProviderLimits makes as many providers as a pool has, and one more.
func TestProviderLimits(t *testing.T) {
	r := pool.New(open(t), keyring(t), kinds(newKind()))
	p := create(t, r, &idp.CreateUserPoolRequest{})
	for i := range 300 {
		createProvider(t, r, p, fmt.Sprintf("idp%03d", i), "OIDC", nil)
	}
	_, err := r.CreateProvider(t.Context(), providerRequest(p, "last", "OIDC", nil))
	wantFault(t, err, "LimitExceededException", "The limit of 300 identity providers of a user pool is reached.")
	list, err := r.Providers(t.Context(), p)
	if err != nil || len(list) != 300 {
		t.Errorf("%d are listed, %v", len(list), err)
	}
}
