package metrics

import (
	"net/http/httptest"
	"sync"
	"testing"
)

func TestHandler(t *testing.T) {
	sent := NewCounter("messages_total", "Messages.", "medium", "outcome")
	none := NewCounter("others_total", "Others.")
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { sent.Add("SMS", "sent") })
	}
	all.Wait()
	sent.Add("EMAIL", "a\\b\"c\nd")
	none.Add()
	w := httptest.NewRecorder()
	Handler(sent, none).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	const want = `# HELP messages_total Messages.
# TYPE messages_total counter
messages_total{medium="EMAIL",outcome="a\\b\"c\nd"} 1
messages_total{medium="SMS",outcome="sent"} 100
# HELP others_total Others.
# TYPE others_total counter
others_total{} 1
`
	if got := w.Body.String(); got != want || w.Header().Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%v\n%s", w.Header(), got)
	}
}
