package server

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"cognate/internal/store/storetest"
)

// TestConfirmationLink follows the link of a verification e-mail: it is at the domain of the pool, or else at the
// public URL, whatever the requests say about hosts (checklist 44).
func TestConfirmationLink(t *testing.T) {
	for name, database := range map[string]func() string{"sqlite": func() string { return "" }, "postgres": func() string { return storetest.PostgresURL(t) }} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Config{Dev: true, Addr: "127.0.0.1:0", Data: t.TempDir(), Database: database()}, io.Discard)
			address, err := url.Parse(s.URL())
			if err != nil {
				t.Fatal(err)
			}
			d := door(func(op, body string) (int, []byte, error) {
				r := request(s.URL(), op, strings.NewReader(body))
				r.Host = "evil.example"
				r.Header.Set("X-Forwarded-Host", "evil.example")
				return send(r)
			})
			for _, domain := range []string{"", "shop"} {
				pool := d.must(t, "CreateUserPool", `{"PoolName":"p","AutoVerifiedAttributes":["email"],
					"VerificationMessageTemplate":{"DefaultEmailOption":"CONFIRM_WITH_LINK"}}`).UserPool.Id
				want := s.URL()
				if domain != "" {
					d.must(t, "CreateUserPoolDomain", `{"UserPoolId":%q,"Domain":%q}`, pool, domain)
					want = "http://" + domain + ".auth.us-east-1.localhost:" + address.Port()
				}
				client := d.must(t, "CreateUserPoolClient", `{"UserPoolId":%q,"ClientName":"c","ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH"]}`, pool).UserPoolClient.ClientId
				to := "alice" + domain + "@example.com"
				d.must(t, "SignUp", `{"ClientId":%q,"Username":"alice","Password":"Corr3ct-Horse!","UserAttributes":[{"Name":"email","Value":%q}]}`, client, to)
				link := linkTo(t, s, to)
				if !strings.HasPrefix(link.String(), want+"/confirmUser?client_id="+client+"&user_name=alice&confirmation_code=") {
					t.Errorf("the link is %s", link)
				}
				r, err := http.NewRequest(http.MethodGet, s.URL()+link.RequestURI(), nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = link.Host
				if status, page, err := send(r); status != 200 || err != nil {
					t.Errorf("%d %s %v", status, page, err)
				}
				if in, err := d.signIn(client, "alice", "Corr3ct-Horse!"); err != nil || in.AuthenticationResult.AccessToken == "" {
					t.Errorf("%s %v", in.Type, err)
				}
			}
		})
	}
}

func send(r *http.Request) (int, []byte, error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}

// linkTo is the link in the newest message to an address.
func linkTo(t *testing.T, s *Server, to string) *url.URL {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.URL()+"/_cognate/inbox.json?destination="+url.QueryEscape(to), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := send(r)
	if err != nil {
		t.Fatal(err)
	}
	var sent []struct{ Code, Body string }
	if err := json.Unmarshal(body, &sent); err != nil || len(sent) == 0 {
		t.Fatalf("%s %v", body, err)
	}
	m := sent[len(sent)-1]
	found := regexp.MustCompile(`<a href="([^"]*)">`).FindStringSubmatch(m.Body)
	if found == nil {
		t.Fatalf("no link in %s", m.Body)
	}
	link, err := url.Parse(html.UnescapeString(found[1]))
	if err != nil || link.Query().Get("confirmation_code") != m.Code {
		t.Fatalf("%s %v, the code is %s", link, err, m.Code)
	}
	return link
}
