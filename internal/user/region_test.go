package user

import (
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
)

// TestFederateInASecondaryRegion lets in who has signed in before, and makes nobody.
func TestFederateInASecondaryRegion(t *testing.T) {
	o := newOffice(t, nil)
	c := o.client(nil)
	saml := o.provider("Corp", idp.IdentityProviderTypeTypeSaml, mail)
	known := o.arrives(c, saml, says("jane", "mail", "jane@example.com"))
	o.must(o.db.Update(t.Context(), func(tx *store.Tx) error {
		return tx.CreateReplica(store.Replica{
			PoolID: o.pool.ID, Region: "eu-west-1", Status: store.ReplicaActive, Settings: []byte("{}"), Created: time.Now(), Modified: time.Now()})
	}))
	there := *o
	there.pools = pool.New(o.db, secrettest.Keyring(t), pool.Options{AccountID: "000000000000", Dev: true, Kinds: providerKinds, Region: "eu-west-1"})
	p, err := there.pools.Pool(t.Context(), o.pool.ID)
	o.must(err)
	there.pool = p
	if again := there.arrives(c, saml, says("jane", "mail", "jane@example.com")); again.Sub != known.Sub {
		t.Errorf("%s is signed in, not %s", again.Sub, known.Sub)
	}
	there.refuses(c, saml, says("mary", "mail", "mary@example.com"), "User does not exist.")
	o.arrives(c, saml, says("mary", "mail", "mary@example.com"))
	there.arrives(c, saml, says("mary", "mail", "mary@example.com"))
}
