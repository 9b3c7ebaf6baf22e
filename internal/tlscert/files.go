package tlscert

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// recheckEvery is how often, at most, files are looked at again.
const recheckEvery = 2 * time.Second

// Pair names the files of a certificate chain and its key, in PEM; both may be one.
type Pair struct{ CertFile, KeyFile string }

// Files are certificates that are read from files, and again when those have changed: clients that connect some
// seconds later get the new ones. A pair that cannot be used is logged, once, and the one before it stays in use.
// It is safe for concurrent use.
type Files struct {
	logger *slog.Logger
	certs  atomic.Pointer[[]*tls.Certificate]

	mu     sync.Mutex // holds what is below
	pairs  []*loaded
	looked time.Time
}

// loaded is a pair, and what its files looked like when they were last read, well or not.
type loaded struct {
	Pair
	seen [2]os.FileInfo
	cert *tls.Certificate
}

// OpenFiles reads pairs, at least one. One that cannot be used is an error.
func OpenFiles(pairs []Pair, logger *slog.Logger) (*Files, error) {
	f := &Files{logger: logger, looked: time.Now()}
	for _, p := range pairs {
		l := &loaded{Pair: p}
		if _, err := l.refresh(); err != nil {
			return nil, err
		}
		f.pairs = append(f.pairs, l)
	}
	if len(pairs) == 0 {
		return nil, errors.New("no certificate files")
	}
	f.publish()
	return f, nil
}

// GetCertificate is what [tls.Config] asks: the first certificate that the client can use and that is for the name
// it wants, else the first of all.
func (f *Files) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.recheck()
	certs := *f.certs.Load()
	for _, c := range certs {
		if hello.SupportsCertificate(c) == nil {
			return c, nil
		}
	}
	return certs[0], nil
}

// recheck reads files that have changed, unless that was asked just now or another handshake is at it.
func (f *Files) recheck() {
	if !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	if time.Since(f.looked) < recheckEvery {
		return
	}
	f.looked = time.Now()
	for _, l := range f.pairs {
		switch changed, err := l.refresh(); {
		case err != nil:
			f.logger.Error("the new certificate cannot be used: the one before stays", "cause", err)
		case changed:
			f.logger.Info("a new certificate is in use", "file", l.CertFile, "expires", l.cert.Leaf.NotAfter)
		}
	}
	f.publish()
}

func (f *Files) publish() {
	var certs []*tls.Certificate
	for _, l := range f.pairs {
		certs = append(certs, l.cert)
	}
	f.certs.Store(&certs)
}

// refresh reads the pair if its files are not those that were last read. They are looked at before they are read:
// one that changes meanwhile is read again the next time.
func (l *loaded) refresh() (changed bool, err error) {
	var now [2]os.FileInfo // nil for one that cannot be looked at, which reading it will tell
	for i, path := range []string{l.CertFile, l.KeyFile} {
		now[i], _ = os.Stat(path)
	}
	if l.cert != nil && same(l.seen[0], now[0]) && same(l.seen[1], now[1]) {
		return false, nil
	}
	l.seen = now
	cert, err := tls.LoadX509KeyPair(l.CertFile, l.KeyFile)
	if err != nil {
		return false, fmt.Errorf("%s and %s: %w", l.CertFile, l.KeyFile, err)
	}
	l.cert = &cert
	return true, nil
}

func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
