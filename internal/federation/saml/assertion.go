package saml

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"

	"cognate/internal/federation"
)

const (
	methodBearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

	maxUnaskedAge = 6 * time.Minute
)

// accept checks an assertion whose signature holds, and reads who it is about.
func (x *exchange) accept(a *etree.Element) (*federation.Assertion, error) {
	id, err := identifier(a)
	if err != nil {
		return nil, malformed(err)
	}
	if v := attribute(a, "Version"); v != "2.0" {
		return nil, malformed(fmt.Errorf("the version of the assertion is %q", v))
	}
	if err := x.checkIssuer(a); err != nil {
		return nil, err
	}
	until, err := x.checkIssued(a)
	if err != nil {
		return nil, invalid("SAML Assertion is expired or not yet valid", err)
	}
	subject, err := exactlyOne(a, nsAssertion, "Subject")
	if err != nil {
		return nil, invalid("NameID is missing", err)
	}
	session, err := readName(subject)
	if err != nil {
		return nil, invalid("NameID is missing", err)
	}
	for _, check := range []func(*etree.Element) (time.Time, error){x.checkConditions, x.checkConfirmations, x.checkStatements} {
		end, err := check(a)
		if err != nil {
			return nil, err
		}
		until = earlier(until, end)
	}
	claims, err := readClaims(a)
	if err != nil {
		return nil, err
	}
	out := &federation.Assertion{Subject: session.NameID, Issuer: x.metadata.entityID, Claims: claims, Once: id, Until: until}
	if x.ends {
		session.SessionIndex = attribute(children(a, nsAssertion, "AuthnStatement")[0], "SessionIndex")
		out.Session = session
	}
	return out, nil
}

// earlier returns the earlier of two times of which a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// checkIssued wants an assertion not to be of the future, and one that nobody asked for to be new. It returns when it will
// be too old.
func (x *exchange) checkIssued(a *etree.Element) (time.Time, error) {
	issued, ok, err := timeOf(a, "IssueInstant")
	switch {
	case err != nil:
		return time.Time{}, err
	case !ok:
		return time.Time{}, errors.New("the assertion does not say when it was issued")
	case issued.After(x.now.Add(x.skew)):
		return time.Time{}, fmt.Errorf("the assertion was issued at %v, in the future", issued)
	case x.ID != "":
		return time.Time{}, nil
	}
	end := issued.Add(maxUnaskedAge)
	if x.now.After(end) {
		return end, fmt.Errorf("nobody asked for the assertion, which was issued at %v", issued)
	}
	return end, nil
}

// readName reads who the subject is, to the letter.
func readName(subject *etree.Element) (*federation.Session, error) {
	e, err := exactlyOne(subject, nsAssertion, "NameID")
	if err != nil {
		return nil, err
	}
	name, err := text(e)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(name) == "" {
		return nil, errors.New("the NameID is empty")
	}
	return &federation.Session{
		NameID: name, Format: attribute(e, "Format"), Qualifier: attribute(e, "NameQualifier"), SPQualifier: attribute(e, "SPNameQualifier"),
	}, nil
}

// checkConditions wants the assertion to be for the pool and for now. A condition that is not known cannot be met.
func (x *exchange) checkConditions(a *etree.Element) (time.Time, error) {
	c, err := exactlyOne(a, nsAssertion, "Conditions")
	if err != nil {
		return time.Time{}, invalid("Audience restriction was not met", err)
	}
	restricted := false
	for _, e := range c.ChildElements() {
		switch {
		case is(e, nsAssertion, "AudienceRestriction"):
			restricted = true
			if err := x.checkAudience(e); err != nil {
				return time.Time{}, invalid("Audience restriction was not met", err)
			}
		case is(e, nsAssertion, "OneTimeUse"), is(e, nsAssertion, "ProxyRestriction"):
		default:
			return time.Time{}, invalidf("SAML Assertion conditions were not met", "%s is not known", e.Tag)
		}
	}
	if !restricted {
		return time.Time{}, invalidf("Audience restriction was not met", "there is none")
	}
	end, err := x.checkTimes(c)
	if err != nil {
		return end, invalid("SAML Assertion is expired or not yet valid", err)
	}
	return end, nil
}

func (x *exchange) checkAudience(restriction *etree.Element) error {
	for _, e := range children(restriction, nsAssertion, "Audience") {
		if audience, err := text(e); err == nil && strings.TrimSpace(audience) == x.provider.entityID {
			return nil
		}
	}
	return fmt.Errorf("the audience is %q", allText(restriction))
}

