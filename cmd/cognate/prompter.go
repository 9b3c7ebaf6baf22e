package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"cognate/client"
)

// prompter asks the user, on the standard error, for the standard output is for what is printed. What is no terminal answers line by line.
type prompter struct {
	in       *bufio.Reader
	terminal *term.State // as it was in the beginning; nil where there is none
}

func newPrompter() *prompter {
	p := &prompter{in: bufio.NewReader(os.Stdin)}
	p.terminal, _ = term.GetState(int(os.Stdin.Fd())) // fails for what is none
	return p
}

// line asks for a line.
func (p *prompter) line(ctx context.Context, what string) (string, error) {
	return p.ask(ctx, what, func() (string, error) {
		text, err := p.in.ReadString('\n')
		if p.terminal == nil {
			fmt.Fprintln(os.Stderr)
		}
		return text, err
	})
}

// secret asks for a line that the terminal does not show.
func (p *prompter) secret(ctx context.Context, what string) (string, error) {
	if p.terminal == nil {
		return p.line(ctx, what)
	}
	return p.ask(ctx, what, func() (string, error) {
		text, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		return string(text), err
	})
}

// fill asks for a value that is missing.
func (p *prompter) fill(ctx context.Context, value *string, what string) (err error) {
	if *value == "" {
		*value, err = p.line(ctx, what)
	}
	return err
}

// ask reads an answer, unless ctx ends first: when the user has had enough, the terminal is left as it was.
func (p *prompter) ask(ctx context.Context, what string, read func() (string, error)) (string, error) {
	fmt.Fprint(os.Stderr, what+": ")
	type reply struct {
		text string
		err  error
	}
	replies := make(chan reply, 1)
	go func() {
		text, err := read()
		replies <- reply{strings.TrimRight(text, "\r\n"), err}
	}()
	select {
	case <-ctx.Done():
		if p.terminal != nil {
			term.Restore(int(os.Stdin.Fd()), p.terminal)
		}
		return "", context.Cause(ctx)
	case r := <-replies:
		if r.text != "" {
			return r.text, nil
		}
		if r.err == nil {
			r.err = errors.New("it is empty")
		}
		return "", fmt.Errorf("%s: %w", strings.ToLower(what), r.err)
	}
}

// browse shows the user a URL, and tells it for where no browser opens.
func (p *prompter) browse(ctx context.Context, url string) error {
	fmt.Fprintf(os.Stderr, "Sign in at\n\n  %s\n\n", url)
	if err := client.OpenBrowser(ctx, url); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return nil
}
