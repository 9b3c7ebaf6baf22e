package saml

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cognate/internal/federation"
	"cognate/internal/federation/federationtest"
)

// service is a provider as a browser meets it. It takes the requests of the profile and fails the test for all else.
type service struct {
	signed bool                      // requests must be; otherwise they must not
	shape  func(testing.TB, *answer) // what its answers are like beside the plain ones
	made   atomic.Int64              // answers so far: each has names of its own
}

// SignIn is a browser in which subject signs in.
func (s *service) SignIn(t *testing.T, to, subject string) url.Values {
	t.Helper()
	a, state := s.answer(t, to)
	a.find("Subject/NameID").SetText(subject)
	return s.post(t, a, state)
}

// Refuse is a browser in which nobody signs in. A SAML provider then says nothing of anybody, and signs that.
func (s *service) Refuse(t *testing.T, to string) url.Values {
	t.Helper()
	a, state := s.answer(t, to)
	code := a.response.FindElement("Status/StatusCode")
	code.CreateAttr("Value", statusPrefix+"Responder")
	code.CreateElement("samlp:StatusCode").CreateAttr("Value", statusPrefix+"RequestDenied")
	a.sign(t, a.response)
	return formWith(write(t, a.response), state)
}

// answer reads a request to the letter, and begins the answer to it.
func (s *service) answer(t *testing.T, to string) (*answer, string) {
	t.Helper()
	e, query := sent(t, to, idpSSO+"&SAMLRequest=")
	state := query.Get("RelayState")
	if s.signed {
		wantSigned(t, to)
		query.Del("SigAlg")
		query.Del("Signature")
	}
	for _, name := range []string{"SAMLRequest", "RelayState", "tenant"} {
		if len(query[name]) != 1 {
			t.Errorf("sent with %v", query)
		}
		query.Del(name)
	}
	asks := attributesOf(e)
	wantNow(t, asks, "IssueInstant", -time.Minute, 0)
	id, back := asks["ID"], asks["AssertionConsumerServiceURL"]
	want := map[string]string{"ID": id, "Version": "2.0", "Destination": idpSSO, "ProtocolBinding": bindingPost, "AssertionConsumerServiceURL": back}
	issuer, err := textOfOne(e, "Issuer")
	if len(query) > 0 || !is(e, nsProtocol, "AuthnRequest") || cmp.Diff(want, asks) != "" || !isName(id) || back == "" || issuer != audience || err != nil {
		t.Errorf("sent %s %v of %q with %v besides, %v", e.Tag, asks, issuer, query, err)
	}
	return s.begin(t, id, back), state
}

// begin makes an answer to the request id, with names of its own.
func (s *service) begin(t *testing.T, id, back string) *answer {
	a, n := newAnswer(t), s.made.Add(1)
	data := a.find("Subject/SubjectConfirmation/SubjectConfirmationData")
	a.response.CreateAttr("ID", fmt.Sprintf("_response-%d", n))
	a.assertion.CreateAttr("ID", fmt.Sprintf("_assertion-%d", n))
	a.response.CreateAttr("Destination", back)
	data.CreateAttr("Recipient", back)
	a.response.CreateAttr("InResponseTo", id)
	data.CreateAttr("InResponseTo", id)
	return a
}

func (s *service) post(t *testing.T, a *answer, state string) url.Values {
	t.Helper()
	s.shape(t, a)
	return formWith(write(t, a.make(t)), state)
}

func formWith(text, state string) url.Values {
	out := form(text)
	out.Set("RelayState", state)
	return out
}

// TestSuite is for checklist 46 and 49 as well: in each shape that answers can have, one counts for its request alone. Metadata
// from a file leave nobody to be called; [TestMetadataAge] and those beside it are about a provider's that is away.
func TestSuite(t *testing.T) {
	// Destination may be missing; what the assertion says then has to do.
	inAssertion := func(_ testing.TB, a *answer) { a.response.RemoveAttr("Destination") }
	inResponse := func(_ testing.TB, a *answer) { a.signAssertion, a.signResponse = false, true }
	hidden := func(t testing.TB, a *answer) {
		a.encrypt = func(plain []byte) string { return gcm().encrypt(t, plain) }
	}
	for name, tt := range map[string]struct {
		details map[string]string
		shape   func(testing.TB, *answer)
	}{
		"a signed assertion":     {nil, inAssertion},
		"a signed response":      {nil, inResponse},
		"an encrypted assertion": {map[string]string{detailEncrypted: "true"}, hidden},
		"signed requests":        {map[string]string{detailSigning: "rsa-sha256", detailSignout: "true"}, inAssertion},
		"a provider that begins": {map[string]string{detailInit: "true"}, inAssertion},
	} {
		t.Run(name, func(t *testing.T) {
			federationtest.Run(t, func(t *testing.T) *federationtest.Suite {
				s := &service{signed: tt.details[detailSigning] != "", shape: tt.shape}
				return &federationtest.Suite{
					Provider: open(t, tt.details), Callback: acs, SignIn: s.SignIn, Refuse: s.Refuse, State: "RelayState", Issuer: idpID,
					Told: federation.Claims{"mail": {"alice@example.com"}, "groups": {"a", "b c"}, "empty": {""}},
				}
			})
		})
	}
}
