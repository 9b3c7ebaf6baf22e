package credentialtest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"cognate/internal/credential"
	"cognate/internal/secret"
)

// Service is a Security Token Service, as far as AssumeRoleWithWebIdentity goes. It believes the tokens of one issuer, whose
// keys it finds by discovery, and gives [Role] alone.
type Service struct {
	URL    string
	Issuer string

	t        *testing.T
	mu       sync.Mutex
	sessions map[string]Session // by the id of the access key
	broken   http.HandlerFunc
}

// NewService starts one that ends with the test.
func NewService(t *testing.T, issuer string) *Service {
	s := &Service{Issuer: issuer, t: t, sessions: map[string]Session{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Session returns the session of credentials that the service has given.
func (s *Service) Session(c credential.Credentials) Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[c.AccessKeyID]
}

// Break has all requests answered by h from now on.
func (s *Service) Break(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = h
}

// Fail answers as the service does when it refuses.
func Fail(status int, code, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>`, code)
		xml.EscapeText(w, []byte(text))
		fmt.Fprint(w, `</Message></Error><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>`)
	}
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != nil {
		broken(w, r)
		return
	}
	role, ok := credential.ParseRole(r.FormValue("RoleArn"))
	switch {
	case r.Method != http.MethodPost || r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("Version") != "2011-06-15":
		Fail(400, "InvalidAction", "Could not find operation.")(w, r)
		return
	case r.Header.Get("Authorization") != "":
		Fail(400, "ValidationError", "The request is signed.")(w, r)
		return
	case !ok:
		Fail(400, "ValidationError", r.FormValue("RoleArn")+" is invalid")(w, r)
		return
	case r.FormValue("RoleArn") != Role:
		Fail(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")(w, r)
		return
	}
	who, err := s.verify(r.FormValue("WebIdentityToken"))
	if err != nil {
		Fail(400, "InvalidIdentityToken", err.Error())(w, r)
		return
	}
	seconds, err := strconv.Atoi(r.FormValue("DurationSeconds"))
	if err != nil || seconds < 900 || seconds > 43200 {
		Fail(400, "ValidationError", "the duration is not one")(w, r)
		return
	}
	who.ARN, who.Policy = role.SessionARN(r.FormValue("RoleSessionName")), r.FormValue("Policy")
	s.give(w, who, time.Now().Add(time.Duration(seconds)*time.Second))
}

func (s *Service) give(w http.ResponseWriter, who Session, expires time.Time) {
	c := credential.Credentials{
		AccessKeyID: "ASIA" + strings.ToUpper(secret.RandomAlnum(16)), SecretAccessKey: secret.RandomAlnum(40), SessionToken: secret.RandomAlnum(200),
	}
	s.mu.Lock()
	s.sessions[c.AccessKeyID] = who
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<SubjectFromWebIdentityToken>%s</SubjectFromWebIdentityToken><Audience>%s</Audience><Provider>cognito-identity.amazonaws.com</Provider>
<AssumedRoleUser><Arn>%s</Arn><AssumedRoleId>AROAEXAMPLE:S</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`,
		who.IdentityID, who.PoolID, who.ARN, c.AccessKeyID, c.SecretAccessKey, c.SessionToken, expires.UTC().Format(time.RFC3339))
}

// verify reads a token as IAM does: the keys are what the issuer says, and the tags of the session are in a claim.
func (s *Service) verify(token string) (Session, error) {
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS512})
	if err != nil {
		return Session{}, err
	}
	var found struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := get(s.Issuer+"/.well-known/openid-configuration", &found); err != nil {
		return Session{}, err
	}
	var keys jose.JSONWebKeySet
	if err := get(found.JWKS, &keys); err != nil {
		return Session{}, err
	}
	payload, err := parsed.Verify(keys)
	if err != nil {
		return Session{}, err
	}
	var c struct {
		Sub  string   `json:"sub"`
		Aud  string   `json:"aud"`
		AMR  []string `json:"amr"`
		Iss  string   `json:"iss"`
		Exp  int64    `json:"exp"`
		Tags struct {
			Principal map[string][]string `json:"principal_tags"`
		} `json:"https://aws.amazon.com/tags"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return Session{}, err
	}
	if c.Iss != s.Issuer || found.Issuer != s.Issuer || time.Now().Unix() >= c.Exp {
		return Session{}, fmt.Errorf("the token is of %s, until %d", c.Iss, c.Exp)
	}
	who := Session{IdentityID: c.Sub, PoolID: c.Aud, AMR: c.AMR, Tags: map[string]string{}}
	for k, v := range c.Tags.Principal {
		who.Tags[k] = strings.Join(v, ",")
	}
	return who, nil
}

func get(url string, into any) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return json.UnmarshalRead(answer.Body, into)
}