// checkTimes wants now to be between NotBefore and NotOnOrAfter, and returns when that ends, the skew counted in.
func (x *exchange) checkTimes(e *etree.Element) (end time.Time, err error) {
	from, ok, err := timeOf(e, "NotBefore")
	if err != nil {
		return end, err
	}
	if ok && x.now.Add(x.skew).Before(from) {
		return end, fmt.Errorf("%s counts from %v", e.Tag, from)
	}
	until, ok, err := timeOf(e, "NotOnOrAfter")
	if err != nil || !ok {
		return end, err
	}
	if end = until.Add(x.skew); !x.now.Before(end) {
		return end, fmt.Errorf("%s counted until %v", e.Tag, until)
	}
	return end, nil
}

// checkConfirmations wants one bearer confirmation at least that holds, and returns when the last one ends that does.
func (x *exchange) checkConfirmations(a *etree.Element) (end time.Time, err error) {
	subject, err := exactlyOne(a, nsAssertion, "Subject")
	if err != nil {
		return end, invalid("NameID is missing", err)
	}
	failed := []error{errors.New("no bearer confirmation holds")}
	for _, c := range children(subject, nsAssertion, "SubjectConfirmation") {
		until, err := x.checkConfirmation(c)
		if err != nil {
			failed = append(failed, err)
		} else if until.After(end) {
			end = until
		}
	}
	if end.IsZero() {
		return end, invalid("Subject confirmation was not met", errors.Join(failed...))
	}
	return end, nil
}

func (x *exchange) checkConfirmation(c *etree.Element) (end time.Time, err error) {
	if m := attribute(c, "Method"); m != methodBearer {
		return end, fmt.Errorf("the method is %q", m)
	}
	data, err := exactlyOne(c, nsAssertion, "SubjectConfirmationData")
	if err != nil {
		return end, err
	}
	if to := attribute(data, "Recipient"); to == "" || to != x.Callback.Callback {
		return end, fmt.Errorf("the recipient is %q", to)
	}
	if err := x.checkInResponseTo(data); err != nil {
		return end, err
	}
	if end, err = x.checkTimes(data); err == nil && end.IsZero() {
		err = errors.New("the confirmation does not end")
	}
	return end, err
}

// checkStatements wants the assertion to be about a sign-in, at a session of the provider that goes on.
func (x *exchange) checkStatements(a *etree.Element) (time.Time, error) {
	found := children(a, nsAssertion, "AuthnStatement")
	if len(found) == 0 {
		return time.Time{}, invalidf("AuthnStatement is missing", "the assertion is not about a sign-in")
	}
	for _, e := range found {
		end, ok, err := timeOf(e, "SessionNotOnOrAfter")
		if err == nil && ok && !x.now.Before(end.Add(x.skew)) {
			err = fmt.Errorf("the session ended at %v", end)
		}
		if err != nil {
			return time.Time{}, invalid("SAML Assertion is expired or not yet valid", err)
		}
	}
	return time.Time{}, nil
}

// timeOf reads an attribute that is a time; one without a zone is UTC, as SAML has it.
func timeOf(e *etree.Element, key string) (t time.Time, ok bool, err error) {
	v, ok := lookAttribute(e, key)
	if !ok {
		return t, false, nil
	}
	if t, err = time.Parse(time.RFC3339, v); err != nil {
		t, err = time.Parse("2006-01-02T15:04:05", v)
	}
	if err != nil {
		return t, false, fmt.Errorf("%s of %s is no time: %q", key, e.Tag, v)
	}
	return t, true, nil
}

// readClaims reads the attributes by their names, with all their values. An encrypted one is passed over.
func readClaims(a *etree.Element) (federation.Claims, error) {
	claims := federation.Claims{}
	for _, statement := range children(a, nsAssertion, "AttributeStatement") {
		for _, e := range children(statement, nsAssertion, "Attribute") {
			name := attribute(e, "Name")
			if name == "" {
				return nil, malformed(errors.New("an attribute has no name"))
			}
			if _, ok := claims[name]; !ok {
				claims[name] = []string{}
			}
			for _, v := range children(e, nsAssertion, "AttributeValue") {
				claims[name] = append(claims[name], allText(v))
			}
			if astral(name) || astral(claims[name]...) {
				return nil, invalidf("Attributes may not have characters of four bytes", "the attribute %q has", name)
			}
		}
	}
	return claims, nil
}

// astral reports whether there are characters that take four bytes, which Cognito does not take from SAML.
func astral(values ...string) bool {
	for _, v := range values {
		if strings.ContainsFunc(v, func(r rune) bool { return r > 0xFFFF }) {
			return true
		}
	}
	return false
}
