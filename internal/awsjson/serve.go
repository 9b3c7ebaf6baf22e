package awsjson

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"cognate/api"
	"cognate/internal/fault"
)

const contentType = "application/x-amz-json-1.1"

// ServeHTTP answers one request of the protocol: POST with an X-Amz-Target, or a browser's preflight.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	AllowBrowsers(w.Header())
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusOK)
		return
	}
	start := time.Now()
	c := Caller{RequestID: uuid.NewString(), IP: Peer(r)}
	w.Header().Set("X-Amzn-Requestid", c.RequestID)
	out, op, err := m.answer(w, r, &c)
	code := ""
	if err != nil {
		code = m.fail(w, r, op, c, err)
	} else {
		succeed(w, out)
	}
	m.config.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("id", c.RequestID), slog.String("op", op), slog.String("error", code),
		slog.String("key", c.AccessKeyID), slog.String("ip", c.IP), slog.Duration("took", time.Since(start)))
}

// AllowBrowsers opens an API to pages of any origin: no request is authorised by a cookie.
func AllowBrowsers(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "POST, GET, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "authorization,cache-control,content-type,amz-sdk-invocation-id,amz-sdk-request,x-amz-content-sha256,x-amz-date,x-amz-security-token,x-amz-target,x-amz-user-agent")
	h.Set("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date")
	h.Set("Access-Control-Max-Age", "172800")
}

// Peer is where a request comes from, without a port.
func Peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// answer runs the operation that r names. The name is empty when there is none.
func (m *Mux) answer(w http.ResponseWriter, r *http.Request, c *Caller) (out []byte, op string, err error) {
	if r.Method != http.MethodPost {
		return nil, "", fault.New(CodeUnknownOperation, "")
	}
	rt, ok := m.routes[r.Header.Get("X-Amz-Target")]
	limit := int64(MaxBody)
	if ok && rt.op.Auth == api.Signed {
		limit = MaxSignedBody
	}
	body, err := read(w, r, limit)
	if err != nil {
		return nil, "", err
	}
	if !ok {
		return nil, "", fault.New(CodeUnknownOperation, "")
	}
	op = rt.op.Name
	if rt.op.Auth == api.Signed {
		if c.Principal, err = m.config.Authenticate(r, body, rt.op.Service.Name); err != nil {
			return nil, op, err
		}
		if err = m.authorize(r.Context(), *c, rt.op, body); err != nil {
			return nil, op, err
		}
	}
	if rt.call == nil {
		return nil, op, fault.New(CodeUnsupported, op+" is not available on this server.")
	}
	out, err = safely(WithCaller(r.Context(), *c), rt, body)
	return out, op, err
}

// usualBody is how many bytes of a body are made room for before they come.
const usualBody = 8 << 10

func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	var all bytes.Buffer
	all.Grow(int(min(max(r.ContentLength, 0), usualBody)) + bytes.MinRead)
	_, err := all.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, fault.New(CodeTooLarge, "The request body is larger than "+strconv.FormatInt(limit, 10)+" bytes.")
	}
	if err != nil {
		return nil, fault.Because(err, CodeSerialization, "The request body could not be read.")
	}
	return all.Bytes(), nil
}

// safely turns a panic of an operation into an error, so that one request cannot end the process.
func safely(ctx context.Context, rt *route, body []byte) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return rt.call(ctx, body)
}

func encode(out any) ([]byte, error) {
	return json.Marshal(out, json.Deterministic(true))
}

func succeed(w http.ResponseWriter, out []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(out)))
	w.Write(out)
}

// fail writes the error and returns its code. An error that is no fault is internal: its cause goes to
// the log under the request's id and nowhere else.
func (m *Mux) fail(w http.ResponseWriter, r *http.Request, op string, c Caller, err error) string {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		f = fault.New(CodeTimeout, "The client closed the request.")
	default:
		f = fault.Because(err, CodeInternal, "Internal error. The request id is "+c.RequestID+".")
	}
	if f.Cause != nil {
		m.config.Logger.LogAttrs(r.Context(), level(f), "request failed",
			slog.String("id", c.RequestID), slog.String("op", op), slog.String("cause", f.Cause.Error()))
	}
	if _, ours := errors.AsType[*limited](err); !ours {
		m.report(r.Header.Get("X-Amz-Target"), f.Code)
	}
	writeError(w, f)
	return f.Code
}

func level(f *fault.Error) slog.Level {
	if f.Code == CodeInternal {
		return slog.LevelError
	}
	return slog.LevelDebug
}

// report tells tests of a code that the operation's model does not declare.
func (m *Mux) report(target, code string) {
	rt, ok := m.routes[target]
	if !ok || m.config.Undeclared == nil || rt.call == nil || protocolErrors[code] {
		return
	}
	if !slices.Contains(rt.op.Errors, code) {
		m.config.Undeclared(rt.op.Name, code)
	}
}

// protocolErrors come from the protocol, before any operation.
var protocolErrors = map[string]bool{
	CodeSerialization: true, CodeTooLarge: true, CodeUnknownOperation: true, CodeTimeout: true,
	"MissingAuthenticationTokenException": true, "UnrecognizedClientException": true,
	"InvalidSignatureException": true, "IncompleteSignatureException": true, "AccessDeniedException": true, codeExpired: true,
	"ValidationException": true,
}

// frameworkErrors spell their text with a capital M, as AWS's front end does.
func frameworkError(code string) bool {
	return protocolErrors[code] && code != "ValidationException"
}

func writeError(w http.ResponseWriter, f *fault.Error) {
	body := errorBody{Type: f.Code, Message: f.Message}
	if frameworkError(f.Code) {
		body = errorBody{Type: f.Code, Framework: f.Message}
	}
	out, _ := json.Marshal(body)
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(out)))
	h.Set("X-Amzn-Errortype", f.Code+":")
	h.Set("X-Amzn-Errormessage", headerText(f.Message))
	w.WriteHeader(status(f.Code))
	w.Write(out)
}

type errorBody struct {
	Type      string `json:"__type"`
	Message   string `json:"message,omitzero"`
	Framework string `json:"Message,omitzero"`
}

func status(code string) int {
	switch code {
	case CodeInternal, "InternalServerException":
		return http.StatusInternalServerError
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeTimeout:
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

// maxHeaderText is how much of a text goes into a header: clients refuse long ones.
const maxHeaderText = 1024

// headerText keeps a text within what a header line may hold.
func headerText(s string) string {
	s = s[:min(len(s), maxHeaderText)]
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s))
}
