package identityserver

import (
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cognate/internal/credential"
	"cognate/internal/fault"
	"cognate/internal/identitypool"
	"cognate/internal/policy"
)

type assumedRole struct {
	XMLName   xml.Name `xml:"AssumeRoleWithWebIdentityResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Result    struct {
		Subject  string `xml:"SubjectFromWebIdentityToken"`
		Audience string
		Provider string
		ARN      string `xml:"AssumedRoleUser>Arn"`
		RoleID   string `xml:"AssumedRoleUser>AssumedRoleId"`
		Key      string `xml:"Credentials>AccessKeyId"`
		Secret   string `xml:"Credentials>SecretAccessKey"`
		Token    string `xml:"Credentials>SessionToken"`
		Expires  string `xml:"Credentials>Expiration"`
	} `xml:"AssumeRoleWithWebIdentityResult"`
	Metadata metadata `xml:"ResponseMetadata"`
}

// assumeRole gives credentials to whom the token of an identity is of.
func (s STS) assumeRole(q *query) (func(id string) any, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	role, ok := credential.ParseRole(q.form.Get("RoleArn"))
	if !ok {
		return nil, fault.Newf("ValidationError", "%.2048s is invalid", q.form.Get("RoleArn"))
	}
	w := identitypool.WebIdentity{
		Token: q.form.Get("WebIdentityToken"), RoleARN: q.form.Get("RoleArn"), SessionName: q.form.Get("RoleSessionName"), Duration: q.duration(),
		Policy: q.form.Get("Policy"),
	}
	c, o, err := s.Identities.AssumeRole(q.request.Context(), w)
	if err != nil {
		return nil, err
	}
	return func(id string) any {
		out := assumedRole{Namespace: stsNamespace, Metadata: metadata{id}}
		out.Result.Subject, out.Result.Audience, out.Result.Provider = o.Identity, o.PoolID, "cognito-identity.amazonaws.com"
		out.Result.ARN = role.SessionARN(w.SessionName)
		out.Result.RoleID = assumedRoleID(out.Result.ARN)
		out.Result.Key, out.Result.Secret, out.Result.Token = c.AccessKeyID, c.SecretAccessKey, c.SessionToken
		out.Result.Expires = c.Expires.UTC().Format(time.RFC3339)
		return out
	}, nil
}

// parameter is what a parameter must be.
type parameter struct {
	name     string
	required bool
	min, max int // characters, or the number itself
	pattern  *regexp.Regexp
	number   bool
}

var parameters = []parameter{
	{name: "RoleArn", required: true, min: 20, max: 2048},
	{name: "RoleSessionName", required: true, min: 2, max: 64, pattern: regexp.MustCompile(`^[\w+=,.@-]*$`)},
	{name: "WebIdentityToken", required: true, min: 4, max: 20000},
	{name: "Policy", min: 1, max: 2048},
	{name: "DurationSeconds", min: 900, max: 43200, number: true},
}

// check holds the parameters of assumeRole to their constraints.
func (q *query) check() error {
	var violations []string
	for _, p := range parameters {
		value, sent := q.form.Get(p.name), q.form.Has(p.name)
		if !sent && !p.required {
			continue
		}
		for _, text := range p.violations(value, sent) {
			shown := fmt.Sprintf("Value '%.256s'", value)
			switch {
			case !sent:
				shown = "Value null"
			case p.name == "WebIdentityToken": // which is a secret
				shown = "Value"
			}
			violations = append(violations, fmt.Sprintf("%s at '%s' failed to satisfy constraint: %s", shown, camel(p.name), text))
		}
	}
	switch n := len(violations); {
	case n == 1:
		return fault.New("ValidationError", "1 validation error detected: "+violations[0])
	case n > 1:
		return fault.Newf("ValidationError", "%d validation errors detected: %s", n, strings.Join(violations, "; "))
	}
	return q.checkPolicy()
}

func camel(name string) string { return strings.ToLower(name[:1]) + name[1:] }

func (p parameter) violations(value string, sent bool) (out []string) {
	what, size := "length", utf8.RuneCountInString(value)
	if p.number {
		n, err := strconv.Atoi(value)
		if err != nil {
			return []string{"Member must be an integer"}
		}
		what, size = "value", n
	}
	switch {
	case !sent:
		return []string{"Member must not be null"}
	case size < p.min:
		out = append(out, fmt.Sprintf("Member must have %s greater than or equal to %d", what, p.min))
	case size > p.max:
		out = append(out, fmt.Sprintf("Member must have %s less than or equal to %d", what, p.max))
	}
	if p.pattern != nil && !p.pattern.MatchString(value) {
		out = append(out, `Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	return out
}

