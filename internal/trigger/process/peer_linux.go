package process

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// owned is a listener that other users of this machine cannot connect to: whoever comes to a Runtime API could take the event,
// with all that it tells of a user, and answer it.
type owned struct {
	net.Listener
	pid    int
	logger *slog.Logger
}

// ownConnections are those to a listener of a process, and of what runs as its user or as the server's.
func ownConnections(l net.Listener, pid int, logger *slog.Logger) net.Listener {
	return owned{l, pid, logger}
}

func (o owned) Accept() (net.Conn, error) {
	for {
		c, err := o.Listener.Accept()
		if err != nil {
			return nil, err
		}
		user, known := peerUser(c)
		if !known || o.may(user) {
			return c, nil
		}
		o.logger.Warn("another user of this machine has come to a function's Runtime API", "uid", user)
		c.Close()
	}
}

func (o owned) may(user int) bool {
	if user == os.Geteuid() {
		return true
	}
	var process syscall.Stat_t
	return syscall.Stat(fmt.Sprintf("/proc/%d", o.pid), &process) == nil && int(process.Uid) == user
}

// peerUser is the user at the other end of a connection on this machine; unknown where the system does not tell. A connection that is not
// there any more is nobody's.
func peerUser(c net.Conn) (uid int, known bool) {
	from, to := tableAddress(c.RemoteAddr()), tableAddress(c.LocalAddr())
	uid = -1
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		known = true
		if user, ok := find(f, from, to); ok {
			uid = user
		}
		f.Close()
	}
	return uid, known
}

// find looks for the socket of two addresses in a table of the kernel's (proc_net_tcp in its documentation). The addresses of IPv6 end
// as those of IPv4 that they stand for.
func find(table *os.File, from, to string) (uid int, ok bool) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 7 && strings.HasSuffix(fields[1], from) && strings.HasSuffix(fields[2], to) {
			uid, err := strconv.Atoi(fields[7])
			return uid, err == nil
		}
	}
	return 0, false
}

// tableAddress writes an address as the tables do: each four bytes of it as a number of this machine's.
func tableAddress(a net.Addr) string {
	at := netip.MustParseAddrPort(a.String())
	ip := at.Addr().Unmap().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), at.Port())
}
