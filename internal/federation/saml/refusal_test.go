package saml

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"cognate/internal/federation"
)

// wantError wants an answer to be refused in Cognito's words, with a cause for the log that the words do not tell.
func wantError(t testing.TB, a *federation.Assertion, err error, code, text string) {
	t.Helper()
	e, ok := errors.AsType[*federation.Error](err)
	if !ok || a != nil {
		t.Fatalf("got %v, %v", a, err)
	}
	if e.Code != code || e.Description != "Invalid SAML response received: "+text+". " {
		t.Errorf("got %s %q because of %v", e.Code, e.Description, e.Cause)
	}
	if e.Cause == nil || strings.Contains(e.Error(), e.Cause.Error()) {
		t.Errorf("the cause is %v", e.Cause)
	}
}

const (
	malformedText  = "SAML Response is malformed"
	responseText   = "SAML Response signature is invalid"
	assertionText  = "SAML Assertion signature is invalid"
	timeoutText    = "SAML Assertion is expired or not yet valid"
	subjectText    = "Subject confirmation was not met"
	audienceText   = "Audience restriction was not met"
	answersText    = "InResponseTo does not match"
	issuerText     = "Issuer does not match"
	encryptionText = "SAML Assertion encryption is not as configured"
)

// set returns what sets an attribute of an element of the assertion; "" takes it away.
func set(path, key, value string) func(*testing.T, *answer) {
	return func(t *testing.T, a *answer) {
		e := a.assertion
		if path != "" {
			e = a.find(path)
		}
		setAttribute(e, key, value)
	}
}

func setResponse(key, value string) func(*testing.T, *answer) {
	return func(t *testing.T, a *answer) { setAttribute(a.response, key, value) }
}

func setAttribute(e *etree.Element, key, value string) {
	e.RemoveAttr(key)
	if value != "" {
		e.CreateAttr(key, value)
	}
}

func fill(path, text string) func(*testing.T, *answer) {
	return func(t *testing.T, a *answer) { a.find(path).SetText(text) }
}

func drop(path string) func(*testing.T, *answer) {
	return func(t *testing.T, a *answer) { e := a.find(path); e.Parent().RemoveChild(e) }
}

func add(path, xml string) func(*testing.T, *answer) {
	return func(t *testing.T, a *answer) { a.find(path).AddChild(element(t, xml)) }
}

func ago(d time.Duration) string { return timeText(time.Now().Add(-d)) }

