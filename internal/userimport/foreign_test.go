package userimport

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cognate/api/idp"
	"cognate/internal/pool"
	"cognate/internal/store"
)

// firebaseParameters and firebaseUsers are the example of Firebase's own scrypt, in the forms of its console and its export.
const (
	firebaseParameters = `hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}
`
	firebaseUsers = `{"users":[
{"localId":"VxQ1","email":"Ann@example.com","emailVerified":true,"displayName":"Ann","photoUrl":"https://example.com/ann.png","createdAt":"1700000000123","lastSignedInAt":"1",
 "passwordHash":"lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==","salt":"42xEC+ixf3L2lw==","providerUserInfo":[{"providerId":"google.com"}]},
{"localId":"VxQ2","email":"ben@example.com","emailVerified":false,"disabled":true,
 "passwordHash":"lSrfV15cpx95_sZS2W9c9Kp6i_LVgQNDNC_qzrCnh1SAyZvqmZqAjTdn3aoItz-VHjoZilo78198JAdRuid5lQ==","salt":"42xEC-ixf3L2lw=="},
{"localId":"VxQ3","email":"carl@example.com","emailVerified":false},
{"localId":"VxQ4","phoneNumber":"+15550100"},
{"email":"x@example.com"}]}`
	keycloakUsers = `{"id":"x","realm":"shop","roles":{"realm":[{"name":"users"}]},"users":[
{"id":"6b1f","username":"Ann","email":"ann@example.com","emailVerified":true,"firstName":"Ann","lastName":"Lee","enabled":true,"createdTimestamp":1700000000123,
 "attributes":{"plan":["gold"],"locale":["de"],"phone_number":["+15550100"],"email_verified":["false"],"sub":["x"],"unknown":["y"]},"groups":["/staff"],
 "credentials":[{"type":"otp","secretData":"{}"},{"type":"password","secretData":"{\"value\":\"ryEM4NjfrwChl+6CMoTX//JsJ3w5TVYS54V3CIL6vw8\",\"salt\":\"VnRNV2tzcklWeC9PLnBJdQ\",\"additionalParameters\":{}}",
 "credentialData":"{\"hashIterations\":5,\"algorithm\":\"argon2\",\"additionalParameters\":{\"hashLength\":[\"32\"],\"memory\":[\"7168\"],\"type\":[\"id\"],\"version\":[\"1.3\"],\"parallelism\":[\"1\"]}}"}]},
{"username":"ben","enabled":false,"credentials":[{"type":"password","secretData":"{\"value\":\"rpg4/VIzJgkhC5QuoWBCaRrqVUgCzaY7H9kpy5VMBWt4J9aSD35d47SSCePKPSzePPEYWJgDFV3nAb4U1XLSKA==\",\"salt\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}",
 "credentialData":"{\"hashIterations\":27500,\"algorithm\":\"pbkdf2-sha256\"}"}]},
{"username":"carl","credentials":[{"type":"password","secretData":"{\"value\":\"AA==\",\"salt\":\"AA==\"}","credentialData":"{\"hashIterations\":1,\"algorithm\":\"md5\"}"}]},
{"username":"dora","email":"dora@example.com","emailVerified":true}],"clients":[]}`
)

// importsJSON imports a file of another system into a new pool, and returns its log.
func (o *office) importsJSON(in *idp.CreateUserPoolRequest, hash FirebaseHash, file string) (p *pool.Pool, c Counts, log string) {
	o.Helper()
	in.PoolName, in.AutoVerifiedAttributes = "foreign", []string{"email"}
	in.Schema = []*idp.SchemaAttributeType{{Name: "plan", AttributeDataType: "String", Mutable: new(true)}}
	p, err := o.pools.Create(o.Context(), "us-east-1", in)
	o.must(err)
	from, err := NewJSON(o.imports.users, p, hash, strings.NewReader(file))
	o.must(err)
	b, text := o.bulk()
	b.Pool = p
	c, err = b.Run(o.Context(), from)
	o.must(err)
	return p, c, text.String()
}

// wantUser holds a user to what it was elsewhere.
func (o *office) wantUser(p *pool.Pool, name, password, status string, enabled bool, attributes map[string]string) store.User {
	o.Helper()
	a, err := o.imports.users.SignIn(o.Context(), p, name)
	o.must(err)
	if a.User.Status != status || a.User.Enabled != enabled {
		o.Errorf("%s is %s, enabled: %v", name, a.User.Status, a.User.Enabled)
	}
	for attr, want := range attributes {
		if a.User.Attributes[attr] != want {
			o.Errorf("%s of %s is %q, want %q", attr, name, a.User.Attributes[attr], want)
		}
	}
	if password != "" {
		for try, want := range map[string]bool{password: true, password + "x": false} {
			if ok, err := o.imports.users.ProvePassword(o.Context(), p, &a, try); ok != want || err != nil {
				o.Errorf("%s and a password: %v, %v", name, ok, err)
			}
		}
	}
	return a.User
}

