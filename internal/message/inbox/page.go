package inbox

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"time"

	"cognate/internal/message"
)

// shown is how many of the newest messages the page holds; the JSON holds all.
const shown = 200

var (
	//go:embed inbox.html
	pageText string
	//go:embed inbox.css
	style string

	pageTemplate = template.Must(template.New("inbox").Parse(pageText))
	// policy lets the page use its own style sheet and form, and nothing else.
	policy = "default-src 'none'; style-src 'sha256-" + hash(style) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	webURL = regexp.MustCompile(`https?://[^\s()<>"']+`)
)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// view is what the page shows.
type view struct {
	Style       template.CSS
	Destination string
	Items       []item // newest first: the one that was waited for is on top
	Total       int
}

type item struct {
	message.Message
	Code   string
	Time   string
	Parts  []part
	Status status
	Error  string
}

// part is a piece of a body: text, or a URL to follow.
type part struct {
	Text string
	URL  bool
}

func (b *Inbox) page(w http.ResponseWriter, r *http.Request) {
	v := view{Style: template.CSS(style), Destination: destination(r)}
	messages := b.all(v.Destination)
	v.Total = len(messages)
	messages = messages[max(0, len(messages)-shown):]
	for _, m := range slices.Backward(messages) {
		v.Items = append(v.Items, show(m))
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, v); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	out.WriteTo(w)
}

func show(m kept) item {
	text := m.Body
	if m.Medium == message.Email {
		text = message.PlainText(text)
	}
	return item{
		Message: m.Message, Code: string(m.Code), Time: m.Time.UTC().Format(time.RFC3339), Parts: split(text), Status: m.status, Error: m.err,
	}
}

// split finds the URLs in a text.
func split(text string) (out []part) {
	for text != "" {
		at := webURL.FindStringIndex(text)
		if at == nil {
			return append(out, part{Text: text})
		}
		if at[0] > 0 {
			out = append(out, part{Text: text[:at[0]]})
		}
		out = append(out, part{Text: text[at[0]:at[1]], URL: true})
		text = text[at[1]:]
	}
	return out
}
