// Package passhash verifies passwords against hashes that other systems have made: bcrypt, scrypt, argon2id, PBKDF2,
// Firebase's scrypt, Keycloak's, and SRP verifiers of other user pools. It makes none.
//
// A hash may cost no more than Cognito allows: see the parsers of each algorithm.
package passhash

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/pbkdf2"
	"golang.org/x/crypto/scrypt"
)

// The algorithms, by Cognito's names.
const (
	Bcrypt       = "BCRYPT"
	Scrypt       = "SCRYPT"
	Argon2id     = "ARGON2ID"
	PBKDF2SHA256 = "PBKDF2_SHA256"
)

// Keycloak is what Keycloak makes of passwords: argon2id, or PBKDF2 with SHA-256 or SHA-512, in the forms of the algorithms
// above. It is no algorithm of import jobs: Keycloak's own argon2id takes more time than Cognito allows, and less memory.
const Keycloak = "KEYCLOAK"

// maxKeycloakTime is the time of Keycloak's own argon2id.
const maxKeycloakTime = 5

// What a hash may cost, as Cognito allows.
const (
	maxBcryptCost = 12
	maxScryptN    = 65536
	maxScryptR    = 8
	maxScryptP    = 1
	maxArgonKiB   = 19456
	maxArgonTime  = 2
	maxArgonLanes = 1
	maxIterations = 600_000
)

// maxText is how long the text of a hash may be.
const maxText = 1024

// The lengths of salts and hashes, in bytes. A shorter hash would let a wrong password in too easily.
const (
	maxSalt = 256
	minHash = 16
	maxHash = 128
)

// Hash is a hash that has been read, ready to be verified against. It shows nothing of itself to fmt and slog.
type Hash struct {
	verify func(password string) bool
}

// String returns a fixed text.
func (Hash) String() string { return "[hidden]" }

// GoString returns a fixed text.
func (Hash) GoString() string { return "[hidden]" }

// LogValue returns a fixed text.
func (Hash) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// Verify reports whether the hash is that of a password. It takes up to a second and 64 MB: callers bound how many run at
// once.
func (h Hash) Verify(password string) bool { return h.verify != nil && h.verify(password) }

// Parse reads a hash of an algorithm, or says what is wrong with it, without telling the hash.
func Parse(algorithm, text string) (Hash, error) {
	if algorithm == SRP {
		return parseSRP(text)
	}
	if len(text) > maxText {
		return Hash{}, errors.New("it is too long")
	}
	switch algorithm {
	case Bcrypt:
		return parseBcrypt(text)
	case Scrypt:
		if strings.HasPrefix(text, firebasePrefix) {
			return parseFirebase(text)
		}
		return parseScrypt(text)
	case Argon2id:
		return parseArgon2id(text, maxArgonTime)
	case PBKDF2SHA256:
		return parsePBKDF2(text, "pbkdf2-sha256", sha256.New)
	case Keycloak:
		return parseKeycloak(text)
	}
	return Hash{}, errors.New("its algorithm is not known")
}

// derived is a Hash that compares what a function makes of the password with what is known.
func derived(want []byte, derive func(password []byte) ([]byte, error)) Hash {
	return Hash{func(password string) bool {
		got, err := derive([]byte(password))
		return err == nil && subtle.ConstantTimeCompare(got, want) == 1
	}}
}

var errNoBcrypt = errors.New("it is not bcrypt, as $2b$, two digits of cost, $ and 53 characters are")

// parseBcrypt reads $2[abxy]$cc$ and 53 characters of salt and hash.
func parseBcrypt(text string) (Hash, error) {
	const form = "$2a$cc$"
	if len(text) != len(form)+53 || text[:2] != "$2" || !strings.Contains("abxy", text[2:3]) || text[3] != '$' || text[6] != '$' {
		return Hash{}, errNoBcrypt
	}
	if !isDigits(text[4:6]) || strings.Trim(text[7:], bcryptAlphabet) != "" {
		return Hash{}, errNoBcrypt
	}
	cost, err := bcrypt.Cost([]byte(text))
	if err != nil || cost > maxBcryptCost {
		return Hash{}, fmt.Errorf("its cost is not between %d and %d", bcrypt.MinCost, maxBcryptCost)
	}
	return Hash{func(password string) bool {
		return bcrypt.CompareHashAndPassword([]byte(text), []byte(password)) == nil
	}}, nil
}

