package passhash

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// The hashes of a password that other implementations have made: PHP's for bcrypt and argon2id, OpenSSL's for scrypt and
// PBKDF2, and the example of Firebase's own.
const (
	password       = "Passw0rd!"
	bcryptHash     = "$2y$10$R7A4ZaWOIIYlYW5yOrK22ubLcnf6pAXpVg30Cy8M01REx.41m6JV."
	argonHash      = "$argon2id$v=19$m=19456,t=2,p=1$ZUpLblNHV0RJVXZaSkI0Lw$A/KQfolr+1R48jtVOqtdHf8rRPLgNQ/fZTqCLEcsdRE"
	scryptHash     = "16384$8$1$00112233445566778899aabbccddeeff$b5492f580a399175171092a709f7896aa830667110f04fa1dac2c89aac4c34ea"
	pbkdf2Hash     = "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$2/6i32L0Bi6MtP2OuJMPcqA89.m4kdqqE3/bAThGMxs"
	keycloakArgon  = "$argon2id$v=19$m=7168,t=5,p=1$VnRNV2tzcklWeC9PLnBJdQ$ryEM4NjfrwChl+6CMoTX//JsJ3w5TVYS54V3CIL6vw8"
	firebaseHash   = "$firebase-scrypt$ln=14,r=8$" + firebaseSigner + "$Bw==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
	firebaseSigner = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
)

var hashes = []struct{ name, algorithm, hash, password string }{
	{"bcrypt", Bcrypt, bcryptHash, password},
	{"bcrypt as 2b", Bcrypt, strings.Replace(bcryptHash, "2y", "2b", 1), password},
	{"argon2id", Argon2id, argonHash, password},
	{"scrypt", Scrypt, scryptHash, password},
	{"PBKDF2", PBKDF2SHA256, pbkdf2Hash, password},
	{"PBKDF2 in plain base64", PBKDF2SHA256, strings.ReplaceAll(pbkdf2Hash, ".", "+") + "=", password},
	{"Firebase", Scrypt, firebaseHash, "user1password"},
	{"argon2id with Keycloak's costs", Keycloak, keycloakArgon, password},
	{"PBKDF2 of Keycloak", Keycloak, "$pbkdf2-sha256$27500$MDEyMzQ1Njc4OWFiY2RlZg==$rpg4/VIzJgkhC5QuoWBCaRrqVUgCzaY7H9kpy5VMBWt4J9aSD35d47SSCePKPSzePPEYWJgDFV3nAb4U1XLSKA==", password},
	{"PBKDF2 with SHA-512", Keycloak, "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg==$21Fy9H9mJURIPGOpy5eax0jc9ya/986nYgt9RBOJ1PRqPeNxZzU6y8GVbrNXwMTTqYP7kuckOMYjAouonYH+uA==", password},
}

