// Package server wires the floors together: it opens the store, builds the core, mounts the doors,
// listens and stops.
package server

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"cognate/internal/pool"
	"cognate/internal/quota"
)

// Config is all that a server needs to know. In development the flags fill it, in production a file.
type Config struct {
	// Dev accepts any AWS credentials, keeps every message in the inbox and takes plain HTTP.
	Dev bool `yaml:"-"`
	// AllowRemote lets a development server listen on an address that others reach.
	AllowRemote bool `yaml:"-"`
	// Seed is the path of a seed file; empty in development means the built-in seed.
	Seed string `yaml:"seed"`

	// Addr is the address to listen on, as host:port: for HTTPS, unless TLS names an address of its own or is not set.
	Addr string `yaml:"addr"`
	// PublicURL is what tokens, links and documents name: the address that clients use.
	PublicURL string `yaml:"public_url"`
	// TLS is where the server's certificates come from.
	TLS TLS `yaml:"tls"`
	// BehindTLSProxy says that a trusted proxy ends TLS in front of this server.
	BehindTLSProxy bool `yaml:"behind_tls_proxy"`
	// TrustedProxies are the addresses and networks of the proxies in front of this server: where they say
	// that a request comes from, in X-Forwarded-For, it comes from.
	TrustedProxies []string `yaml:"trusted_proxies"`

	// Data is the folder of the database and, in development, of the master key; ":memory:" keeps
	// nothing.
	Data string `yaml:"data"`
	// Database is a postgres:// URL or the path of a SQLite file; empty is a file in Data.
	Database string `yaml:"database"`
	// MasterKeyFile holds the key that seals secrets, as 32 bytes in hex or base64, readable by the
	// server alone. The environment variable COGNATE_MASTER_KEY goes before it.
	MasterKeyFile string `yaml:"master_key_file"`
	// Region is the region that the server is in: it serves the pools of that region alone, and the replicas in it of others.
	// Empty is all regions.
	Region string `yaml:"region"`
	// IssuerURL is what the issuers of pools begin with, where servers of several regions share pools: the same for all of
	// them. Empty is PublicURL.
	IssuerURL string `yaml:"issuer_url"`
	// AccountID is the AWS account that ARNs show.
	AccountID string `yaml:"account_id"`
	// BaseDomain is what the prefix domains of pools are under, as <prefix>.auth.<region>.<base domain>: in
	// development localhost, else the host of PublicURL, unless it is set.
	BaseDomain string `yaml:"base_domain"`
	// AccessKeys may call the signed operations, beside those that the database has.
	AccessKeys []AccessKey `yaml:"access_keys"`
	// SMTP sends e-mail, unless Email names another sender. Without any, in production, operations that send one fail.
	SMTP *SMTP `yaml:"smtp"`
	// Email and SMS say how messages go out in production.
	Email Email `yaml:"email"`
	SMS   SMS   `yaml:"sms"`
	// CustomSenders say how codes reach the functions that send messages in place of the server.
	CustomSenders CustomSenders `yaml:"custom_senders"`
	// Metrics say who may read what the server counts; in development everybody may.
	Metrics *Metrics `yaml:"metrics"`

	// ProviderNetworks are addresses and networks that are not public, at which identity providers may be called all the
	// same; in development all may be.
	ProviderNetworks []string `yaml:"provider_networks"`
	// Logins are the providers that identity pools may trust beside user pools.
	Logins Logins `yaml:"logins"`
	// Functions say how the functions of pools' triggers are run.
	Functions Functions `yaml:"functions"`
	// LogDelivery says where the logs of user pools go.
	LogDelivery LogDelivery `yaml:"log_delivery"`
	// Credentials say who gives the credentials of identity pools.
	Credentials Credentials `yaml:"credentials"`
	// Pages are the operator's own templates and languages of the pages that sign users in.
	Pages Pages `yaml:"pages"`
	// NameIssuer adds the iss parameter of RFC 9207 to the answers of the authorization endpoint, by which clients of
	// several servers tell these apart. Cognito has none.
	NameIssuer bool `yaml:"oauth_response_iss"`

	Limits `yaml:"_,inline"` // the name is of no member
	// RequestRates bound how many requests a second are taken. In development there is no such bound.
	RequestRates RequestRates `yaml:"limits"`
	// BreachedPasswords is the path of a sorted file of SHA-1 hashes of passwords that nobody may choose.
	BreachedPasswords string `yaml:"breached_passwords"`
	// ThreatProtection says how the pools are protected that want it.
	ThreatProtection ThreatProtection `yaml:"threat_protection"`
	// NotifyUsers tells users of changes to their passwords, second factors, e-mail addresses and devices.
	NotifyUsers bool `yaml:"notify_users"`
}

