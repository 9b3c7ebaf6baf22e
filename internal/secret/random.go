package secret

import "crypto/rand"

const (
	digits = "0123456789"
	alnum  = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// RandomBytes returns n bytes from the system's cryptographic generator, which
// cannot fail. It panics when n is negative.
func RandomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// RandomDigits returns n decimal digits, each equally likely: a code for a
// person to type. It panics when n is negative.
func RandomDigits(n int) string { return randomFrom(digits, n) }

// RandomAlnum returns n lower-case letters and digits, each equally likely:
// about 5.17 bits a character, so 25 hold 128 bits. It panics when n is negative.
func RandomAlnum(n int) string { return randomFrom(alnum, n) }

// randomFrom draws bytes and rejects those above the largest multiple of the
// alphabet's size, for a plain remainder would favour the first characters.
func randomFrom(alphabet string, n int) string {
	limit := 256 - 256%len(alphabet)
	out := make([]byte, 0, n)
	for len(out) < n {
		for _, b := range RandomBytes(n - len(out)) {
			if int(b) < limit {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}
