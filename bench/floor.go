//go:build linux

package main

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"

	"cognate/internal/srp"
)

// floor is the cryptography that no server of this protocol can do without, called directly.
type floor struct {
	key       *rsa.PrivateKey
	digest    [sha256.Size]byte
	token     []byte // an RS256 signature by key
	a         srp.A
	salt      []byte
	exchange  srp.Exchange
	others    *ecdsa.PrivateKey // of passkeys and of identity providers
	signature []byte            // by others
	document  []byte            // as long as what a SAML provider signs
	aead      cipher.AEAD
}

func newFloor() (*floor, error) {
	f := &floor{digest: sha256.Sum256([]byte("claims")), salt: []byte("0123456789abcdef"), document: make([]byte, documentSize)}
	var err error
	if f.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	f.key.Precompute()
	if f.token, err = rsa.SignPKCS1v15(nil, f.key, crypto.SHA256, f.digest[:]); err != nil {
		return nil, err
	}
	c, err := srp.NewClient()
	if err != nil {
		return nil, err
	}
	if f.a, err = srp.ParseA(c.A()); err != nil {
		return nil, err
	}
	v := srp.Verifier("pool", "name", password, f.salt)
	b, publicB, err := srp.NewChallenge(v, f.a)
	if err != nil {
		return nil, err
	}
	if f.others, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	if f.signature, err = ecdsa.SignASN1(rand.Reader, f.others, f.digest[:]); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(f.digest[:])
	if err != nil {
		return nil, err
	}
	if f.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	f.exchange = srp.Exchange{Group: "pool", Identity: "name", Verifier: v, A: f.a.Bytes(), SecretB: b, B: publicB}
	return f, err
}

// sign is one RS256 signature.
func (f *floor) sign() {
	if _, err := rsa.SignPKCS1v15(nil, f.key, crypto.SHA256, f.digest[:]); err != nil {
		panic(err)
	}
}

// verifyToken is one RS256 verification.
func (f *floor) verifyToken() {
	if err := rsa.VerifyPKCS1v15(&f.key.PublicKey, crypto.SHA256, f.digest[:], f.token); err != nil {
		panic(err)
	}
}

// challenge is the server's first step of SRP.
func (f *floor) challenge() {
	if _, _, err := srp.NewChallenge(f.exchange.Verifier, f.a); err != nil {
		panic(err)
	}
}

// proof is the server's second step of SRP.
func (f *floor) proof() { f.exchange.Verify(nil, "", nil) }

// verifier is what checks a password sent in clear.
func (f *floor) verifier() { srp.Verifier("pool", "name", password, f.salt) }

func (f *floor) srpSignIn() { f.challenge(); f.proof(); f.refresh() }

func (f *floor) passwordSignIn() { f.verifier(); f.refresh() }

// verify checks a signature of somebody else's, of a passkey's usual kind.
func (f *floor) verify() {
	if !ecdsa.VerifyASN1(&f.others.PublicKey, f.digest[:], f.signature) {
		panic("the signature is wrong")
	}
}

func (f *floor) passkeySignIn() { f.verify(); f.refresh() }

// refresh is the two signatures of an ID and an access token.
func (f *floor) refresh() { f.sign(); f.sign() }

const (
	documentSize = 2 << 10 // bytes of a SAML assertion and of what its signature says about it
	stateSize    = 512     // bytes of what a browser carries to a provider and back
)

// state seals what a browser carries, and opens it.
func (f *floor) state() {
	if _, err := f.aead.Open(nil, nil, f.aead.Seal(nil, nil, f.document[:stateSize], nil), nil); err != nil {
		panic(err)
	}
}

// oidcSignIn is the state, the provider's ID token and our own tokens.
func (f *floor) oidcSignIn() { f.state(); f.verify(); f.refresh() }

// samlSignIn is the state, the provider's signature and the digest that it is over, and our own tokens. What makes canonical XML of
// a document is no cryptography and not in it.
func (f *floor) samlSignIn() { f.state(); sha256.Sum256(f.document); f.verify(); f.refresh() }

// totp is one code of an authenticator app; a server computes up to three.
func (f *floor) totp() {
	mac := hmac.New(sha1.New, f.salt)
	mac.Write(f.digest[:8])
	mac.Sum(nil)
}

func (f *floor) print() {
	fmt.Printf("floor: RSA-2048 signature %v, SRP challenge %v, SRP proof %v, SRP verifier %v, TOTP code %v, P-256 verification %v\n\n",
		cpuOf(f.sign, 1), cpuOf(f.challenge, 1), cpuOf(f.proof, 1), cpuOf(f.verifier, 1), cpuOf(f.totp, 1), cpuOf(f.verify, 1))
}

// floorTime is the CPU time over which a floor is measured.
const floorTime = 300 * time.Millisecond

// cpuOf is the CPU time of one run of fn, of many on as many threads at once as clients can keep busy: a
// machine's processors slow each other down.
func cpuOf(fn func(), clients int) time.Duration {
	threads := min(clients, runtime.GOMAXPROCS(0))
	times := make([]time.Duration, threads)
	var wg sync.WaitGroup
	for i := range times {
		wg.Go(func() { times[i] = threadTimeOf(fn) })
	}
	wg.Wait()
	var sum time.Duration
	for _, t := range times {
		sum += t
	}
	return (sum / time.Duration(threads)).Round(time.Microsecond)
}

// threadTimeOf is the CPU time of one run of fn on one thread.
func threadTimeOf(fn func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fn() // what is computed once belongs to no run
	n, begin := 0, threadCPU()
	for threadCPU()-begin < floorTime {
		fn()
		n++
	}
	return (threadCPU() - begin) / time.Duration(n)
}

// threadCPU is the CPU time that the calling thread has used so far, user and system.
func threadCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &u); err != nil {
		panic(err) // only for arguments that are not these
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