// Limits bound what one side can do to all others; 0 is no limit. What they count is told at [user.Options] and
// [identitypool.Options].
type Limits struct {
	FailuresPerAddress     int `yaml:"failures_per_address"`
	MessagesPerAddress     int `yaml:"messages_per_address"`
	MessagesPerDestination int `yaml:"messages_per_destination"`
	SMSPerDay              int `yaml:"sms_per_day"`
	GuestsPerAddress       int `yaml:"guests_per_address"`
}

// usualLimits are those of a production server that names none. An office of thousands behind one address
// stays below them, and so does a user who uses up what Cognito allows one user.
var usualLimits = Limits{FailuresPerAddress: 500, MessagesPerAddress: 500, MessagesPerDestination: 30, SMSPerDay: 10_000, GuestsPerAddress: 500}

// Pages names folders: docs/pages.md tells what is in them. Empty ones are the server's own.
type Pages struct {
	Templates string `yaml:"templates"`
	Languages string `yaml:"languages"`
}

// AccessKey is an AWS-style key pair; the secret comes from a file or the environment.
type AccessKey struct {
	ID         string `yaml:"id"`
	SecretFile string `yaml:"secret_file"`
	SecretEnv  string `yaml:"secret_env"`
	PolicyFile string `yaml:"policy_file"` // IAM policy document of what it may do; empty is everything
}

