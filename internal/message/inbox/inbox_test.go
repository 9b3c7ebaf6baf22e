package inbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cognate/internal/message"
	"cognate/internal/message/messagetest"
	"cognate/internal/secret"
)

func TestSuite(t *testing.T) {
	messagetest.Run(t, func(t *testing.T) *messagetest.Fixture {
		b := New()
		return &messagetest.Fixture{
			Sender: b, Media: []message.Medium{message.Email, message.SMS},
			Received: func() (out []messagetest.Delivery) {
				for _, m := range b.Messages("") {
					out = append(out, messagetest.Delivery{Medium: m.Medium, To: []string{m.Destination}, Subject: m.Subject, Body: m.Body})
				}
				return out
			},
		}
	})
}

func mail(to, code string) message.Message {
	return message.Message{PoolID: "us-east-1_a", Username: "jane", Medium: message.Email, Destination: to, Purpose: message.SignUp,
		Code: secret.Text(code), Subject: "Your verification code", Body: "Your code is <b>" + code + "</b>", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))}
}

func fill(t *testing.T, b *Inbox, messages ...message.Message) {
	t.Helper()
	for _, m := range messages {
		if err := b.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

// call asks the handler as a browser or a program would.
func call(b *Inbox, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "localhost:9229"
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.Handler("Dev.Example.com").ServeHTTP(w, r)
	return w
}

func list(t *testing.T, b *Inbox, target string) (out []map[string]string) {
	t.Helper()
	w := call(b, "GET", target)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %d %s", target, w.Code, w.Header().Get("Content-Type"))
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return out
}

func TestJSON(t *testing.T) {
	b := New()
	if got := call(b, "GET", JSONPath).Body.String(); got != "[]\n" {
		t.Errorf("empty: %q", got)
	}
	sms := mail("+15555550123", "222222")
	sms.Medium, sms.Subject = message.SMS, ""
	fill(t, b, mail("jane+x@example.com", "111111"), sms, mail("jane+x@example.com", "333333"))
	all := list(t, b, JSONPath)
	if len(all) != 3 || all[0]["code"] != "111111" || all[2]["code"] != "333333" {
		t.Fatalf("not newest last: %v", all)
	}
	want := map[string]string{"time": "2026-01-02T02:04:05Z", "poolId": "us-east-1_a", "username": "jane", "medium": "EMAIL",
		"destination": "jane+x@example.com", "purpose": "SignUp", "code": "111111", "subject": "Your verification code", "body": "Your code is <b>111111</b>",
		"status": "sent", "error": ""}
	for k, v := range want {
		if all[0][k] != v {
			t.Errorf("%s is %q, want %q", k, all[0][k], v)
		}
	}
	if all[0]["id"] == "" || all[0]["id"] == all[1]["id"] || len(all[0]) != len(want)+1 {
		t.Errorf("keys and id: %v", all[0])
	}
	for query, n := range map[string]int{
		"?destination=jane%2Bx@example.com": 2, "?destination=jane+x@example.com": 2, "?destination=%2B15555550123": 1, "?destination=+15555550123": 1,
		"?destination=jane": 0, "?destination=JANE%2Bx@example.com": 0, "?destination=": 3, "": 3,
	} {
		if got := list(t, b, JSONPath+query); len(got) != n {
			t.Errorf("%s: %d messages, want %d", query, len(got), n)
		}
	}
}

// TestStatus shows what has become of a message: of one that is refused, and of one that a function sends.
func TestStatus(t *testing.T) {
	b := New()
	bad := mail("jane@example.com", "111111")
	bad.Subject = "a\r\nBcc: v@x.test"
	if err := b.Send(t.Context(), bad); !errors.Is(err, message.ErrUndeliverable) {
		t.Errorf("refused: %v", err)
	}
	handed := mail("jane@example.com", "222222").Identified()
	other := mail("jane@example.com", "333333").Identified()
	b.Report(t.Context(), message.Report{Message: handed, Pending: true})
	b.Report(t.Context(), message.Report{Message: other, Pending: true})
	want := func(step string, statuses ...string) {
		t.Helper()
		all := list(t, b, JSONPath)
		for i, s := range statuses {
			if got := all[i]["status"] + " " + all[i]["error"]; got != s || len(all) != len(statuses) {
				t.Errorf("%s: message %d of %d is %q, want %q", step, i, len(all), got, s)
			}
		}
	}
	const why = "failed message: cannot be delivered: a control character in a header"
	want("handed over", why, "pending ", "pending ")
	b.Report(t.Context(), message.Report{Message: handed, Err: errors.New("<b>no</b>")})
	b.Report(t.Context(), message.Report{Message: other})
	want("ended", why, "failed <b>no</b>", "sent ")
	b.Report(t.Context(), message.Report{Message: mail("jane@example.com", "444444").Identified(), Err: errors.New("busy")})
	want("never handed over", why, "failed <b>no</b>", "sent ", "failed busy")
	if got := b.Messages(""); len(got) != 1 || got[0].Code != "333333" {
		t.Errorf("sent %v", got)
	}
	page := call(b, "GET", PagePath).Body.String()
	if !strings.Contains(page, "<strong>Not sent:</strong> &lt;b&gt;no&lt;/b&gt;") || strings.Count(page, "<dd>failed</dd>") != 3 {
		t.Errorf("the page:\n%s", page)
	}
}

func TestDeleteEmpties(t *testing.T) {
	for _, path := range []string{PagePath, JSONPath} {
		b := New()
		fill(t, b, mail("jane@example.com", "1"))
		if w := call(b, "DELETE", path); w.Code != 204 || w.Body.Len() != 0 || len(b.Messages("")) != 0 {
			t.Errorf("%s: %d, %d left", path, w.Code, len(b.Messages("")))
		}
		if w := call(b, "DELETE", path); w.Code != 204 {
			t.Errorf("again: %d", w.Code)
		}
		fill(t, b, mail("jane@example.com", "2"))
		if got := b.Messages(""); len(got) != 1 || got[0].Code != "2" {
			t.Errorf("after: %v", got)
		}
	}
}

func TestMethods(t *testing.T) {
	b := New()
	for _, path := range []string{PagePath, JSONPath} {
		for _, method := range []string{"POST", "PUT", "PATCH", "OPTIONS", "TRACE"} {
			w := call(b, method, path)
			if w.Code != 405 || w.Header().Get("Allow") != "DELETE, GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
		if w := call(b, "HEAD", path); w.Code != 200 {
			t.Errorf("HEAD: %d", w.Code)
		}
	}
	for _, path := range []string{"/", "/_cognate/", PagePath + "/", "/_cognate/inbox.json/x"} {
		if w := call(b, "GET", path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestOtherSitesNeitherReadNorEmpty(t *testing.T) {
	b := New()
	fill(t, b, mail("jane@example.com", "123456"))
	for _, c := range []struct {
		method string
		header []string
		code   int
	}{
		{"GET", nil, 200},
		{"GET", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, 200},
		{"GET", []string{"Origin", "http://localhost:9229"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Origin", "http://localhost:3000"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 403},
		{"GET", []string{"Origin", "https://evil.example"}, 403},
		{"GET", []string{"Origin", "null"}, 403},
		{"DELETE", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"DELETE", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:3000"}, 403},
		{"DELETE", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"DELETE", []string{"Origin", "https://evil.example"}, 403},
		{"OPTIONS", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "DELETE"}, 403},
	} {
		for _, path := range []string{PagePath, JSONPath} {
			w := call(b, c.method, path, c.header...)
			if w.Code != c.code || w.Code == 403 && strings.Contains(w.Body.String(), "123456") {
				t.Errorf("%s %s %q: %d, want %d", c.method, path, c.header, w.Code, c.code)
			}
			for name := range w.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %q sends %s", c.method, c.header, name)
				}
			}
			if len(b.Messages("")) != 1 {
				t.Fatalf("%s %q emptied the inbox", c.method, c.header)
			}
		}
	}
}

func TestHosts(t *testing.T) {
	b := New()
	for host, code := range map[string]int{
		"localhost:9229": 200, "127.0.0.1:9229": 200, "[::1]:9229": 200, "192.168.1.5": 200, "cognate:9229": 200, "LOCALHOST": 200, "app.localhost:9229": 200,
		"localhost.": 200, "dev.example.com": 200, "dev.example.com:8443": 200, "DEV.example.com.": 200,
		"evil.example": 403, "127.0.0.1.evil.example:9229": 403, "sub.dev.example.com": 403, "localhost.evil.example": 403, "": 403, ":9229": 403,
	} {
		for _, method := range []string{"GET", "DELETE"} {
			w := call(b, method, JSONPath, "Host", host)
			if w.Code != code && !(code == 200 && w.Code == 204) {
				t.Errorf("%s at %q: %d, want %d", method, host, w.Code, code)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	b := New()
	for _, path := range []string{PagePath, JSONPath, "/other"} {
		h := call(b, "GET", path).Header()
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", path, csp)
		}
	}
}

func TestPage(t *testing.T) {
	b := New()
	if got := call(b, "GET", PagePath).Body.String(); !strings.Contains(got, "No messages.") {
		t.Errorf("empty page:\n%s", got)
	}
	evil := mail("jane@example.com", `<script>alert(1)</script>`)
	evil.Username, evil.Subject, evil.PoolID = `"><img src=x onerror=alert(2)>`, `<script>alert(3)</script>`, `</style><script>alert(4)</script>`
	evil.Body = `<script>alert(5)</script>&lt;script&gt;alert(6)&lt;/script&gt; <a href="javascript:alert(7)">x</a> https://h/?a=1&b=2 javascript:alert(8)`
	evil.Purpose = `" onmouseover="alert(9)`
	fill(t, b, mail("first@example.com", "111111"), evil)
	got := call(b, "GET", PagePath+`?destination=%22%3E%3Cscript%3Ealert(0)`).Body.String()
	got += call(b, "GET", PagePath).Body.String()
	for _, bad := range []string{"<script", "<img", `" onmouseover`, `href="javascript:`} {
		if strings.Contains(got, bad) {
			t.Errorf("the page holds %q:\n%s", bad, got)
		}
	}
	for _, good := range []string{"<code>111111</code>", "2 messages.", `href="https://h/?a=1&amp;b=2"`, `<html lang="en">`, "<style>" + style + "</style>"} {
		if !strings.Contains(got, good) {
			t.Errorf("the page lacks %q:\n%s", good, got)
		}
	}
	if strings.LastIndex(got, "first@example.com") < strings.LastIndex(got, "alert(3)") {
		t.Error("the page does not show the newest first")
	}
	if got := call(b, "GET", PagePath+"?destination=first@example.com").Body.String(); !strings.Contains(got, "1 message to first@example.com.") || strings.Contains(got, "alert(3)") {
		t.Errorf("filtered:\n%s", got)
	}
}

// TestLink: the code stays in its place, and the body shows the link as something to follow.
func TestLink(t *testing.T) {
	b := New()
	m := mail("jane@example.com", "123456")
	link := "https://h/confirmUser?client_id=c&user_name=%22%3E%3Cb%3E&confirmation_code=123456"
	m.Subject, m.Body = message.Template{Subject: "s", Body: message.DefaultLinkEmail}.Render(message.Values{Medium: message.Email, Link: link})
	fill(t, b, m)
	if got := list(t, b, JSONPath)[0]; got["code"] != "123456" || !strings.Contains(got["body"], `<a href="`+html.EscapeString(link)+`">Verify Email</a>`) {
		t.Errorf("%v", got)
	}
	page := call(b, "GET", PagePath).Body.String()
	for _, want := range []string{"<code>123456</code>", `<a href="` + html.EscapeString(link) + `" rel="noreferrer noopener">` + html.EscapeString(link) + "</a>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestBounds(t *testing.T) {
	b := New()
	for i := range MaxMessages + 5 {
		fill(t, b, mail("jane@example.com", fmt.Sprint(i)))
	}
	got := b.Messages("")
	if len(got) != MaxMessages || got[0].Code != "5" || got[len(got)-1].Code != secret.Text(fmt.Sprint(MaxMessages+4)) {
		t.Errorf("%d messages, from %s", len(got), string(got[0].Code))
	}
	if page := call(b, "GET", PagePath).Body.String(); strings.Count(page, "<article") != shown || !strings.Contains(page, "the newest 200 shown") {
		t.Errorf("%d articles", strings.Count(page, "<article"))
	}
	big := mail("jane@example.com", "1")
	big.Body = strings.Repeat("x", MaxBytes/2)
	fill(t, b, big, big, big)
	if n := len(b.Messages("")); n != 1 {
		t.Errorf("%d big messages", n)
	}
	b.Empty()
	fill(t, b, big)
	if n := len(b.Messages("")); n != 1 || b.bytes != size(kept{Message: big}) {
		t.Errorf("%d messages, %d bytes", n, b.bytes)
	}
}

func TestSendMakesIDAndTime(t *testing.T) {
	b := New()
	m := mail("jane@example.com", "1")
	m.Time = time.Time{}
	fill(t, b, m)
	m.ID = "mine"
	fill(t, b, m)
	got := b.Messages("")
	if got[0].ID == "" || time.Since(got[0].Time) > time.Minute || got[1].ID != "mine" {
		t.Errorf("%v %v", got[0].ID, got[0].Time)
	}
}

var _ http.Handler = New().Handler()
