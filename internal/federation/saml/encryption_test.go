package saml

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// envelope is how an assertion is encrypted, to be altered.
type envelope struct {
	algorithm, key, parameters string
	hash                       crypto.Hash
	size                       int
	alter                      func(text []byte) []byte
}

func gcm() envelope {
	return envelope{algorithm: nsEncryption11 + "aes256-gcm", key: nsEncryption + "rsa-oaep-mgf1p", hash: crypto.SHA1, size: 32}
}

func cbc() envelope {
	e := gcm()
	e.algorithm = nsEncryption + "aes256-cbc"
	return e
}

// encrypt does as a provider would that knows the public key.
func (e envelope) encrypt(t testing.TB, plain []byte) string {
	t.Helper()
	secret := make([]byte, e.size)
	rand.Read(secret)
	public := &fileKey(t, "sp").PublicKey
	hash := sha1.New()
	if e.hash == crypto.SHA256 {
		hash = sha256.New()
	}
	key, err := rsa.EncryptOAEP(hash, rand.Reader, public, secret, nil)
	if e.key == nsEncryption+"rsa-1_5" {
		//lint:ignore SA1019 the test is that it is refused
		key, err = rsa.EncryptPKCS1v15(rand.Reader, public, secret)
	}
	if err != nil {
		t.Fatal(err)
	}
	text := seal(t, secret, plain, strings.HasSuffix(e.algorithm, "gcm"))
	if e.alter != nil {
		text = e.alter(text)
	}
	return e.write(key, text)
}

func seal(t testing.TB, secret, plain []byte, authentic bool) []byte {
	t.Helper()
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	if authentic {
		g, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			t.Fatal(err)
		}
		return g.Seal(nil, nil, plain, nil)
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(bytes.Clone(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
	text := make([]byte, aes.BlockSize+len(plain))
	rand.Read(text[:aes.BlockSize])
	cipher.NewCBCEncrypter(block, text[:aes.BlockSize]).CryptBlocks(text[aes.BlockSize:], plain)
	return text
}

func (e envelope) write(key, text []byte) string {
	return fmt.Sprintf(`<xenc:EncryptedData xmlns:xenc="%s" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="%s"/><ds:KeyInfo xmlns:ds="%s"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="%s">%s</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>`,
		nsEncryption, e.algorithm, nsSignature, e.key, e.parameters, base64.StdEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString(text))
}

func encrypted(t testing.TB, e envelope) *answer {
	a := newAnswer(t)
	a.encrypt = func(plain []byte) string { return e.encrypt(t, plain) }
	return a
}

func TestFinishDecrypts(t *testing.T) {
	p := open(t, map[string]string{detailEncrypted: "true"})
	newer := gcm()
	newer.key, newer.hash = nsEncryption11+"rsa-oaep", crypto.SHA256
	newer.parameters = `<ds:DigestMethod Algorithm="` + nsEncryption + `sha256"/><m:MGF xmlns:m="` + nsEncryption11 + `" Algorithm="` + nsEncryption11 + `mgf1sha256"/>`
	small := gcm()
	small.algorithm, small.size = nsEncryption11+"aes128-gcm", 16
	for name, e := range map[string]envelope{"AES-256": gcm(), "AES-128": small, "OAEP of XML encryption 1.1": newer} {
		for _, which := range [][2]bool{{true, false}, {false, true}, {true, true}} {
			t.Run(fmt.Sprint(name, which), func(t *testing.T) {
				a := encrypted(t, e)
				a.signAssertion, a.signResponse = which[0], which[1]
				got, err := finish(t, p, write(t, a.make(t)))
				wantAlice(t, got, err)
			})
		}
	}
}

// The key may be beside the data.
func TestFinishFindsKeysBeside(t *testing.T) {
	root := encrypted(t, gcm()).make(t)
	key := root.FindElement("//EncryptedKey")
	key.CreateAttr("xmlns:xenc", nsEncryption)
	key.Parent().Parent().RemoveChild(key.Parent())
	root.FindElement("EncryptedAssertion").AddChild(key)
	got, err := finish(t, open(t, map[string]string{detailEncrypted: "true"}), write(t, root))
	if err != nil || got.Subject != alice {
		t.Errorf("got %v, %v: %v", got, err, causeOf(err))
	}
}

// AES-CBC counts only where the response is signed around it.
func TestFinishDecryptsCBCThatIsSigned(t *testing.T) {
	p := open(t, map[string]string{detailEncrypted: "true"})
	a := encrypted(t, cbc())
	a.signResponse = true
	got, err := finish(t, p, write(t, a.make(t)))
	wantAlice(t, got, err)
	got, err = finish(t, p, write(t, encrypted(t, cbc()).make(t)))
	wantError(t, got, err, codeServer, "SAML Assertion could not be decrypted")
}

// Checklist 50: encryption takes the place of no check of signatures, and is wanted where it is configured and nowhere else.
func TestFinishChecksWhatWasEncrypted(t *testing.T) {
	secret, plain := open(t, map[string]string{detailEncrypted: "true"}), open(t, nil)
	got, err := finish(t, secret, write(t, newAnswer(t).make(t)))
	wantError(t, got, err, codeServer, encryptionText)
	got, err = finish(t, plain, write(t, encrypted(t, gcm()).make(t)))
	wantError(t, got, err, codeServer, encryptionText)

	a := encrypted(t, gcm())
	a.signAssertion = false
	got, err = finish(t, secret, write(t, a.make(t)))
	wantError(t, got, err, codeServer, assertionText)
	a = encrypted(t, gcm())
	a.signs = another(t)
	got, err = finish(t, secret, write(t, a.make(t)))
	wantError(t, got, err, codeServer, assertionText)
	a = encrypted(t, gcm())
	fill("Conditions/AudienceRestriction/Audience", "another")(t, a)
	got, err = finish(t, secret, write(t, a.make(t)))
	wantError(t, got, err, codeServer, audienceText)
}

// All that can be wrong with what is encrypted is told with the same words.
func TestFinishRefusesCiphertexts(t *testing.T) {
	p := open(t, map[string]string{detailEncrypted: "true"})
	with := func(e envelope, alter func(*envelope)) envelope { alter(&e); return e }
	for name, e := range map[string]envelope{
		"RSA 1.5":            with(gcm(), func(e *envelope) { e.key = nsEncryption + "rsa-1_5" }),
		"3DES":               with(gcm(), func(e *envelope) { e.algorithm = nsEncryption + "tripledes-cbc" }),
		"no algorithm":       with(gcm(), func(e *envelope) { e.algorithm = "" }),
		"another key length": with(gcm(), func(e *envelope) { e.size = 16 }),
		"a key of no length": with(gcm(), func(e *envelope) { e.size = 16; e.algorithm = nsEncryption11 + "aes192-gcm" }),
		"another hash":       with(gcm(), func(e *envelope) { e.parameters = `<ds:DigestMethod Algorithm="` + nsEncryption + `sha256"/>` }),
		"an unknown hash":    with(gcm(), func(e *envelope) { e.parameters = `<ds:DigestMethod Algorithm="urn:md5"/>` }),
		"two hashes": with(gcm(), func(e *envelope) {
			e.parameters = strings.Repeat(`<ds:DigestMethod Algorithm="`+nsSignature+`sha1"/>`, 2)
		}),
		"a label": with(gcm(), func(e *envelope) { e.parameters = `<xenc:OAEPparams>eA==</xenc:OAEPparams>` }),
		"changed": with(gcm(), func(e *envelope) {
			e.alter = func(text []byte) []byte { text[len(text)-1] ^= 1; return text }
		}),
		"short": with(gcm(), func(e *envelope) { e.alter = func(text []byte) []byte { return text[:27] } }),
		"empty": with(gcm(), func(e *envelope) { e.alter = func(text []byte) []byte { return nil } }),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := finish(t, p, write(t, encrypted(t, e).make(t)))
			wantError(t, got, err, codeServer, "SAML Assertion could not be decrypted")
		})
	}
	for name, alter := range map[string]func([]byte) []byte{
		"no whole blocks": func(text []byte) []byte { return text[:len(text)-1] },
		"no block":        func(text []byte) []byte { return text[:16] },
		"nothing":         func(text []byte) []byte { return nil },
		"padding":         func(text []byte) []byte { text[len(text)-17] ^= 0x80; return text },
	} {
		t.Run("CBC "+name, func(t *testing.T) {
			a := encrypted(t, with(cbc(), func(e *envelope) { e.alter = alter }))
			a.signResponse = true
			got, err := finish(t, p, write(t, a.make(t)))
			wantError(t, got, err, codeServer, "SAML Assertion could not be decrypted")
		})
	}
}

