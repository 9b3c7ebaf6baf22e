package saml

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"

	"cognate/internal/federation"
)

const maxResponse = 100_000 // characters of base64

const (
	statusPrefix  = "urn:oasis:names:tc:SAML:2.0:status:"
	statusSuccess = statusPrefix + "Success"
)

// The codes of [federation.Error].
const (
	codeRequest = "invalid_request"
	codeServer  = "server_error"
	codeDenied  = "access_denied"
)

// invalid is an error in Cognito's words; what is really the matter is for the log alone.
func invalid(text string, cause error) error {
	return &federation.Error{Code: codeServer, Description: "Invalid SAML response received: " + text + ". ", Cause: cause}
}

func invalidf(text, format string, args ...any) error {
	return invalid(text, fmt.Errorf(format, args...))
}

func malformed(cause error) error {
	return &federation.Error{Code: codeRequest, Description: "Invalid SAML response received: SAML Response is malformed. ", Cause: cause}
}

// exchange is one answer that is being looked at.
type exchange struct {
	*provider
	*metadata
	federation.Callback
	now time.Time
}

// Finish implements [federation.Provider].
func (p *provider) Finish(ctx context.Context, c federation.Callback) (*federation.Assertion, error) {
	root, err := readResponse(c)
	if err != nil {
		return nil, malformed(err)
	}
	if c.ID == "" && !p.unasked {
		return nil, invalidf("Unsolicited responses are not accepted", "nobody asked, and IDPInit is not true")
	}
	x := exchange{provider: p, metadata: p.metadata.current(ctx), Callback: c, now: time.Now()}
	var a *federation.Assertion
	err = x.withNewer(ctx, func() (err error) {
		a, err = x.finish(root)
		return err
	})
	return a, err
}

// withNewer tries once more when the metadata know no certificate that made a signature, and there are newer ones.
func (x *exchange) withNewer(ctx context.Context, try func() error) error {
	err := try()
	if !errors.Is(err, errSignature) {
		return err
	}
	newer := x.provider.metadata.renewed(ctx, x.metadata)
	if newer == x.metadata {
		return err
	}
	x.metadata = newer
	return try()
}

// readResponse reads the answer of a form.
func readResponse(c federation.Callback) (*etree.Element, error) {
	encoded := c.Form.Get("SAMLResponse")
	if encoded == "" || len(encoded) > maxResponse || len(c.Form["SAMLResponse"]) != 1 {
		return nil, errors.New("the form has no SAMLResponse, more than one, or one that is too long")
	}
	plain, err := base64.StdEncoding.DecodeString(withoutSpace(encoded))
	if err != nil {
		return nil, err
	}
	return parse(plain, maxAnswerElements)
}

func (x *exchange) finish(root *etree.Element) (*federation.Assertion, error) {
	if !is(root, nsProtocol, "Response") {
		return nil, malformed(fmt.Errorf("%s is no Response", root.Tag))
	}
	if err := checkStatus(root); err != nil {
		return nil, err
	}
	if err := checkShape(root); err != nil {
		return nil, malformed(err)
	}
	response, signed, err := x.signedOrNot(root, "SAML Response signature is invalid")
	if err != nil {
		return nil, err
	}
	if err := x.checkEnvelope(response); err != nil {
		return nil, err
	}
	assertion, err := x.assertion(root, response, signed)
	if err != nil {
		return nil, err
	}
	return x.accept(assertion)
}

// checkShape wants one assertion in its place, and signatures of the one form in theirs. Whoever looks for an assertion, a
// response or a signature in such a document finds the same, in whichever way.
func checkShape(root *etree.Element) error {
	assertions := 0
	err := walk(root, func(e *etree.Element) error {
		switch e.Tag {
		case "Response":
			if e != root {
				return errors.New("a Response is within another element")
			}
		case "Assertion", "EncryptedAssertion":
			assertions++
			if e.NamespaceURI() != nsAssertion || e != root && (e.Parent() != root || root.Tag != "Response") {
				return fmt.Errorf("an %s is in another place than the Response", e.Tag)
			}
		case "Signature":
			return checkPlace(e, root)
		}
		return nil
	})
	if err == nil && assertions != 1 {
		err = fmt.Errorf("there are %d assertions", assertions)
	}
	return err
}

// checkPlace wants a signature to stand right in what it signs.
func checkPlace(sig, root *etree.Element) error {
	signed := sig.Parent()
	if !is(sig, nsSignature, "Signature") || signed != root && !(is(signed, nsAssertion, "Assertion") && signed.Parent() == root) {
		return errors.New("a Signature is in another place than what can be signed")
	}
	if _, err := exactlyOne(signed, nsSignature, "Signature"); err != nil {
		return err
	}
	return checkSignature(sig)
}

