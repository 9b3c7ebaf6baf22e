package userimport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"cognate/internal/passhash"
	"cognate/internal/pool"
	"cognate/internal/user"
)

// jsonSource is a file of another system: a JSON object with a list of users, as Firebase's auth:export and Keycloak's export of a
// realm write it. What else is in it does not count.
type jsonSource struct {
	users    *user.Directory
	pool     *pool.Pool
	firebase FirebaseHash
	file     *jsontext.Decoder
	number   int64
}

// NewJSON reads a file of Firebase's auth:export, with the parameters of its hashes, or of Keycloak's export of a realm. Its entries
// are counted in place of lines.
func NewJSON(users *user.Directory, p *pool.Pool, hash FirebaseHash, file io.Reader) (Source, error) {
	s := &jsonSource{users: users, pool: p, firebase: hash, file: jsontext.NewDecoder(file)}
	if t, err := s.file.ReadToken(); err != nil || t.Kind() != '{' {
		return nil, errNoUsers
	}
	for {
		t, err := s.file.ReadToken()
		switch {
		case err != nil || t.Kind() != '"':
			return nil, errNoUsers
		case t.String() != "users":
			if err := s.file.SkipValue(); err != nil {
				return nil, errNoUsers
			}
			continue
		}
		if t, err := s.file.ReadToken(); err != nil || t.Kind() != '[' {
			return nil, errNoUsers
		}
		return s, nil
	}
}

var (
	errNoUsers = errors.New("the file is no export, no CSV file, and no JSON with a list of users")
	errNoUser  = invalid("The user is neither one of Firebase nor one of Keycloak.")
)

// Next implements Source.
func (s *jsonSource) Next() (Entry, error) {
	if s.file.PeekKind() == ']' {
		return Entry{}, io.EOF
	}
	text, err := s.file.ReadValue()
	if err != nil {
		return Entry{}, fmt.Errorf("the file cannot be read after user %d: %w", s.number, errors.New("it is no JSON, or cut off"))
	}
	s.number++
	e := Entry{Line: s.number}
	var c user.Candidate
	if c, e.Err = s.candidate(text); e.Err == nil {
		e.Recruit, e.Err = s.users.Recruit(s.pool, c)
	}
	return e, nil
}

func (s *jsonSource) candidate(text jsontext.Value) (user.Candidate, error) {
	var is struct {
		Firebase string `json:"localId"`
		Keycloak string `json:"username"`
	}
	if err := json.Unmarshal(text, &is); err != nil || (is.Firebase == "") == (is.Keycloak == "") {
		return user.Candidate{}, errNoUser
	}
	if is.Firebase != "" {
		return s.ofFirebase(text)
	}
	return s.ofKeycloak(text)
}

// named gives a candidate its user name: where the pool has addresses in the place of names, the address.
func (s *jsonSource) named(c user.Candidate, name string) user.Candidate {
	c.Username, c.Elsewhere = name, true
	for _, attr := range []string{"email", "phone_number"} {
		if s.pool.UsernameAttribute(attr) && c.Attributes[attr] != "" {
			c.Username = c.Attributes[attr]
			break
		}
	}
	for name, value := range c.Attributes {
		if value == "" {
			delete(c.Attributes, name)
		}
	}
	return c
}

// FirebaseHash is what Firebase shows as the parameters of a project's password hashes; the zero value for none.
type FirebaseHash struct {
	signer, separator string
	rounds, memory    int
}

// String returns a fixed text: the signer key is secret.
func (FirebaseHash) String() string { return "[hidden]" }

// GoString returns a fixed text.
func (FirebaseHash) GoString() string { return "[hidden]" }

// ReadFirebaseHash reads a file with the parameters as Firebase's console shows them, a name and a value on each line.
func ReadFirebaseHash(path string) (h FirebaseHash, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	values := map[string]string{}
	for in := bufio.NewScanner(io.LimitReader(f, 1<<16)); in.Scan(); {
		name, value, _ := strings.Cut(in.Text(), ":")
		values[strings.TrimSpace(name)] = strings.Trim(value, " \t\",")
	}
	h = FirebaseHash{signer: values["base64_signer_key"], separator: values["base64_salt_separator"]}
	h.rounds, err = strconv.Atoi(values["rounds"])
	if err == nil {
		h.memory, err = strconv.Atoi(values["mem_cost"])
	}
	if err != nil || h.signer == "" || values["algorithm"] != "SCRYPT" {
		return h, fmt.Errorf("%s: it has not the algorithm SCRYPT, base64_signer_key, base64_salt_separator, rounds and mem_cost", path)
	}
	return h, nil
}