const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// parseScrypt reads N$r$p$salt$hash, the last two in hex.
func parseScrypt(text string) (Hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 5 {
		return Hash{}, errors.New("it is not of the form N$r$p$salt$hash")
	}
	n, err1 := number(parts[0], 2, maxScryptN)
	r, err2 := number(parts[1], 1, maxScryptR)
	p, err3 := number(parts[2], 1, maxScryptP)
	if err := errors.Join(err1, err2, err3); err != nil || n&(n-1) != 0 {
		return Hash{}, fmt.Errorf("its N is not a power of 2 up to %d, r not 1 to %d or p not 1 to %d", maxScryptN, maxScryptR, maxScryptP)
	}
	salt, want, err := saltAndHash(unhex, parts[3], parts[4])
	if err != nil {
		return Hash{}, err
	}
	return derived(want, func(password []byte) ([]byte, error) { return scrypt.Key(password, salt, n, r, p, len(want)) }), nil
}

// parseArgon2id reads $argon2id$v=19$m=,t=,p=$salt$hash, the last two in base64.
func parseArgon2id(text string, maxTime int) (Hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return Hash{}, errors.New("it is not of the form $argon2id$v=19$m=...,t=...,p=...$salt$hash")
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return Hash{}, errors.New("it has not the parameters m, t and p")
	}
	m, err1 := parameter(costs[0], "m", 8, maxArgonKiB)
	t, err2 := parameter(costs[1], "t", 1, maxTime)
	p, err3 := parameter(costs[2], "p", 1, maxArgonLanes)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Hash{}, fmt.Errorf("m is not 8 to %d, t not 1 to %d or p not 1 to %d", maxArgonKiB, maxTime, maxArgonLanes)
	}
	salt, want, err := saltAndHash(unbase64, parts[4], parts[5])
	if err != nil {
		return Hash{}, err
	}
	return derived(want, func(password []byte) ([]byte, error) {
		return argon2.IDKey(password, salt, uint32(t), uint32(m), uint8(p), uint32(len(want))), nil
	}), nil
}

// parseKeycloak reads any of the forms of Keycloak.
func parseKeycloak(text string) (Hash, error) {
	switch {
	case strings.HasPrefix(text, "$argon2id$"):
		return parseArgon2id(text, maxKeycloakTime)
	case strings.HasPrefix(text, "$pbkdf2-sha512$"):
		return parsePBKDF2(text, "pbkdf2-sha512", sha512.New)
	case strings.HasPrefix(text, "$pbkdf2-sha256$"):
		return parsePBKDF2(text, "pbkdf2-sha256", sha256.New)
	}
	return Hash{}, errors.New("it is neither argon2id nor PBKDF2 with SHA-256 or SHA-512")
}

// parsePBKDF2 reads $name$iterations$salt$hash, the last two in base64.
func parsePBKDF2(text, name string, sum func() hash.Hash) (Hash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 5 || parts[0] != "" || parts[1] != name {
		return Hash{}, fmt.Errorf("it is not of the form $%s$iterations$salt$hash", name)
	}
	iterations, err := number(parts[2], 1, maxIterations)
	if err != nil {
		return Hash{}, fmt.Errorf("its iterations are not 1 to %d", maxIterations)
	}
	salt, want, err := saltAndHash(unbase64, parts[3], parts[4])
	if err != nil {
		return Hash{}, err
	}
	return derived(want, func(password []byte) ([]byte, error) {
		return pbkdf2.Key(password, salt, iterations, len(want), sum), nil
	}), nil
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// number reads a decimal number without a sign that is in a range.
func number(s string, least, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || !isDigits(s) || n < least || n > most {
		return 0, errors.New("out of range")
	}
	return n, nil
}

// parameter reads name=number.
func parameter(s, name string, least, most int) (int, error) {
	value, ok := strings.CutPrefix(s, name+"=")
	if !ok {
		return 0, errors.New("missing")
	}
	return number(value, least, most)
}
