// Package importserver is the door of the links of import jobs: it takes the files that are uploaded to them, and shows
// their logs. A link carries all the authority that its use needs, in its signature.
package importserver

import (
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"cognate/internal/fault"
	"cognate/internal/userimport"
)

const (
	// uploadTime is how long an upload may take, and logTime the reading of a log.
	uploadTime = 15 * time.Minute
	logTime    = 15 * time.Minute
)

// Service is the door.
type Service struct {
	imports *userimport.Service
	logger  *slog.Logger
}

// New makes the door over the jobs.
func New(imports *userimport.Service, logger *slog.Logger) *Service {
	return &Service{imports: imports, logger: logger}
}

// Register mounts the door.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("PUT "+userimport.Path+"{pool}/{job}", s.upload)
	mux.HandleFunc("GET "+userimport.Path+"{pool}/{job}/log", s.log)
}

func link(r *http.Request) userimport.Link {
	q := r.URL.Query()
	return userimport.Link{PoolID: r.PathValue("pool"), JobID: r.PathValue("job"), Expires: q.Get("expires"), Signature: q.Get("signature")}
}

// upload takes a file. Headers, such as those that Cognito's clients send for S3, mean nothing. A body longer than a file may
// be is not read to its end.
func (s *Service) upload(w http.ResponseWriter, r *http.Request) {
	// A server that knows no deadlines, as in tests, has none to move.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(uploadTime))
	body := http.MaxBytesReader(w, r.Body, userimport.MaxFile+1)
	if err := s.imports.Upload(r.Context(), link(r), body, r.ContentLength); err != nil {
		s.refuse(w, r, err)
	}
}

// log shows a log as text, so that no browser takes anything in it for more.
func (s *Service) log(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(logTime))
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	out := &begun{Writer: w}
	err := s.imports.Log(r.Context(), link(r), out)
	switch {
	case err == nil:
	case out.any: // too late for a status: the client has to see that it is not all
		s.logger.Warn("a log breaks off", "cause", err)
		panic(http.ErrAbortHandler)
	default:
		s.refuse(w, r, err)
	}
}

// begun is a Writer that remembers whether anything was written.
type begun struct {
	io.Writer
	any bool
}

// Write implements io.Writer.
func (b *begun) Write(p []byte) (int, error) {
	b.any = true
	return b.Writer.Write(p)
}

// statuses are how the codes of faults go out.
var statuses = map[string]int{
	userimport.CodeAccessDenied: http.StatusForbidden,
	userimport.CodeConflict:     http.StatusConflict,
	userimport.CodeTooLarge:     http.StatusRequestEntityTooLarge,
	userimport.CodeEmpty:        http.StatusBadRequest,
	userimport.CodeIncomplete:   http.StatusBadRequest,
	userimport.CodeBusy:         http.StatusServiceUnavailable,
	userimport.CodeNotFound:     http.StatusNotFound,
}

// refusal is an error as S3 words it, which clients of Cognito's links expect.
type refusal struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, answer := http.StatusInternalServerError, refusal{Code: "InternalError", Message: "The request failed."}
	if f, ok := errors.AsType[*fault.Error](err); ok && statuses[f.Code] != 0 {
		status, answer.Code, answer.Message = statuses[f.Code], f.Code, f.Message
	} else if r.Context().Err() == nil {
		s.logger.Error("an import link failed", "path", r.URL.Path, "cause", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/xml; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(answer) // the client may have gone
}
