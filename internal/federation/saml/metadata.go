package saml

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
)

const (
	bindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	bindingPost     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

	maxCertificateText = 4096
	maxCertificates    = 16
)

// metadata are what a provider tells of itself.
type metadata struct {
	entityID     string
	sso, slo     string // where to redirect browsers to; slo is empty where sessions cannot be ended
	certificates []*x509.Certificate
}

// parseMetadata wants all that signing in needs. Its errors are written to be shown.
func parseMetadata(text []byte, dev bool) (*metadata, error) {
	if len(text) == 0 {
		return nil, errors.New("the document is empty")
	}
	root, err := parse(text, maxMetadataElements)
	if err != nil {
		return nil, err
	}
	entity, role, err := findRole(root)
	if err != nil {
		return nil, err
	}
	m := &metadata{entityID: attribute(entity, "entityID")}
	if m.entityID == "" {
		return nil, errors.New("the entityID is missing")
	}
	if m.sso, err = endpoint(role, "SingleSignOnService", dev); err != nil {
		return nil, err
	}
	if m.sso == "" {
		return nil, errors.New("no SingleSignOnService has the HTTP-Redirect binding")
	}
	if m.slo, err = endpoint(role, "SingleLogoutService", dev); err != nil {
		return nil, err
	}
	m.certificates, err = certificates(role)
	return m, err
}

// findRole finds the identity provider, which may stand alone in a list.
func findRole(root *etree.Element) (entity, role *etree.Element, err error) {
	entity = root
	if is(root, nsMetadata, "EntitiesDescriptor") {
		if entity, err = exactlyOne(root, nsMetadata, "EntityDescriptor"); err != nil {
			return nil, nil, err
		}
	}
	if !is(entity, nsMetadata, "EntityDescriptor") {
		return nil, nil, errors.New("the document is no EntityDescriptor")
	}
	role, err = exactlyOne(entity, nsMetadata, "IDPSSODescriptor")
	return entity, role, err
}

// endpoint is where a service takes redirects; "" where it takes none.
func endpoint(role *etree.Element, service string, dev bool) (string, error) {
	for _, e := range children(role, nsMetadata, service) {
		if attribute(e, "Binding") != bindingRedirect {
			continue
		}
		location := attribute(e, "Location")
		if err := checkURL(location, dev); err != nil {
			return "", fmt.Errorf("%s: %w", service, err)
		}
		return location, nil
	}
	return "", nil
}

// checkURL wants an https address with a host; in development, http will do.
func checkURL(address string, dev bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(dev && u.Scheme == "http") {
		return errors.New("the address is not an https URL")
	}
	return nil
}

// certificates are those to check signatures with, which may also be for anything. One that still counts is there.
func certificates(role *etree.Element) (out []*x509.Certificate, err error) {
	current := false
	for _, key := range children(role, nsMetadata, "KeyDescriptor") {
		if use := attribute(key, "use"); use != "" && use != "signing" {
			continue
		}
		for _, text := range certificateTexts(key) {
			c, err := parseCertificate(text)
			if err != nil {
				return nil, err
			}
			current = current || time.Now().Before(c.NotAfter)
			out = append(out, c)
		}
	}
	switch {
	case len(out) > maxCertificates:
		return nil, errors.New("there are too many signing certificates")
	case len(out) == 0:
		return nil, errors.New("the signing certificate is missing")
	case !current:
		return nil, errors.New("the signing certificate has expired")
	}
	return out, nil
}

func certificateTexts(key *etree.Element) (out []string) {
	for _, info := range children(key, nsSignature, "KeyInfo") {
		for _, data := range children(info, nsSignature, "X509Data") {
			for _, c := range children(data, nsSignature, "X509Certificate") {
				out = append(out, allText(c))
			}
		}
	}
	return out
}

func parseCertificate(text string) (*x509.Certificate, error) {
	text = withoutSpace(text)
	if len(text) > maxCertificateText {
		return nil, errors.New("a signing certificate is too long")
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("a signing certificate is not in base64")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("a signing certificate cannot be read")
	}
	switch c.PublicKey.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
		return c, nil
	}
	return nil, errors.New("a signing certificate has neither an RSA nor an ECDSA key")
}

func withoutSpace(s string) string { return strings.Join(strings.Fields(s), "") }
