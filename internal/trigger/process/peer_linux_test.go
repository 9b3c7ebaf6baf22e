package process

import (
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestPeer tells who is at the other end of a connection.
func TestPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	mapped, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0) // as Java has all of its own
	if err == nil {
		defer syscall.Close(mapped)
		to := syscall.SockaddrInet6{Port: l.Addr().(*net.TCPAddr).Port, Addr: [16]byte(net.IPv4(127, 0, 0, 1).To16())}
		err = syscall.Connect(mapped, &to)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"IPv4", "IPv4 in IPv6"} {
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if uid, known := peerUser(server); uid != os.Geteuid() || !known {
			t.Errorf("%s: %d, %v", kind, uid, known)
		}
		server.Close()
	}
	o := owned{pid: os.Getpid()}
	for uid, want := range map[int]bool{os.Geteuid(): true, os.Geteuid() + 1: false, -1: false} {
		if o.may(uid) != want {
			t.Errorf("the user %d may: %v", uid, !want)
		}
	}
}

// TestFind reads the kernel's tables, in which addresses of IPv6 may stand for such of IPv4.
func TestFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tcp6")
	const text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 20 4 30 10 -1\n" +
		"   1: 0000000000000000FFFF00000100007F:D431 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 2 1 0 20 4 30 10 -1\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		from, to string
		uid      int
		ok       bool
	}{{"0100007F:1F90", "0100007F:D431", 1000, true}, {"0100007F:D431", "0100007F:1F90", 1001, true}, {"0100007F:1F90", "0100007F:1F90", 0, false}} {
		table, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if uid, ok := find(table, test.from, test.to); uid != test.uid || ok != test.ok {
			t.Errorf("%s to %s: %d, %v", test.from, test.to, uid, ok)
		}
		table.Close()
	}
}

// TestOtherUser refuses a connection of another user; only root can make one.
func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := ownConnections(l, os.Getpid(), slog.New(slog.DiscardHandler))
	defer own.Close()
	accepted := make(chan net.Addr, 2)
	go func() {
		for c, err := own.Accept(); err == nil; c, err = own.Accept() {
			accepted <- c.RemoteAddr()
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	connect := func(uid uint32) {
		t.Helper()
		c := exec.Command("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/"+port+"; read -t 5 <&3; true")
		c.Dir, c.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	connect(65534)
	select {
	case a := <-accepted:
		t.Errorf("%v was let in", a)
	case <-time.After(100 * time.Millisecond):
	}
	connect(0)
	select {
	case <-accepted:
	case <-time.After(5 * time.Second):
		t.Error("the own user was not let in")
	}
}
