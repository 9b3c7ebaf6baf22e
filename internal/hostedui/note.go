package hostedui

import (
	"time"

	"github.com/go-json-experiment/json"
)

// note is what one page tells the next in the same browser, sealed: the address must not name people.
type note struct {
	Pool, Client string
	Username     string    `json:"u,omitzero"`
	Destination  string    `json:"d,omitzero"`
	Kind         CodeKind  `json:"k,omitzero"`
	Session      string    `json:"s,omitzero"` // of a sign-up, or of the challenge that a link answers
	Notice       string    `json:"n,omitzero"`
	Expires      time.Time `json:"e"`
}

const (
	noteCookie   = "page-data"
	noteAAD      = "page-data"
	noteLifetime = 24 * time.Hour // as long as the codes are good that notes are about
)

// leave leaves a note for the next page, in place of the one before.
func (v *visit) leave(n note) error {
	n.Pool, n.Client, n.Expires = v.request.Pool.ID, v.request.Client.ID, time.Now().Add(noteLifetime)
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	v.cookies.Set(v.w, v.r, noteCookie, v.Keys.SealText(text, noteAAD), noteLifetime)
	return nil
}

// note reads the note for a page of this client; empty when there is none.
func (v *visit) note() (n note) {
	text, err := v.Keys.OpenText(v.cookies.Get(v.r, noteCookie), noteAAD)
	if err != nil || json.Unmarshal(text, &n) != nil {
		return note{}
	}
	if n.Pool != v.request.Pool.ID || n.Client != v.request.Client.ID || time.Now().After(n.Expires) {
		return note{}
	}
	return n
}

// forget takes the note away.
func (v *visit) forget() { v.cookies.Clear(v.w, v.r, noteCookie) }
