package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"cognate/client"
	"cognate/internal/server"
)

// endpoint is a development server of this test's own.
var endpoint string

func TestMain(m *testing.M) {
	os.Exit(withServer(m.Run))
}

func withServer(run func() int) int {
	ctx, stop := context.WithCancel(context.Background())
	s, err := server.Start(ctx, server.Config{Dev: true, Data: ":memory:", Addr: "127.0.0.1:0"}, server.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	endpoint = s.URL()
	defer func() {
		stop()
		<-ended
	}()
	return run()
}

// ask would ask the user.
func ask(what string) string {
	log.Fatalf("the example's user has no %s", what)
	return ""
}

var ctx = context.Background()

func Example() {
	c, err := client.New(client.Config{
		Endpoint: endpoint,
		PoolID:   "us-east-1_ExaMPle",
		ClientID: "1example23456789",
	})
	if err != nil {
		log.Fatal(err)
	}
	step, err := c.SignIn(ctx, "username", "password")
	for err == nil {
		switch s := step.(type) {
		case *client.Done:
			fmt.Println(s.Session.Username, "is signed in")
			return
		case *client.MFA:
			step, err = s.Answer(ctx, ask("code sent to "+s.Destination))
		case *client.NewPassword:
			step, err = s.Answer(ctx, ask("new password"), nil)
		default:
			err = fmt.Errorf("%T is not for this app", s)
		}
	}
	log.Fatal(err)
	// Output: username is signed in
}

func ExampleClient_Session() {
	c, err := client.New(client.Config{Endpoint: endpoint, PoolID: "us-east-1_ExaMPle", ClientID: "1example23456789"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Session(ctx)
	fmt.Println(errors.Is(err, client.ErrNoSession))
	if _, err := c.SignIn(ctx, "username", "password"); err != nil {
		log.Fatal(err)
	}
	s, err := c.Session(ctx) // for each request: it renews the tokens where they need it
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(strings.Split(s.Access, ".")), time.Until(s.Expires) > 5*time.Minute)
	// Output:
	// true
	// 3 true
}

func ExampleError() {
	c, err := client.New(client.Config{Endpoint: endpoint, PoolID: "us-east-1_ExaMPle", ClientID: "1example23456789"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.SignIn(ctx, "username", "wrong")
	var refused *client.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Code, "-", refused.Message)
	}
	// Output: NotAuthorizedException - Incorrect username or password.
}

// TestDocs keeps the snippets of the documentation the code that is run here.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/client.md")
	if err != nil {
		t.Fatal(err)
	}
	var source string
	for _, file := range []string{"example_test.go", "awscredentials/awscredentials_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source += string(text)
	}
	parts := strings.Split(string(page), "```go\n")
	if len(parts) < 3 {
		t.Fatal("docs/client.md has lost its snippets")
	}
	for _, part := range parts[1:] {
		snippet, _, _ := strings.Cut(part, "```")
		snippet = strings.ReplaceAll(snippet, `"http://127.0.0.1:9229"`, "endpoint")
		if body := strings.ReplaceAll("\n"+strings.TrimRight(snippet, "\n"), "\n", "\n\t"); !strings.Contains(source, strings.ReplaceAll(body, "\n\t\n", "\n\n")) {
			t.Errorf("docs/client.md has code that is not run:\n%s", snippet)
		}
	}
}
