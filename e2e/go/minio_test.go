package e2e

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity/types"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// minio is the binary that test.sh builds.
const minio = "../minio/minio"

// TestMinIO has MinIO believe the OpenID tokens of an identity pool: the credentials that users get open its S3, and guests get none.
func TestMinIO(t *testing.T) {
	if _, err := os.Stat(minio); err != nil {
		t.Fatal(err)
	}
	storage := freeAddress(t)
	server := "http://" + freeAddress(t)
	serve(t, server+"/_cognate/ready", nil, os.Getenv("COGNATE_BINARY"), "dev", "--data", ":memory:", "--addr", strings.TrimPrefix(server, "http://"), "--sts-endpoint", "http://"+storage)

	ctx := t.Context()
	static := credentials.NewStaticCredentialsProvider("AKIAEXAMPLEEXAMPLE12", "example", "")
	identities := cognitoidentity.New(cognitoidentity.Options{Region: "us-east-1", BaseEndpoint: &server, RetryMaxAttempts: 1, Credentials: static})
	users := cognitoidentityprovider.New(cognitoidentityprovider.Options{Region: "us-east-1", BaseEndpoint: &server, RetryMaxAttempts: 1})
	provider := strings.TrimPrefix(server, "http://") + "/us-east-1_ExaMPle"
	pool, err := identities.CreateIdentityPool(ctx, &cognitoidentity.CreateIdentityPoolInput{
		IdentityPoolName: aws.String("files"), AllowUnauthenticatedIdentities: true,
		CognitoIdentityProviders: []types.CognitoIdentityProvider{{ProviderName: &provider, ClientId: aws.String("1example23456789")}},
	})
	ok(t, err)
	_, err = identities.SetIdentityPoolRoles(ctx, &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: pool.IdentityPoolId, Roles: map[string]string{
		"authenticated": roleInMinIO(*pool.IdentityPoolId), "unauthenticated": "arn:aws:iam::000000000000:role/guest",
	}})
	ok(t, err)
	serve(t, "http://"+storage+"/minio/health/ready", []string{
		"MINIO_ROOT_USER=root-of-test", "MINIO_ROOT_PASSWORD=password-of-test", "MINIO_BROWSER=off", "MINIO_UPDATE=off",
		"MINIO_IDENTITY_OPENID_CONFIG_URL=" + server + "/_cognate/identity/.well-known/openid-configuration",
		"MINIO_IDENTITY_OPENID_CLIENT_ID=" + *pool.IdentityPoolId, "MINIO_IDENTITY_OPENID_ROLE_POLICY=readwrite",
	}, minio, "server", t.TempDir(), "--address", storage, "--quiet")

	signedIn, err := users.InitiateAuth(ctx, &cognitoidentityprovider.InitiateAuthInput{ClientId: aws.String("1example23456789"), AuthFlow: "USER_PASSWORD_AUTH",
		AuthParameters: map[string]string{"USERNAME": "username", "PASSWORD": "password"}})
	ok(t, err)
	logins := map[string]string{provider: *signedIn.AuthenticationResult.IdToken}
	user, err := identities.GetId(ctx, &cognitoidentity.GetIdInput{IdentityPoolId: pool.IdentityPoolId, Logins: logins})
	ok(t, err)
	var given *cognitoidentity.GetCredentialsForIdentityOutput
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) { // MinIO is ready before it has read its policies
		given, err = identities.GetCredentialsForIdentity(ctx, &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: user.IdentityId, Logins: logins})
		if err == nil || time.Now().After(end) {
			break
		}
	}
	ok(t, err)

	object := "http://" + storage + "/bucket/object"
	for _, step := range []struct {
		method, url, body string
		status            int
		want              string
	}{
		{"PUT", "http://" + storage + "/bucket", "", 200, ""},
		{"PUT", object, "what users keep", 200, ""},
		{"GET", object, "", 200, "what users keep"},
	} {
		if status, text := s3(t, given.Credentials, step.method, step.url, step.body); status != step.status || step.want != "" && text != step.want {
			t.Errorf("%s %s: %d %s", step.method, step.url, status, text)
		}
	}
	altered := *given.Credentials
	altered.SessionToken = aws.String(strings.Replace(*altered.SessionToken, ".", ".A", 1))
	if status, text := s3(t, &altered, "GET", object, ""); status != 403 {
		t.Errorf("with another session: %d %s", status, text)
	}

	guest, err := identities.GetId(ctx, &cognitoidentity.GetIdInput{IdentityPoolId: pool.IdentityPoolId})
	ok(t, err)
	_, err = identities.GetCredentialsForIdentity(ctx, &cognitoidentity.GetCredentialsForIdentityInput{IdentityId: guest.IdentityId})
	refused[*types.InvalidIdentityPoolConfigurationException](t, err, "Invalid identity pool configuration. Check assigned IAM roles for this pool.")
	if status, text := s3(t, nil, "GET", object, ""); status != 403 {
		t.Errorf("without credentials: %d %s", status, text)
	}
}

// roleInMinIO is the ARN of the role that MinIO makes for a client of an OpenID Connect provider.
func roleInMinIO(client string) string {
	sum := sha1.Sum([]byte(client))
	return "arn:minio:iam:::role/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// serve starts a server, waits until it is ready, and ends it with the test.
func serve(t *testing.T, ready string, environment []string, program string, arguments ...string) {
	t.Helper()
	var log bytes.Buffer
	c := exec.Command(program, arguments...)
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), environment...), &log, &log
	ok(t, c.Start())
	t.Cleanup(func() {
		c.Process.Signal(os.Interrupt)
		stop := time.AfterFunc(10*time.Second, func() { c.Process.Kill() })
		c.Wait()
		stop.Stop()
		if t.Failed() {
			t.Logf("%s: %s", program, &log)
		}
	})
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if r, err := http.Get(ready); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
	}
	t.Fatalf("%s does not get ready", program)
}

// s3 sends a request, signed by the AWS SDK's signer unless there are no credentials.
func s3(t *testing.T, c *types.Credentials, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	ok(t, err)
	if c != nil {
		sum := sha256.Sum256([]byte(body))
		hash := hex.EncodeToString(sum[:])
		r.Header.Set("X-Amz-Content-Sha256", hash)
		given := aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretKey, SessionToken: *c.SessionToken}
		ok(t, signer.NewSigner().SignHTTP(context.Background(), given, r, hash, "s3", "us-east-1", time.Now()))
	}
	answer, err := http.DefaultClient.Do(r)
	ok(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ok(t, err)
	return answer.StatusCode, string(text)
}
