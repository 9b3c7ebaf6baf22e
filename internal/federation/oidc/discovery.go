package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"cognate/internal/federation"
	"cognate/internal/outbound"
)

// metadata is what is read of a provider's metadata (OpenID Connect Discovery 1.0 section 3).
type metadata struct {
	Issuer    string `json:"issuer"`
	Authorize string `json:"authorization_endpoint"`
	Token     string `json:"token_endpoint"`
	UserInfo  string `json:"userinfo_endpoint"`
	Keys      string `json:"jwks_uri"`
}

// discover reads the endpoints of an issuer, by the details' names.
func discover(ctx context.Context, env federation.Env, issuer string) (map[string]string, error) {
	status, body, err := env.Get(ctx, issuer+"/.well-known/openid-configuration")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, statusError(status)
	}
	var m metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, errors.New("it is no JSON")
	}
	if m.Issuer != issuer {
		return nil, fmt.Errorf("it is of the issuer %q", m.Issuer)
	}
	return map[string]string{detailAuthorize: m.Authorize, detailToken: m.Token, detailUserInfo: m.UserInfo, detailKeys: m.Keys}, nil
}

// statusError is an answer that is not the one asked for.
type statusError int

// Error implements error.
func (e statusError) Error() string { return fmt.Sprintf("status code %d", int(e)) }

// reason is what may be shown of an error to who configures a provider: nothing of the inside of the network.
func reason(err error) string {
	if errors.Is(err, outbound.ErrAddress) {
		return "the address is not public"
	}
	if status, ok := errors.AsType[statusError](err); ok {
		return status.Error()
	}
	return "no usable answer"
}