// Checklist 49: all that an assertion says about where, when and for whom it counts is checked. Each answer is signed well.
func TestFinishChecksWhatIsSaid(t *testing.T) {
	const data = "Subject/SubjectConfirmation/SubjectConfirmationData"
	p := open(t, nil)
	for name, tt := range map[string]struct {
		alter func(*testing.T, *answer)
		text  string
	}{
		"destination":                {setResponse("Destination", acs+"/"), "Destination does not match"},
		"destination is empty":       {func(t *testing.T, a *answer) { a.response.CreateAttr("Destination", "") }, "Destination does not match"},
		"response to another":        {setResponse("InResponseTo", "_request-2"), answersText},
		"response to none":           {setResponse("InResponseTo", ""), answersText},
		"response of another issuer": {func(t *testing.T, a *answer) { a.response.FindElement("Issuer").SetText(idpID + "2") }, issuerText},
		"response of two issuers": {func(t *testing.T, a *answer) {
			a.response.AddChild(element(t, `<saml:Issuer xmlns:saml="`+nsAssertion+`">`+idpID+`</saml:Issuer>`))
		}, issuerText},
		"version of the response":    {setResponse("Version", "1.1"), malformedText},
		"version of the assertion":   {set("", "Version", "1.1"), malformedText},
		"issuer":                     {fill("Issuer", "https://evil.example.com"), issuerText},
		"no issuer":                  {drop("Issuer"), issuerText},
		"no issue time":              {set("", "IssueInstant", ""), timeoutText},
		"issue time is none":         {set("", "IssueInstant", "now"), timeoutText},
		"issued in the future":       {set("", "IssueInstant", ago(-2*time.Minute)), timeoutText},
		"no subject":                 {drop("Subject"), "NameID is missing"},
		"no name":                    {drop("Subject/NameID"), "NameID is missing"},
		"blank name":                 {fill("Subject/NameID", " \n"), "NameID is missing"},
		"name with an element":       {add("Subject/NameID", "<x/>"), "NameID is missing"},
		"two names":                  {add("Subject", `<saml:NameID xmlns:saml="`+nsAssertion+`">admin</saml:NameID>`), "NameID is missing"},
		"no confirmation":            {drop("Subject/SubjectConfirmation"), subjectText},
		"no confirmation data":       {drop(data), subjectText},
		"another method":             {set("Subject/SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"), subjectText},
		"confirmation to another":    {set(data, "InResponseTo", "_request-2"), subjectText},
		"confirmation to none":       {set(data, "InResponseTo", ""), subjectText},
		"recipient":                  {set(data, "Recipient", "https://other.example.com/saml2/idpresponse"), subjectText},
		"no recipient":               {set(data, "Recipient", ""), subjectText},
		"confirmation is over":       {set(data, "NotOnOrAfter", ago(time.Minute)), subjectText},
		"confirmation without end":   {set(data, "NotOnOrAfter", ""), subjectText},
		"confirmation begins later":  {set(data, "NotBefore", ago(-2*time.Minute)), subjectText},
		"no conditions":              {drop("Conditions"), audienceText},
		"no audience":                {drop("Conditions/AudienceRestriction"), audienceText},
		"audience":                   {fill("Conditions/AudienceRestriction/Audience", audience+"2"), audienceText},
		"two audience restrictions":  {add("Conditions", `<saml:AudienceRestriction xmlns:saml="`+nsAssertion+`"><saml:Audience>other</saml:Audience></saml:AudienceRestriction>`), audienceText},
		"unknown condition":          {add("Conditions", "<x/>"), "SAML Assertion conditions were not met"},
		"conditions are over":        {set("Conditions", "NotOnOrAfter", ago(time.Minute)), timeoutText},
		"conditions begin later":     {set("Conditions", "NotBefore", ago(-2*time.Minute)), timeoutText},
		"conditions end at no time":  {set("Conditions", "NotOnOrAfter", "never"), timeoutText},
		"no sign-in":                 {drop("AuthnStatement"), "AuthnStatement is missing"},
		"session is over":            {set("AuthnStatement", "SessionNotOnOrAfter", ago(time.Minute)), timeoutText},
		"attribute without a name":   {set("AttributeStatement/Attribute", "Name", ""), malformedText},
		"characters of four bytes":   {fill("AttributeStatement/Attribute/AttributeValue", "smile \U0001F600"), "Attributes may not have characters of four bytes"},
		"encrypted name":             {func(t *testing.T, a *answer) { a.find("Subject/NameID").Tag = "EncryptedID" }, "NameID is missing"},
		"no ID":                      {func(t *testing.T, a *answer) { a.signAssertion = false; a.assertion.RemoveAttr("ID") }, malformedText},
		"ID is no name":              {func(t *testing.T, a *answer) { a.signAssertion = false; a.assertion.CreateAttr("ID", "1 2") }, malformedText},
		"ID is that of the response": {func(t *testing.T, a *answer) { a.signAssertion = false; a.assertion.CreateAttr("ID", "_response-1") }, malformedText},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAnswer(t)
			a.signResponse = true
			tt.alter(t, a)
			got, err := finish(t, p, write(t, a.make(t)))
			code := codeServer
			if tt.text == malformedText {
				code = codeRequest
			}
			wantError(t, got, err, code, tt.text)
		})
	}
}

