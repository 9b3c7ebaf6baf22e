// Package e2e holds the AWS SDK for Go v2 against a running server.
package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
)

// password is one that the default policy takes.
const password = "Corr3ct-Horse!"

// server is the address of the running server.
func server(t *testing.T) string {
	t.Helper()
	to := os.Getenv("COGNATE_URL")
	if to == "" {
		t.Fatal("COGNATE_URL is not set: the address of the running server")
	}
	return strings.TrimRight(to, "/")
}

// kit is a client and a pool of the test's own, which is deleted at its end.
type kit struct {
	*idp.Client
	ctx    context.Context
	poolID *string
	client *string // an app client without a secret
}

// newKit makes a kit; settings change the pool that it makes.
func newKit(t *testing.T, settings ...func(*idp.CreateUserPoolInput)) *kit {
	t.Helper()
	to := server(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	c, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-east-1"), config.WithRetryMaxAttempts(1),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("AKIAEXAMPLEEXAMPLE12", "example", "")))
	ok(t, err)
	k := &kit{Client: idp.NewFromConfig(c, func(o *idp.Options) { o.BaseEndpoint, o.HTTPClient = &to, &http.Client{Transport: whole{}} }), ctx: ctx}
	in := &idp.CreateUserPoolInput{
		PoolName: unique("pool"), AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
	}
	for _, set := range settings {
		set(in)
	}
	pool, err := k.CreateUserPool(ctx, in)
	ok(t, err)
	k.poolID = pool.UserPool.Id
	t.Cleanup(func() {
		_, err := k.DeleteUserPool(ctx, &idp.DeleteUserPoolInput{UserPoolId: k.poolID})
		ok(t, err)
	})
	client, err := k.CreateUserPoolClient(ctx, &idp.CreateUserPoolClientInput{UserPoolId: k.poolID, ClientName: aws.String("open"),
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserPasswordAuth, types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth,
			types.ExplicitAuthFlowsTypeAllowUserSrpAuth, types.ExplicitAuthFlowsTypeAllowUserAuth, types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth}})
	ok(t, err)
	k.client = client.UserPoolClient.ClientId
	return k
}

// whole sends requests from bodies of its own. The SDK closes a body once it has an answer: where that comes before the transport has
// seen the end of the body, the transport takes it for a failure and closes the connection.
type whole struct{}

func (whole) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	own := r.Clone(r.Context())
	own.Body = io.NopCloser(bytes.NewReader(text))
	return http.DefaultTransport.RoundTrip(own)
}

// user makes a confirmed user with the usual password.
func (k *kit) user(t *testing.T, what string) *string {
	t.Helper()
	name := unique(what)
	_, err := k.AdminCreateUser(k.ctx, &idp.AdminCreateUserInput{UserPoolId: k.poolID, Username: name, MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: attributes("email", *name+"@example.com", "email_verified", "true")})
	ok(t, err)
	_, err = k.AdminSetUserPassword(k.ctx, &idp.AdminSetUserPasswordInput{UserPoolId: k.poolID, Username: name, Password: aws.String(password), Permanent: true})
	ok(t, err)
	return name
}

func (k *kit) signIn(name *string, secret string) (*idp.InitiateAuthOutput, error) {
	return k.InitiateAuth(k.ctx, &idp.InitiateAuthInput{ClientId: k.client, AuthFlow: types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": *name, "PASSWORD": secret}})
}

// tokens signs in and expects tokens.
func (k *kit) tokens(t *testing.T, name *string, secret string) *types.AuthenticationResultType {
	t.Helper()
	out, err := k.signIn(name, secret)
	ok(t, err)
	if out.AuthenticationResult == nil {
		t.Fatalf("tokens were expected, got the challenge %q", out.ChallengeName)
	}
	return out.AuthenticationResult
}

// unique is a name that no other run has used.
func unique(what string) *string {
	return aws.String("e2e-go-" + what + "-" + strings.ToLower(rand.Text()[:12]))
}

func attributes(pairs ...string) (out []types.AttributeType) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, types.AttributeType{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return out
}

func value(in []types.AttributeType, name string) string {
	for _, a := range in {
		if aws.ToString(a.Name) == name {
			return aws.ToString(a.Value)
		}
	}
	return ""
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused expects the SDK's exception type E, with this message unless it is empty.
func refused[E smithy.APIError](t *testing.T, err error, message string) {
	t.Helper()
	var want E
	if !errors.As(err, &want) {
		t.Fatalf("%T was expected, got %v", want, err)
	}
	if message != "" && want.ErrorMessage() != message {
		t.Errorf("%T says %q, want %q", want, want.ErrorMessage(), message)
	}
}

// mail is a message of the inbox.
type mail struct{ Purpose, Code, Body, Username, PoolID string }

// lastMail is the newest message to a destination, which must be there already.
func lastMail(t *testing.T, destination, purpose string) mail {
	t.Helper()
	response, err := http.Get(server(t) + "/_cognate/inbox.json?destination=" + url.QueryEscape(destination))
	ok(t, err)
	defer response.Body.Close()
	var all []mail
	ok(t, json.NewDecoder(response.Body).Decode(&all))
	if len(all) == 0 {
		t.Fatalf("no message to %s", destination)
	}
	last := all[len(all)-1]
	if last.Purpose != purpose || last.Code == "" || !strings.Contains(last.Body, last.Code) {
		t.Fatalf("the last message to %s is %+v", destination, last)
	}
	return last
}

// otherThan is a code of the same form that is another.
func otherThan(code string) *string {
	return aws.String(string('0'+(code[0]-'0'+1)%10) + code[1:])
}

// claims are a token's, unverified.
func claims(t *testing.T, token *string) map[string]any {
	t.Helper()
	parts := strings.Split(aws.ToString(token), ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %q", aws.ToString(token))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	ok(t, err)
	out := map[string]any{}
	ok(t, json.Unmarshal(text, &out))
	return out
}
