package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cognate/client"
)

// app is the app client that a user signs in to, and where the session is kept.
type app struct {
	Endpoint string `default:"http://127.0.0.1:9229" env:"COGNATE_ENDPOINT" help:"URL of the server; empty for Amazon Cognito."`
	Region   string `help:"Region of the user pool; by default as its id has it."`
	UserPool string `name:"user-pool" env:"COGNATE_USER_POOL" placeholder:"ID" help:"User pool; asked for where it is missing."`
	ClientID string `name:"client-id" env:"COGNATE_CLIENT_ID" placeholder:"ID" help:"App client; asked for where it is missing. The environment variable COGNATE_CLIENT_SECRET has its secret, if any."`
	Store    string `type:"path" placeholder:"FILE" help:"File of the session; by default one for each app client in the user's configuration folder."`
}

// open makes the client, whose session is in a file, or in memory alone where keep is false and no file is named.
func (a *app) open(ctx context.Context, p *prompter, keep bool) (*client.Client, error) {
	if err := errors.Join(p.fill(ctx, &a.UserPool, "User pool"), p.fill(ctx, &a.ClientID, "App client")); err != nil {
		return nil, err
	}
	c := client.Config{Endpoint: a.Endpoint, Region: a.Region, PoolID: a.UserPool, ClientID: a.ClientID, ClientSecret: os.Getenv("COGNATE_CLIENT_SECRET")}
	if keep && a.Store == "" {
		folder, err := os.UserConfigDir()
		if err != nil {
			return nil, err
		}
		a.Store = filepath.Join(folder, "cognate", filepath.Base(a.UserPool+"."+a.ClientID)+".json")
	}
	if a.Store != "" {
		c.Store = &client.FileStore{Path: a.Store}
	}
	return client.New(c)
}

type login struct {
	app      `embed:""`
	Username string   `env:"COGNATE_USERNAME" help:"User name, or an alias; asked for where it is missing. The password is always asked for, or read from the standard input."`
	Browser  bool     `help:"Sign in on the pool's own pages, in the browser."`
	Redirect string   `default:"http://127.0.0.1:3000/" placeholder:"URL" help:"With --browser, the callback URL of the app client that leads to this machine."`
	Scopes   []string `help:"With --browser, the scopes to ask for; by default all that the app client has."`
	Provider string   `help:"With --browser, the identity provider to go to at once."`
	Print    string   `enum:",id,access,refresh,json" default:"" help:"Print this of the session (id, access, refresh or json), and keep the session only where --store says so."`
}

func (l *login) Run(ctx context.Context) error {
	p := newPrompter()
	c, err := l.open(ctx, p, l.Print == "")
	if err != nil {
		return err
	}
	s, err := l.signIn(ctx, c, p)
	if err != nil {
		return err
	}
	if l.Print != "" {
		return show(os.Stdout, s, l.Print)
	}
	_, err = fmt.Printf("%s is signed in. The session is in %s\n", s.Username, l.Store)
	return err
}

func (l *login) signIn(ctx context.Context, c *client.Client, p *prompter) (*client.Session, error) {
	if l.Browser {
		return c.SignInByBrowser(ctx, client.Browser{RedirectURL: l.Redirect, Scopes: l.Scopes, Provider: l.Provider, Open: p.browse})
	}
	if err := p.fill(ctx, &l.Username, "User name"); err != nil {
		return nil, err
	}
	password, err := p.secret(ctx, "Password")
	if err != nil {
		return nil, err
	}
	step, err := c.SignIn(ctx, l.Username, password)
	if err != nil {
		return nil, err
	}
	return p.answer(ctx, c, step)
}

type token struct {
	app   `embed:""`
	Print string `enum:"id,access,refresh,json" default:"access" help:"What to print of the session: id, access, refresh or json."`
}

// Run prints what is asked for of the session that login has kept, whose tokens it renews where they need it.
func (t *token) Run(ctx context.Context) error {
	c, err := t.open(ctx, newPrompter(), true)
	if err != nil {
		return err
	}
	s, err := c.Session(ctx)
	if err != nil {
		return err
	}
	return show(os.Stdout, s, t.Print)
}

type logout struct {
	app        `embed:""`
	Everywhere bool `help:"End all sessions of the user, on all machines."`
}

// Run ends the session and removes its file; one that also tells which device this machine is loses the session alone.
func (l *logout) Run(ctx context.Context) error {
	c, err := l.open(ctx, newPrompter(), true)
	if err != nil {
		return err
	}
	if l.Everywhere {
		return c.SignOutEverywhere(ctx)
	}
	return c.SignOut(ctx)
}

// show prints a token of a session, or all of it.
func show(w io.Writer, s *client.Session, what string) error {
	if what == "json" {
		return json.NewEncoder(w).Encode(s)
	}
	_, err := fmt.Fprintln(w, map[string]string{"id": s.ID, "access": s.Access, "refresh": s.Refresh}[what])
	return err
}
