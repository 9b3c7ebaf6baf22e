package saml

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/beevik/etree"

	"cognate/internal/federation"
)

// leaver is a provider whose sessions can be ended.
type leaver struct{ *provider }

var _ federation.Logouter = leaver{}

// Logout implements [federation.Logouter]: a LogoutRequest by redirect, which is always signed. Where to come back to is in
// the settings of the provider.
func (l leaver) Logout(ctx context.Context, s federation.Session, id, state, _ string) (string, error) {
	m := l.metadata.current(ctx)
	if m.slo == "" {
		return "", errors.New("saml: the provider no longer tells where to send logout requests to")
	}
	e := l.request("LogoutRequest", id, m.slo)
	e.CreateAttr("NotOnOrAfter", timeText(time.Now().Add(logoutTime)))
	name := e.CreateElement("saml:NameID")
	for _, a := range [][2]string{{"Format", s.Format}, {"NameQualifier", s.Qualifier}, {"SPNameQualifier", s.SPQualifier}} {
		if a[1] != "" {
			name.CreateAttr(a[0], a[1])
		}
	}
	name.SetText(s.NameID)
	if s.SessionIndex != "" {
		e.CreateElement("samlp:SessionIndex").SetText(s.SessionIndex)
	}
	return l.redirect(e, m.slo, state, true)
}

const logoutTime = 5 * time.Minute

// LoggedOut implements [federation.Logouter]: a LogoutResponse in a posted form, which must be signed.
func (l leaver) LoggedOut(ctx context.Context, form url.Values, id, callback string) error {
	if id == "" {
		return malformed(errors.New("nobody asked to be logged out"))
	}
	c := federation.Callback{ID: id, Callback: callback, Form: form}
	root, err := readResponse(c)
	if err != nil {
		return malformed(err)
	}
	x := exchange{provider: l.provider, metadata: l.metadata.current(ctx), Callback: c, now: time.Now()}
	return x.withNewer(ctx, func() error { return x.loggedOut(root) })
}

func (x *exchange) loggedOut(root *etree.Element) error {
	if !is(root, nsProtocol, "LogoutResponse") {
		return malformed(fmt.Errorf("%s is no LogoutResponse", root.Tag))
	}
	if err := checkLogoutShape(root); err != nil {
		return malformed(err)
	}
	response, signed, err := x.signedOrNot(root, "SAML Response signature is invalid")
	switch {
	case err != nil:
		return err
	case !signed:
		return invalidf("SAML Response signature is invalid", "nothing is signed")
	case attribute(response, "Destination") == "":
		return invalidf("Destination does not match", "there is none")
	}
	if err := x.checkIssuer(response); err != nil {
		return err
	}
	return x.checkEnvelope(response)
}

// checkLogoutShape wants no signature but that of the message.
func checkLogoutShape(root *etree.Element) error {
	return walk(root, func(e *etree.Element) error {
		if e.Tag != "Signature" {
			return nil
		}
		if e.Parent() != root {
			return errors.New("a Signature is in another place than the message")
		}
		return checkPlace(e, root)
	})
}
