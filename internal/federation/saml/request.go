package saml

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/beevik/etree"

	"cognate/internal/federation"
)

// Begin implements [federation.Provider]: an AuthnRequest by redirect, which is signed where the details ask for it. The
// prompt "login" has the provider ask who it is; login hints have no place in it.
func (p *provider) Begin(ctx context.Context, r federation.Request) (string, error) {
	m := p.metadata.current(ctx)
	e := p.request("AuthnRequest", r.ID, m.sso)
	e.CreateAttr("ProtocolBinding", bindingPost)
	e.CreateAttr("AssertionConsumerServiceURL", r.Callback)
	if slices.Contains(strings.Fields(r.Prompt), "login") {
		e.CreateAttr("ForceAuthn", "true")
	}
	return p.redirect(e, m.sso, r.State, p.signs)
}

// request begins a message to the provider.
func (p *provider) request(tag, id, destination string) *etree.Element {
	e := etree.NewElement("samlp:" + tag)
	e.CreateAttr("xmlns:samlp", nsProtocol)
	e.CreateAttr("xmlns:saml", nsAssertion)
	e.CreateAttr("ID", id)
	e.CreateAttr("Version", "2.0")
	e.CreateAttr("IssueInstant", timeText(time.Now()))
	e.CreateAttr("Destination", destination)
	e.CreateElement("saml:Issuer").SetText(p.entityID)
	return e
}

func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// redirect returns the address that takes a message to the provider.
func (p *provider) redirect(message *etree.Element, to, state string, sign bool) (string, error) {
	packed, err := deflate(message)
	if err != nil {
		return "", err
	}
	query := "SAMLRequest=" + url.QueryEscape(packed) + "&RelayState=" + url.QueryEscape(state)
	if sign {
		query += "&SigAlg=" + url.QueryEscape(algRSASHA256)
		signature, err := p.sign(query)
		if err != nil {
			return "", err
		}
		query += "&Signature=" + url.QueryEscape(signature)
	}
	u, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	return u.String(), nil
}

func (p *provider) sign(text string) (string, error) {
	hash := sha256.Sum256([]byte(text))
	signature, err := p.keys.Signer.Sign(rand.Reader, hash[:], crypto.SHA256)
	return base64.StdEncoding.EncodeToString(signature), err
}

// compressors are used again: a new one takes most of a megabyte, which would be garbage at once.
var compressors = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.DefaultCompression)
	if err != nil {
		panic(err) // only for levels that are none
	}
	return w
}}

func deflate(message *etree.Element) (string, error) {
	plain, err := etree.NewDocumentWithRoot(message).WriteToBytes()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	w := compressors.Get().(*flate.Writer)
	defer compressors.Put(w)
	w.Reset(&b)
	if _, err = w.Write(plain); err == nil {
		err = w.Close()
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), err
}
