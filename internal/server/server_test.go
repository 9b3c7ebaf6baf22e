package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cognate/api"
	ours "cognate/api/cognate"
	"cognate/api/identity"
	"cognate/api/idp"
	"cognate/internal/quota"
	"cognate/internal/secret"
	"cognate/internal/sigv4"
)

// start runs a server until the test ends.
func start(t *testing.T, c Config, log io.Writer) *Server {
	t.Helper()
	s, err := Start(t.Context(), c, Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func file(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const accessSecret = "wJalrXUtnFEMI0K7MDENG0bPxRfiCYzEXAMPLEKEY"

// production is a configuration that a server starts with.
func production(t *testing.T) Config {
	return Config{
		Addr: "127.0.0.1:0", PublicURL: "https://id.example.com/", BehindTLSProxy: true, Data: t.TempDir(),
		MasterKeyFile: file(t, "master.key", hex.EncodeToString(secret.RandomBytes(32))),
		AccessKeys:    []AccessKey{{ID: "AKIATEST", SecretFile: file(t, "secret", accessSecret+"\n")}},
	}
}

// TestRefusals are the configurations that must not start (checklist 65).
func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no master key":        {func(c *Config) { c.MasterKeyFile = "" }, "master_key_file is missing"},
		"no access keys":       {func(c *Config) { c.AccessKeys = nil }, "access_keys is missing"},
		"no TLS":               {func(c *Config) { c.BehindTLSProxy = false }, "tls is missing"},
		"half of TLS":          {func(c *Config) { c.TLS.CertFile = "x" }, "both cert_file and key_file"},
		"clear public URL":     {func(c *Config) { c.PublicURL = "http://id.example.com" }, "is not https"},
		"no public URL":        {func(c *Config) { c.PublicURL = "" }, "public_url is missing"},
		"public URL with path": {func(c *Config) { c.PublicURL = "https://u:p@x" }, "is not a URL"},
		"issuer URL":           {func(c *Config) { c.IssuerURL = "http://id.example.com" }, `issuer_url "http://id.example.com" is not https`},
		"region":               {func(c *Config) { c.Region = "eu_west_1" }, `region "eu_west_1" is not the name of a region`},
		"no address":           {func(c *Config) { c.Addr = "" }, "addr is missing"},
		"no data":              {func(c *Config) { c.Data = "" }, "data is missing"},
		"account id":           {func(c *Config) { c.AccountID = "12" }, "is not 12 digits"},
		"base domain":          {func(c *Config) { c.BaseDomain = "https://id.example.com" }, "base_domain"},
		"key without id":       {func(c *Config) { c.AccessKeys[0].ID = "" }, "access key 1 has no id"},
		"key without secret":   {func(c *Config) { c.AccessKeys[0].SecretFile = "" }, "name either a file or an environment variable"},
		"empty environment":    {func(c *Config) { c.AccessKeys[0] = AccessKey{ID: "A", SecretEnv: "COGNATE_TEST_NOTHING"} }, "COGNATE_TEST_NOTHING is empty"},
		"short secret":         {func(c *Config) { c.AccessKeys[0].SecretFile = file(t, "short", "short") }, "shorter than 20"},
		"negative limit":       {func(c *Config) { c.SMSPerDay = -1 }, "a limit is negative"},
		"negative rate":        {func(c *Config) { c.RequestRates.User = -1 }, "a limit is negative"},
		"rate of no category":  {func(c *Config) { c.RequestRates.Categories = quota.Rates{"Users": {}} }, `limits.categories: "Users" is not`},
		"no proxy":             {func(c *Config) { c.TrustedProxies = []string{"proxy.example.com"} }, "trusted_proxies: "},
		"no provider network":  {func(c *Config) { c.ProviderNetworks = []string{"10.0.0.0/33"} }, "provider_networks: "},
		"unknown broker":       {func(c *Config) { c.Credentials.Broker = "vault" }, `credentials: the broker is embedded or sts, not "vault"`},
		"no STS endpoint":      {func(c *Config) { c.Credentials = Credentials{Broker: "sts", Endpoint: "sts"} }, "credentials: the endpoint"},
		"endpoint of our own":  {func(c *Config) { c.Credentials.Endpoint = "https://sts.example" }, "credentials: an endpoint"},
		"no breached file":     {func(c *Config) { c.BreachedPasswords = "/none" }, "breached_passwords"},
		"no breached hashes":   {func(c *Config) { c.BreachedPasswords = file(t, "words", "password\n") }, "no line with a SHA-1 hash"},
		"readable master key":  {func(c *Config) { os.Chmod(c.MasterKeyFile, 0o644) }, "master.key"},
		"dev for all to reach": {func(c *Config) { *c = Config{Dev: true, Addr: "0.0.0.0:0", Data: ":memory:"} }, "--allow-remote"},
		"dev on any name":      {func(c *Config) { *c = Config{Dev: true, Addr: ":0", Data: ":memory:"} }, "--allow-remote"},
	} {
		t.Run(name, func(t *testing.T) {
			c := production(t)
			tt.change(&c)
			s, err := Start(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler)})
			if err == nil {
				s.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), accessSecret) {
				t.Errorf("the error is %q, want one with %q", err, tt.want)
			}
		})
	}
}

