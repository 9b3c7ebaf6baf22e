package hostedui

import (
	"net/http"

	"cognate/api/idp"
)

// PathLink is where the links of sign-in e-mails lead, in pools that want them.
const PathLink = "/link"

// linkAddress is what sign-in links begin with. It never derives from a request: what a link carries must not go elsewhere.
func (v *visit) linkAddress() string {
	pages, _ := v.OAuth.Addresses(v.request.Pool)
	return pages + PathLink + "?" + v.request.Query.Encode()
}

// linkSent says that a link is on its way. The challenge that it answers stays in this browser, so that the link is of no
// use in another.
func (v *visit) linkSent(t Turn, destination string) (Page, error) {
	return &LinkSent{Frame: v.frame(PathLogin), Destination: destination}, v.leave(note{Username: t.Username, Session: t.Session})
}

// showLink is where a link leads: its code is used by a press of a button, for programs that check mail open links, too.
func (v *visit) showLink() error {
	n, link := v.note(), v.r.URL.Query().Get(FieldLink)
	if n.Session == "" || link == "" {
		return &pageError{http.StatusBadRequest, TextOtherBrowser}
	}
	return v.show(http.StatusOK, &LinkLanding{Frame: v.frame(PathLink), Username: n.Username, Link: link})
}

// link signs in by a link.
func (v *visit) link() error {
	n := v.note()
	if n.Session == "" {
		return &pageError{http.StatusBadRequest, TextOtherBrowser}
	}
	a, e := v.attempt(n.Username)
	a.Session, a.Challenge = n.Session, idp.ChallengeNameTypeEmailOtp
	a.Parameters["EMAIL_OTP_CODE"] = v.r.PostForm.Get(FieldLink)
	step, err := v.Machine.Respond(v.ctx, a)
	if err != nil {
		return v.refused(n.Username, err)
	}
	return v.proceed(step, e, n.Username)
}