// signedOrNot returns what is signed of e, or e itself where it has no signature. A wrong signature is an error even where
// it need not be there.
func (x *exchange) signedOrNot(e *etree.Element, text string) (_ *etree.Element, signed bool, err error) {
	if len(children(e, nsSignature, "Signature")) == 0 {
		return e, false, nil
	}
	verified, err := x.verify(e)
	if err != nil {
		return nil, false, invalid(text, err)
	}
	return verified, true, nil
}

// assertion returns the assertion as it was signed: by its own signature, or within the response. Its own is looked for in
// the document as it came, for the canonical form of the response may leave out what it covers.
func (x *exchange) assertion(root, response *etree.Element, signed bool) (*etree.Element, error) {
	const text = "SAML Assertion signature is invalid"
	plain, err := atMostOne(root, nsAssertion, "Assertion")
	if err != nil {
		return nil, malformed(err)
	}
	if x.encrypted != (plain == nil) {
		return nil, invalidf("SAML Assertion encryption is not as configured", "encrypted is %v", plain == nil)
	}
	var within *etree.Element // that of the signed response
	if plain == nil {
		if plain, err = x.decrypt(response, signed); err != nil {
			return nil, invalid("SAML Assertion could not be decrypted", err)
		}
		within = plain
	} else if within, err = exactlyOne(response, nsAssertion, "Assertion"); err != nil {
		return nil, malformed(err)
	}
	own, ownSigned, err := x.signedOrNot(plain, text)
	switch {
	case err != nil:
		return nil, err
	case ownSigned:
		return own, nil
	case signed:
		return within, nil
	}
	return nil, invalidf(text, "nothing is signed")
}

// checkEnvelope looks at what a message says about itself.
func (x *exchange) checkEnvelope(e *etree.Element) error {
	if v := attribute(e, "Version"); v != "2.0" {
		return malformed(fmt.Errorf("the version is %q", v))
	}
	if to, ok := lookAttribute(e, "Destination"); ok && to != x.Callback.Callback {
		return invalidf("Destination does not match", "the destination is %q", to)
	}
	if err := x.checkInResponseTo(e); err != nil {
		return invalid("InResponseTo does not match", err)
	}
	if len(children(e, nsAssertion, "Issuer")) > 0 {
		if err := x.checkIssuer(e); err != nil {
			return err
		}
	}
	return checkStatus(e)
}

// checkInResponseTo wants the answer to be one to the request, or to none where nobody asked.
func (x *exchange) checkInResponseTo(e *etree.Element) error {
	id, ok := lookAttribute(e, "InResponseTo")
	if x.ID == "" && ok {
		return fmt.Errorf("%s answers the request %q, and nobody asked", e.Tag, id)
	}
	if x.ID != id {
		return fmt.Errorf("%s answers the request %q", e.Tag, id)
	}
	return nil
}

func (x *exchange) checkIssuer(e *etree.Element) error {
	issuer, err := textOfOne(e, "Issuer")
	if err == nil && strings.TrimSpace(issuer) != x.metadata.entityID {
		err = fmt.Errorf("the issuer of %s is %q", e.Tag, issuer)
	}
	if err != nil {
		return invalid("Issuer does not match", err)
	}
	return nil
}

// textOfOne returns the text of the only child of a name in the namespace of assertions.
func textOfOne(e *etree.Element, tag string) (string, error) {
	c, err := exactlyOne(e, nsAssertion, tag)
	if err != nil {
		return "", err
	}
	return text(c)
}

// checkStatus wants success. What the provider says about a failure is for the log alone: nobody has signed it yet.
func checkStatus(e *etree.Element) error {
	status, err := exactlyOne(e, nsProtocol, "Status")
	if err != nil {
		return malformed(err)
	}
	code, err := exactlyOne(status, nsProtocol, "StatusCode")
	if err != nil {
		return malformed(err)
	}
	value := attribute(code, "Value")
	if value == statusSuccess {
		return nil
	}
	failure := &federation.Error{
		Code: codeServer, Description: "Invalid SAML response received: SAML Response status is not success. ",
		Cause: fmt.Errorf("the status is %q: %q", value, allText(status)),
	}
	for _, detail := range children(code, nsProtocol, "StatusCode") {
		switch strings.TrimPrefix(attribute(detail, "Value"), statusPrefix) {
		case "AuthnFailed", "RequestDenied":
			failure.Code = codeDenied
		}
	}
	return failure
}
