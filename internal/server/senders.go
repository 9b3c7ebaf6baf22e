package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cognate/internal/awsclient"
	"cognate/internal/message"
	"cognate/internal/message/inbox"
	"cognate/internal/message/pinpoint"
	"cognate/internal/message/ses"
	"cognate/internal/message/smtp"
	"cognate/internal/message/sns"
	"cognate/internal/message/twilio"
	hook "cognate/internal/message/webhook"
	"cognate/internal/outbound"
	"cognate/internal/secret"
)

// Email says how e-mail goes out.
type Email struct {
	// Sender is smtp, ses or webhook; empty is smtp where that is configured.
	Sender string `yaml:"sender"`
	// SES serves the pools whose EmailSendingAccount is DEVELOPER, also where Sender is another.
	SES     *SES     `yaml:"ses"`
	Webhook *Webhook `yaml:"webhook"`
}

// SMS says how text messages go out.
type SMS struct {
	// Sender is sns, pinpoint, twilio or webhook; empty is none.
	Sender string `yaml:"sender"`
	// SNS serves the pools that name an SnsCallerArn, and Pinpoint those that have EumsSms, also where Sender is another.
	SNS      *SNS      `yaml:"sns"`
	Pinpoint *Pinpoint `yaml:"pinpoint"`
	Twilio   *Twilio   `yaml:"twilio"`
	Webhook  *Webhook  `yaml:"webhook"`
}

// SES is Amazon SES, or what speaks its API. What the fields mean is told at [ses.Config].
type SES struct {
	Region           string `yaml:"region"`
	Endpoint         string `yaml:"endpoint"`
	From             string `yaml:"from"`
	ConfigurationSet string `yaml:"configuration_set"`
}

// SNS is Amazon SNS, or what speaks its API. What the fields mean is told at [sns.Config].
type SNS struct {
	Region     string `yaml:"region"`
	Endpoint   string `yaml:"endpoint"`
	SenderID   string `yaml:"sender_id"`
	AssumeRole bool   `yaml:"assume_role"`
}

// Pinpoint is AWS End User Messaging, or what speaks its API. What the fields mean is told at [pinpoint.Config].
type Pinpoint struct {
	Region           string `yaml:"region"`
	Endpoint         string `yaml:"endpoint"`
	Origination      string `yaml:"origination"`
	ConfigurationSet string `yaml:"configuration_set"`
	AssumeRole       bool   `yaml:"assume_role"`
}

// Twilio is an account there. What the fields mean is told at [twilio.Config].
type Twilio struct {
	AccountSID          string `yaml:"account_sid"`
	KeySID              string `yaml:"key_sid"`
	TokenFile           string `yaml:"token_file"`
	TokenEnv            string `yaml:"token_env"`
	From                string `yaml:"from"`
	MessagingServiceSID string `yaml:"messaging_service_sid"`
	Endpoint            string `yaml:"endpoint"`
}

// senderPlugin makes a sender of a section of the configuration.
type senderPlugin struct {
	section string
	there   func(*Config) bool
	needed  bool            // whether it cannot do without its section
	service message.Service // that it is, for pools that name it
	open    func(context.Context, *Config) (message.Sender, error)
}

// The senders, by the names that configurations have for them.
var (
	emailSenders = map[string]senderPlugin{
		"smtp":    {"smtp", func(c *Config) bool { return c.SMTP != nil }, true, "", openSMTP},
		"ses":     {"email.ses", func(c *Config) bool { return c.Email.SES != nil }, false, message.SES, openSES},
		"webhook": {"email.webhook", func(c *Config) bool { return c.Email.Webhook != nil }, true, "", openEmailWebhook},
	}
	smsSenders = map[string]senderPlugin{
		"sns":      {"sms.sns", func(c *Config) bool { return c.SMS.SNS != nil }, false, message.SNS, openSNS},
		"pinpoint": {"sms.pinpoint", func(c *Config) bool { return c.SMS.Pinpoint != nil }, false, message.Pinpoint, openPinpoint},
		"twilio":   {"sms.twilio", func(c *Config) bool { return c.SMS.Twilio != nil }, true, "", openTwilio},
		"webhook":  {"sms.webhook", func(c *Config) bool { return c.SMS.Webhook != nil }, true, "", openSMSWebhook},
	}
)