// Checklist 48: what was encrypted is as strange as what was not.
func TestFinishRefusesEncryptedDocuments(t *testing.T) {
	p := open(t, map[string]string{detailEncrypted: "true"})
	for name, alter := range map[string]func(plain string) string{
		"document type": func(s string) string { return `<!DOCTYPE x>` + s },
		"two":           func(s string) string { return s + s },
		"a response":    func(s string) string { return `<Response xmlns="` + nsProtocol + `">` + s + `</Response>` },
		"within": func(s string) string {
			return `<saml:Assertion xmlns:saml="` + nsAssertion + `" ID="_evil">` + s + `</saml:Assertion>`
		},
		"encrypted": func(s string) string {
			return `<saml:EncryptedAssertion xmlns:saml="` + nsAssertion + `">` + s + `</saml:EncryptedAssertion>`
		},
		"nothing": func(string) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAnswer(t)
			a.encrypt = func(plain []byte) string { return gcm().encrypt(t, []byte(alter(string(plain)))) }
			got, err := finish(t, p, write(t, a.make(t)))
			wantError(t, got, err, codeServer, "SAML Assertion could not be decrypted")
		})
	}
}

// No ciphertext and no key do more than to be refused, whether the response around them is signed or not.
func FuzzDecrypt(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"), []byte("text"), uint8(0), false)
	f.Add([]byte("0123456789abcdef"), make([]byte, 48), uint8(1), true)
	f.Add([]byte{}, []byte{}, uint8(2), true)
	p := open(f, map[string]string{detailEncrypted: "true"})
	algorithms := slices.Sorted(maps.Keys(contents))
	public := &fileKey(f, "sp").PublicKey
	f.Fuzz(func(t *testing.T, secret, text []byte, way uint8, signed bool) {
		if len(secret) > 64 || len(text) > 20_000 {
			return
		}
		key, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, secret, nil)
		if err != nil {
			t.Fatal(err)
		}
		e := gcm()
		e.algorithm = algorithms[int(way)%len(algorithms)]
		a := newAnswer(t)
		a.signAssertion, a.signResponse = false, signed
		a.encrypt = func([]byte) string { return e.write(key, text) }
		got, err := finish(t, p, write(t, a.make(t)))
		wantError(t, got, err, codeServer, "SAML Assertion could not be decrypted")
	})
}
