package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"cognate/internal/awsclient"
	"cognate/internal/awsjson"
	"cognate/internal/logdelivery"
	"cognate/internal/logdelivery/cloudwatch"
	files "cognate/internal/logdelivery/file"
	"cognate/internal/logdelivery/firehose"
	"cognate/internal/logdelivery/s3"
	posts "cognate/internal/logdelivery/webhook"
	"cognate/internal/message"
	"cognate/internal/outbound"
	"cognate/internal/secret"
	"cognate/internal/threat"
)

// LogDelivery says where the logs of user pools go, by the ARN of the destination that a pool names, by the name in it, or "*" for all
// others. Those that are not named are AWS's; in development they go nowhere.
type LogDelivery map[string]LogSink

// LogSink says what takes the place of a destination: exactly one of these.
type LogSink struct {
	File    *LogFile `yaml:"file"`
	Webhook *Webhook `yaml:"webhook"`
	AWS     *AWS     `yaml:"aws"`
	// Ignore keeps nothing.
	Ignore bool `yaml:"ignore"`

	line int // of the configuration; 0 without one
}

// LogFile is a file of lines of JSON. What the fields mean is told at [files.Config].
type LogFile struct {
	Path     string `yaml:"path"`
	MaxBytes int64  `yaml:"max_bytes"`
	Keep     int    `yaml:"keep"`
}

