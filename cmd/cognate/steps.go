package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"cognate/api/idp"
	"cognate/client"
)

// answer asks the user for what each step of a sign-in needs, up to the session. What the user mistypes is asked for again.
func (p *prompter) answer(ctx context.Context, c *client.Client, step client.Step) (*client.Session, error) {
	for {
		if done, ok := step.(*client.Done); ok {
			return done.Session, p.remember(ctx, c, done)
		}
		next, err := p.step(ctx, step)
		if mistyped(err) {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		step = next
	}
}

// mistyped reports whether the same step can be answered again.
func mistyped(err error) bool {
	refused, ok := errors.AsType[*client.Error](err)
	if !ok {
		return false
	}
	switch refused.Code {
	case idp.CodeCodeMismatch, idp.CodeInvalidPassword, idp.CodeEnableSoftwareTokenMFA, idp.CodePasswordHistoryPolicyViolation:
		return true
	}
	return false
}

// step answers one step.
func (p *prompter) step(ctx context.Context, step client.Step) (client.Step, error) {
	switch s := step.(type) {
	case *client.MFA:
		code, err := p.line(ctx, codePrompt(s))
		if err != nil {
			return nil, err
		}
		return s.Answer(ctx, code)
	case *client.SelectMFA:
		f, err := p.choose(ctx, "Second factor", s.Factors)
		if err != nil {
			return nil, err
		}
		return s.Answer(ctx, f)
	case *client.SetupMFA:
		return p.setUp(ctx, s)
	case *client.SetupTOTP:
		code, err := p.line(ctx, "Code of the app")
		if err != nil {
			return nil, err
		}
		return s.Answer(ctx, code, "")
	case *client.NewPassword:
		return p.newPassword(ctx, s)
	case *client.Custom:
		for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
			fmt.Fprintf(os.Stderr, "%s: %s\n", name, s.Parameters[name])
		}
		text, err := p.line(ctx, "Answer")
		if err != nil {
			return nil, err
		}
		return s.Answer(ctx, text)
	}
	return nil, fmt.Errorf("this sign-in needs --browser: %T", step)
}

func codePrompt(s *client.MFA) string {
	if s.Factor == client.TOTP {
		return "Code of the authenticator app"
	}
	return "Code that was sent to " + s.Destination
}

// choose asks for one of several factors.
func (p *prompter) choose(ctx context.Context, what string, among []client.Factor) (client.Factor, error) {
	if len(among) == 1 {
		return among[0], nil
	}
	var names []string
	for _, f := range among {
		names = append(names, string(f))
	}
	text, err := p.line(ctx, what+" ("+strings.Join(names, ", ")+")")
	return client.Factor(strings.ToUpper(text)), err
}

// setUp sets a second factor up.
func (p *prompter) setUp(ctx context.Context, s *client.SetupMFA) (client.Step, error) {
	f, err := p.choose(ctx, "Second factor to set up", s.Factors)
	if err != nil {
		return nil, err
	}
	switch f {
	case client.TOTP:
		next, err := s.TOTP(ctx)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "The secret for the authenticator app is\n\n  %s\n\n  %s\n\n", next.Secret, next.URI("Cognate"))
		return next, nil
	case client.Email:
		address, err := p.line(ctx, "E-mail address")
		if err != nil {
			return nil, err
		}
		return s.Email(ctx, address)
	}
	return nil, fmt.Errorf("%s cannot be set up here", f)
}

// newPassword asks for a password in the place of a temporary one, and for the attributes that the user must have.
func (p *prompter) newPassword(ctx context.Context, s *client.NewPassword) (client.Step, error) {
	password, err := p.secret(ctx, "New password")
	if err != nil {
		return nil, err
	}
	attributes := map[string]string{}
	for _, name := range s.Required {
		if attributes[name], err = p.line(ctx, name); err != nil {
			return nil, err
		}
	}
	return s.Answer(ctx, password, attributes)
}

// remember asks whether the pool shall remember this machine, where it is up to the user, and there is somebody to ask.
func (p *prompter) remember(ctx context.Context, c *client.Client, done *client.Done) error {
	if !done.AskToRemember || p.terminal == nil {
		return nil
	}
	text, err := p.line(ctx, "Remember this device (yes, no)")
	if err != nil || !strings.HasPrefix(strings.ToLower(text), "y") {
		return err
	}
	return c.RememberDevice(ctx)
}