func (o *office) firebaseHash() FirebaseHash {
	o.Helper()
	path := filepath.Join(o.TempDir(), "parameters")
	o.must(os.WriteFile(path, []byte(firebaseParameters), 0o600))
	h, err := ReadFirebaseHash(path)
	o.must(err)
	return h
}

// TestFirebase imports what Firebase exports, into a pool of user names and one of addresses.
func TestFirebase(t *testing.T) {
	o := newOffice(t)
	p, counts, log := o.importsJSON(&idp.CreateUserPoolRequest{AliasAttributes: []string{"email"}}, o.firebaseHash(), firebaseUsers)
	if counts != (Counts{Imported: 2, Failed: 3}) || strings.Count(log, "does not set any of the auto verified attributes to true") != 2 ||
		!strings.Contains(log, "[FAILED] Line Number 5 - The user is neither one of Firebase nor one of Keycloak.") {
		t.Errorf("%+v\n%s", counts, log)
	}
	ann := o.wantUser(p, "VxQ1", "user1password", "CONFIRMED", true, map[string]string{
		"email": "Ann@example.com", "email_verified": "true", "name": "Ann", "picture": "https://example.com/ann.png"})
	if !ann.Created.Equal(time.UnixMilli(1700000000123)) {
		t.Errorf("created at %v", ann.Created)
	}
	o.wantUser(p, "VxQ2", "user1password", "CONFIRMED", false, map[string]string{"email": "ben@example.com", "email_verified": "false"})
	p, _, _ = o.importsJSON(&idp.CreateUserPoolRequest{UsernameAttributes: []string{"email"}}, o.firebaseHash(), firebaseUsers)
	o.wantUser(p, "Ann@example.com", "user1password", "CONFIRMED", true, nil)
	_, counts, log = o.importsJSON(&idp.CreateUserPoolRequest{}, FirebaseHash{}, firebaseUsers)
	if counts.Imported != 0 || strings.Count(log, "--firebase-hash does not tell how it is hashed") != 2 {
		t.Errorf("without parameters: %+v\n%s", counts, log)
	}
}

// TestKeycloak imports the users of a realm that Keycloak exports.
func TestKeycloak(t *testing.T) {
	o := newOffice(t)
	p, counts, log := o.importsJSON(&idp.CreateUserPoolRequest{UsernameConfiguration: &idp.UsernameConfigurationType{CaseSensitive: false}}, FirebaseHash{}, keycloakUsers)
	if counts != (Counts{Imported: 3, Failed: 1}) || !strings.Contains(log, "[FAILED] Line Number 3 - password_hash is not a hash that can be imported") {
		t.Errorf("%+v\n%s", counts, log)
	}
	o.wantUser(p, "ann", "Passw0rd!", "CONFIRMED", true, map[string]string{
		"email": "ann@example.com", "email_verified": "true", "given_name": "Ann", "family_name": "Lee", "custom:plan": "gold", "locale": "de",
		"phone_number": "+15550100", "phone_number_verified": "", "unknown": "", "sub": ""})
	o.wantUser(p, "ben", "Passw0rd!", "CONFIRMED", false, nil)
	o.wantUser(p, "dora", "", "RESET_REQUIRED", true, nil)
}

// TestOtherJSON refuses what is no such file, and tells how far it came in one that is cut off.
func TestOtherJSON(t *testing.T) {
	o := newOffice(t)
	for _, text := range []string{"", "{", "[]", "{}", `{"users":{}}`, `{"x":1,"users":1}`, `{"x":`} {
		if _, err := NewJSON(o.imports.users, o.pool, FirebaseHash{}, strings.NewReader(text)); err != errNoUsers {
			t.Errorf("%q: %v", text, err)
		}
	}
	from, err := NewJSON(o.imports.users, o.pool, FirebaseHash{}, strings.NewReader(keycloakUsers[:len(keycloakUsers)-80]))
	o.must(err)
	b, _ := o.bulk()
	if counts, err := b.Run(t.Context(), from); err == nil || !strings.HasPrefix(err.Error(), "the file cannot be read after user 3: ") || counts.Imported != 2 {
		t.Errorf("%+v, %v", counts, err)
	}
	for _, text := range []string{"", "algorithm: SCRYPT", strings.Replace(firebaseParameters, "SCRYPT", "BCRYPT", 1), strings.Replace(firebaseParameters, "14", "x", 1)} {
		path := filepath.Join(t.TempDir(), "parameters")
		o.must(os.WriteFile(path, []byte(text), 0o600))
		if _, err := ReadFirebaseHash(path); err == nil || strings.Contains(err.Error(), "jxspr8") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
