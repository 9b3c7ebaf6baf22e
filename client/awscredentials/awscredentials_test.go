package awscredentials_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"cognate/client"
	"cognate/client/awscredentials"
)

// pool stands in for an identity pool.
type pool struct {
	guests   bool
	ids      int
	vended   int
	gone     string // an identity that was deleted
	merged   string // the identity that another one answers with
	logins   []map[string]string
	role     string
	validFor time.Duration
}

func (p *pool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		IdentityPoolId, IdentityId, CustomRoleArn string
		Logins                                    map[string]string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.logins = append(p.logins, in.Logins)
	switch r.Header.Get("X-Amz-Target") {
	case "AWSCognitoIdentityService.GetId":
		if len(in.Logins) == 0 && !p.guests {
			refuse(w, "NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
			return
		}
		p.ids++
		fmt.Fprintf(w, `{"IdentityId":"us-east-1:%d"}`, p.ids)
	case "AWSCognitoIdentityService.GetCredentialsForIdentity":
		if in.IdentityId == p.gone {
			refuse(w, "ResourceNotFoundException", "Identity '"+in.IdentityId+"' not found.")
			return
		}
		p.vended++
		p.role = in.CustomRoleArn
		if p.merged != "" {
			in.IdentityId = p.merged
		}
		fmt.Fprintf(w, `{"IdentityId":%q,"Credentials":{"AccessKeyId":"ASIA%d","SecretKey":"secret","SessionToken":"session","Expiration":%f}}`,
			in.IdentityId, p.vended, float64(time.Now().Add(p.validFor).UnixMilli())/1000)
	default:
		refuse(w, "UnknownOperationException", "")
	}
}

func refuse(w http.ResponseWriter, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code+":")
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, message)
}

// serve runs a stand-in.
func serve(t testing.TB, p *pool) string {
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return server.URL
}

// signedIn is a store with the session of a user.
func signedIn(t *testing.T, sub string) client.Store {
	t.Helper()
	claims := fmt.Sprintf(`{"iss":"http://127.0.0.1:9229/us-east-1_ExaMPle","sub":%q}`, sub)
	id := "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"
	s, err := json.Marshal(map[string]any{"pool_id": "us-east-1_ExaMPle", "client_id": "app",
		"session": client.Session{ID: id, Access: id, Subject: sub, Received: time.Now(), Expires: time.Now().Add(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	store := new(client.MemoryStore)
	if err := store.Save(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return store
}

func newClient(t *testing.T, endpoint string, store client.Store) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Endpoint: endpoint, PoolID: "us-east-1_ExaMPle", ClientID: "app", Store: store})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUser(t *testing.T) {
	p := &pool{validFor: time.Hour}
	endpoint, store := serve(t, p), signedIn(t, "ann")
	for i := range 2 { // the second is another program with the same store
		provider := awscredentials.New(newClient(t, endpoint, store), client.IdentityPool{ID: "us-east-1:pool", Role: "arn:aws:iam::000000000000:role/r"})
		got, err := provider.Retrieve(t.Context())
		if err != nil || got.AccessKeyID != fmt.Sprint("ASIA", i+1) || got.SecretAccessKey != "secret" || got.SessionToken != "session" ||
			!got.CanExpire || time.Until(got.Expires).Round(time.Minute) != time.Hour {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if p.ids != 1 || p.role != "arn:aws:iam::000000000000:role/r" {
		t.Errorf("%d identities, role %s", p.ids, p.role)
	}
	for _, logins := range p.logins {
		if len(logins) != 1 || logins["127.0.0.1:9229/us-east-1_ExaMPle"] == "" {
			t.Errorf("%v", logins)
		}
	}
}

func TestIdentityThatIsGoneOrMerged(t *testing.T) {
	p := &pool{validFor: time.Hour}
	c := newClient(t, serve(t, p), signedIn(t, "ann"))
	get := func() *client.Credentials {
		t.Helper()
		got, err := c.Credentials(t.Context(), client.IdentityPool{ID: "us-east-1:pool"})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	p.gone = get().IdentityID
	if got := get(); got.IdentityID == p.gone || p.ids != 2 {
		t.Errorf("%v after the identity is gone", got)
	}
	p.merged = "us-east-1:other"
	get()
	p.merged = ""
	if got := get(); got.IdentityID != "us-east-1:other" || p.ids != 2 {
		t.Errorf("%v after the merge, %d identities", got.IdentityID, p.ids)
	}
}

func TestGuest(t *testing.T) {
	p := &pool{guests: true, validFor: time.Hour}
	c := newClient(t, serve(t, p), new(client.MemoryStore))
	if _, err := awscredentials.New(c, client.IdentityPool{ID: "us-east-1:pool"}).Retrieve(t.Context()); !errors.Is(err, client.ErrNoSession) || p.ids != 0 {
		t.Errorf("a guest who is not let in: %v", err)
	}
	for range 2 {
		if _, err := awscredentials.New(c, client.IdentityPool{ID: "us-east-1:pool", Guest: true}).Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if p.ids != 1 || p.vended != 2 || len(p.logins[0]) != 0 || p.logins[0] == nil {
		t.Errorf("%d identities, %d times credentials, %v", p.ids, p.vended, p.logins)
	}
	p.guests = false
	_, err := awscredentials.New(c, client.IdentityPool{ID: "us-east-1:closed", Guest: true}).Retrieve(t.Context())
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Code != "NotAuthorizedException" || !strings.HasPrefix(refused.Message, "Unauthenticated") {
		t.Errorf("%v", err)
	}
}

// TestSDKCaches has the SDK's configuration use a provider, as the documentation does.
func TestSDKCaches(t *testing.T) {
	p := &pool{validFor: time.Hour}
	c, ctx := newClient(t, serve(t, p), signedIn(t, "ann")), t.Context()
	cfg := configured(ctx, c)
	for range 3 {
		got, err := cfg.Credentials.Retrieve(ctx)
		if err != nil || got.AccessKeyID != "ASIA1" {
			t.Fatalf("%v, %v", got.AccessKeyID, err)
		}
	}
	p.validFor = -time.Hour
	cfg = configured(ctx, c)
	for i := range 2 {
		if got, err := cfg.Credentials.Retrieve(ctx); err != nil || got.AccessKeyID != fmt.Sprint("ASIA", i+2) {
			t.Errorf("expired ones are kept: %v, %v", got.AccessKeyID, err)
		}
	}
}

func configured(ctx context.Context, c *client.Client) aws.Config {
	provider := awscredentials.New(c, client.IdentityPool{ID: "us-east-1:00000000-0000-0000-0000-000000000001"})
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("us-east-1"), config.WithCredentialsProvider(provider))
	if err != nil {
		log.Fatal(err)
	}
	return cfg
}
