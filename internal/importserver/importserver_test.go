package importserver

import (
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"cognate/api/idp"
	"cognate/internal/message/inbox"
	"cognate/internal/pool"
	"cognate/internal/secret/secrettest"
	"cognate/internal/store"
	"cognate/internal/store/storetest"
	"cognate/internal/store/storetest/engines"
	"cognate/internal/user"
	"cognate/internal/userimport"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// house is the door over HTTP, and a pool to import into.
type house struct {
	*testing.T
	db      *store.DB
	pool    *pool.Pool
	imports *userimport.Service
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, db: engines.Memory(t)}
	keys, logger := secrettest.Keyring(t), slog.New(slog.DiscardHandler)
	pools := pool.New(h.db, keys, pool.Options{AccountID: "000000000000"})
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.imports = userimport.New(h.db, keys, pools, user.New(h.db, keys, inbox.New()), userimport.Options{PublicURL: server.URL, Logger: logger})
	New(h.imports, logger).Register(mux)
	p, err := pools.Create(t.Context(), "us-east-1", &idp.CreateUserPoolRequest{PoolName: "p", AutoVerifiedAttributes: []string{"email"}})
	if err != nil {
		t.Fatal(err)
	}
	h.pool = p
	return h
}

func (h *house) job() *idp.UserImportJobType {
	h.Helper()
	j, err := h.imports.Create(h.Context(), h.pool, &idp.CreateUserImportJobRequest{JobName: "test"})
	if err != nil {
		h.Fatal(err)
	}
	return j
}

func (h *house) ask(method, url string, body io.Reader) (*http.Response, string) {
	h.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("x-amz-server-side-encryption", "aws:kms")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		h.Fatal(err)
	}
	return answer, string(text)
}

// wantRefusal holds an answer to be an error as S3 words it, that nothing keeps or takes for anything else.
func (h *house) wantRefusal(answer *http.Response, text string, status int, code string) {
	h.Helper()
	var e struct{ Code, Message string }
	if err := xml.Unmarshal([]byte(text), &e); err != nil || answer.StatusCode != status || e.Code != code || e.Message == "" {
		h.Errorf("got %d %s, want %d %s", answer.StatusCode, text, status, code)
	}
	if answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.Header.Get("Cache-Control") != "no-store" {
		h.Errorf("headers %v", answer.Header)
	}
}

func TestUpload(t *testing.T) {
	h := newHouse(t)
	url := h.job().PreSignedUrl
	answer, text := h.ask("PUT", url+"x", strings.NewReader("x"))
	h.wantRefusal(answer, text, 403, "AccessDenied")
	answer, text = h.ask("PUT", strings.Split(url, "?")[0], strings.NewReader("x"))
	h.wantRefusal(answer, text, 403, "AccessDenied")
	answer, text = h.ask("PUT", url, http.NoBody)
	h.wantRefusal(answer, text, 400, "EmptyFile")
	for _, method := range []string{"GET", "POST", "DELETE"} {
		if answer, _ = h.ask(method, url, http.NoBody); answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s got %d", method, answer.StatusCode)
		}
	}
	answer, text = h.ask("PUT", url, strings.NewReader("x"))
	if answer.StatusCode != http.StatusOK || text != "" {
		t.Errorf("got %d %q", answer.StatusCode, text)
	}
	answer, text = h.ask("PUT", url, strings.NewReader("x"))
	h.wantRefusal(answer, text, 409, "ObjectAlreadyExists")
}

// TestLongUpload tells that a file is too long before it comes, where the client says how long it is.
func TestLongUpload(t *testing.T) {
	h := newHouse(t)
	r := httptest.NewRequest("PUT", h.job().PreSignedUrl, unread{t})
	r.ContentLength = 10 << 30
	w := httptest.NewRecorder()
	mux := http.NewServeMux()
	New(h.imports, slog.New(slog.DiscardHandler)).Register(mux)
	mux.ServeHTTP(w, r)
	h.wantRefusal(w.Result(), w.Body.String(), 413, "EntityTooLarge")
}

// unread is a body that nobody should read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) { u.t.Error("the body is read"); return 0, io.EOF }

// over is the link to the log of a job that has run.
func (h *house) over() string {
	h.Helper()
	j := h.job()
	file := strings.Join(userimport.Columns(h.pool), ",") + "\n" + strings.Repeat(",", 20) + "x\n"
	if answer, text := h.ask("PUT", j.PreSignedUrl, strings.NewReader(file)); answer.StatusCode != http.StatusOK {
		h.Fatal(text)
	}
	if _, err := h.imports.Start(h.Context(), h.pool, j.JobId); err != nil {
		h.Fatal(err)
	}
	go h.imports.Run(h.Context())
	for {
		j, err := h.imports.Describe(h.Context(), h.pool, j.JobId)
		if err != nil {
			h.Fatal(err)
		}
		if _, link, ok := strings.Cut(j.CompletionMessage, " Log: "); ok {
			return link
		}
	}
}

func TestLog(t *testing.T) {
	h := newHouse(t)
	link := h.over()
	answer, text := h.ask("GET", link, http.NoBody)
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(text, "[FAILED] Line Number 2 - ") || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("got %d %q %v", answer.StatusCode, text, answer.Header)
	}
	answer, text = h.ask("GET", link+"x", http.NoBody)
	h.wantRefusal(answer, text, 403, "AccessDenied")
	answer, text = h.ask("PUT", strings.Replace(link, "/log?", "?", 1), strings.NewReader("x"))
	h.wantRefusal(answer, text, 403, "AccessDenied")
	// A part that cannot be read must not pass for the end.
	err := h.db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Raw().Exec("UPDATE import_logs SET lines = $1", []byte("garbage"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, text = h.ask("GET", link, http.NoBody)
	h.wantRefusal(answer, text, 500, "InternalError")
}