func TestVerify(t *testing.T) {
	for _, tt := range hashes {
		h, err := Parse(tt.algorithm, tt.hash)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !h.Verify(tt.password) {
			t.Errorf("%s: the password is refused", tt.name)
		}
		for _, wrong := range []string{"", tt.password + "x", tt.password[1:]} {
			if h.Verify(wrong) {
				t.Errorf("%s: %q is taken for the password", tt.name, wrong)
			}
		}
	}
	if (Hash{}).Verify("") {
		t.Error("no hash is that of a password")
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct{ name, algorithm, hash string }{
		{"no algorithm", "", bcryptHash},
		{"another algorithm", Argon2id, bcryptHash},
		{"nothing", Bcrypt, ""},
		{"bcrypt that costs too much", Bcrypt, strings.Replace(bcryptHash, "$10$", "$13$", 1)},
		{"bcrypt that costs too little", Bcrypt, strings.Replace(bcryptHash, "$10$", "$03$", 1)},
		{"bcrypt with a signed cost", Bcrypt, strings.Replace(bcryptHash, "$10$", "$+9$", 1)},
		{"bcrypt of another kind", Bcrypt, strings.Replace(bcryptHash, "2y", "2z", 1)},
		{"bcrypt cut short", Bcrypt, bcryptHash[:59]},
		{"bcrypt in another alphabet", Bcrypt, bcryptHash[:59] + "!"},
		{"argon2id with too much memory", Argon2id, strings.Replace(argonHash, "19456", "19457", 1)},
		{"argon2id with too much time", Argon2id, strings.Replace(argonHash, "t=2", "t=3", 1)},
		{"argon2id with two lanes", Argon2id, strings.Replace(argonHash, "p=1", "p=2", 1)},
		{"argon2id without time", Argon2id, strings.Replace(argonHash, "t=2", "t=0", 1)},
		{"argon2id of another order", Argon2id, strings.Replace(argonHash, "m=19456,t=2", "t=2,m=19456", 1)},
		{"argon2i", Argon2id, strings.Replace(argonHash, "argon2id", "argon2i", 1)},
		{"an old argon2id", Argon2id, strings.Replace(argonHash, "v=19", "v=16", 1)},
		{"scrypt with too much memory", Scrypt, strings.Replace(scryptHash, "16384", "131072", 1)},
		{"scrypt with an odd N", Scrypt, strings.Replace(scryptHash, "16384", "16383", 1)},
		{"scrypt with wide blocks", Scrypt, strings.Replace(scryptHash, "$8$", "$9$", 1)},
		{"scrypt in parallel", Scrypt, strings.Replace(scryptHash, "$1$", "$2$", 1)},
		{"scrypt not in hex", Scrypt, scryptHash[:len(scryptHash)-1] + "g"},
		{"scrypt with a short hash", Scrypt, scryptHash[:len(scryptHash)-40]},
		{"scrypt without a hash", Scrypt, scryptHash[:strings.LastIndex(scryptHash, "$")+1]},
		{"PBKDF2 with too many iterations", PBKDF2SHA256, strings.Replace(pbkdf2Hash, "1000", "600001", 1)},
		{"PBKDF2 without iterations", PBKDF2SHA256, strings.Replace(pbkdf2Hash, "1000", "0", 1)},
		{"PBKDF2 of another hash", PBKDF2SHA256, strings.Replace(pbkdf2Hash, "sha256", "sha512", 1)},
		{"PBKDF2 over two lines", PBKDF2SHA256, pbkdf2Hash[:50] + "\n" + pbkdf2Hash[50:]},
		{"Firebase with too much memory", Scrypt, strings.Replace(firebaseHash, "ln=14", "ln=15", 1)},
		{"Firebase with too many rounds", Scrypt, strings.Replace(firebaseHash, "r=8", "r=9", 1)},
		{"Firebase without a signer key", Scrypt, strings.Replace(firebaseHash, firebaseSigner, "", 1)},
		{"Firebase with another signer key", Scrypt, strings.Replace(firebaseHash, firebaseSigner, firebaseSigner[:44], 1)},
		{"Keycloak's argon2id as another's", Argon2id, keycloakArgon},
		{"Keycloak's argon2id with more time", Keycloak, strings.Replace(keycloakArgon, "t=5", "t=6", 1)},
		{"scrypt as Keycloak's", Keycloak, scryptHash},
		{"PBKDF2 with SHA-1", Keycloak, strings.Replace(pbkdf2Hash, "sha256", "sha1", 1)},
		{"a long text", Scrypt, scryptHash + strings.Repeat("00", 1000)},
	} {
		_, err := Parse(tt.algorithm, tt.hash)
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
		} else if len(tt.hash) > 60 && strings.Contains(err.Error(), tt.hash[len(tt.hash)-20:]) {
			t.Errorf("%s: the error tells the hash: %v", tt.name, err)
		}
	}
}

// TestHidden holds a hash to show nothing of itself (checklist 62).
func TestHidden(t *testing.T) {
	h, err := Parse(Scrypt, scryptHash)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(h), fmt.Sprintf("%+v", h), fmt.Sprintf("%#v", h), slog.AnyValue(h).Resolve().String()} {
		if text != "[hidden]" {
			t.Errorf("shown as %s", text)
		}
	}
}

// FuzzParse holds the parsers to what they promise of a hash that they take: no panic, and no cost beyond the limits.
func FuzzParse(f *testing.F) {
	for _, tt := range hashes {
		f.Add(tt.algorithm, tt.hash)
	}
	f.Fuzz(func(t *testing.T, algorithm, text string) {
		h, err := Parse(algorithm, text)
		if (err == nil) == (h.verify == nil) {
			t.Errorf("a hash %v with the error %v", h.verify != nil, err)
		}
	})
}
