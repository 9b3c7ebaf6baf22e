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
	if o.binary == "" {
		o.binary = filepath.Join(dir, "cognate")
		build := exec.CommandContext(ctx, "go", "build", "-o", o.binary, "./cmd/cognate")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p.url = "http://" + addr
	args := []string{"dev", "--addr", addr, "--data", filepath.Join(dir, "data")}
	if o.database != "" {
		args = append(args, "--database", o.database)
	}
	p.cmd = exec.Command(o.binary, args...)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	return p, p.awaitReady(ctx)
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
			p.stop()
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	p.stop()
	return errors.New("the server did not become ready")
}

// cpu is the CPU time that the server has used so far, user and system (proc_pid_stat(5), fields 14 and 15).
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
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

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
	os.RemoveAll(p.dir)
}