// AWS is the service of AWS's that the destination's ARN names, or what speaks its API.
type AWS struct {
	Region   string `yaml:"region"`   // empty is the ARN's, of buckets the pool's
	Endpoint string `yaml:"endpoint"` // empty is the environment's, or else AWS's
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (l *LogSink) UnmarshalYAML(node ast.Node) error {
	type members LogSink
	err := yaml.NodeToValue(node, (*members)(l), yaml.Strict())
	l.line = node.GetToken().Position.Line
	return err
}

// ReadLogDelivery reads a file that has the log delivery of a configuration and nothing else. An error names its line and shows none of
// the file.
func ReadLogDelivery(path string) (LogDelivery, error) {
	var c struct {
		LogDelivery LogDelivery `yaml:"log_delivery"`
	}
	err := readYAML(path, &c)
	return c.LogDelivery, err
}

// logTime is how long the logs that are left may take to go out when the server stops.
const logTime = 5 * time.Second

// openLogs begins to deliver logs. Pools are looked up when there is something to log.
func (s *Server) openLogs() error {
	var err error
	if s.sinks, err = s.logSinks(); err != nil {
		return err
	}
	s.logs = logdelivery.New(logdelivery.Config{
		Target: func(ctx context.Context, poolID string, of logdelivery.Source) (logdelivery.Destination, bool, error) {
			p, err := s.pools.Pool(ctx, poolID)
			if err != nil {
				return logdelivery.Destination{}, false, err
			}
			to, ok := p.LogDestination(of)
			return to, ok, nil
		},
		Sink: s.sinks.of, Logger: s.logger, Count: s.logged,
	})
	return nil
}

// closeLogs delivers what there is, and closes the files.
func (s *Server) closeLogs() {
	ctx, cancel := context.WithTimeout(context.Background(), logTime)
	defer cancel()
	s.logs.Close(ctx)
	s.sinks.close()
}

// logSinks are the sinks of all destinations.
type logSinks struct {
	named  map[string]sinkOf // by ARN or by name; "*" is for those that have none
	others sinkOf
	files  map[string]*files.Sink // by path
}

// sinkOf is the sink for destinations of a kind.
type sinkOf func(logdelivery.Kind) logdelivery.Sink

func anyKind(sink logdelivery.Sink) sinkOf {
	return func(logdelivery.Kind) logdelivery.Sink { return sink }
}

func (s *Server) logSinks() (out logSinks, err error) {
	out = logSinks{named: map[string]sinkOf{}, others: anyKind(logdelivery.Nowhere{}), files: map[string]*files.Sink{}}
	if !s.config.Dev {
		if out.others, err = awsServices(AWS{}); err != nil {
			return out, err
		}
	}
	for name, l := range s.config.LogDelivery {
		if out.named[name], err = s.logSink(&out, name, l); err != nil {
			out.close()
			return out, fmt.Errorf("log_delivery: %s%s: %w", name, inLine(l.line), err)
		}
	}
	return out, nil
}

func (s *Server) logSink(all *logSinks, name string, l LogSink) (sinkOf, error) {
	if _, ok := logdelivery.ParseARN(name); !ok && name != "*" && !logdelivery.IsName(name) {
		return nil, errors.New("neither the ARN nor the name of a log group, a bucket or a delivery stream, nor *")
	}
	if l.count() != 1 {
		return nil, errors.New("name exactly one of file, webhook, aws and ignore: true")
	}
	switch {
	case l.File != nil:
		return all.open(l.File)
	case l.Webhook != nil:
		return s.logWebhook(l.Webhook)
	case l.AWS != nil:
		return awsServices(*l.AWS)
	}
	return anyKind(logdelivery.Nowhere{}), nil
}

func (l LogSink) count() (n int) {
	for _, there := range []bool{l.File != nil, l.Webhook != nil, l.AWS != nil, l.Ignore} {
		if there {
			n++
		}
	}
	return n
}

// open opens a file, which several destinations may have.
func (a *logSinks) open(l *LogFile) (sinkOf, error) {
	if a.files[l.Path] != nil {
		return anyKind(a.files[l.Path]), nil
	}
	sink, err := files.New(files.Config{Path: l.Path, MaxBytes: l.MaxBytes, Keep: l.Keep})
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	a.files[l.Path] = sink
	return anyKind(sink), nil
}

func (s *Server) logWebhook(w *Webhook) (sinkOf, error) {
	key, err := readSecret(w.SecretFile, w.SecretEnv)
	if err != nil {
		return nil, err
	}
	networks, err := parseNetworks("networks", w.Networks)
	if err != nil {
		return nil, err
	}
	sink, err := posts.New(posts.Config{
		URL: w.URL, Clear: s.config.Dev, Secret: secret.Text(key), Client: outbound.NewClient(s.config.Dev, networks),
	})
	return anyKind(sink), err
}

// awsServices are the services of AWS's. They read nothing of the environment before they are called.
func awsServices(a AWS) (sinkOf, error) {
	c := awsclient.Config{Region: a.Region, Endpoint: a.Endpoint}
	groups, err := cloudwatch.New(c)
	if err != nil {
		return nil, err
	}
	buckets, err := s3.New(c)
	if err != nil {
		return nil, err
	}
	streams, err := firehose.New(c)
	sinks := map[logdelivery.Kind]logdelivery.Sink{logdelivery.LogGroup: groups, logdelivery.Bucket: buckets, logdelivery.Stream: streams}
	return func(k logdelivery.Kind) logdelivery.Sink { return sinks[k] }, err
}

// of finds the sink of a destination.
func (a logSinks) of(arn string) logdelivery.Sink {
	parsed, _ := logdelivery.ParseARN(arn)
	for _, name := range []string{arn, parsed.Name, "*"} {
		if sink, ok := a.named[name]; ok {
			return sink(parsed.Kind)
		}
	}
	return a.others(parsed.Kind)
}

func (a logSinks) close() {
	for _, f := range a.files {
		f.Close()
	}
}

// logFailure has a message logged that was not delivered. It is a [message.Reporter].
func (s *Server) logFailure(_ context.Context, r message.Report) {
	if r.Pending || r.Err == nil {
		return
	}
	m := r.Message
	details := fmt.Sprintf("The %s message of the purpose %s to %s was not delivered by %s (%s)",
		m.Medium, m.Purpose, message.Mask(m.Medium, m.Destination), r.Sender, r.Outcome())
	if cause := r.Err.Error(); !m.Leaks(cause) {
		details += ": " + message.Shorten(cause)
	}
	s.logs.Notify(logdelivery.Notification{Time: time.Now(), PoolID: m.PoolID, Details: details})
}

// logActivity has logged what a user has done. It is a [threat.Recorder].
func (s *Server) logActivity(ctx context.Context, e threat.Event) {
	a := logdelivery.Activity{
		EventID: e.ID, EventType: e.Type, Created: e.Created, Response: e.Response, PoolID: e.PoolID, ClientID: e.ClientID,
		Sub: e.Sub, Username: e.Username, RequestID: awsjson.CallerFrom(ctx).RequestID,
		RiskDecision: e.Risk.Decision(), RiskLevel: e.Risk.Level, Compromised: e.Risk.Compromised,
		HasContext: e.Context.Timezone != "", DeviceName: e.Context.Device, IPAddress: e.Context.IP,
	}
	for _, c := range e.Challenges {
		a.Challenges = append(a.Challenges, logdelivery.Challenge(c))
	}
	s.logs.Act(a)
}
