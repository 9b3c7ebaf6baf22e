package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// production starts a production server of the test's own and returns its address. What is under settings is added to its
// configuration, and goes before the environment.
func production(t *testing.T, settings string, environment ...string) string {
	t.Helper()
	if os.Getenv("COGNATE_BINARY") == "" {
		t.Fatal("COGNATE_BINARY is not set: the path of the server's binary")
	}
	folder, address := t.TempDir(), freeAddress(t)
	for name, text := range map[string]string{
		"master.key": hex.EncodeToString(bytes.Repeat([]byte{7}, 32)), "admin.secret": secretOfAdmin,
		"cognate.yaml": fmt.Sprintf("addr: %s\npublic_url: https://id.example.com\nbehind_tls_proxy: true\ndata: %s/data\nmaster_key_file: %s/master.key\n"+
			"access_keys: [{id: AKIAADMIN, secret_file: %s/admin.secret}]\n%s", address, folder, folder, folder, settings),
	} {
		ok(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	serve(t, "http://"+address+"/_cognate/ready", environment, os.Getenv("COGNATE_BINARY"), "serve", "--config", filepath.Join(folder, "cognate.yaml"))
	return "http://" + address
}

const secretOfAdmin = "the secret of the test's administrator"

// administrator is a client of a production server that tries so many times.
func administrator(address string, tries int) *idp.Client {
	return idp.New(idp.Options{
		Region: "us-east-1", BaseEndpoint: &address, RetryMaxAttempts: tries,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAADMIN", secretOfAdmin, ""),
	})
}

// TestRequestRates has the SDK ask for more than a production server takes: once, it gets Cognito's exception; asking again, as SDKs do
// by themselves, it gets through. The rate that an administrator sets is in force at once.
func TestRequestRates(t *testing.T) {
	address := production(t, "limits: {categories: {UserPoolRead: {default: 5}, UserRead: {default: 2, maximum: 40}}}\n")
	once, patient := administrator(address, 1), administrator(address, 10)
	list := func(c *idp.Client) error {
		_, err := c.ListUserPools(t.Context(), &idp.ListUserPoolsInput{MaxResults: aws.Int32(1)})
		return err
	}
	refused := 0
	for range 30 {
		var tooMany *types.TooManyRequestsException
		if err := list(once); errors.As(err, &tooMany) {
			if refused++; aws.ToString(tooMany.Message) != "Rate exceeded" {
				t.Errorf("the text is %q", aws.ToString(tooMany.Message))
			}
		} else {
			ok(t, err)
		}
	}
	if refused < 10 {
		t.Errorf("%d of 30 requests were refused", refused)
	}
	for range 8 {
		ok(t, list(patient))
	}
	pool, err := patient.CreateUserPool(t.Context(), &idp.CreateUserPoolInput{PoolName: aws.String("rates")})
	ok(t, err)
	read := func() (refused int) {
		for i := range 20 {
			_, err := once.AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: pool.UserPool.Id, Username: aws.String(fmt.Sprint("nobody", i))})
			if tooMany := (*types.TooManyRequestsException)(nil); errors.As(err, &tooMany) {
				refused++
			}
		}
		return refused
	}
	if n := read(); n < 5 {
		t.Errorf("%d of 20 reads were refused", n)
	}
	if status, text := provision(t, address, 40); status != 200 || !strings.Contains(text, `"ProvisionedLimitValue":40,"FreeLimitValue":2`) {
		t.Errorf("%d %s", status, text)
	}
	if n := read(); n > 0 {
		t.Errorf("%d of 20 reads were refused that had been asked for", n)
	}
	time.Sleep(time.Second) // for limits may be managed once a second
	if status, text := provision(t, address, 41); status != 400 || !strings.Contains(text, "ServiceQuotaExceededException") {
		t.Errorf("more than the operator allows: %d %s", status, text)
	}
}

