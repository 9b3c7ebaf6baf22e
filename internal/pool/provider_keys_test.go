package pool_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/store/postgres"
	"cognate/internal/store/sqlite"
	"cognate/internal/store/storetest"
)

var sealing = map[string]string{"EncryptedResponses": "true"}

// certificates are what a pool shows to a provider of the name "one": by the API, and to the plug-in.
type certificates struct{ signing, encryption, usedSigning, usedEncryption string }

func certificatesOf(t *testing.T, r *pool.Registry, p *pool.Pool) (c certificates) {
	t.Helper()
	der, err := r.SigningCertificate(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.Provider(t.Context(), p, "one")
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.DescribeProvider(t.Context(), p.ID, "one")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := base64.StdEncoding.DecodeString(d.ProviderDetails["ActiveEncryptionCertificate"])
	if err != nil {
		t.Fatal(err)
	}
	used := v.Provider.(*openProvider).settings.Keys
	return certificates{string(der), string(shown), string(used.Certificate), string(used.Encryption)}
}

func parse(t *testing.T, der string) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate([]byte(der))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCertificatesAreRenewed after a year, for ten years from then, with the same keys: nothing that a provider knows of us lapses,
// whether it keeps the old certificate or reads the new one.
func TestCertificatesAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := pool.New(open(t), keyring(t), kinds(newKind()))
		p := create(t, r, &idp.CreateUserPoolRequest{})
		made := createProvider(t, r, p, "one", "SAML", sealing)
		last := certificatesOf(t, r, p)
		wait := func(d time.Duration) certificates {
			t.Helper()
			time.Sleep(d)
			c := certificatesOf(t, r, p)
			time.Sleep(time.Minute)
			if again := certificatesOf(t, r, p); again != c || c.usedSigning != c.signing || c.usedEncryption != c.encryption {
				t.Errorf("after %v the certificates are not the same", d)
			}
			return c
		}
		if wait(364*24*time.Hour) != last {
			t.Error("renewed within the year")
		}
		for _, d := range []time.Duration{3 * 24 * time.Hour, 366 * 24 * time.Hour, 11 * 366 * 24 * time.Hour} { // at last when all has ended
			next := wait(d)
			for _, pair := range [][2]string{{last.signing, next.signing}, {last.encryption, next.encryption}} {
				wantRenewed(t, parse(t, pair[0]), parse(t, pair[1]))
			}
			last = next
		}
		if d, err := r.DescribeProvider(t.Context(), p.ID, "one"); err != nil || d.LastModifiedDate != made.LastModifiedDate {
			t.Errorf("the provider was changed: %v, %v", d, err)
		}
	})
}

// TestCertificatesAreRenewedApart: each has a year of its own.
func TestCertificatesAreRenewedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := pool.New(open(t), keyring(t), kinds(newKind()))
		p := create(t, r, &idp.CreateUserPoolRequest{})
		if _, err := r.SigningCertificate(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * 24 * time.Hour)
		createProvider(t, r, p, "one", "SAML", sealing)
		last := certificatesOf(t, r, p)
		for i, signing := range []bool{true, false} {
			time.Sleep(190 * 24 * time.Hour)
			next := certificatesOf(t, r, p)
			if (next.usedSigning != last.signing) != signing || (next.usedEncryption != last.encryption) == signing {
				t.Errorf("%d: not one of two certificates is renewed", i)
			}
			if next.usedSigning != next.signing || next.usedEncryption != next.encryption {
				t.Errorf("%d: other certificates are used than shown", i)
			}
			last = next
		}
	})
}

func wantRenewed(t *testing.T, old, fresh *x509.Certificate) {
	t.Helper()
	if !fresh.PublicKey.(*rsa.PublicKey).Equal(old.PublicKey) || fresh.Subject.String() != old.Subject.String() || fresh.KeyUsage != old.KeyUsage {
		t.Errorf("%v follows %v", fresh.Subject, old.Subject)
	}
	if fresh.SerialNumber.Cmp(old.SerialNumber) == 0 || fresh.CheckSignature(fresh.SignatureAlgorithm, fresh.RawTBSCertificate, fresh.Signature) != nil {
		t.Error("the certificate is not a new one, or not signed by its key")
	}
	if from, left := time.Since(fresh.NotBefore), time.Until(fresh.NotAfter); from < 0 || from > 2*time.Hour || left < 3651*24*time.Hour {
		t.Errorf("the certificate counts from %v to %v", fresh.NotBefore, fresh.NotAfter)
	}
}

// fleet is several processes at one database.
type fleet struct {
	keys  *secret.Keyring
	dbs   []*store.DB
	nodes []*pool.Registry
	pool  *pool.Pool
}

// onFleets runs a test on two processes at PostgreSQL, and on one at SQLite, which has no more.
func onFleets(t *testing.T, test func(t *testing.T, f *fleet)) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
		test(t, newFleet(t, db, db, err))
	})
	t.Run("postgres", func(t *testing.T) {
		url := storetest.PostgresURL(t)
		one, err := postgres.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		two, err := postgres.Open(t.Context(), url)
		test(t, newFleet(t, one, two, err))
	})
}

func newFleet(t *testing.T, one, two *store.DB, err error) *fleet {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{keys: keyring(t), dbs: []*store.DB{one, two}}
	for _, db := range f.dbs {
		t.Cleanup(func() { db.Close() })
		f.nodes = append(f.nodes, pool.New(db, f.keys, kinds(newKind())))
	}
	f.pool = create(t, f.nodes[0], &idp.CreateUserPoolRequest{})
	createProvider(t, f.nodes[0], f.pool, "one", "SAML", sealing)
	certificatesOf(t, f.nodes[0], f.pool)
	return f
}

