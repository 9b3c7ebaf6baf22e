package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"cognate/api"
	"cognate/api/identity"
)

// Error is what the service answers when it refuses a request.
type Error struct {
	Code      string // such as NotAuthorizedException, or invalid_grant of the OAuth endpoints
	Message   string
	RequestID string // to find the request in the server's log
	Status    int    // of HTTP
}

// Error joins the code and the text.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// hasCode reports whether err is an answer of the service with one of these codes.
func hasCode(err error, codes ...string) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if e.Code == code {
			return true
		}
	}
	return false
}

// Call calls an operation that this package has no method for: of cognate/api/idp or cognate/api/identity, such as idp.GetUser with the
// Access token of a [Session]. What the service refuses is an [*Error]. Signed operations are for administrators with AWS credentials:
// Call refuses them.
func Call[In, Out any](ctx context.Context, c *Client, op api.Op[In, Out], in *In) (*Out, error) {
	if op.Auth == api.Signed {
		return nil, fmt.Errorf("client: %s is for administrators: it needs a signature by AWS credentials", op.Name)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("client: %s: %w", op.Name, err)
	}
	text, err := c.post(ctx, op.Descriptor, body)
	if err != nil {
		return nil, err
	}
	out := new(Out)
	if len(text) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("client: %s: the answer is not what the service answers: %w", op.Name, err)
	}
	return out, nil
}

// post sends the input of an operation and returns its output.
func (c *Client) post(ctx context.Context, op *api.Descriptor, body []byte) ([]byte, error) {
	to := c.idp
	if op.Service == identity.Service {
		to = c.identity
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", op.Service.TargetPrefix+"."+op.Name)
	r.Header.Set("Cache-Control", "no-store")
	resp, text, err := c.send(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, apiError(resp, text)
	}
	return text, nil
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// send sends a request and reads the whole answer.
func (c *Client) send(r *http.Request) (*http.Response, []byte, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, nil, fmt.Errorf("client: %w", err)
	}
	defer resp.Body.Close()
	c.learnTime(resp.Header)
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, fmt.Errorf("client: %w", err)
	}
	if len(text) > maxAnswer {
		return nil, nil, errors.New("client: the answer is too large")
	}
	return resp, text, nil
}

// apiError reads an error of the API: its code from the header, or the body, where it may have a namespace before and a URL behind it.
func apiError(resp *http.Response, text []byte) error {
	var body struct {
		Type      string `json:"__type"`
		Code      string `json:"code"`
		Message   string `json:"message"`
		Framework string `json:"Message"`
	}
	_ = json.Unmarshal(text, &body) // a proxy's page has none of it
	e := &Error{Message: body.Message, RequestID: resp.Header.Get("X-Amzn-Requestid"), Status: resp.StatusCode}
	if e.Message == "" {
		e.Message = body.Framework
	}
	for _, code := range []string{resp.Header.Get("X-Amzn-Errortype"), body.Type, body.Code} {
		code, _, _ = strings.Cut(code, ":")
		if e.Code = code[strings.LastIndexByte(code, '#')+1:]; e.Code != "" {
			return e
		}
	}
	return fmt.Errorf("client: %s is no answer of the service", resp.Status)
}
