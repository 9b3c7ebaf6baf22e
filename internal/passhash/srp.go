package passhash

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"

	"cognate/internal/srp"
)

// SRP is the algorithm of verifiers that Cognito's SRP has made for a user of another user pool, or of another name. No
// protocol can prove them there, but a password that is sent can be checked against them. It is no algorithm of import jobs.
const SRP = "COGNITO_SRP"

// maxSRPText is how long the text of a verifier may be: it holds a name of 128 characters.
const maxSRPText = 2048

const srpPrefix = "$cognito-srp$"

// Verifier is what SRP keeps of a password: the pool's name and the user's, which are a part of it, the salt and the value.
type Verifier struct {
	PoolName, Username string
	Salt, Value        []byte
}

// Text is the verifier as [Parse] reads it: $cognito-srp$pool$username$salt$value, the last three in base64.
func (v Verifier) Text() string {
	encode := base64.RawStdEncoding.EncodeToString
	return srpPrefix + v.PoolName + "$" + encode([]byte(v.Username)) + "$" + encode(v.Salt) + "$" + encode(v.Value)
}

// String returns a fixed text.
func (Verifier) String() string { return "[hidden]" }

// GoString returns a fixed text.
func (Verifier) GoString() string { return "[hidden]" }

// LogValue returns a fixed text.
func (Verifier) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// ParseVerifier reads the text of a verifier.
func ParseVerifier(text string) (v Verifier, err error) {
	rest, ok := strings.CutPrefix(text, srpPrefix)
	parts := strings.Split(rest, "$")
	if !ok || len(parts) != 4 || len(text) > maxSRPText {
		return v, errors.New("it is not of the form $cognito-srp$pool$username$salt$verifier")
	}
	username, err1 := unbase64(parts[1])
	salt, err2 := unbase64(parts[2])
	value, err3 := unbase64(parts[3])
	if err := errors.Join(err1, err2, err3); err != nil {
		return v, errors.New("its parts are not base64")
	}
	v = Verifier{PoolName: parts[0], Username: string(username), Salt: salt}
	if v.Value, err = srp.ParseVerifier(value); err != nil {
		return v, errors.New("its verifier is none")
	}
	if v.PoolName == "" || v.Username == "" || len(salt) == 0 || len(salt) > maxSalt {
		return v, errors.New("a part of it is missing, or too long")
	}
	return v, nil
}

func parseSRP(text string) (Hash, error) {
	v, err := ParseVerifier(text)
	if err != nil {
		return Hash{}, err
	}
	return Hash{func(password string) bool {
		return subtle.ConstantTimeCompare(srp.Verifier(v.PoolName, v.Username, password, v.Salt), v.Value) == 1
	}}, nil
}