// sender is where messages go: in development always to the inbox. What becomes of each is reported.
func (s *Server) sender(ctx context.Context, mail *inbox.Inbox, report message.Reporter) (message.Sender, error) {
	if s.config.Dev {
		return message.Watched{Name: "inbox", Sender: mail, Report: report}, nil
	}
	r := message.Router{Services: map[message.Service]message.Sender{}, Media: map[message.Medium]message.Sender{}}
	email := s.config.Email.Sender
	if email == "" && s.config.SMTP != nil {
		email = "smtp"
	}
	for _, m := range []struct {
		medium       message.Medium
		member, name string
		plugins      map[string]senderPlugin
	}{{message.Email, "email.sender", email, emailSenders}, {message.SMS, "sms.sender", s.config.SMS.Sender, smsSenders}} {
		if err := checkSender(&s.config, m.member, m.name, m.plugins); err != nil {
			return nil, err
		}
		r.Media[m.medium] = message.Watched{Name: "none", Sender: message.Nowhere{}, Report: report}
		for name, plugin := range m.plugins {
			if !plugin.there(&s.config) && name != m.name {
				continue
			}
			opened, err := plugin.open(ctx, &s.config)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", plugin.section, err)
			}
			watched := message.Watched{Name: name, Sender: opened, Report: report}
			if plugin.service != "" {
				r.Services[plugin.service] = watched
			}
			if name == m.name {
				r.Media[m.medium] = watched
			}
		}
	}
	return r, nil
}

// checkSender refuses a name of no sender, a section that is missing, and one that nothing would use.
func checkSender(c *Config, member, name string, plugins map[string]senderPlugin) error {
	chosen, known := plugins[name]
	switch {
	case name != "" && !known:
		names := slices.Sorted(maps.Keys(plugins))
		return fmt.Errorf("%s: %q is not one of %s", member, name, strings.Join(names, ", "))
	case known && chosen.needed && !chosen.there(c):
		return fmt.Errorf("%s is missing: %s is %s", chosen.section, member, name)
	}
	for _, other := range slices.Sorted(maps.Keys(plugins)) {
		p := plugins[other]
		switch {
		case other == name || !p.there(c):
		case name == "":
			return fmt.Errorf("%s is missing: name the sender, although there is %s", member, p.section)
		case p.service == "":
			return fmt.Errorf("%s is not used: %s is %s", p.section, member, name)
		}
	}
	return nil
}

func openSMTP(_ context.Context, c *Config) (message.Sender, error) {
	in := c.SMTP
	out := smtp.Config{Host: in.Host, Port: in.Port, From: in.From, Username: in.Username, TLS: smtp.Mode(in.TLS), AllowClear: in.AllowClear}
	if in.Username != "" {
		password, err := readSecret(in.PasswordFile, in.PasswordEnv)
		if err != nil {
			return nil, err
		}
		out.Password = secret.Text(password)
	}
	return smtp.New(out)
}

func openSES(ctx context.Context, c *Config) (message.Sender, error) {
	in := cmp.Or(c.Email.SES, &SES{})
	return ses.New(ctx, ses.Config{
		Config: awsclient.Config{Region: in.Region, Endpoint: in.Endpoint}, From: in.From, ConfigurationSet: in.ConfigurationSet,
	})
}

func openSNS(ctx context.Context, c *Config) (message.Sender, error) {
	in := cmp.Or(c.SMS.SNS, &SNS{})
	return sns.New(ctx, sns.Config{
		Config: awsclient.Config{Region: in.Region, Endpoint: in.Endpoint}, SenderID: in.SenderID, AssumeRole: in.AssumeRole,
	})
}

func openPinpoint(ctx context.Context, c *Config) (message.Sender, error) {
	in := cmp.Or(c.SMS.Pinpoint, &Pinpoint{})
	return pinpoint.New(ctx, pinpoint.Config{
		Config: awsclient.Config{Region: in.Region, Endpoint: in.Endpoint}, Origination: in.Origination,
		ConfigurationSet: in.ConfigurationSet, AssumeRole: in.AssumeRole,
	})
}

func openTwilio(_ context.Context, c *Config) (message.Sender, error) {
	in := c.SMS.Twilio
	token, err := readSecret(in.TokenFile, in.TokenEnv)
	if err != nil {
		return nil, fmt.Errorf("the token: %w", err)
	}
	return twilio.New(twilio.Config{
		AccountSID: in.AccountSID, KeySID: in.KeySID, AuthToken: secret.Text(token), From: in.From,
		MessagingServiceSID: in.MessagingServiceSID, Endpoint: in.Endpoint,
	})
}

func openEmailWebhook(_ context.Context, c *Config) (message.Sender, error) {
	return openMessageWebhook(c.Email.Webhook)
}

func openSMSWebhook(_ context.Context, c *Config) (message.Sender, error) {
	return openMessageWebhook(c.SMS.Webhook)
}

func openMessageWebhook(w *Webhook) (message.Sender, error) {
	key, err := readSecret(w.SecretFile, w.SecretEnv)
	if err != nil {
		return nil, err
	}
	networks, err := parseNetworks("networks", w.Networks)
	if err != nil {
		return nil, err
	}
	return hook.New(hook.Config{URL: w.URL, Secret: secret.Text(key), Client: outbound.NewClient(false, networks)})
}