// SMTP is a mail server to hand messages to.
type SMTP struct {
	Host         string `yaml:"host"`
	Port         int    `yaml:"port"`
	From         string `yaml:"from"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	PasswordEnv  string `yaml:"password_env"`
	TLS          string `yaml:"tls"`         // starttls (default), tls or none
	AllowClear   bool   `yaml:"allow_clear"` // lets "none" leave this machine
}

// ReadConfig reads the file of a production server; limits that it does not name are the usual ones. An unknown or repeated key is an error that names
// its line and shows none of the file.
func ReadConfig(path string) (Config, error) {
	c := Config{Limits: usualLimits, RequestRates: RequestRates{Bounds: quota.UsualBounds}}
	err := readYAML(path, &c)
	return c, err
}

// readYAML reads a file of the operator's. An unknown or repeated key is an error that names its line and shows none of the file.
func readYAML(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalWithOptions(text, into, yaml.Strict()); err != nil {
		return fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false))
	}
	return nil
}

// fill sets defaults and refuses what is not safe or not whole.
func (c *Config) fill() error {
	if c.AccountID == "" {
		c.AccountID = "000000000000"
	}
	if len(c.AccountID) != 12 || strings.Trim(c.AccountID, "0123456789") != "" {
		return fmt.Errorf("the account id %q is not 12 digits", c.AccountID)
	}
	if c.Region != "" && !pool.IsRegion(c.Region) {
		return fmt.Errorf("region %q is not the name of a region", c.Region)
	}
	check := c.checkProduction
	if c.Dev {
		check = c.fillDev
	}
	if err := check(); err != nil {
		return err
	}
	return c.fillBaseDomain()
}

func (c *Config) fillBaseDomain() error {
	if c.BaseDomain != "" && !pool.IsDomainName(c.BaseDomain) {
		return fmt.Errorf("base_domain %q is not a domain name in lower case", c.BaseDomain)
	}
	if c.BaseDomain == "" && !c.Dev {
		u, err := url.Parse(c.PublicURL)
		if err != nil {
			return err
		}
		c.BaseDomain = strings.ToLower(u.Hostname())
	}
	return nil
}

func (c *Config) fillDev() error {
	if err := c.checkLocal(c.Addr); err != nil {
		return err
	}
	if c.TLS.Local {
		if err := c.checkLocal(c.TLS.Addr); err != nil {
			return err
		}
	}
	return c.checkURLs("http", "https")
}

// checkLocal refuses an address of a development server that others may reach.
func (c *Config) checkLocal(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("the address %q is not host:port", addr)
	}
	if ip := net.ParseIP(host); !c.AllowRemote && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("a development server accepts any credentials: it listens on %s, which others may reach, only with --allow-remote", addr)
	}
	return nil
}

func (c *Config) checkProduction() error {
	switch {
	case c.Addr == "":
		return fmt.Errorf("addr is missing: the address to listen on")
	case c.PublicURL == "":
		return fmt.Errorf("public_url is missing: the address that clients use")
	case c.Data == "" && c.Database == "":
		return fmt.Errorf("data is missing: the folder of the database")
	case !c.TLS.on() && !c.BehindTLSProxy:
		return fmt.Errorf("tls is missing: a production server does not speak clear HTTP unless behind_tls_proxy says that a proxy ends TLS in front of it")
	case min(c.FailuresPerAddress, c.MessagesPerAddress, c.MessagesPerDestination, c.SMSPerDay, c.GuestsPerAddress) < 0,
		min(c.RequestRates.User, c.RequestRates.Address, c.RequestRates.Client, c.RequestRates.Domain) < 0:
		return fmt.Errorf("a limit is negative: 0 is no limit")
	}
	if err := c.RequestRates.Categories.Check(); err != nil {
		return fmt.Errorf("limits.categories: %w", err)
	}
	if _, err := parseNetworks("trusted_proxies", c.TrustedProxies); err != nil {
		return err
	}
	if err := c.ThreatProtection.check(); err != nil {
		return err
	}
	if _, err := parseNetworks("provider_networks", c.ProviderNetworks); err != nil {
		return err
	}
	if err := c.TLS.check(c); err != nil {
		return err
	}
	return c.checkURLs("https")
}

func (c *Config) checkURLs(schemes ...string) error {
	if err := checkURL("public_url", &c.PublicURL, schemes); err != nil {
		return err
	}
	return checkURL("issuer_url", &c.IssuerURL, schemes)
}

// checkURL takes the slash from the end of a URL. An empty one is for the server to fill.
func checkURL(name string, text *string, schemes []string) error {
	if *text == "" {
		return nil
	}
	u, err := url.Parse(*text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%s %q is not a URL", name, *text)
	}
	if !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("%s %q is not %s", name, *text, strings.Join(schemes, " or "))
	}
	*text = strings.TrimSuffix(*text, "/")
	return nil
}

// readSecret reads a secret from exactly one of a file and an environment variable.
func readSecret(file, env string) (string, error) {
	switch {
	case (file == "") == (env == ""):
		return "", fmt.Errorf("name either a file or an environment variable for the secret")
	case env != "":
		if s := os.Getenv(env); s != "" {
			return s, nil
		}
		return "", fmt.Errorf("the environment variable %s is empty", env)
	}
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}

// databasePath is the SQLite file of a server without a database of its own choice.
func (c *Config) databasePath() string {
	if c.Database != "" {
		return c.Database
	}
	if c.Data == ":memory:" {
		return c.Data
	}
	return filepath.Join(c.Data, "cognate.db")
}

// shared reports whether servers of other regions may use the same database.
func (c *Config) shared() bool {
	_, ok := postgresAddress(c.databasePath())
	return ok
}

// replicates reports whether the server may have replicas of other regions' pools.
func (c *Config) replicates() bool { return c.Region != "" && c.shared() }
