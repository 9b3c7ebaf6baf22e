// Command provider is the example OpenID provider of zitadel/oidc, with its own pages, for tests of sign-in there.
//
//	provider REDIRECT_URI USERS_FILE
//
// It listens on a free port of the loopback interface, prints its issuer, and runs until it is stopped. Its client is "web" with the
// secret "secret". Its users are those of the file, as the example's storage.StoreFromFile reads it, at each time of asking.
package main

import (
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

// users are those of a file.
type users string

func (u users) read() storage.UserStore {
	s, err := storage.StoreFromFile(string(u))
	if err != nil {
		log.Fatal(err)
	}
	return s
}

func (u users) GetUserByID(id string) *storage.User         { return u.read().GetUserByID(id) }
func (u users) GetUserByUsername(name string) *storage.User { return u.read().GetUserByUsername(name) }
func (u users) ExampleClientID() string                     { return storage.ServiceUserID }

func main() {
	redirect, store := os.Args[1], users(os.Args[2])
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	issuer := "http://" + strings.Replace(listener.Addr().String(), "127.0.0.1", "localhost", 1)
	storage.RegisterClients(storage.WebClient("web", "secret", redirect))
	handler := exampleop.SetupServer(issuer, storage.NewStorage(store), slog.Default(), false)
	fmt.Println(issuer)
	log.Fatal(http.Serve(listener, handler))
}