func (s *jsonSource) ofFirebase(text jsontext.Value) (c user.Candidate, err error) {
	var u struct {
		ID       string `json:"localId"`
		Email    string `json:"email"`
		Verified bool   `json:"emailVerified"`
		Name     string `json:"displayName"`
		Picture  string `json:"photoUrl"`
		Phone    string `json:"phoneNumber"`
		Disabled bool   `json:"disabled"`
		Created  string `json:"createdAt"` // milliseconds
		Hash     string `json:"passwordHash"`
		Salt     string `json:"salt"`
	}
	if err := json.Unmarshal(text, &u); err != nil {
		return c, errNoUser
	}
	c = user.Candidate{Disabled: u.Disabled, Attributes: map[string]string{
		"email": u.Email, "name": u.Name, "picture": u.Picture, "phone_number": u.Phone,
	}}
	vouch(c.Attributes, "email", u.Verified)
	vouch(c.Attributes, "phone_number", true) // Firebase has no others
	if ms, err := strconv.ParseInt(u.Created, 10, 64); err == nil {
		c.Created = time.UnixMilli(ms)
	}
	if u.Hash != "" && s.firebase.signer == "" {
		return c, invalid("The user has a password, and --firebase-hash does not tell how it is hashed.")
	}
	if u.Hash != "" {
		c.Algorithm = passhash.Scrypt
		c.Hash = fmt.Sprintf("$firebase-scrypt$ln=%d,r=%d$%s$%s$%s$%s", s.firebase.memory, s.firebase.rounds, s.firebase.signer, s.firebase.separator, u.Salt, u.Hash)
	}
	return s.named(c, u.ID), nil
}

// vouch says of an address whether it is verified.
func vouch(attributes map[string]string, attr string, verified bool) {
	if attributes[attr] != "" {
		attributes[attr+"_verified"] = strconv.FormatBool(verified)
	}
}

func (s *jsonSource) ofKeycloak(text jsontext.Value) (c user.Candidate, err error) {
	var u struct {
		Username    string               `json:"username"`
		Email       string               `json:"email"`
		Verified    bool                 `json:"emailVerified"`
		Given       string               `json:"firstName"`
		Family      string               `json:"lastName"`
		Enabled     *bool                `json:"enabled"`
		Created     int64                `json:"createdTimestamp"` // milliseconds
		Attributes  map[string][]string  `json:"attributes"`
		Credentials []keycloakCredential `json:"credentials"`
	}
	if err := json.Unmarshal(text, &u); err != nil {
		return c, errNoUser
	}
	c = user.Candidate{Disabled: u.Enabled != nil && !*u.Enabled, Attributes: map[string]string{}}
	for name, values := range u.Attributes {
		for _, known := range []string{name, "custom:" + name} {
			if _, ok := s.pool.Attribute(known); ok && len(values) > 0 && known != "sub" && known != "identities" {
				c.Attributes[known] = values[0]
			}
		}
	}
	c.Attributes["email"], c.Attributes["given_name"], c.Attributes["family_name"] = u.Email, u.Given, u.Family
	delete(c.Attributes, "email_verified")
	vouch(c.Attributes, "email", u.Verified)
	if u.Created > 0 {
		c.Created = time.UnixMilli(u.Created)
	}
	for _, one := range u.Credentials {
		if one.Type == "password" {
			c.Algorithm, c.Hash = passhash.Keycloak, one.hash()
		}
	}
	return s.named(c, u.Username), nil
}

// keycloakCredential is a password, or what else a user signs in by. Its data are JSON in a text.
type keycloakCredential struct {
	Type   string `json:"type"`
	Secret string `json:"secretData"`
	Data   string `json:"credentialData"`
}

// hash is a password in the form of [passhash.Keycloak]; a text that is none for an algorithm that is not known.
func (k keycloakCredential) hash() string {
	var secret struct {
		Value string `json:"value"`
		Salt  string `json:"salt"`
	}
	var data struct {
		Iterations int                 `json:"hashIterations"`
		Algorithm  string              `json:"algorithm"`
		More       map[string][]string `json:"additionalParameters"`
	}
	if errors.Join(json.Unmarshal([]byte(k.Secret), &secret), json.Unmarshal([]byte(k.Data), &data)) != nil {
		return "?"
	}
	more := func(name string) string { return strings.Join(data.More[name], " ") }
	switch data.Algorithm {
	case "pbkdf2-sha256", "pbkdf2-sha512":
		return fmt.Sprintf("$%s$%d$%s$%s", data.Algorithm, data.Iterations, secret.Salt, secret.Value)
	case "argon2":
		if more("type") == "id" && more("version") == "1.3" {
			return fmt.Sprintf("$argon2id$v=19$m=%s,t=%d,p=%s$%s$%s", more("memory"), data.Iterations, more("parallelism"), secret.Salt, secret.Value)
		}
	}
	return "?"
}