func TestReadConfig(t *testing.T) {
	c, err := ReadConfig(file(t, "c.yaml", "addr: 127.0.0.1:8443\npublic_url: https://id.example.com\naccess_keys:\n  - {id: A, secret_env: S}\nsmtp: {host: mail, port: 587, from: a@b.c, username: u, password_env: P}\n"))
	if err != nil || c.AccessKeys[0].SecretEnv != "S" || c.SMTP.Port != 587 || c.Credentials != (Credentials{}) {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = ReadConfig(file(t, "c.yaml", "credentials: {broker: sts, region: eu-central-1, endpoint: https://sts.example.com}\n"))
	if err != nil || c.Credentials != (Credentials{Broker: "sts", Region: "eu-central-1", Endpoint: "https://sts.example.com"}) {
		t.Errorf("%+v, %v", c.Credentials, err)
	}
	_, err = ReadConfig(file(t, "c.yaml", "addr: x\naccess_key: [{id: A, secret: hunter2hunter2}]\n"))
	if err == nil || !strings.Contains(err.Error(), "[2:1]") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error is %v", err)
	}
}

// TestBaseDomain: prefix domains are under the server's own name, unless it is told otherwise.
func TestBaseDomain(t *testing.T) {
	for name, tt := range map[string]struct {
		config Config
		want   string
	}{
		"production":            {Config{PublicURL: "https://ID.example.com:8443"}, "id.example.com"},
		"production, set":       {Config{PublicURL: "https://id.example.com", BaseDomain: "login.example.com"}, "login.example.com"},
		"development":           {Config{Dev: true, PublicURL: "http://127.0.0.1:9229"}, ""}, // the pools' own default
		"development, set":      {Config{Dev: true, BaseDomain: "dev.example.com"}, "dev.example.com"},
		"development, capitals": {Config{Dev: true, BaseDomain: "Dev.example.com"}, "an error"},
	} {
		err := tt.config.fillBaseDomain()
		if tt.want == "an error" {
			if err == nil {
				t.Errorf("%s: accepted", name)
			}
		} else if err != nil || tt.config.BaseDomain != tt.want {
			t.Errorf("%s: %q, %v, want %q", name, tt.config.BaseDomain, err, tt.want)
		}
	}
}

// call sends an operation, signed by sign if that is not nil.
func call(t *testing.T, url, op, body string, sign func(*http.Request)) (int, string) {
	t.Helper()
	return callTarget(t, url, "AWSCognitoIdentityProviderService."+op, body, sign)
}

