package identityserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"cognate/internal/awsjson"
	"cognate/internal/fault"
	"cognate/internal/identitypool"
)

// STS is the query API of the Security Token Service, as far as the identities of identity pools need it (protocol page
// "identity-pools", section 8): forms by POST at the path of the JSON API.
type STS struct {
	Identities   *identitypool.Registry
	Authenticate awsjson.Authenticator // of who asks who they are
	AccountID    string                // of access keys
	Logger       *slog.Logger
	Next         http.Handler // answers all other requests
}

const (
	stsName      = "sts" // in signatures
	stsVersion   = "2011-06-15"
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	maxQuery     = 64 << 10 // bytes of a request
)

// query is one request.
type query struct {
	request *http.Request
	body    []byte
	form    url.Values
	who     awsjson.Principal // zero until it is known
}

// ServeHTTP implements http.Handler.
func (s STS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isQuery(r) {
		s.Next.ServeHTTP(w, r)
		return
	}
	start, id := time.Now(), uuid.NewString()
	awsjson.AllowBrowsers(w.Header())
	q := &query{request: r}
	out, err := s.answer(w, q)
	code := ""
	if err != nil {
		f := s.known(r, id, err)
		code = f.Code
		writeXML(w, statusOf(f.Code), id, stsFailure(f, id))
	} else {
		writeXML(w, http.StatusOK, id, out(id))
	}
	s.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("id", id), slog.String("op", "sts:"+q.operation()),
		slog.String("error", code), slog.String("key", q.who.AccessKeyID), slog.String("ip", awsjson.Peer(r)), slog.Duration("took", time.Since(start)))
}

// isQuery reports whether a request is one of the query API: a form. Some tools say of all that they post that it is one,
// even of a request that names an operation of the JSON API.
func isQuery(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return r.Method == http.MethodPost && r.Header.Get("X-Amz-Target") == "" &&
		strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded")
}

// operation is the name of what is asked for, where that is something that there is.
func (q *query) operation() string {
	if _, ok := operations[q.form.Get("Action")]; ok && q.form.Get("Version") == stsVersion {
		return q.form.Get("Action")
	}
	return ""
}

// operations are those that are served. Each returns what makes its answer, for the id of the request.
var operations = map[string]func(STS, *query) (func(id string) any, error){
	"AssumeRoleWithWebIdentity": STS.assumeRole,
	"GetCallerIdentity":         STS.callerIdentity,
}

func (s STS) answer(w http.ResponseWriter, q *query) (func(id string) any, error) {
	var err error
	if q.body, err = io.ReadAll(http.MaxBytesReader(w, q.request.Body, maxQuery)); err != nil {
		return nil, fault.Because(err, "MalformedQueryString", "The request cannot be read, or has more than 65536 bytes.")
	}
	if q.form, err = url.ParseQuery(string(q.body)); err != nil {
		return nil, fault.Because(err, "MalformedQueryString", "The query string contains a syntax error.")
	}
	for name, values := range q.form {
		if len(values) > 1 {
			return nil, fault.Newf("MalformedQueryString", "The parameter %.64q is there twice.", name)
		}
	}
	if q.operation() == "" {
		return nil, fault.Newf("InvalidAction", "Could not find operation %.64s for version %.64s", q.form.Get("Action"), q.form.Get("Version"))
	}
	return operations[q.operation()](s, q)
}

// known turns an error into one that can be shown.
func (s STS) known(r *http.Request, id string, err error) *fault.Error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = fault.Because(err, "InternalFailure", "Internal error. The request id is "+id+".")
		s.Logger.ErrorContext(r.Context(), "request failed", "id", id, "op", "sts", "cause", err)
	} else if f.Cause != nil {
		s.Logger.DebugContext(r.Context(), "request failed", "id", id, "op", "sts", "cause", f.Cause)
	}
	return f
}

// statusOf is the status of an error, by its code.
func statusOf(code string) int {
	switch code {
	case identitypool.CodeAccessDenied, "InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationToken", "ExpiredToken":
		return http.StatusForbidden
	case "InternalFailure":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

type metadata struct {
	RequestID string `xml:"RequestId"`
}

type stsError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

func stsFailure(f *fault.Error, id string) stsError {
	side := "Sender"
	if statusOf(f.Code) == http.StatusInternalServerError {
		side = "Receiver"
	}
	return stsError{Namespace: stsNamespace, Type: side, Code: f.Code, Message: f.Message, RequestID: id}
}

func writeXML(w http.ResponseWriter, status int, id string, body any) {
	var text bytes.Buffer
	if err := xml.NewEncoder(&text).Encode(body); err != nil {
		panic(err) // all bodies are structures of texts
	}
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("X-Amzn-Requestid", id)
	w.WriteHeader(status)
	w.Write(text.Bytes())
}

// uniqueID is what IAM knows a role or a user by, computed from its ARN.
func uniqueID(prefix, arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}
