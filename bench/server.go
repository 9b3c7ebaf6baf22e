//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under measurement.
type process struct {
	url string
	cmd *exec.Cmd
	dir string
}

// startServer builds the server unless one is given, and starts it on a free port with data of its own.
func startServer(ctx context.Context, o options) (*process, error) {
	dir, err := os.MkdirTemp("", "cognate-bench-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir}
	if err := p.start(ctx, o); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *process) start(ctx context.Context, o options) error {
	if o.binary == "" {
		o.binary = filepath.Join(p.dir, "cognate")
		if err := build(ctx, o.binary); err != nil {
			return err
		}
	}
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	p.url = "http://" + addr
	functions, err := writeFunctions(p.dir)
	if err != nil {
		return err
	}
	p.cmd = exec.Command(o.binary, "dev", "--addr", addr, "--data", filepath.Join(p.dir, "data"), "--functions", functions)
	if o.database != "" {
		p.cmd.Args = append(p.cmd.Args, "--database", o.database)
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	return p.awaitReady(ctx)
}

func build(ctx context.Context, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", to, "cognate/cmd/cognate")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// freeAddress is a loopback address that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (p *process) awaitReady(ctx context.Context) error {
	for range 500 {
		if r, err := http.Get(p.url + "/_cognate/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("the server did not become ready")
}

// cpu is the CPU time that the server has used so far, user and system (proc_pid_stat(5), fields 14 and 15),
// to the hundredth of a second.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field, in parentheses, is a name that may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100, nil
}

// settle waits until the server has nothing of its own to do, such as making keys for pools to come.
func (p *process) settle(ctx context.Context) error {
	last := time.Duration(-1)
	for range 100 {
		now, err := p.cpu()
		if err != nil || now == last {
			return err
		}
		last = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
	return errors.New("the server does not come to rest")
}

func (p *process) stop() {
	if p.cmd != nil && p.cmd.Process != nil {
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.cmd.Wait()
	}
	os.RemoveAll(p.dir)
}