// callTarget is call for an operation of any service.
func callTarget(t *testing.T, url, target, body string, sign func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequest("POST", url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	if sign != nil {
		sign(r)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestProductionVerifiesSignatures runs signed operations against a production server (checklist 52).
func TestProductionVerifiesSignatures(t *testing.T) {
	s := start(t, production(t), io.Discard)
	const body = `{"PoolName":"p"}`
	sign := func(id, key, region, service string, at time.Time) func(*http.Request) {
		return func(r *http.Request) { sigv4.Sign(r, []byte(body), id, key, region, service, at) }
	}
	now := time.Now()
	good := sign("AKIATEST", accessSecret, "eu-west-3", "cognito-idp", now)
	status, text := call(t, s.URL(), "CreateUserPool", body, good)
	if status != 200 || !strings.Contains(text, `"Arn":"arn:aws:cognito-idp:eu-west-3:000000000000:userpool/eu-west-3_`) {
		t.Errorf("a good signature: %d %s", status, text)
	}
	for name, tt := range map[string]struct {
		sign func(*http.Request)
		want string
	}{
		"unsigned":      {nil, "MissingAuthenticationTokenException"},
		"wrong secret":  {sign("AKIATEST", accessSecret+"x", "us-east-1", "cognito-idp", now), "InvalidSignatureException"},
		"unknown key":   {sign("AKIAOTHER", accessSecret, "us-east-1", "cognito-idp", now), "UnrecognizedClientException"},
		"other service": {sign("AKIATEST", accessSecret, "us-east-1", "s3", now), "InvalidSignatureException"},
		"old":           {sign("AKIATEST", accessSecret, "us-east-1", "cognito-idp", now.Add(-6*time.Minute)), "InvalidSignatureException"},
		"early":         {sign("AKIATEST", accessSecret, "us-east-1", "cognito-idp", now.Add(6*time.Minute)), "InvalidSignatureException"},
		"other target": {func(r *http.Request) {
			good(r)
			r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.DeleteUserPool")
		}, "InvalidSignatureException"},
		"other body": {func(r *http.Request) {
			sigv4.Sign(r, []byte(`{}`), "AKIATEST", accessSecret, "us-east-1", "cognito-idp", now)
		}, "InvalidSignatureException"},
		"garbage": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "IncompleteSignatureException"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := call(t, s.URL(), "CreateUserPool", body, tt.sign)
			if status != 400 || !strings.Contains(text, `"__type":"`+tt.want+`"`) {
				t.Errorf("got %d %s, want %s", status, text, tt.want)
			}
		})
	}
}

// TestProductionKnowsItsCallers calls every operation that is not for the public without a signature, and with one of an
// unknown key (checklist 52).
func TestProductionKnowsItsCallers(t *testing.T) {
	s := start(t, production(t), io.Discard)
	stranger := func(service string) func(*http.Request) {
		return func(r *http.Request) {
			sigv4.Sign(r, []byte("{}"), "AKIASTRANGER", accessSecret, "us-east-1", service, time.Now())
		}
	}
	asked := 0
	for _, service := range []*api.Service{idp.Service, identity.Service, ours.Service} {
		for _, op := range service.Operations {
			if op.Auth != api.Signed {
				continue
			}
			asked++
			target := service.TargetPrefix + "." + op.Name
			if status, text := callTarget(t, s.URL(), target, "{}", nil); status != 400 || !strings.Contains(text, `"__type":"MissingAuthenticationTokenException"`) {
				t.Errorf("%s unsigned: %d %s", target, status, text)
			}
			if status, text := callTarget(t, s.URL(), target, "{}", stranger(service.Name)); status != 400 || !strings.Contains(text, `"__type":"UnrecognizedClientException"`) {
				t.Errorf("%s by a stranger: %d %s", target, status, text)
			}
		}
	}
	if asked < 97 {
		t.Errorf("only %d operations are signed", asked)
	}
}

// TestProductionHasNoDevelopmentEndpoints also holds that there is no default pool or user (checklist 53).
func TestProductionHasNoDevelopmentEndpoints(t *testing.T) {
	s := start(t, production(t), io.Discard)
	for path, want := range map[string]int{
		"/_cognate/inbox": 404, "/_cognate/inbox.json": 404, "/_cognate/health": 200, "/_cognate/ready": 200,
		"/us-east-1_ExaMPle/.well-known/jwks.json": 404, "/nosuch": 404,
	} {
		answer, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s answers %d, want %d", path, answer.StatusCode, want)
		}
	}
}

