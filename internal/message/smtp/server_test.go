package smtp

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

const (
	testUser     = "mailer-account"
	testPassword = "hunter2-but-longer"
)

// mailServer is a mail server in this process that keeps what it is given.
type mailServer struct {
	port  int
	roots *x509.CertPool

	mu   sync.Mutex
	kept []kept
}

// kept is a message as the server got it.
type kept struct {
	from    string
	to      []string
	user    string // who signed in; empty when nobody did
	tls     bool
	content string
}

// options are how a test's server differs from the usual one.
type options struct {
	implicitTLS bool
	noTLS       bool
	utf8        bool
	reject      func(command string) error // "mail", "rcpt", "data"
}

func serve(t *testing.T, o options) *mailServer {
	t.Helper()
	cert, roots := certificate(t)
	s := &mailServer{roots: roots}
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(c *gosmtp.Conn) (gosmtp.Session, error) {
		_, isTLS := c.TLSConnectionState()
		return &session{server: s, options: o, tls: isTLS}, nil
	}))
	srv.Domain, srv.EnableSMTPUTF8, srv.AllowInsecureAuth, srv.ErrorLog = "localhost", o.utf8, o.noTLS, log.New(io.Discard, "", 0)
	if !o.noTLS {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if o.implicitTLS {
		l = tls.NewListener(l, srv.TLSConfig)
		srv.TLSConfig = nil
	}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return s
}

// config is a configuration that suits s.
func (s *mailServer) config() Config {
	return Config{Host: "127.0.0.1", Port: s.port, Username: testUser, Password: testPassword, From: "Cognate <no-reply@cognate.example>",
		TLSConfig: &tls.Config{RootCAs: s.roots}, Timeout: 10 * time.Second}
}

func (s *mailServer) all() []kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

type session struct {
	server *mailServer
	options
	now kept
	tls bool
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != testUser || password != testPassword {
			// Some servers are talkative.
			return &gosmtp.SMTPError{Code: 535, Message: "wrong password " + password + " of " + user}
		}
		s.now.user = user
		return nil
	}), nil
}

func (s *session) rejected(command string) error {
	if s.reject == nil {
		return nil
	}
	return s.reject(command)
}

func (s *session) Mail(from string, _ *gosmtp.MailOptions) error {
	s.now.from = from
	return s.rejected("mail")
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.now.to = append(s.now.to, to)
	return s.rejected("rcpt")
}

func (s *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.rejected("data"); err != nil {
		return err
	}
	s.now.content, s.now.tls = string(content), s.tls
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.kept = append(s.server.kept, s.now)
	return nil
}

func (s *session) Reset()        { s.now = kept{user: s.now.user} }
func (s *session) Logout() error { return nil }

// certificate makes a certificate for this machine that only its own pool trusts.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail server of a test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// read is a message as a mail program shows it.
type read struct {
	header     mail.Header
	subject    string
	text, html string
}

func parse(t *testing.T, content string) read {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatalf("%v in %q", err, content)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	out := read{header: m.Header, subject: subject}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %q: %v", m.Header.Get("Content-Type"), err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	out.text = readPart(t, parts, "text/plain")
	out.html = readPart(t, parts, "text/html")
	if _, err := parts.NextRawPart(); !errors.Is(err, io.EOF) {
		t.Errorf("a third part: %v", err)
	}
	return out
}

func readPart(t *testing.T, parts *multipart.Reader, want string) string {
	t.Helper()
	p, err := parts.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
	if err != nil || kind != want || !strings.EqualFold(params["charset"], "utf-8") || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
		t.Errorf("part %v: %v", p.Header, err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(p))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// script is a server that says what it is told to, one answer for each line it
// hears, the greeting first. It hangs when it runs out of answers.
func script(t *testing.T, answers ...string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { close(done); l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for i, answer := range answers {
			if i > 0 {
				if _, err := in.ReadString('\n'); err != nil {
					return
				}
			}
			io.WriteString(conn, answer+"\r\n")
		}
		<-done
	}()
	return l.Addr().(*net.TCPAddr).Port
}
