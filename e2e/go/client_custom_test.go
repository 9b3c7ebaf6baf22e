package e2e

import (
	"testing"

	"cognate/client"
	"cognate/client/awscredentials"
)

// TestClientCustomChallenge answers what a pool's functions ask, after a wrong answer, and after the password.
func TestClientCustomChallenge(t *testing.T) {
	k := customKit(t, "e2e-go")
	name := k.user(t, "custom")
	c := k.app(t)
	step, err := c.SignInCustom(k.ctx, *name, "")
	asked := at[*client.Custom](t, step, err)
	if asked.Parameters["sum"] != "0 + 2" || asked.Parameters["from"] != "go" {
		t.Errorf("asked %v", asked.Parameters)
	}
	step, err = asked.Answer(k.ctx, "no")
	asked = at[*client.Custom](t, step, err)
	step, err = asked.Answer(k.ctx, "3")
	at[*client.Done](t, step, err)
	signedInAs(t, k, c, *name)

	step, err = c.SignInCustom(k.ctx, *name, password)
	asked = at[*client.Custom](t, step, err)
	if asked.Parameters["sum"] != "2 + 2" {
		t.Errorf("asked %v after the password", asked.Parameters)
	}
	step, err = asked.Answer(k.ctx, "4")
	at[*client.Done](t, step, err)
	_, err = c.SignInCustom(k.ctx, *name, "Wr0ng-Horse!")
	answered(t, err, "NotAuthorizedException")
}

// TestClientCredentials gives the AWS SDK the credentials of a guest, and those of the same identity once its user has signed in.
func TestClientCredentials(t *testing.T) {
	i := newIdentityKit(t)
	i.rolesFor(t, nil)
	c := i.app(t)
	guests := awscredentials.New(c, client.IdentityPool{ID: *i.id, Guest: true})
	if who := whoIs(t, guests); who != "arn:aws:sts::123456789012:assumed-role/out/CognitoIdentityCredentials" {
		t.Errorf("a guest is %s", who)
	}
	before, err := c.Credentials(i.ctx, client.IdentityPool{ID: *i.id, Guest: true})
	ok(t, err)
	name := i.user(t, "member")
	enter(t, i.kit, c, name)
	users := awscredentials.New(c, client.IdentityPool{ID: *i.id})
	if who := whoIs(t, users); who != "arn:aws:sts::123456789012:assumed-role/in/CognitoIdentityCredentials" {
		t.Errorf("a user is %s", who)
	}
	after, err := c.Credentials(i.ctx, client.IdentityPool{ID: *i.id})
	ok(t, err)
	if after.IdentityID != before.IdentityID {
		t.Errorf("%s became %s by signing in", before.IdentityID, after.IdentityID)
	}
	_, err = c.Credentials(i.ctx, client.IdentityPool{ID: *i.id, Role: "arn:aws:iam::123456789012:role/other"})
	answered(t, err, "NotAuthorizedException")
}
