package awsclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
)

// Service is a service of AWS's that is called by requests of our own making, which the SDK's signer signs: the SDK's client of it is
// too much for the few that we send (decisions/0006). It is safe for concurrent use.
type Service struct {
	name   string // that requests are signed for, and the first part of the host
	id     string // in the names of variables of the environment
	config Config

	mu     sync.Mutex
	loaded *aws.Config // nil before the first call: most servers make none
	signer *v4.Signer
}

// NewService makes a service by its signing name and the id that AWS_ENDPOINT_URL_<id> has. It reads nothing of the environment yet.
func NewService(name, id string, c Config) (*Service, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = name == "s3" })
	return &Service{name: name, id: id, config: c, signer: signer}, nil
}

// Call is a request to a service.
type Call struct {
	Method    string
	Partition string // of AWS's regions, as in ARNs
	Region    string // where there is none in the service's settings or in the environment
	Place     string // before the service's name in AWS's host: a bucket
	Path      string // begins with a slash and has no character that is escaped; with the bucket at endpoints of others
	Header    http.Header
	Body      []byte
}

// hosts are the ends of the names of AWS's hosts, by partition.
var hosts = map[string]string{"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}

// Do makes a call once, and returns the answer to one that was not refused. The error of one that was is a smithy.APIError: see
// [Refusal].
func (s *Service) Do(ctx context.Context, c Call) ([]byte, error) {
	settings, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	region := c.Region
	if s.config.Region != "" || region == "" {
		region = settings.Region
	}
	r, err := s.request(ctx, settings, region, c)
	if err != nil {
		return nil, err
	}
	answer, err := settings.HTTPClient.Do(r)
	if err != nil {
		return nil, unplaced(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode/100 != 2:
		return nil, refusal(answer, text)
	}
	return text, nil
}

func (s *Service) load(ctx context.Context) (*aws.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded == nil {
		c, err := s.config.Load(ctx, 0)
		if err != nil {
			return nil, err
		}
		s.loaded = &c
	}
	return s.loaded, nil
}

func (s *Service) request(ctx context.Context, settings *aws.Config, region string, c Call) (*http.Request, error) {
	if !IsRegion(region) {
		return nil, errors.New("the region is missing: name it, or set AWS_REGION")
	}
	base := s.endpoint(settings)
	if base == "" {
		end, ok := hosts[c.Partition]
		if !ok {
			return nil, fmt.Errorf("the hosts of the partition %q are not known: name the endpoint", c.Partition)
		}
		base = "https://" + s.name + "." + region + "." + end
		if c.Place != "" {
			base = "https://" + c.Place + "." + s.name + "." + region + "." + end
		}
	} else if c.Place != "" {
		c.Path = "/" + c.Place + c.Path
	}
	r, err := http.NewRequestWithContext(ctx, c.Method, strings.TrimSuffix(base, "/")+c.Path, bytes.NewReader(c.Body))
	if err != nil {
		return nil, errors.New("the endpoint is not a URL")
	}
	for name, values := range c.Header {
		r.Header[name] = values
	}
	credentials, err := settings.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	sum := sha256.Sum256(c.Body)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	return r, s.signer.SignHTTP(ctx, credentials, r, hash, s.name, region, time.Now())
}

// endpoint is where the service is if not at AWS: what is configured, or else what the environment says, of the service before all.
func (s *Service) endpoint(settings *aws.Config) string {
	if s.config.Endpoint != "" || os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true" {
		return s.config.Endpoint
	}
	if own := os.Getenv("AWS_ENDPOINT_URL_" + s.id); own != "" {
		return own
	}
	return aws.ToString(settings.BaseEndpoint)
}

// refusal reads an answer that is none, as JSON or as XML.
func refusal(answer *http.Response, text []byte) error {
	var j struct {
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	var x struct {
		Code, Message string
	}
	out := &smithy.GenericAPIError{Code: answer.Header.Get("X-Amzn-Errortype")}
	switch {
	case json.Unmarshal(text, &j) == nil:
		out.Message = j.Message
		if out.Code == "" {
			out.Code = j.Type + j.Code
		}
	case xml.Unmarshal(text, &x) == nil:
		out.Code, out.Message = x.Code, x.Message
	}
	out.Code, _, _ = strings.Cut(out.Code, ":")
	if i := strings.LastIndexByte(out.Code, '#'); i >= 0 {
		out.Code = out.Code[i+1:]
	}
	if out.Code == "" {
		out.Code = fmt.Sprintf("status %d", answer.StatusCode)
	}
	return out
}

// unplaced is an error of a call without the address, which stands in the log already, or is the operator's own affair.
func unplaced(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
