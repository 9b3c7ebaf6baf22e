package hostedui

import (
	"net/http"

	"cognate/api/idp"
	"cognate/internal/threat"
)

// feedback answers the links of mails that tell of a sign-in: by a page with a button, for programs that check mail open
// links, too, and the press of it says whether the sign-in was the user's.
func (s *Service) feedback(w http.ResponseWriter, r *http.Request) {
	v := s.visit(w, r, threat.FeedbackPath)
	var p *Feedback
	handle := func(v *visit) (err error) { p, err = v.askFeedback(); return err }
	if r.Method == http.MethodPost {
		handle = posted(func(v *visit) (err error) { p, err = v.giveFeedback(); return err })
	}
	if err := handle(v); err != nil {
		v.fail(err)
		return
	}
	v.present(http.StatusOK, p)
}

func (v *visit) askFeedback() (*Feedback, error) {
	q := v.r.URL.Query()
	p := &Feedback{Frame: v.frame(threat.FeedbackPath), Value: q.Get("value"), Link: q.Get("token")}
	p.LanguagePath = "" // the address holds the token
	if p.Value != idp.FeedbackValueTypeValid {
		p.Value = idp.FeedbackValueTypeInvalid
	}
	return p, v.Users.Threat().CheckLink(v.ctx, p.Link)
}

func (v *visit) giveFeedback() (*Feedback, error) {
	form := v.r.PostForm
	p := &Feedback{Frame: v.frame(""), Value: form.Get(FieldAnswer), Given: true}
	return p, v.Users.Threat().RateByLink(v.ctx, form.Get(FieldLink), p.Value)
}