// TestIssuerIgnoresTheHost asks for the documents under another Host (checklist 44).
func TestIssuerIgnoresTheHost(t *testing.T) {
	s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:", PublicURL: "https://id.example.com"}, io.Discard)
	r, _ := http.NewRequest("GET", s.URL()+"/us-east-1_ExaMPle/.well-known/openid-configuration", nil)
	r.Host = "evil.example.com"
	r.Header.Set("X-Forwarded-Host", "evil.example.com")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if strings.Contains(string(text), "evil") || !strings.Contains(string(text), `"issuer":"https://id.example.com/us-east-1_ExaMPle"`) {
		t.Errorf("the document is %s", text)
	}
}

// TestLogHasNoSecrets signs a user up and in, wrongly and rightly, and searches the log (checklist 62).
func TestLogHasNoSecrets(t *testing.T) {
	var log bytes.Buffer
	s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:"}, &log)
	const client = `"ClientId":"1example23456789"`
	call(t, s.URL(), "SignUp", `{`+client+`,"Username":"canary","Password":"Canary-Secret-1","UserAttributes":[{"Name":"email","Value":"canary@example.com"}]}`, nil)
	call(t, s.URL(), "ConfirmSignUp", `{`+client+`,"Username":"canary","ConfirmationCode":"987654"}`, nil)
	call(t, s.URL(), "InitiateAuth", `{`+client+`,"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"username","PASSWORD":"Canary-Secret-2"}}`, nil)
	_, tokens := call(t, s.URL(), "InitiateAuth", `{`+client+`,"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"username","PASSWORD":"password"}}`, nil)
	call(t, s.URL(), "InitiateAuth", `{`+client+`,"AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":"Canary-Secret-3"}}`, nil)
	call(t, s.URL(), "GetUser", `{"AccessToken":"Canary.Secret.4"}`, nil)
	call(t, s.URL(), "SignUp", `{"Password":"Canary Secret 5"`, nil)
	if !strings.Contains(tokens, "AccessToken") || !strings.Contains(log.String(), "op=SignUp") {
		t.Fatalf("the test did not do its part: %s\n%s", tokens, log.String())
	}
	for _, canary := range []string{"Canary", "canary@example.com", "987654", "eyJ"} {
		if strings.Contains(log.String(), canary) {
			t.Errorf("the log shows %s:\n%s", canary, log.String())
		}
	}
}

