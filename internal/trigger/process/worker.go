package process

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/google/uuid"

	"cognate/internal/trigger"
)

// call is an event on its way.
type call struct {
	id, trace string
	arn       string
	event     []byte
	answered  time.Time // zero until it is; under the function's lock
	result    chan result
}

type result struct {
	answer []byte
	err    error
}

func newCall(arn string, event []byte) *call {
	return &call{id: uuid.NewString(), trace: newTrace(), arn: arn, event: event, result: make(chan result, 1)}
}

// newTrace makes an id of AWS X-Ray's, of a request that is not sampled.
func newTrace() string {
	var random [20]byte
	rand.Read(random[:])
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", time.Now().Unix(), hex.EncodeToString(random[:12]), hex.EncodeToString(random[12:]))
}

// exit is how a process has ended, in Lambda's words.
type exit string

func (e exit) Error() string { return string(e) }

// failure is what the caller is told: of a process that has ended, what Lambda says.
func (c *call) failure(err error) error {
	if e, ok := errors.AsType[exit](err); ok {
		return &trigger.Thrown{Type: "Runtime.ExitError", Message: "RequestId: " + c.id + " Error: " + string(e)}
	}
	return err
}

// worker is a process and the Runtime API that it alone speaks to, at a port of its own: the clients of Node and Python take no
// path after host and port, by which several could share one. What follows exit is under the function's lock.
type worker struct {
	function *function
	calls    chan *call    // unbuffered: to where the process asks for events
	gone     chan struct{} // closed when it has exited, or has not been started
	exit     error         // set before gone is closed

	command    *exec.Cmd // nil until it is started
	timer      *time.Timer
	generation int // of the timer, which may go off while it is stopped

	starting bool          // it has not asked for an event yet
	asking   chan struct{} // it asks for one; nil when it does not
	taken    bool          // by a caller who has an event for it
	called   bool          // it has had an event
	call     *call         // that it has, or had until it asks for the next one
	thrown   error         // that it says it cannot start for
	ended    bool          // it exits, or is to
}

func newWorker(f *function) *worker {
	w := &worker{function: f, calls: make(chan *call), gone: make(chan struct{}), starting: true}
	w.arm(f.runner.times.start)
	return w
}

// await waits for the answer to an event.
func (w *worker) await(ctx context.Context, c *call) ([]byte, error) {
	select {
	case r := <-c.result:
		return r.answer, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.gone:
	}
	select {
	case r := <-c.result:
		return r.answer, r.err
	default:
		return nil, c.failure(w.exit)
	}
}

// run starts the process, and returns when it is gone.
func (w *worker) run() {
	w.exit = w.live()
	if w.thrown != nil {
		w.exit = w.thrown
	}
	w.function.exited(w)
	close(w.gone)
}

// live is the life of the process; it returns how that has ended.
func (w *worker) live() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return &trigger.Unreachable{Code: "ServiceException", Cause: err}
	}
	output, input, err := os.Pipe()
	if err != nil {
		listener.Close()
		return &trigger.Unreachable{Code: "ServiceException", Cause: err}
	}
	defer output.Close()
	err = w.start(listener.Addr().String(), input)
	input.Close()
	if err != nil {
		listener.Close()
		return &trigger.Unreachable{Code: "InvalidRuntimeException", Cause: err}
	}
	server := &http.Server{Handler: w.api(listener.Addr().String()), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go server.Serve(ownConnections(listener, w.command.Process.Pid, w.function.logger))
	logged := make(chan struct{})
	go func() { w.function.logLines(output); close(logged) }()
	end := describe(w.command.Wait())
	killGroup(w.command.Process) // what it leaves behind
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	server.Shutdown(ctx) // when it has read what the process has answered
	server.Close()
	output.SetReadDeadline(time.Now().Add(time.Second)) // something may have left the group, and hold on to it
	<-logged
	return end
}

// describe says how a process has ended, as Lambda does.
func describe(err error) error {
	if err == nil {
		return exit("Runtime exited without providing a reason")
	}
	return exit("Runtime exited with error: " + err.Error())
}

// start starts the process, and kills it again if it has come to be too late meanwhile.
func (w *worker) start(address string, output io.Writer) error {
	f := w.function
	c := exec.Command(f.runner.path, f.runner.config.Command[1:]...)
	c.Args[0] = f.runner.config.Command[0]
	c.Dir, c.Env, c.Stdout, c.Stderr = f.runner.config.Dir, f.environment(address), output, output
	ownGroup(c)
	if err := c.Start(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.command = c; w.ended {
		w.kill()
	}
	return nil
}

// arm gives the process a time, in place of the one before: when it is over, the process is ended.
func (w *worker) arm(d time.Duration) {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.generation++
	generation := w.generation
	w.timer = time.AfterFunc(d, func() {
		w.function.mu.Lock()
		defer w.function.mu.Unlock()
		if w.generation == generation && !w.ended {
			w.expire(d)
		}
	})
}

// expire ends the process: one that waits for an event is no longer needed, and any other one is stuck.
func (w *worker) expire(d time.Duration) {
	if w.function.unidle(w) {
		w.end()
		return
	}
	w.function.logger.Warn("a function takes too long, and is killed", "starting", w.starting, "after", d)
	w.kill()
}

// end asks the process to end, and makes it when it does not.
func (w *worker) end() {
	w.function.unidle(w)
	if w.ended {
		return
	}
	w.ended = true
	if w.command == nil {
		return
	}
	endGroup(w.command.Process)
	time.AfterFunc(w.function.runner.times.grace, func() {
		select {
		case <-w.gone:
		default:
			killGroup(w.command.Process)
		}
	})
}

// kill ends the process at once, with all that it has started.
func (w *worker) kill() {
	if w.ended = true; w.command != nil {
		killGroup(w.command.Process)
	}
}
