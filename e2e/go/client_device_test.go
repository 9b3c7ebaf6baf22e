package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"cognate/client"
)

// owner is a user of a pool that remembers devices, whose second factor is SMS unless one is remembered.
type owner struct {
	*kit
	name   *string
	number string
	store  client.MemoryStore
}

func newOwner(t *testing.T, prompt bool) *owner {
	t.Helper()
	k := newKit(t, func(in *idp.CreateUserPoolInput) {
		in.AliasAttributes = []types.AliasAttributeType{types.AliasAttributeTypeEmail}
		in.DeviceConfiguration = &types.DeviceConfigurationType{ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: prompt}
	})
	k.mfa(t, types.UserPoolMfaTypeOptional)
	o := &owner{kit: k, name: k.user(t, "app-device")}
	o.number = k.phone(t, o.name, &idp.AdminSetUserMFAPreferenceInput{SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true, PreferredMfa: true}})
	return o
}

// machine is a client on the owner's machine.
func (o *owner) machine(t *testing.T) *client.Client {
	return o.app(t, keeping(&o.store), func(c *client.Config) { c.DeviceName = "the owner's machine" })
}

// bySMS signs in with the second factor, which must be asked for.
func (o *owner) bySMS(t *testing.T, c *client.Client, name string) *client.Done {
	t.Helper()
	begun, err := c.SignIn(o.ctx, name, password)
	step := at[*client.MFA](t, begun, err)
	next, err := step.Answer(o.ctx, lastMail(t, o.number, "Authentication").Code)
	return at[*client.Done](t, next, err)
}

func deviceOf(t *testing.T, s *client.Session) string {
	t.Helper()
	key, _ := claims(t, &s.Access)["device_key"].(string)
	if key == "" {
		t.Fatal("the session has no device")
	}
	return key
}

func TestClientRemembersDevice(t *testing.T) {
	o := newOwner(t, true)
	done := o.bySMS(t, o.machine(t), *o.name)
	if !done.AskToRemember {
		t.Error("the user is not to be asked")
	}
	first := deviceOf(t, done.Session)
	asked := o.bySMS(t, o.machine(t), *o.name)
	if deviceOf(t, asked.Session) == first {
		t.Error("a device that is not remembered was taken")
	}
	c := o.machine(t)
	ok(t, c.RememberDevice(o.ctx))
	key := deviceOf(t, asked.Session)
	list, err := o.AdminListDevices(o.ctx, &idp.AdminListDevicesInput{UserPoolId: o.poolID, Username: o.name})
	ok(t, err)
	named := false
	for _, d := range list.Devices {
		named = named || *d.DeviceKey == key && value(d.DeviceAttributes, "device_name") == "the owner's machine"
	}
	if !named {
		t.Errorf("%+v", list.Devices)
	}

	// Another program on the machine, and by the alias: the device makes its proof, and the session can be renewed.
	for _, name := range []string{*o.name, *o.name + "@example.com", *o.name} {
		c := o.machine(t)
		step, err := c.SignIn(o.ctx, name, password)
		s := at[*client.Done](t, step, err).Session
		if deviceOf(t, s) != key {
			t.Error("another device")
		}
		renewed, err := c.Renew(o.ctx)
		ok(t, err)
		if deviceOf(t, renewed) != key {
			t.Error("another device after the renewal")
		}
	}

	// Signing out leaves the device; forgetting it brings the second factor back.
	c = o.machine(t)
	ok(t, c.SignOut(o.ctx))
	step, err := c.SignIn(o.ctx, *o.name, password)
	at[*client.Done](t, step, err)
	ok(t, c.ForgetDevice(o.ctx))
	if _, err := c.Renew(o.ctx); !errors.Is(err, client.ErrNoSession) {
		t.Errorf("the session of a forgotten device: %v", err)
	}
	o.bySMS(t, o.machine(t), *o.name)
}

func TestClientRenewsWithNewDevice(t *testing.T) {
	o := newOwner(t, false)
	c := o.machine(t)
	done := o.bySMS(t, c, *o.name)
	if done.AskToRemember {
		t.Error("the user is to be asked")
	}
	renewed, err := c.Renew(o.ctx)
	ok(t, err)
	if deviceOf(t, renewed) != deviceOf(t, done.Session) {
		t.Error("another device")
	}
	step, err := o.machine(t).SignIn(o.ctx, *o.name, password)
	at[*client.Done](t, step, err)
}

func TestClientDeviceThatIsGone(t *testing.T) {
	o := newOwner(t, false)
	key := deviceOf(t, o.bySMS(t, o.machine(t), *o.name).Session)
	_, err := o.AdminForgetDevice(o.ctx, &idp.AdminForgetDeviceInput{UserPoolId: o.poolID, Username: o.name, DeviceKey: &key})
	ok(t, err)
	if again := deviceOf(t, o.bySMS(t, o.machine(t), *o.name).Session); again == key {
		t.Error("the device came back")
	}
}

// TestClientDeviceThatCannotProve has a machine whose secret is wrong: it is refused once, and then as new.
func TestClientDeviceThatCannotProve(t *testing.T) {
	o := newOwner(t, false)
	o.bySMS(t, o.machine(t), *o.name)
	text, err := o.store.Load(o.ctx)
	ok(t, err)
	before, after, found := strings.Cut(string(text), `"secret":"`)
	if !found {
		t.Fatalf("no device in %s", text)
	}
	ok(t, o.store.Save(o.ctx, []byte(before+`"secret":"x`+after)))
	_, err = o.machine(t).SignIn(o.ctx, *o.name, password)
	answered(t, err, "NotAuthorizedException")
	o.bySMS(t, o.machine(t), *o.name)
}

func TestClientOfTwoUsers(t *testing.T) {
	o := newOwner(t, false)
	first := deviceOf(t, o.bySMS(t, o.machine(t), *o.name).Session)
	other := o.user(t, "app-other")
	c := o.machine(t)
	if second := deviceOf(t, enter(t, o.kit, c, other)); second == first {
		t.Error("two users have one device")
	}
	signedInAs(t, o.kit, c, *other)
	step, err := o.machine(t).SignIn(o.ctx, *o.name, password)
	if key := deviceOf(t, at[*client.Done](t, step, err).Session); key != first {
		t.Error("the first user's device is lost")
	}
	_, err = o.AdminDeleteUser(o.ctx, &idp.AdminDeleteUserInput{UserPoolId: o.poolID, Username: aws.String(*other)})
	ok(t, err)
}

// TestClientDeviceByAlias signs in by an address and a code, where nothing but that address can tell whose device this is.
func TestClientDeviceByAlias(t *testing.T) {
	k := newKit(t, allow(types.AuthFactorTypePassword, types.AuthFactorTypeEmailOtp), func(in *idp.CreateUserPoolInput) {
		in.AliasAttributes = []types.AliasAttributeType{types.AliasAttributeTypeEmail}
		in.DeviceConfiguration = &types.DeviceConfigurationType{}
	})
	email := *k.user(t, "app-alias") + "@example.com"
	store, keys := new(client.MemoryStore), map[string]bool{}
	for range 2 {
		begun, err := k.app(t, keeping(store)).SignInByChoice(k.ctx, email)
		sent, err := at[*client.SelectChallenge](t, begun, err).Code(k.ctx, client.Email)
		next, err := at[*client.MFA](t, sent, err).Answer(k.ctx, lastMail(t, email, "Authentication").Code)
		keys[deviceOf(t, at[*client.Done](t, next, err).Session)] = true
	}
	if len(keys) != 1 {
		t.Errorf("devices %v", keys)
	}
}