// TestForeignMasterKey starts on a database that was made with another key (checklist 61).
func TestForeignMasterKey(t *testing.T) {
	c := production(t)
	for range 2 {
		s, err := Start(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	c.MasterKeyFile = file(t, "other.key", hex.EncodeToString(secret.RandomBytes(32)))
	s, err := Start(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "is not the one that this database was made with") {
		t.Errorf("the error is %v", err)
	}
}

// TestMissingMasterKey holds that data whose key is gone gets no new one.
func TestMissingMasterKey(t *testing.T) {
	c := Config{Dev: true, Addr: "127.0.0.1:0", Data: t.TempDir()}
	s, err := Start(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	key := filepath.Join(c.Data, "master.key")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if s, err := Start(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler)}); err == nil {
		s.Close()
		t.Error("started")
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key was made")
	}
}

// TestOneServerForAFile starts a second server on the same data.
func TestOneServerForAFile(t *testing.T) {
	c := Config{Dev: true, Addr: "127.0.0.1:0", Data: t.TempDir()}
	start(t, c, io.Discard)
	s, err := Start(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "another server uses cognate.db") {
		t.Errorf("the error is %v", err)
	}
}

// TestDevelopmentRefusesOtherSites calls a signed operation from pages.
func TestDevelopmentRefusesOtherSites(t *testing.T) {
	s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: ":memory:"}, io.Discard)
	for origin, want := range map[string]string{
		"": `"UserPools"`, "http://localhost:3000": `"UserPools"`, "http://127.0.0.1:3000": `"UserPools"`, "http://app.localhost": `"UserPools"`,
		"https://evil.example": "AccessDeniedException", "null": "AccessDeniedException", "http://127.0.0.1.evil.example": "AccessDeniedException",
	} {
		const body = `{"MaxResults":1}`
		_, text := call(t, s.URL(), "ListUserPools", body, func(r *http.Request) {
			sigv4.Sign(r, []byte(body), "any", "any", "us-east-1", "cognito-idp", time.Now())
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
		})
		if !strings.Contains(text, want) {
			t.Errorf("from %q: %s, want %s", origin, text, want)
		}
	}
}

func TestTLS(t *testing.T) {
	c := production(t)
	c.BehindTLSProxy = false
	var pool *x509.CertPool
	c.TLS, pool = selfSigned(t)
	s := start(t, c, io.Discard)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	answer, err := client.Get(s.URL() + "/_cognate/ready")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	client.CloseIdleConnections()
	if answer.StatusCode != 200 || answer.TLS.Version < tls.VersionTLS12 {
		t.Errorf("got %d over %x", answer.StatusCode, answer.TLS.Version)
	}
}

// selfSigned makes the files of a certificate for 127.0.0.1, and the pool that trusts it.
func selfSigned(t *testing.T) (TLS, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return TLS{
		CertFile: file(t, "cert.pem", string(cert)),
		KeyFile:  file(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))),
	}, pool
}

// TestDatabaseSetting takes what is PostgreSQL's for that, however it is written, and makes no file of what is neither.
func TestDatabaseSetting(t *testing.T) {
	for setting, want := range map[string]string{
		"postgres://u:p@h/d": "postgres://u:p@h/d", "Postgres://u:p@h/d": "postgres://u:p@h/d", "POSTGRESQL://h/d": "postgresql://h/d",
		"host=h password=p": "host=h password=p", " dbname = d": " dbname = d", "data/a=b.db": "", "cognate.db": "", "/var/lib/host=x": "", ":memory:": "", "mysql://h/d": "",
	} {
		address, ok := postgresAddress(setting)
		if ok != (want != "") || ok && address != want {
			t.Errorf("%q: %q, %v", setting, address, ok)
		}
	}
	folder := t.TempDir()
	t.Chdir(folder)
	for _, setting := range []string{"mysql://u:secret@h/d", "sqlite://x"} {
		s := &Server{config: Config{Database: setting}}
		if _, err := s.open(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", setting, err)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("made %v: %v", left, err)
	}
}

// TestPanic tells the log of a panic, and goes on.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	s := &Server{logger: slog.New(slog.NewTextHandler(&log, nil))}
	door := httptest.NewServer(s.recovering(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/odd":
			panic("odd")
		case "/gone":
			panic(http.ErrAbortHandler)
		}
	})))
	defer door.Close()
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // else it would try again
	for path, fails := range map[string]bool{"/odd": true, "/gone": true, "/": false} {
		got, err := once.Get(door.URL + path)
		if err == nil {
			got.Body.Close()
		}
		if (err != nil) != fails {
			t.Errorf("%s: %v", path, err)
		}
	}
	door.Close()
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "path=/odd cause=odd stack=") {
		t.Errorf("logged %s", text)
	}
}
