package server

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"cognate/internal/outbound"
	"cognate/internal/secret"
	"cognate/internal/trigger"
	"cognate/internal/trigger/builtin"
	"cognate/internal/trigger/lambda"
	processes "cognate/internal/trigger/process"
	"cognate/internal/trigger/webhook"
	"cognate/internal/user"
)

// Functions say how functions are run, by ARN, with or without a version or an alias, by name, or "*" for all others. Those that are
// not named are in Lambda.
type Functions map[string]Function

// Function says how a function is run: by exactly one of these.
type Function struct {
	Lambda  *Lambda  `yaml:"lambda"`
	Webhook *Webhook `yaml:"webhook"`
	Process *Process `yaml:"process"`
	Builtin *Builtin `yaml:"builtin"`
	// Ignore answers every event as it is.
	Ignore bool `yaml:"ignore"`

	line int // of the file; 0 without one
}

// Lambda is AWS Lambda, or what speaks its Invoke API.
type Lambda struct {
	Region   string `yaml:"region"`   // empty is the ARN's
	Endpoint string `yaml:"endpoint"` // empty is AWS's
}

// Webhook is an address that events are posted to.
type Webhook struct {
	URL        string `yaml:"url"`
	SecretFile string `yaml:"secret_file"`
	SecretEnv  string `yaml:"secret_env"`
	// Networks are addresses and networks that are not public, at which the host may be all the same; in development it may be
	// anywhere.
	Networks []string `yaml:"networks"`
}

// Process is a program of this machine.
type Process struct {
	Command     []string          `yaml:"command"`
	Dir         string            `yaml:"dir"`
	Env         map[string]string `yaml:"env"`
	Concurrency int               `yaml:"concurrency"`
}

// Builtin is a function that the server brings along.
type Builtin struct {
	Name string `yaml:"name"` // email-code or magic-link
	URL  string `yaml:"url"`  // of the app that takes links, with {code} in its query or fragment
	// Password has sign-ins begin with the password.
	Password bool `yaml:"password"`
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (f *Function) UnmarshalYAML(node ast.Node) error {
	type members Function
	err := yaml.NodeToValue(node, (*members)(f), yaml.Strict())
	f.line = node.GetToken().Position.Line
	return err
}

// ReadFunctions reads a file that has of a configuration its functions, with what their messages are sealed by, and nothing else. An
// error names its line and shows none of the file.
func (c *Config) ReadFunctions(path string) error {
	var of struct {
		Functions     Functions     `yaml:"functions"`
		CustomSenders CustomSenders `yaml:"custom_senders"`
	}
	if err := readYAML(path, &of); err != nil {
		return err
	}
	c.Functions, c.CustomSenders = of.Functions, of.CustomSenders
	return nil
}

// dispatcher makes what calls functions, as they are configured. The processes that it starts end when the server closes.
func (s *Server) dispatcher() (*trigger.Dispatcher, error) {
	others, err := lambda.New(lambda.Config{})
	if err != nil {
		return nil, err
	}
	s.functions = runners{others: others, named: map[string]trigger.Runner{}}
	for name, f := range s.config.Functions {
		r, err := s.runner(name, f)
		if err != nil {
			return nil, fmt.Errorf("functions: %s%s: %w", name, inLine(f.line), err)
		}
		s.functions.named[name] = r
	}
	return trigger.New(s.functions, s.logger), nil
}

func inLine(line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d)", line)
}

// functionName is what stands after "function:" in an ARN of a function, in the characters that a pool takes.
var functionName = regexp.MustCompile(`^[\w$+=/,.@-]+(:[\w$+=/,.@-]+)?$`)

func (s *Server) runner(name string, f Function) (trigger.Runner, error) {
	if _, ok := trigger.ParseARN(name); !ok && name != "*" && !functionName.MatchString(name) {
		return nil, errors.New("neither the ARN nor the name of a function, nor *")
	}
	if f.count() != 1 {
		return nil, errors.New("name exactly one of lambda, webhook, process, builtin and ignore: true")
	}
	switch {
	case f.Lambda != nil:
		return lambda.New(lambda.Config{Region: f.Lambda.Region, Endpoint: f.Lambda.Endpoint})
	case f.Webhook != nil:
		return s.webhook(f.Webhook)
	case f.Process != nil:
		p := f.Process
		return processes.New(processes.Config{Command: p.Command, Dir: p.Dir, Env: p.Env, Concurrency: p.Concurrency, Logger: s.logger})
	case f.Builtin != nil:
		b := f.Builtin
		return builtin.New(builtin.Config{Name: b.Name, URL: b.URL, Clear: s.config.Dev, Password: b.Password, Sender: mailer{s}})
	default:
		return unchanged{}, nil
	}
}

func (f Function) count() (n int) {
	for _, there := range []bool{f.Lambda != nil, f.Webhook != nil, f.Process != nil, f.Builtin != nil, f.Ignore} {
		if there {
			n++
		}
	}
	return n
}

func (s *Server) webhook(w *Webhook) (trigger.Runner, error) {
	key, err := readSecret(w.SecretFile, w.SecretEnv)
	if err != nil {
		return nil, err
	}
	networks, err := parseNetworks("networks", w.Networks)
	if err != nil {
		return nil, err
	}
	return webhook.New(webhook.Config{
		URL: w.URL, Clear: s.config.Dev, Secret: secret.Text(key), Client: outbound.NewClient(s.config.Dev, networks),
	})
}

// mailer sends the mails of the server's own functions, which are called when the server is complete.
type mailer struct{ *Server }

// Send implements [builtin.Sender].
func (m mailer) Send(ctx context.Context, mail builtin.Mail) (string, error) {
	p, c, err := m.pools.PoolClient(ctx, mail.PoolID, mail.ClientID)
	if err != nil {
		return "", err
	}
	return m.users.SendChallengeCode(ctx, p, c, user.ChallengeCode{
		Sub: mail.Sub, Name: mail.Name, Code: mail.Code, Link: mail.Link, Metadata: mail.Metadata,
	})
}

// runners are the runners of all functions.
type runners struct {
	named  map[string]trigger.Runner // by ARN or by name; "*" is for those that have none
	others trigger.Runner
}

// Invoke implements trigger.Runner.
func (r runners) Invoke(ctx context.Context, arn string, event []byte) ([]byte, error) {
	return r.of(arn).Invoke(ctx, arn, event)
}

func (r runners) of(arn string) trigger.Runner {
	names := []string{arn, "*"}
	if f, ok := trigger.ParseARN(arn); ok {
		plain := strings.TrimSuffix(arn, ":"+f.Qualifier)
		names = []string{arn, plain, f.Name + ":" + f.Qualifier, f.Name, "*"}
	}
	for _, name := range names {
		if runner, ok := r.named[name]; ok {
			return runner
		}
	}
	return r.others
}

// Close ends the processes of functions.
func (r runners) Close() {
	for _, runner := range r.named {
		if p, ok := runner.(*processes.Runner); ok {
			p.Close()
		}
	}
}

// unchanged is a runner of functions that do nothing.
type unchanged struct{}

// Invoke implements trigger.Runner.
func (unchanged) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) { return event, nil }