// A clock that is off by less than the skew does no harm, and a confirmation that does not hold none beside one that does.
func TestFinishTakesWhatHolds(t *testing.T) {
	const data = "Subject/SubjectConfirmation/SubjectConfirmationData"
	p := open(t, nil)
	for name, alter := range map[string]func(*testing.T, *answer){
		"a slow clock":             set(data, "NotOnOrAfter", ago(50*time.Second)),
		"a fast clock":             set("", "IssueInstant", ago(-50*time.Second)),
		"a later beginning":        set("Conditions", "NotBefore", ago(-50*time.Second)),
		"no destination":           setResponse("Destination", ""),
		"no response issuer":       func(t *testing.T, a *answer) { a.response.RemoveChildAt(0) },
		"another audience":         add("Conditions/AudienceRestriction", `<saml:Audience xmlns:saml="`+nsAssertion+`">other</saml:Audience>`),
		"one-time use":             add("Conditions", `<saml:OneTimeUse xmlns:saml="`+nsAssertion+`"/>`),
		"no end of the conditions": set("Conditions", "NotOnOrAfter", ""),
		"a second confirmation":    add("Subject", `<saml:SubjectConfirmation xmlns:saml="`+nsAssertion+`" Method="urn:x"/>`),
		"a time without a zone": func(t *testing.T, a *answer) {
			setAttribute(a.assertion, "IssueInstant", time.Now().UTC().Format("2006-01-02T15:04:05"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAnswer(t)
			alter(t, a)
			got, err := finish(t, p, write(t, a.make(t)))
			if err != nil || got.Subject != alice {
				t.Errorf("got %v, %v: %v", got, err, causeOf(err))
			}
		})
	}
}

func TestFinishTellsOfAStatus(t *testing.T) {
	for detail, code := range map[string]string{"AuthnFailed": codeDenied, "RequestDenied": codeDenied, "NoPassive": codeServer} {
		a := newAnswer(t)
		status := a.response.FindElement("Status/StatusCode")
		setAttribute(status, "Value", statusPrefix+"Responder")
		status.CreateElement("samlp:StatusCode").CreateAttr("Value", statusPrefix+detail)
		a.response.FindElement("Status").CreateElement("samlp:StatusMessage").SetText("<script>")
		got, err := finish(t, open(t, nil), write(t, a.response))
		wantError(t, got, err, code, "SAML Response status is not success")
	}
}

var wrongSignatures = map[string]struct {
	before func(*testing.T, *answer)
	after  func(*testing.T, *etree.Element)
	text   string
}{
	"unsigned":           {before: func(t *testing.T, a *answer) { a.signAssertion = false }, text: assertionText},
	"stripped":           {after: func(t *testing.T, r *etree.Element) { removeAll(r, "//Signature") }, text: assertionText},
	"another's":          {before: func(t *testing.T, a *answer) { a.signs = another(t) }, text: assertionText},
	"changed name":       {after: func(t *testing.T, r *etree.Element) { r.FindElement("//NameID").SetText("admin") }, text: assertionText},
	"changed attribute":  {after: func(t *testing.T, r *etree.Element) { r.FindElement("//AttributeValue").SetText("admin@example.com") }, text: assertionText},
	"no value":           {after: func(t *testing.T, r *etree.Element) { r.FindElement("//SignatureValue").SetText("") }, text: assertionText},
	"value is no base64": {after: func(t *testing.T, r *etree.Element) { r.FindElement("//SignatureValue").SetText("!") }, text: assertionText},
	"changed response": {
		before: func(t *testing.T, a *answer) { a.signResponse = true },
		after:  func(t *testing.T, r *etree.Element) { r.CreateAttr("Consent", "urn:x") }, text: responseText},
	"a wrong one beside a good one": {
		before: func(t *testing.T, a *answer) {
			a.sign(t, a.assertion)
			a.signAssertion, a.signResponse, a.signs = false, true, another(t)
		},
		text: responseText},
	"a good one around a wrong one": {
		before: func(t *testing.T, a *answer) {
			good := a.signs
			a.signs = another(t)
			a.sign(t, a.assertion)
			a.signAssertion, a.signResponse, a.signs = false, true, good
		},
		text: assertionText},
	"SHA-1": {before: func(t *testing.T, a *answer) { a.method = dsig.RSASHA1SignatureMethod }, text: malformedText},
	"SHA-1 of the document": {after: func(t *testing.T, r *etree.Element) {
		setAttribute(r.FindElement("//DigestMethod"), "Algorithm", nsSignature+"sha1")
	}, text: malformedText},
	"a keyed hash": {after: func(t *testing.T, r *etree.Element) {
		setAttribute(r.FindElement("//SignatureMethod"), "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
	}, text: malformedText},
	"another algorithm under a prefix": {after: func(t *testing.T, r *etree.Element) {
		r.FindElement("//SignatureMethod").CreateAttr("ds:Algorithm", dsig.RSASHA1SignatureMethod)
	}, text: malformedText},
	"a prefix of the name": {after: func(t *testing.T, r *etree.Element) {
		r.FindElement("//SignatureMethod").CreateAttr("xmlns:Algorithm", dsig.RSASHA1SignatureMethod)
	}, text: malformedText},
	"twice":              {after: func(t *testing.T, r *etree.Element) { copyAfter(r.FindElement("//Signature")) }, text: malformedText},
	"two signed infos":   {after: func(t *testing.T, r *etree.Element) { copyAfter(r.FindElement("//SignedInfo")) }, text: malformedText},
	"two values":         {after: func(t *testing.T, r *etree.Element) { copyAfter(r.FindElement("//SignatureValue")) }, text: malformedText},
	"two references":     {after: func(t *testing.T, r *etree.Element) { copyAfter(r.FindElement("//Reference")) }, text: malformedText},
	"an object":          {after: func(t *testing.T, r *etree.Element) { r.FindElement("//Signature").CreateElement("ds:Object") }, text: malformedText},
	"no reference":       {after: func(t *testing.T, r *etree.Element) { removeAll(r, "//Reference") }, text: malformedText},
	"an empty reference": {after: func(t *testing.T, r *etree.Element) { r.FindElement("//Reference").CreateAttr("URI", "") }, text: malformedText},
	"no address":         {after: func(t *testing.T, r *etree.Element) { r.FindElement("//Reference").RemoveAttr("URI") }, text: malformedText},
	"another's address":  {after: func(t *testing.T, r *etree.Element) { r.FindElement("//Reference").CreateAttr("URI", "#_response-1") }, text: malformedText},
	"a bare hash":        {after: func(t *testing.T, r *etree.Element) { r.FindElement("//Reference").CreateAttr("URI", "#") }, text: malformedText},
	"an ID under a prefix": {after: func(t *testing.T, r *etree.Element) {
		r.FindElement("Assertion").CreateAttr("saml:ID", "_other")
	}, text: malformedText},
	"no transforms": {after: func(t *testing.T, r *etree.Element) { removeAll(r, "//Transform") }, text: malformedText},
	"one transform": {after: func(t *testing.T, r *etree.Element) {
		e := r.FindElement("//Transform[2]")
		e.Parent().RemoveChild(e)
	}, text: malformedText},
	"three transforms": {after: func(t *testing.T, r *etree.Element) { copyAfter(r.FindElement("//Transform[2]")) }, text: malformedText},
	"the transforms the other way": {after: func(t *testing.T, r *etree.Element) {
		e := r.FindElement("//Transform[1]")
		parent := e.Parent()
		parent.RemoveChild(e)
		parent.AddChild(e)
	}, text: malformedText},
	"XPath": {after: func(t *testing.T, r *etree.Element) {
		setAttribute(r.FindElement("//Transform[2]"), "Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
	}, text: malformedText},
	"XSLT within a transform": {after: func(t *testing.T, r *etree.Element) { r.FindElement("//Transform[2]").CreateElement("stylesheet") }, text: malformedText},
	"comments are signed": {after: func(t *testing.T, r *etree.Element) {
		setAttribute(r.FindElement("//Transform[2]"), "Algorithm", algExclusive+"WithComments")
	}, text: malformedText},
	"inclusive canonical form": {after: func(t *testing.T, r *etree.Element) {
		setAttribute(r.FindElement("//CanonicalizationMethod"), "Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
	}, text: malformedText},
	"of the subject": {after: func(t *testing.T, r *etree.Element) {
		sig := r.FindElement("//Signature")
		sig.Parent().RemoveChild(sig)
		r.FindElement("//Subject").AddChild(sig)
	}, text: malformedText},
	"of the response alone, but of the assertion": {after: func(t *testing.T, r *etree.Element) {
		sig := r.FindElement("//Signature")
		sig.Parent().RemoveChild(sig)
		r.InsertChildAt(1, sig)
	}, text: malformedText},
}

// Checklist 47: what is unsigned, signed by another, signed twice, or signed in another way than the one, is refused.
func TestFinishRefusesSignatures(t *testing.T) {
	p := open(t, nil)
	for name, tt := range wrongSignatures {
		t.Run(name, func(t *testing.T) {
			a := newAnswer(t)
			if tt.before != nil {
				tt.before(t, a)
			}
			root := a.make(t)
			if tt.after != nil {
				tt.after(t, root)
			}
			got, err := finish(t, p, write(t, root))
			code := codeServer
			if tt.text == malformedText {
				code = codeRequest
			}
			wantError(t, got, err, code, tt.text)
		})
	}
}

func removeAll(r *etree.Element, path string) {
	for _, e := range r.FindElements(path) {
		e.Parent().RemoveChild(e)
	}
}

func copyAfter(e *etree.Element) { e.Parent().InsertChildAt(e.Index()+1, e.Copy()) }

// Checklist 47: the certificate that comes with a signature decides nothing.
func TestFinishRefusesKeysThatComeAlong(t *testing.T) {
	a := newAnswer(t)
	a.signs = another(t)
	a.signs.certificate = idpSigner(t).certificate // it says that it is the provider's
	got, err := finish(t, open(t, nil), write(t, a.make(t)))
	wantError(t, got, err, codeServer, assertionText)

	a = newAnswer(t)
	a.signs.certificate = another(t).certificate // signed well, and tells of a stranger
	if got, err = finish(t, open(t, nil), write(t, a.make(t))); err != nil || got.Subject != alice {
		t.Errorf("got %v, %v", got, err)
	}
}

// An expired certificate signs nothing, though the metadata still have it beside one that counts.
func TestFinishRefusesExpiredCertificates(t *testing.T) {
	a := newAnswer(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a.signs = certify(t, key, time.Now().Add(-time.Hour))
	p := open(t, map[string]string{detailFile: describe(a.signs, idpSigner(t))})
	got, err := finish(t, p, write(t, a.make(t)))
	wantError(t, got, err, codeServer, assertionText)
	if c, err := x509.ParseCertificate(a.signs.certificate); err != nil || !c.NotAfter.Before(time.Now()) {
		t.Fatal(err)
	}
}

// Checklist 50: what nobody asked for is refused unless IDPInit is true, and then it must be new and an answer to nothing.
func TestFinishUnasked(t *testing.T) {
	initiates := map[string]string{detailInit: "true"}
	unasked := func(a *answer, issued time.Duration) federation.Callback {
		a.unasked()
		setAttribute(a.assertion, "IssueInstant", ago(issued))
		c := callback(write(t, a.make(t)))
		c.ID = ""
		return c
	}
	got, err := open(t, initiates).Finish(t.Context(), unasked(newAnswer(t), 5*time.Minute))
	if err != nil || got.Subject != alice || got.Once != "_assertion-1" || time.Until(got.Until) > time.Minute {
		t.Errorf("got %v, %v", got, err)
	}
	got, err = open(t, initiates).Finish(t.Context(), unasked(newAnswer(t), 7*time.Minute))
	wantError(t, got, err, codeServer, timeoutText)
	got, err = open(t, nil).Finish(t.Context(), unasked(newAnswer(t), 0))
	wantError(t, got, err, codeServer, "Unsolicited responses are not accepted")

	c := callback(write(t, newAnswer(t).make(t))) // an answer to a request
	c.ID = ""
	got, err = open(t, initiates).Finish(t.Context(), c)
	wantError(t, got, err, codeServer, answersText)
	a := newAnswer(t)
	a.response.RemoveAttr("InResponseTo")
	c = callback(write(t, a.make(t)))
	c.ID = ""
	got, err = open(t, initiates).Finish(t.Context(), c)
	wantError(t, got, err, codeServer, subjectText)

	a = newAnswer(t) // an answer to a request without a name
	a.unasked()
	a.response.CreateAttr("InResponseTo", "")
	c = callback(write(t, a.make(t)))
	c.ID = ""
	got, err = open(t, initiates).Finish(t.Context(), c)
	wantError(t, got, err, codeServer, answersText)

	c = unasked(newAnswer(t), 0) // and the other way round
	c.ID = asked
	got, err = open(t, initiates).Finish(t.Context(), c)
	wantError(t, got, err, codeServer, answersText)
}

// Checklist 49: who keeps what was used can tell an assertion that comes again.
func TestFinishNamesAssertions(t *testing.T) {
	p := open(t, nil)
	text := write(t, newAnswer(t).make(t))
	first, err := finish(t, p, text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := finish(t, p, text)
	if err != nil || first.Once == "" || again.Once != first.Once || !again.Until.Equal(first.Until) {
		t.Errorf("got %v and %v, %v", first, again, err)
	}
}
