package passhash

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// firebasePrefix begins the hashes of Firebase Authentication, whose scrypt is its own: the derived key encrypts the signer
// key of the project, and what comes out is the hash.
const firebasePrefix = "$firebase-scrypt$"

const (
	maxFirebaseMemory = 14 // N is 2 to this power; Firebase itself uses 14
	maxFirebaseRounds = 8
)

// parseFirebase reads $firebase-scrypt$ln=14,r=8$signer key$salt separator$salt$hash, the last four in base64. Firebase
// shows ln as mem_cost and r as rounds.
func parseFirebase(text string) (Hash, error) {
	parts := strings.Split(strings.TrimPrefix(text, firebasePrefix), "$")
	costs := strings.Split(parts[0], ",")
	if len(parts) != 5 || len(costs) != 2 {
		return Hash{}, errors.New("it is not of the form $firebase-scrypt$ln=...,r=...$signerKey$saltSeparator$salt$hash")
	}
	memory, err1 := parameter(costs[0], "ln", 1, maxFirebaseMemory)
	rounds, err2 := parameter(costs[1], "r", 1, maxFirebaseRounds)
	if err := errors.Join(err1, err2); err != nil {
		return Hash{}, fmt.Errorf("ln is not 1 to %d or r not 1 to %d", maxFirebaseMemory, maxFirebaseRounds)
	}
	signer, err := unbase64(parts[1])
	if err != nil || len(signer) == 0 {
		return Hash{}, errors.New("its signer key is not base64")
	}
	separator, err := unbase64(parts[2])
	if err != nil {
		return Hash{}, errors.New("its salt separator is not base64")
	}
	salt, want, err := saltAndHash(unbase64, parts[3], parts[4])
	if err != nil {
		return Hash{}, err
	}
	if len(want) != len(signer) {
		return Hash{}, errors.New("its hash is not as long as its signer key")
	}
	salt = append(salt, separator...)
	return derived(want, func(password []byte) ([]byte, error) { return firebase(password, salt, signer, 1<<memory, rounds) }), nil
}

func firebase(password, salt, signer []byte, n, r int) ([]byte, error) {
	key, err := scrypt.Key(password, salt, n, r, 1, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(signer))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(out, signer)
	return out, nil
}

// saltAndHash decodes the two parts that every hash ends with.
func saltAndHash(decode func(string) ([]byte, error), saltText, hashText string) (salt, hash []byte, err error) {
	salt, err = decode(saltText)
	if err != nil || len(salt) > maxSalt {
		return nil, nil, errors.New("its salt is not well-formed")
	}
	hash, err = decode(hashText)
	if err != nil || len(hash) < minHash || len(hash) > maxHash {
		return nil, nil, fmt.Errorf("its last part is not a hash of %d to %d bytes", minHash, maxHash)
	}
	return salt, hash, nil
}

func unhex(s string) ([]byte, error) { return hex.DecodeString(s) }

// unbase64 reads base64 with or without padding, in the usual alphabet, that of URLs, or the one of modular crypt formats,
// which has a dot for the plus.
func unbase64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/", ".", "+").Replace(strings.TrimRight(s, "="))
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("not base64") // the decoder would skip them
	}
	return base64.RawStdEncoding.DecodeString(s)
}
