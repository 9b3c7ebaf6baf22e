package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"unicode/utf8"

	"cognate/internal/secret"
	"cognate/internal/userexport"
)

// sealing is how a command gets the passphrase of a file: asked for, or from a file, and never from its own arguments, which
// others see.
type sealing struct {
	PassphraseFile string `placeholder:"FILE" help:"File whose first line is the passphrase; by default it is asked for."`
}

// open returns the passphrase of a file that is there.
func (s sealing) open(ctx context.Context, p *prompter) (secret.Text, error) {
	if s.PassphraseFile != "" {
		return readPassphrase(s.PassphraseFile)
	}
	text, err := p.secret(ctx, "Passphrase")
	return secret.Text(text), err
}

// choose returns the passphrase of a new file. Who types it on a terminal does so twice.
func (s sealing) choose(ctx context.Context, p *prompter) (secret.Text, error) {
	text, err := s.open(ctx, p)
	if err != nil {
		return "", err
	}
	if utf8.RuneCountInString(string(text)) < userexport.MinPassphrase {
		return "", fmt.Errorf("the passphrase has fewer than %d characters", userexport.MinPassphrase)
	}
	if s.PassphraseFile != "" || p.terminal == nil {
		return text, nil
	}
	again, err := p.secret(ctx, "Passphrase again")
	if err == nil && again != string(text) {
		err = errors.New("the two passphrases differ")
	}
	return text, err
}

// readPassphrase reads the first line of a file that nobody else may read. What is no file, such as a pipe, has no such mode.
func readPassphrase(path string) (secret.Text, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if mode := info.Mode(); mode.IsRegular() && runtime.GOOS != "windows" && mode.Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s may be read by others (mode %04o): chmod 600 it", path, mode.Perm())
	}
	line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if text := strings.TrimRight(line, "\r\n"); text != "" {
		return secret.Text(text), nil
	}
	if err == nil || err == io.EOF {
		err = errors.New("it is empty")
	}
	return "", fmt.Errorf("passphrase file: %w", err)
}
