package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"cognate/internal/outbound"
	"cognate/internal/secret"
	"cognate/internal/trigger"
	"cognate/internal/trigger/triggertest"
	"cognate/internal/trigger/webhook"
)

const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func open(t *testing.T, address string) *webhook.Runner {
	t.Helper()
	r, err := webhook.New(webhook.Config{URL: address, Clear: true, Secret: key, Client: outbound.NewClient(true, nil)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// suite is the function of the suite. It takes what the library of Standard Webhooks has verified.
func suite(t *testing.T) http.HandlerFunc {
	verifier, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if err == nil {
			err = verifier.Verify(event, r.Header)
		}
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Error(r.Method, r.Header, err)
		}
		o := triggertest.ReadOrder(event)
		switch o.Do {
		case triggertest.Throw:
			w.WriteHeader(http.StatusUnprocessableEntity)
			w.Write(document(o.Thrown()))
		case triggertest.Foul:
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(w, o.Text)
		case triggertest.Crash:
			io.WriteString(w, `{"response":`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case triggertest.Hang:
			<-r.Context().Done()
		default:
			w.Write(o.Answer(event))
		}
	}
}

func TestSuite(t *testing.T) {
	triggertest.Run(t, func(t *testing.T) *triggertest.Fixture {
		s := httptest.NewServer(suite(t))
		t.Cleanup(s.Close)
		nothing := httptest.NewServer(http.NotFoundHandler())
		nothing.Close()
		const query = "?token=s3cret-of-the-url"
		return &triggertest.Fixture{
			Runner: open(t, s.URL+query), Nowhere: open(t, nothing.URL+query), Secrets: []string{"s3cret-of-the-url", strings.TrimPrefix(key, "whsec_")},
		}
	})
}

// TestAnswers takes nothing for an answer but what is one, follows no redirect, and makes no other call of it.
func TestAnswers(t *testing.T) {
	status, body, calls := 0, "", 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	defer s.Close()
	r := open(t, s.URL)
	const thrown = `{"errorType":"Error","errorMessage":"Not you"}`
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{200, "{}", "{}"}, {201, "{}", "{}"}, {202, "", ""}, {299, thrown, thrown}, {204, "", ""},
		{300, "{}", "ServiceException"}, {301, "{}", "ServiceException"}, {302, "{}", "ServiceException"}, {303, "{}", "ServiceException"}, {304, "", "ServiceException"}, {307, "{}", "ServiceException"}, {308, "{}", "ServiceException"},
		{400, thrown, "ServiceException"}, {401, thrown, "ServiceException"}, {403, "{}", "ServiceException"}, {404, "{}", "ServiceException"}, {429, "{}", "ServiceException"}, {500, thrown, "ServiceException"}, {503, "", "ServiceException"},
		{422, thrown, "Error: Not you"}, {422, `{"errorMessage":"Not you"}`, ": Not you"}, {422, "", "ServiceException"}, {422, "{}", "ServiceException"}, {422, `{"detail":[]}`, "ServiceException"}, {422, "<html>", "ServiceException"},
	} {
		status, body, calls = test.status, test.body, 0
		answer, err := r.Invoke(t.Context(), triggertest.ARN, []byte("{}"))
		got := string(answer)
		if u, ok := errors.AsType[*trigger.Unreachable](err); ok {
			got = u.Code
		} else if err != nil {
			got = err.Error()
		}
		if got != test.want || calls != 1 {
			t.Errorf("%d %s: %d calls, %q, %v", test.status, test.body, calls, got, err)
		}
	}
}

// TestNew takes addresses and secrets that are good, and shows none of them.
func TestNew(t *testing.T) {
	for _, address := range []string{
		"", "hooks.example.com", "/path", "https:", "https://", "ftp://hooks.example.com", "http://hooks.example.com", "file:///etc/passwd", "https://word:word@hooks.example.com", "https://hooks.example.com/#word", "https://hooks.example.com/%zzword", "://word",
	} {
		if _, err := webhook.New(webhook.Config{URL: address, Secret: key, Client: http.DefaultClient}); err == nil || strings.Contains(err.Error(), "word") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, word := range []string{"", "whsec_", "word", "whsec_d29yZHdvcmR3b3Jkd29yZHdvcmR3b3Jk!", "whsec_d29yZHdvcmR3b3JkdGVu", "whsec_" + strings.Repeat("d29y", 22)} {
		if _, err := webhook.New(webhook.Config{URL: "https://hooks.example.com", Secret: secret.Text(word), Client: http.DefaultClient}); err == nil || word != "" && strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
	for _, word := range []string{key, strings.TrimPrefix(key, "whsec_"), "whsec_" + strings.Repeat("d29y", 21)} {
		if _, err := webhook.New(webhook.Config{URL: "https://hooks.example.com/a?b=c", Secret: secret.Text(word), Client: http.DefaultClient}); err != nil {
			t.Errorf("%s: %v", word, err)
		}
	}
}

// TestGuard calls nothing inside, unless the operator names it (checklist 60).
func TestGuard(t *testing.T) {
	called := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	defer s.Close()
	invoke := func(networks ...netip.Prefix) error {
		r, err := webhook.New(webhook.Config{URL: s.URL, Clear: true, Secret: key, Client: outbound.NewClient(false, networks)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Invoke(t.Context(), triggertest.ARN, []byte("{}"))
		return err
	}
	if err := invoke(); !errors.Is(err, outbound.ErrAddress) || called != 0 {
		t.Errorf("%d calls: %v", called, err)
	}
	if err := invoke(netip.MustParsePrefix("127.0.0.0/8")); err != nil || called != 1 {
		t.Errorf("%d calls: %v", called, err)
	}
}

// TestDocumentation runs the receivers of the documentation, which verify what is sent, and refuse the rest.
func TestDocumentation(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("Node is missing: ", err)
	}
	for _, name := range []string{"webhook.mjs", "webhook.go"} {
		t.Run(name, func(t *testing.T) {
			address := startReceiver(t, name)
			const good = `{"version":"1","request":{"userAttributes":{"email":"a@example.com"}},"response":{"autoConfirmUser":false}}`
			r := open(t, address)
			if answer, err := r.Invoke(t.Context(), triggertest.ARN, []byte(good)); err != nil || !bytes.Contains(answer, []byte(`"autoConfirmUser":true`)) || !bytes.Contains(answer, []byte(`"version":"1"`)) {
				t.Errorf("%s, %v", answer, err)
			}
			_, err := r.Invoke(t.Context(), triggertest.ARN, []byte(strings.Replace(good, "example.com", "example.org", 1)))
			if got, ok := errors.AsType[*trigger.Thrown](err); !ok || *got != (trigger.Thrown{Type: "Error", Message: "Only for example.com"}) {
				t.Errorf("%v", err)
			}
			refuses(t, address, good)
		})
	}
}

// refuses sends a receiver what is not, or no longer, signed.
func refuses(t *testing.T, address, body string) {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	other, err := standardwebhooks.NewWebhookRaw([]byte("another key of 32 bytes........."))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	sign := func(w *standardwebhooks.Webhook, id string, at time.Time) string {
		text, err := w.Sign(id, at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for what, test := range map[string]struct {
		id, signature string
		at            time.Time
		want          int
	}{
		"as it should be": {"msg_1", sign(signer, "msg_1", now), now, 200}, "one of two": {"msg_1", "v1,AAAA v1a,x " + sign(signer, "msg_1", now), now, 200},
		"old": {"msg_1", sign(signer, "msg_1", now.Add(-time.Hour)), now.Add(-time.Hour), 401}, "of tomorrow": {"msg_1", sign(signer, "msg_1", now.Add(time.Hour)), now.Add(time.Hour), 401},
		"another time": {"msg_1", sign(signer, "msg_1", now), now.Add(time.Second), 401}, "another id": {"msg_2", sign(signer, "msg_1", now), now, 401}, "another key": {"msg_1", sign(other, "msg_1", now), now, 401},
		"no signature": {"msg_1", "", now, 401}, "an empty one": {"msg_1", "v1,", now, 401}, "another version": {"msg_1", "v2" + sign(signer, "msg_1", now)[2:], now, 401},
	} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header = http.Header{"Webhook-Id": {test.id}, "Webhook-Timestamp": {format(test.at)}, "Webhook-Signature": {test.signature}}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != test.want {
			t.Errorf("%s: %s", what, answer.Status)
		}
	}
}

// startReceiver runs a program of the documentation.
func startReceiver(t *testing.T, name string) string {
	t.Helper()
	documentation, err := os.ReadFile("../../../docs/triggers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(documentation), "<!-- "+name+" -->\n```")
	_, text, _ = strings.Cut(text, "\n")
	text, _, ended := strings.Cut(text, "\n```\n")
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil || !found || !ended {
		t.Fatalf("there is no %s: %v", name, err)
	}
	command := []string{"node", path}
	if strings.HasSuffix(name, ".go") {
		command = []string{strings.TrimSuffix(path, ".go")}
		if out, err := exec.Command("go", "build", "-o", command[0], path).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	ctx, stop := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Env, c.Stderr = append(os.Environ(), "WEBHOOK_SECRET="+key, "PORT="+port), os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); c.Wait() })
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return "http://" + address
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func format(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func document(thrown trigger.Thrown) []byte {
	text, err := json.Marshal(map[string]string{"errorType": thrown.Type, "errorMessage": thrown.Message})
	if err != nil {
		panic(err)
	}
	return text
}
