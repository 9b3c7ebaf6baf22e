package saml

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	_ "crypto/sha1" // of OAEP, where its weakness does not matter
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// content is a way to encrypt an assertion.
type content struct {
	size int // of the key
	open func(b cipher.Block, text []byte) ([]byte, error)
	cbc  bool // nothing within says that it was not changed
}

var contents = map[string]content{
	nsEncryption11 + "aes128-gcm": {16, openGCM, false},
	nsEncryption11 + "aes192-gcm": {24, openGCM, false},
	nsEncryption11 + "aes256-gcm": {32, openGCM, false},
	nsEncryption + "aes128-cbc":   {16, openCBC, true},
	nsEncryption + "aes192-cbc":   {24, openCBC, true},
	nsEncryption + "aes256-cbc":   {32, openCBC, true},
}

// The hashes of OAEP.
var (
	oaepDigests = map[string]crypto.Hash{
		"": crypto.SHA1, nsSignature + "sha1": crypto.SHA1, nsEncryption + "sha256": crypto.SHA256,
		"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384, nsEncryption + "sha512": crypto.SHA512,
	}
	oaepMasks = map[string]crypto.Hash{
		"": crypto.SHA1, nsEncryption11 + "mgf1sha1": crypto.SHA1, nsEncryption11 + "mgf1sha256": crypto.SHA256,
		nsEncryption11 + "mgf1sha384": crypto.SHA384, nsEncryption11 + "mgf1sha512": crypto.SHA512,
	}
)

// decrypt returns the assertion that is encrypted in a response, as a document of its own. AES-CBC is accepted only where
// the response is signed: it could be changed otherwise, and the answers to changed ones would tell what is within.
func (x *exchange) decrypt(response *etree.Element, signed bool) (*etree.Element, error) {
	outer, err := exactlyOne(response, nsAssertion, "EncryptedAssertion")
	if err != nil {
		return nil, err
	}
	data, err := exactlyOne(outer, nsEncryption, "EncryptedData")
	if err != nil {
		return nil, err
	}
	method, err := exactlyOne(data, nsEncryption, "EncryptionMethod")
	if err != nil {
		return nil, err
	}
	algorithm := attribute(method, "Algorithm")
	way, ok := contents[algorithm]
	if !ok || way.cbc && !signed {
		return nil, fmt.Errorf("the encryption %q is not accepted, signed is %v", algorithm, signed)
	}
	plain, err := x.open(way, outer, data)
	if err != nil {
		return nil, err
	}
	return parseAssertion(plain)
}

// parseAssertion reads what was encrypted as the document of a stranger, which it is.
func parseAssertion(plain []byte) (*etree.Element, error) {
	root, err := parse(plain, maxAnswerElements)
	if err != nil {
		return nil, err
	}
	if !is(root, nsAssertion, "Assertion") {
		return nil, fmt.Errorf("%s is encrypted in place of an assertion", root.Tag)
	}
	return root, checkShape(root)
}

func (x *exchange) open(way content, outer, data *etree.Element) ([]byte, error) {
	text, err := cipherValue(data)
	if err != nil {
		return nil, err
	}
	encrypted, err := findKey(outer, data)
	if err != nil {
		return nil, err
	}
	key, err := x.decryptKey(encrypted)
	if err != nil {
		return nil, err
	}
	if len(key) != way.size {
		return nil, errors.New("the key is not of the length of its algorithm")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return way.open(block, text)
}

func cipherValue(e *etree.Element) ([]byte, error) {
	data, err := exactlyOne(e, nsEncryption, "CipherData")
	if err != nil {
		return nil, err
	}
	value, err := exactlyOne(data, nsEncryption, "CipherValue")
	if err != nil {
		return nil, err
	}
	encoded, err := text(value)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(withoutSpace(encoded))
}

// findKey finds the one key, which may be with the data or beside them.
func findKey(outer, data *etree.Element) (*etree.Element, error) {
	found := children(outer, nsEncryption, "EncryptedKey")
	for _, info := range children(data, nsSignature, "KeyInfo") {
		found = append(found, children(info, nsEncryption, "EncryptedKey")...)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("there are %d encrypted keys", len(found))
	}
	return found[0], nil
}

func (x *exchange) decryptKey(e *etree.Element) ([]byte, error) {
	options, err := oaep(e)
	if err != nil {
		return nil, err
	}
	text, err := cipherValue(e)
	if err != nil {
		return nil, err
	}
	return x.keys.Decrypter.Decrypt(nil, text, options)
}

// oaep reads how a key was encrypted. The older of the two names has a mask of SHA-1 always.
func oaep(e *etree.Element) (*rsa.OAEPOptions, error) {
	method, err := exactlyOne(e, nsEncryption, "EncryptionMethod")
	if err != nil {
		return nil, err
	}
	algorithm := attribute(method, "Algorithm")
	older := algorithm == nsEncryption+"rsa-oaep-mgf1p"
	if !older && algorithm != nsEncryption11+"rsa-oaep" {
		return nil, fmt.Errorf("the key encryption %q is not accepted", algorithm)
	}
	digest, err := parameter(method, nsSignature, "DigestMethod")
	if err != nil {
		return nil, err
	}
	mask, err := parameter(method, nsEncryption11, "MGF")
	if err != nil {
		return nil, err
	}
	o := &rsa.OAEPOptions{Hash: oaepDigests[digest], MGFHash: oaepMasks[mask]}
	if o.Hash == 0 || o.MGFHash == 0 || older && mask != "" || len(children(method, nsEncryption, "OAEPparams")) > 0 {
		return nil, fmt.Errorf("the parameters %q and %q of OAEP are not accepted", digest, mask)
	}
	return o, nil
}

func parameter(method *etree.Element, space, tag string) (string, error) {
	e, err := atMostOne(method, space, tag)
	if err != nil || e == nil {
		return "", err
	}
	return strings.TrimSpace(attribute(e, "Algorithm")), nil
}

var errCiphertext = errors.New("the ciphertext is wrong")

func openGCM(b cipher.Block, text []byte) ([]byte, error) {
	g, err := cipher.NewGCM(b)
	if err != nil {
		return nil, err
	}
	if len(text) < g.NonceSize()+g.Overhead() {
		return nil, errCiphertext
	}
	plain, err := g.Open(nil, text[:g.NonceSize()], text[g.NonceSize():], nil)
	if err != nil {
		return nil, errCiphertext
	}
	return plain, nil
}

func openCBC(b cipher.Block, text []byte) ([]byte, error) {
	size := b.BlockSize()
	if len(text) < 2*size || len(text)%size != 0 {
		return nil, errCiphertext
	}
	plain := make([]byte, len(text)-size)
	cipher.NewCBCDecrypter(b, text[:size]).CryptBlocks(plain, text[size:])
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > size {
		return nil, errCiphertext
	}
	return plain[:len(plain)-padding], nil
}
