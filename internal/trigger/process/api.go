package process

import (
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"time"

	"cognate/internal/trigger"
)

// The headers of the Runtime API, and the trailers of an answer that breaks off.
const (
	headerID        = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline  = "Lambda-Runtime-Deadline-Ms"
	headerARN       = "Lambda-Runtime-Invoked-Function-Arn"
	headerTrace     = "Lambda-Runtime-Trace-Id"
	headerErrorType = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody = "Lambda-Runtime-Function-Error-Body"

	// kindUnhandled is an error of which its function has not said the type.
	kindUnhandled = "Unhandled"
)

// Bounds of what a process sends. An error document has stack traces, too.
const (
	maxError = 1 << 20
	maxDrain = 64 << 20 // of what is too long, read so that the client hears about it
)

// api is the Runtime API of a process, at an address. No web page reaches it: not by the address, as a browser says that it is one
// that asks, nor by a name that leads there.
func (w *worker) api(address string) http.Handler {
	const root = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"invocation/next", w.next)
	mux.HandleFunc("POST "+root+"invocation/{id}/response", w.response)
	mux.HandleFunc("POST "+root+"invocation/{id}/error", w.failed)
	mux.HandleFunc("POST "+root+"init/error", w.initFailed)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Host != address || r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			tell(rw, http.StatusForbidden, "Forbidden")
			return
		}
		mux.ServeHTTP(rw, r)
	})
}

// tell answers with a status, and what is wrong if anything is.
func tell(rw http.ResponseWriter, status int, wrong string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	if wrong == "" {
		io.WriteString(rw, `{"status":"OK"}`)
		return
	}
	io.WriteString(rw, `{"errorMessage":"`+wrong+`","errorType":"`+wrong+`"}`)
}

// next answers with the next event, as soon as there is one.
func (w *worker) next(rw http.ResponseWriter, r *http.Request) {
	asking := w.function.asks(w)
	if asking == nil {
		tell(rw, http.StatusForbidden, "InvalidStateTransition")
		return
	}
	select {
	case c := <-w.calls:
		w.function.hears(w, c)
		w.send(rw, c)
	case <-asking:
		tell(rw, http.StatusConflict, "Superseded")
	case <-r.Context().Done():
		w.function.hungUp(w, asking)
	}
}

func (w *worker) send(rw http.ResponseWriter, c *call) {
	deadline := time.Now().Add(w.function.runner.times.answer)
	for name, value := range map[string]string{
		headerID: c.id, headerDeadline: strconv.FormatInt(deadline.UnixMilli(), 10), headerARN: c.arn, headerTrace: c.trace,
		"Content-Type": "application/json", "Content-Length": strconv.Itoa(len(c.event)),
	} {
		rw.Header().Set(name, value)
	}
	rw.Write(c.event)
}

// response takes the answer to the event.
func (w *worker) response(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, trigger.MaxAnswer+1))
	if err != nil {
		return // its sender is gone
	}
	long := len(body) > trigger.MaxAnswer
	if long {
		io.CopyN(io.Discard, r.Body, maxDrain)
	}
	c := w.function.answering(w, r.PathValue("id"))
	switch kind := r.Trailer.Get(headerErrorType); {
	case c == nil:
		tell(rw, http.StatusBadRequest, "InvalidRequestID")
	case long:
		c.result <- result{err: trigger.TooLong()}
		tell(rw, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge")
	case kind != "":
		document, _ := base64.StdEncoding.DecodeString(r.Trailer.Get(headerErrorBody)) // of what is none, only the kind is known
		c.result <- result{err: trigger.ReadThrown(document, kind)}
		tell(rw, http.StatusAccepted, "")
	default:
		c.result <- result{answer: body}
		tell(rw, http.StatusAccepted, "")
	}
}

// failed takes the error that the function has thrown.
func (w *worker) failed(rw http.ResponseWriter, r *http.Request) {
	thrown, err := readError(r)
	if err != nil {
		return
	}
	c := w.function.answering(w, r.PathValue("id"))
	if c == nil {
		tell(rw, http.StatusBadRequest, "InvalidRequestID")
		return
	}
	c.result <- result{err: thrown}
	tell(rw, http.StatusAccepted, "")
}

// initFailed takes the error for which the function cannot start.
func (w *worker) initFailed(rw http.ResponseWriter, r *http.Request) {
	thrown, err := readError(r)
	if err != nil {
		return
	}
	if !w.function.cannotStart(w, thrown) {
		tell(rw, http.StatusForbidden, "InvalidStateTransition")
		return
	}
	tell(rw, http.StatusAccepted, "")
}

// readError reads the document of an error. One that is too long is none.
func readError(r *http.Request) (*trigger.Thrown, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxError+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxError {
		io.CopyN(io.Discard, r.Body, maxDrain)
		body = nil
	}
	kind := r.Header.Get(headerErrorType)
	if kind == "" {
		kind = kindUnhandled
	}
	return trigger.ReadThrown(body, kind), nil
}