// age makes the certificates of both keys two years old.
func (f *fleet) age(t *testing.T) {
	t.Helper()
	err := f.dbs[0].Update(context.Background(), func(tx *store.Tx) error {
		sealed, err := tx.GetFederationKeys(f.pool.ID)
		if err != nil {
			return err
		}
		if err := tx.UpdateFederationKeys(f.pool.ID, f.aged(t, sealed, "federation-keys/"+f.pool.ID)); err != nil {
			return err
		}
		row, err := tx.GetIdentityProvider(f.pool.ID, "one")
		if err != nil {
			return err
		}
		row.Keys = f.aged(t, row.Keys, "identity-provider-keys/"+f.pool.ID+"/one")
		return tx.UpdateIdentityProvider(row)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, db := range f.dbs { // and no process knows of what was before
		f.nodes[i] = pool.New(db, f.keys, kinds(newKind()))
	}
}

func (f *fleet) aged(t *testing.T, sealed []byte, binding string) []byte {
	t.Helper()
	plain, err := f.keys.Open(sealed, binding)
	if err != nil {
		t.Fatal(err)
	}
	var k struct {
		Key         []byte `json:"key"`
		Certificate []byte `json:"certificate"`
	}
	if err := json.Unmarshal(plain, &k); err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(k.Key)
	if err != nil {
		t.Fatal(err)
	}
	old := parse(t, string(k.Certificate))
	old.SerialNumber, old.NotBefore, old.NotAfter = big.NewInt(1), old.NotBefore.AddDate(-2, 0, 0), old.NotAfter.AddDate(-2, 0, 0)
	if k.Certificate, err = x509.CreateCertificate(rand.Reader, old, old, old.PublicKey, key); err != nil {
		t.Fatal(err)
	}
	if plain, err = json.Marshal(k); err != nil {
		t.Fatal(err)
	}
	return f.keys.Seal(plain, binding)
}

// TestCertificatesAreRenewedTogether: of many who find a certificate due at the same time, in two processes, all show the same one.
func TestCertificatesAreRenewedTogether(t *testing.T) {
	onFleets(t, func(t *testing.T, f *fleet) {
		before := certificatesOf(t, f.nodes[0], f.pool)
		for range 5 {
			f.age(t)
			var all sync.WaitGroup
			found := make([]certificates, 8)
			for i := range found {
				all.Go(func() { found[i] = certificatesOf(t, f.nodes[i%2], f.pool) })
			}
			all.Wait()
			for _, c := range found {
				if c != found[0] || c.signing == "" || c.usedSigning != c.signing || c.usedEncryption != c.encryption {
					t.Fatal("there are two certificates")
				}
			}
			wantRenewed(t, parse(t, before.signing), parse(t, found[0].signing))
			wantRenewed(t, parse(t, before.encryption), parse(t, found[0].encryption))
			before = found[0]
		}
	})
}

// TestCertificatesThatCannotBeRenewed stay: sign-ins go on while nothing can be written, and the renewal follows.
func TestCertificatesThatCannotBeRenewed(t *testing.T) {
	onFleets(t, func(t *testing.T, f *fleet) {
		before := certificatesOf(t, f.nodes[0], f.pool)
		f.age(t)
		release := f.block(t)
		defer release()
		soon := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			t.Cleanup(cancel)
			return ctx
		}
		der, err := f.nodes[0].SigningCertificate(soon(), f.pool)
		if err != nil {
			t.Fatal(err)
		}
		v, err := f.nodes[0].Provider(soon(), f.pool, "one")
		if err != nil {
			t.Fatal(err)
		}
		d, err := f.nodes[0].DescribeProvider(soon(), f.pool.ID, "one")
		if err != nil {
			t.Fatal(err)
		}
		used, shown := v.Provider.(*openProvider).settings.Keys, d.ProviderDetails["ActiveEncryptionCertificate"]
		if string(used.Certificate) != string(der) || base64.StdEncoding.EncodeToString(used.Encryption) != shown {
			t.Error("other certificates are used than shown")
		}
		if old := parse(t, string(der)); time.Since(old.NotBefore) < 365*24*time.Hour {
			t.Errorf("renewed at %v, while nothing can be written", old.NotBefore)
		}
		release()
		f.nodes[0] = pool.New(f.dbs[0], f.keys, kinds(newKind()))
		after := certificatesOf(t, f.nodes[0], f.pool)
		wantRenewed(t, parse(t, before.signing), parse(t, after.usedSigning))
		wantRenewed(t, parse(t, before.encryption), parse(t, after.usedEncryption))
	})
}

// block has a transaction hold on to the rows of both keys until it is released, and change nothing.
func (f *fleet) block(t *testing.T) (release func()) {
	held, free, done := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		f.dbs[1].Update(context.Background(), func(tx *store.Tx) error {
			sealed, err := tx.GetFederationKeys(f.pool.ID)
			row, err2 := tx.GetIdentityProvider(f.pool.ID, "one")
			err = errors.Join(err, err2, tx.UpdateFederationKeys(f.pool.ID, sealed), tx.UpdateIdentityProvider(row))
			if err != nil {
				t.Error(err)
			}
			close(held)
			<-free
			return errors.New("nothing is to be changed")
		})
	}()
	<-held
	return sync.OnceFunc(func() { close(free); <-done })
}
