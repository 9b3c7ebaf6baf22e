// Package saml is the SAML 2.0 identity providers: the server is their service provider, by the web browser profile with
// redirected requests and posted answers. The facts are those of the protocol page "federation", section 8.
//
// An answer is one assertion in one response. The response, the assertion or both are signed, each by an enveloped signature
// over exclusive canonical XML, with RSA (PKCS #1 v1.5) or ECDSA and SHA-256, SHA-384 or SHA-512, by a certificate of the
// provider's metadata that has not expired; other certificates mean nothing. What is taken from an answer is read from the
// bytes that a signature was checked over and from nowhere else. Documents with a document type, processing instructions or
// inclusions, more than one assertion, or an ID twice are refused.
//
// Assertions are encrypted with AES-GCM under a key by RSA-OAEP, and signed within or around that. AES-CBC is accepted only
// where the response around it is signed: a stranger's changes to it then never get as far as its padding.
package saml

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"cognate/api/idp"
	"cognate/internal/fault"
	"cognate/internal/federation"
)

// The ProviderDetails of a SAML provider.
const (
	detailURL       = "MetadataURL"
	detailFile      = "MetadataFile"
	detailSignout   = "IDPSignout"
	detailInit      = "IDPInit"
	detailEncrypted = "EncryptedResponses"
	detailSigning   = "RequestSigningAlgorithm"
	detailSSO       = "SSORedirectBindingURI"
	detailSLO       = "SLORedirectBindingURI"
)

// rules are what each detail may be; nil is for those that have rules of their own, or that Check itself finds out.
var rules = map[string][]string{
	detailURL: nil, detailFile: nil, detailSSO: nil, detailSLO: nil,
	detailSignout: {"true", "false"}, detailInit: {"true", "false"}, detailEncrypted: {"true", "false"},
	detailSigning: {"rsa-sha256"},
}

// Kind is the plug-in.
type Kind struct{ Env federation.Env }

var _ federation.Kind = Kind{}

// Check implements [federation.Kind]. It adds where requests go, and the metadata themselves as MetadataFile when they were
// read from MetadataURL, which counts where both are given.
func (k Kind) Check(ctx context.Context, details map[string]string) (map[string]string, error) {
	if err := checkDetails(details); err != nil {
		return nil, err
	}
	complete := maps.Clone(details)
	if url := details[detailURL]; url != "" {
		text, err := k.fetch(ctx, url)
		if err != nil {
			return nil, err
		}
		complete[detailFile] = string(text)
	}
	m, err := parseMetadata([]byte(complete[detailFile]), k.Env.Dev)
	if err != nil {
		return nil, fault.Because(err, idp.CodeInvalidParameter, "The SAML metadata are invalid: "+err.Error()+".")
	}
	complete[detailSSO] = m.sso
	delete(complete, detailSLO)
	if m.slo != "" {
		complete[detailSLO] = m.slo
	}
	return complete, nil
}

func checkDetails(details map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(details)) {
		allowed, known := rules[key]
		if !known {
			return fault.Newf(idp.CodeInvalidParameter, "Unsupported provider detail %s for a SAML provider.", key)
		}
		if allowed != nil && !slices.Contains(allowed, details[key]) {
			return fault.Newf(idp.CodeInvalidParameter, "Invalid value for the provider detail %s.", key)
		}
	}
	if details[detailURL] == "" && details[detailFile] == "" {
		return fault.New(idp.CodeInvalidParameter, "At least one of the MetadataURL or MetadataFile should be provided.")
	}
	return nil
}

// fetch reads metadata; its errors are the API's.
func (k Kind) fetch(ctx context.Context, url string) ([]byte, error) {
	if err := checkURL(url, k.Env.Dev); err != nil {
		return nil, fault.Because(err, idp.CodeInvalidParameter, "Error retrieving metadata from "+url)
	}
	status, text, err := k.Env.Get(ctx, url)
	if err != nil {
		return nil, fault.Because(err, idp.CodeInvalidParameter, "Error retrieving metadata from "+url)
	}
	if status != http.StatusOK {
		return nil, fault.Newf(idp.CodeInvalidParameter, "Non-ok status code %d returned from remote metadata source %s", status, url)
	}
	return text, nil
}

func (k Kind) read(ctx context.Context, url string) (*metadata, error) {
	text, err := k.fetch(ctx, url)
	if err != nil {
		return nil, err
	}
	return parseMetadata(text, k.Env.Dev)
}

// provider is an open provider. Nothing but its metadata changes.
type provider struct {
	entityID  string // the pool's
	metadata  *source
	keys      *federation.Keys
	skew      time.Duration
	signs     bool // requests to sign in
	unasked   bool // takes assertions that nobody asked for
	encrypted bool // takes encrypted assertions alone
	ends      bool // tells how the session is known, to end it
}

// Open implements [federation.Kind]. What it returns is a [federation.Logouter] where IDPSignout is "true" and the
// metadata tell where to send requests to.
func (k Kind) Open(s federation.Settings) (federation.Provider, error) {
	d := s.Details
	m, err := parseMetadata([]byte(d[detailFile]), k.Env.Dev)
	if err != nil {
		return nil, fmt.Errorf("saml: metadata of %s: %w", s.Name, err)
	}
	p := &provider{
		entityID: entityID(s.PoolID), metadata: newSource(k, d[detailURL], m), keys: s.Keys, skew: k.Env.Skew,
		signs: d[detailSigning] != "", unasked: d[detailInit] == "true", encrypted: d[detailEncrypted] == "true",
		ends: d[detailSignout] == "true" && m.slo != "",
	}
	if (p.signs || p.ends) && (p.keys == nil || p.keys.Signer == nil) {
		return nil, fmt.Errorf("saml: no key to sign the requests to %s with", s.Name)
	}
	if p.encrypted && (p.keys == nil || p.keys.Decrypter == nil) {
		return nil, fmt.Errorf("saml: no key to decrypt the answers of %s with", s.Name)
	}
	if p.ends {
		return leaver{p}, nil
	}
	return p, nil
}

// entityID is how a pool is known to SAML providers: the audience of their assertions.
func entityID(poolID string) string { return "urn:amazon:cognito:sp:" + poolID }
