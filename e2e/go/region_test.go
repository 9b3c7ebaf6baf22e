package e2e

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/coreos/go-oidc/v3/oidc"

	"cognate/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// regionOf is the SDK at a server of a region of the test's own; servers of one database share their issuer and their key.
func regionOf(t *testing.T, name, database, data, issuer string) *idp.Client {
	t.Helper()
	server := "http://" + freeAddress(t)
	serve(t, server+"/_cognate/ready", nil, os.Getenv("COGNATE_BINARY"), "dev", "--addr", strings.TrimPrefix(server, "http://"),
		"--region", name, "--database", database, "--data", data, "--issuer-url", issuer)
	return idp.New(idp.Options{Region: name, BaseEndpoint: &server, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLEEXAMPLE12", "example", "")})
}

// TestRegions has the SDK use one pool in two regions: each by a server of its own, over one PostgreSQL database.
func TestRegions(t *testing.T) {
	ctx, database, data := t.Context(), storetest.PostgresURL(t), t.TempDir()
	issuer := "http://" + freeAddress(t)
	primary, secondary := regionOf(t, "us-east-1", database, data, issuer), regionOf(t, "eu-west-1", database, data, issuer)
	pool, err := primary.CreateUserPool(ctx, &idp.CreateUserPoolInput{PoolName: unique("regions")})
	ok(t, err)
	id := pool.UserPool.Id
	client, err := primary.CreateUserPoolClient(ctx, &idp.CreateUserPoolClientInput{UserPoolId: id, ClientName: aws.String("open"),
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowUserPasswordAuth, types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth}})
	ok(t, err)
	clientID := client.UserPoolClient.ClientId
	_, err = primary.SignUp(ctx, &idp.SignUpInput{ClientId: clientID, Username: aws.String("jane"), Password: aws.String(password)})
	ok(t, err)
	_, err = primary.AdminConfirmSignUp(ctx, &idp.AdminConfirmSignUpInput{UserPoolId: id, Username: aws.String("jane")})
	ok(t, err)

	made, err := primary.CreateUserPoolReplica(ctx, &idp.CreateUserPoolReplicaInput{UserPoolId: id, RegionName: aws.String("eu-west-1")})
	ok(t, err)
	if r := made.UserPoolReplica; r.Status != types.ReplicaStatusTypeCreating || r.Role != types.ReplicaRoleTypeSecondary ||
		*r.UserPoolArn != "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/"+*id {
		t.Errorf("%+v", r)
	}
	awaitReplica(t, secondary, id, types.ReplicaStatusTypeInactive)
	_, err = secondary.UpdateUserPoolReplica(ctx, &idp.UpdateUserPoolReplicaInput{UserPoolId: id, RegionName: aws.String("eu-west-1"), Status: types.UpdateReplicaStatusTypeActive})
	ok(t, err)

	in, err := secondary.InitiateAuth(ctx, &idp.InitiateAuthInput{ClientId: clientID, AuthFlow: types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": "jane", "PASSWORD": password}})
	ok(t, err)
	for _, at := range []*idp.Client{primary, secondary} {
		me, err := at.GetUser(ctx, &idp.GetUserInput{AccessToken: in.AuthenticationResult.AccessToken})
		ok(t, err)
		again, err := at.GetTokensFromRefreshToken(ctx, &idp.GetTokensFromRefreshTokenInput{ClientId: clientID, RefreshToken: in.AuthenticationResult.RefreshToken})
		ok(t, err)
		// The issuer is the same wherever the token was made, and every region has its keys.
		keys := oidc.NewRemoteKeySet(ctx, *at.Options().BaseEndpoint+"/"+*id+"/.well-known/jwks.json")
		token, err := oidc.NewVerifier(issuer+"/"+*id, keys, &oidc.Config{ClientID: *clientID}).Verify(ctx, *again.AuthenticationResult.IdToken)
		ok(t, err)
		if *me.Username != "jane" || token.Subject == "" {
			t.Errorf("%s, %s", *me.Username, token.Subject)
		}
	}

	_, err = secondary.SignUp(ctx, &idp.SignUpInput{ClientId: clientID, Username: aws.String("mary"), Password: aws.String(password)})
	if _, refused := errors.AsType[*types.OperationNotEnabledException](err); !refused {
		t.Errorf("a sign-up in the secondary region: %v", err)
	}
	pools, err := secondary.ListUserPools(ctx, &idp.ListUserPoolsInput{MaxResults: aws.Int32(60)})
	ok(t, err)
	if len(pools.UserPools) != 1 || len(pools.UserPools[0].ReplicaRegions) != 1 {
		t.Errorf("%+v", pools.UserPools)
	}

	_, err = primary.UpdateUserPoolReplica(ctx, &idp.UpdateUserPoolReplicaInput{UserPoolId: id, RegionName: aws.String("eu-west-1"), Status: types.UpdateReplicaStatusTypeInactive})
	ok(t, err)
	_, err = primary.DeleteUserPoolReplica(ctx, &idp.DeleteUserPoolReplicaInput{UserPoolId: id, RegionName: aws.String("eu-west-1")})
	ok(t, err)
	awaitReplica(t, primary, id, "")
	_, err = secondary.DescribeUserPool(ctx, &idp.DescribeUserPoolInput{UserPoolId: id})
	if _, gone := errors.AsType[*types.ResourceNotFoundException](err); !gone {
		t.Errorf("the replica is gone: %v", err)
	}
}

// awaitReplica waits until the replica of a pool is in a state, empty for gone.
func awaitReplica(t *testing.T, at *idp.Client, pool *string, state types.ReplicaStatusType) {
	t.Helper()
	var last types.ReplicaStatusType
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		list, err := at.ListUserPoolReplicas(t.Context(), &idp.ListUserPoolReplicasInput{UserPoolId: pool})
		if _, early := errors.AsType[*types.ResourceNotFoundException](err); early {
			continue
		}
		ok(t, err)
		last = ""
		for _, r := range list.UserPoolReplicas {
			if r.Role == types.ReplicaRoleTypeSecondary {
				last = r.Status
			}
		}
		if last == state {
			return
		}
	}
	t.Fatalf("the replica is %q, not %q", last, state)
}