// checkPolicy refuses a policy that would narrow the session in a way that nobody knows: to leave it out would give more than was
// asked for.
func (q *query) checkPolicy() error {
	for name := range q.form {
		if strings.HasPrefix(name, "PolicyArns.") {
			return fault.New(codeMalformedPolicy, "Managed policies are not available on this server.")
		}
	}
	if !q.form.Has("Policy") {
		return nil
	}
	if _, err := policy.Parse([]byte(q.form.Get("Policy"))); err != nil {
		return fault.Newf(codeMalformedPolicy, "The policy cannot be read: %v", err)
	}
	return nil
}

const codeMalformedPolicy = "MalformedPolicyDocument"

func (q *query) duration() time.Duration {
	n, err := strconv.Atoi(q.form.Get("DurationSeconds"))
	if err != nil { // it was not sent: all else has been checked
		return time.Hour
	}
	return time.Duration(n) * time.Second
}

type callerIdentity struct {
	XMLName   xml.Name `xml:"GetCallerIdentityResponse"`
	Namespace string   `xml:"xmlns,attr"`
	ARN       string   `xml:"GetCallerIdentityResult>Arn"`
	UserID    string   `xml:"GetCallerIdentityResult>UserId"`
	Account   string   `xml:"GetCallerIdentityResult>Account"`
	Metadata  metadata `xml:"ResponseMetadata"`
}

// callerIdentity tells who has signed the request. Anybody may know who they are.
func (s STS) callerIdentity(q *query) (func(id string) any, error) {
	who, err := s.Authenticate(q.request, q.body, stsName)
	if err != nil {
		return nil, asQuery(err)
	}
	q.who = who
	out := callerIdentity{Namespace: stsNamespace, ARN: who.ARN, Account: s.AccountID}
	if out.ARN == "" {
		out.ARN = "arn:aws:iam::" + s.AccountID + ":user/" + who.AccessKeyID
	}
	if who.Temporary {
		out.UserID, out.Account = assumedRoleID(out.ARN), strings.Split(out.ARN, ":")[4]
	} else {
		out.UserID = uniqueID("AIDA", out.ARN)
	}
	return func(id string) any {
		out.Metadata.RequestID = id
		return out
	}, nil
}

// assumedRoleID is what IAM knows a session by: the role, and the session's name.
func assumedRoleID(session string) string {
	at := strings.LastIndexByte(session, '/')
	return uniqueID("AROA", session[:at]) + ":" + session[at+1:]
}

// queryCodes are the names that the query API has for errors of signatures.
var queryCodes = map[string]string{
	"MissingAuthenticationTokenException": "MissingAuthenticationToken", "UnrecognizedClientException": "InvalidClientTokenId",
	"InvalidSignatureException": "SignatureDoesNotMatch", "IncompleteSignatureException": "IncompleteSignature",
	"ExpiredTokenException": "ExpiredToken", "AccessDeniedException": identitypool.CodeAccessDenied,
}

func asQuery(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || queryCodes[f.Code] == "" {
		return err
	}
	return fault.New(queryCodes[f.Code], f.Message)
}