// provision calls UpdateProvisionedLimit, which the SDK does not have yet.
func provision(t *testing.T, address string, rate int) (status int, text string) {
	t.Helper()
	body := fmt.Sprintf(`{"LimitDefinition":{"LimitClass":"API_CATEGORY","Attributes":{"Category":"UserRead"}},"RequestedLimitValue":%d}`, rate)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/", strings.NewReader(body))
	ok(t, err)
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.UpdateProvisionedLimit")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	hash := sha256.Sum256([]byte(body))
	ok(t, signer.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIAADMIN", SecretAccessKey: secretOfAdmin}, r,
		hex.EncodeToString(hash[:]), "cognito-idp", "us-east-1", time.Now()))
	answer, err := http.DefaultClient.Do(r)
	ok(t, err)
	defer answer.Body.Close()
	out, err := io.ReadAll(answer.Body)
	ok(t, err)
	return answer.StatusCode, string(out)
}

// TestLogDelivery has messages that cannot be delivered logged, to a file and at an address.
func TestLogDelivery(t *testing.T) {
	var mu sync.Mutex
	var posted []byte
	hook := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if posted = append(posted, body...); err != nil || !strings.HasPrefix(r.Header.Get("Webhook-Signature"), "v1,") {
			t.Errorf("%v, %v", r.Header, err)
		}
	}))
	t.Cleanup(hook.Close)
	folder := t.TempDir()
	authority := filepath.Join(folder, "ca.pem")
	ok(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}), 0o600))
	_, port, _ := strings.Cut(freeAddress(t), ":")
	address := production(t, fmt.Sprintf(`smtp: {host: 127.0.0.1, port: %s, from: no-reply@id.example.com, tls: none}
log_delivery:
  kept: {file: {path: %s/log.jsonl}}
  posted: {webhook: {url: "%s", secret_env: HOOK, networks: [127.0.0.1]}}
`, port, folder, hook.URL), "SSL_CERT_FILE="+authority, "HOOK="+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("h"), 32)))
	admin := administrator(address, 5)
	for _, name := range []string{"kept", "posted"} {
		pool, err := admin.CreateUserPool(t.Context(), &idp.CreateUserPoolInput{PoolName: aws.String(name)})
		ok(t, err)
		in := &idp.SetLogDeliveryConfigurationInput{UserPoolId: pool.UserPool.Id, LogConfigurations: []types.LogConfigurationType{{
			EventSource: types.EventSourceNameUserNotification, LogLevel: types.LogLevelError,
			CloudWatchLogsConfiguration: &types.CloudWatchLogsConfigurationType{LogGroupArn: aws.String("arn:aws:logs:us-east-1:000000000000:log-group:" + name)},
		}}}
		_, err = admin.SetLogDeliveryConfiguration(t.Context(), in)
		ok(t, err)
		got, err := admin.GetLogDeliveryConfiguration(t.Context(), &idp.GetLogDeliveryConfigurationInput{UserPoolId: pool.UserPool.Id})
		ok(t, err)
		if len(got.LogDeliveryConfiguration.LogConfigurations) != 1 {
			t.Errorf("%+v", got.LogDeliveryConfiguration)
		}
		_, err = admin.AdminCreateUser(t.Context(), &idp.AdminCreateUserInput{
			UserPoolId: pool.UserPool.Id, Username: aws.String("ann"), DesiredDeliveryMediums: []types.DeliveryMediumType{types.DeliveryMediumTypeEmail},
			UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String("ann@example.com")}},
		})
		if undelivered := (*types.CodeDeliveryFailureException)(nil); !errors.As(err, &undelivered) {
			t.Errorf("a message without a mail server: %v", err)
		}
	}
	var line []byte
	there := func() bool {
		mu.Lock()
		defer mu.Unlock()
		line, _ = os.ReadFile(filepath.Join(folder, "log.jsonl"))
		return len(line) > 0 && len(posted) > 0
	}
	for end := time.Now().Add(20 * time.Second); !there() && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
	}
	mu.Lock()
	defer mu.Unlock()
	for where, text := range map[string][]byte{"file": line, "address": posted} {
		if !json.Valid(text) || !bytes.Contains(text, []byte(`"eventSource":"USER_NOTIFICATION"`)) || !bytes.Contains(text, []byte("AdminCreateUser")) ||
			bytes.Contains(text, []byte("ann@")) {
			t.Errorf("the %s has %q", where, text)
		}
	}
}
