// Command cognate is a self-hosted server that speaks Amazon Cognito.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"cognate/internal/server"
)

// version is set when a release is built.
var version = "devel"

type commands struct {
	Dev     dev        `cmd:"" help:"Run a development server with no configuration: it accepts any AWS credentials."`
	Serve   serve      `cmd:"" help:"Run a production server."`
	Keys    keysCmd    `cmd:"" help:"Administer the access keys that sign requests to a production server."`
	Roles   rolesCmd   `cmd:"" help:"Administer what the credentials of identity pools may do."`
	Export  exportCmd  `cmd:"" help:"Write the users of a pool to a file that a passphrase seals."`
	Import  importCmd  `cmd:"" help:"Import users into a pool, from an export or a CSV file."`
	Login   login      `cmd:"" help:"Sign a user in, and keep the session or print its tokens."`
	Token   token      `cmd:"" help:"Print a token of the session that login has kept, renewed where it has to be."`
	Logout  logout     `cmd:"" help:"End the session that login has kept."`
	Trust   trust      `cmd:"" help:"Tell how to trust the certificates of dev --tls, or make this system do it."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

type dev struct {
	Addr        string `default:"127.0.0.1:9229" help:"Address to listen on."`
	Data        string `default:".cognate" help:"Folder for data, or :memory:."`
	Database    string `help:"SQLite file or postgres:// URL; by default a file in the data folder."`
	PublicURL   string `name:"public-url" help:"What tokens, links and documents name; by default the listening address."`
	Region      string `help:"Region to be in; by default all. It serves the pools of that region alone, and the replicas in it of others."`
	IssuerURL   string `name:"issuer-url" help:"What the issuers of tokens begin with, where servers of several regions share pools; by default the public URL."`
	AccountID   string `name:"account-id" default:"000000000000" help:"AWS account in ARNs."`
	Seed        string `type:"existingfile" help:"YAML file of pools, clients and users; by default a built-in example."`
	AllowRemote bool   `name:"allow-remote" help:"Allow an address that other machines reach."`
	TLS         bool   `name:"tls" help:"Speak HTTPS, too, with certificates of a CA of its own; see the command trust."`
	TLSAddr     string `name:"tls-addr" default:"127.0.0.1:9230" help:"Address for HTTPS."`
	TLSAWSNames bool   `name:"tls-aws-names" help:"Make certificates for Amazon Cognito's own host names, too."`
	Templates   string `type:"existingdir" help:"Folder of templates that take the place of the pages' own."`
	Languages   string `type:"existingdir" help:"Folder of JSON files with more languages for the pages."`
	Functions   string `type:"existingfile" help:"YAML file that says how the functions of triggers are run; by default they are in Lambda."`
	STSEndpoint string `name:"sts-endpoint" placeholder:"URL" help:"Security Token Service that gives the credentials of identity pools; by default this server."`
	Logins      string `type:"existingfile" help:"YAML file of the providers that identity pools may trust beside user pools."`
	LogDelivery string `name:"log-delivery" type:"existingfile" help:"YAML file that says where the logs of user pools go; by default nowhere."`
	protection
}

// protection are the flags that both servers have.
type protection struct {
	BreachedPasswords string `name:"breached-passwords" placeholder:"FILE" help:"Sorted file of SHA-1 hashes of passwords that nobody may choose."`
	NotifyUsers       bool   `name:"notify-users" help:"Tell users of changes to their passwords, second factors, e-mail addresses and devices."`
}

func (p protection) apply(c *server.Config) {
	if p.BreachedPasswords != "" {
		c.BreachedPasswords = p.BreachedPasswords
	}
	c.NotifyUsers = c.NotifyUsers || p.NotifyUsers
}

func (d *dev) Run(ctx context.Context) error {
	c := server.Config{
		Dev: true, Addr: d.Addr, Data: d.Data, Database: d.Database, PublicURL: d.PublicURL, Region: d.Region, IssuerURL: d.IssuerURL,
		AccountID: d.AccountID, Seed: d.Seed, AllowRemote: d.AllowRemote,
		Pages: server.Pages{Templates: d.Templates, Languages: d.Languages},
		TLS:   server.TLS{Local: d.TLS || d.TLSAWSNames, Addr: d.TLSAddr, AWSNames: d.TLSAWSNames},
	}
	d.apply(&c)
	if d.STSEndpoint != "" {
		c.Credentials = server.Credentials{Broker: "sts", Endpoint: d.STSEndpoint}
	}
	if d.Logins != "" {
		var err error
		if c.Logins, err = server.ReadLogins(d.Logins); err != nil {
			return err
		}
	}
	if d.LogDelivery != "" {
		var err error
		if c.LogDelivery, err = server.ReadLogDelivery(d.LogDelivery); err != nil {
			return err
		}
	}
	if d.Functions != "" {
		if err := c.ReadFunctions(d.Functions); err != nil {
			return err
		}
	}
	return run(ctx, c, slog.New(slog.NewTextHandler(os.Stderr, nil)))
}

type serve struct {
	Config    string `required:"" type:"existingfile" help:"Configuration file."`
	Database  string `help:"SQLite file or postgres:// URL, before the file's."`
	PublicURL string `name:"public-url" help:"What tokens, links and documents name, before the file's."`
	AccountID string `name:"account-id" help:"AWS account in ARNs, before the file's."`
	protection
	FailuresPerAddress *int     `name:"failures-per-address" placeholder:"N" help:"How many attempts from one address may fail in a quarter of an hour, before the file's; 0 is any number."`
	TrustedProxies     []string `name:"trusted-proxies" placeholder:"CIDR" help:"Proxies whose X-Forwarded-For is believed, before the file's."`
}

func (s *serve) Run(ctx context.Context) error {
	c, err := server.ReadConfig(s.Config)
	if err != nil {
		return err
	}
	for flag, member := range map[*string]*string{&s.Database: &c.Database, &s.PublicURL: &c.PublicURL, &s.AccountID: &c.AccountID} {
		if *flag != "" {
			*member = *flag
		}
	}
	if s.FailuresPerAddress != nil {
		c.FailuresPerAddress = *s.FailuresPerAddress
	}
	if s.TrustedProxies != nil {
		c.TrustedProxies = s.TrustedProxies
	}
	s.apply(&c)
	return run(ctx, c, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
}

func run(ctx context.Context, c server.Config, logger *slog.Logger) error {
	slog.SetDefault(logger) // the core logs there
	s, err := server.Start(ctx, c, server.Options{Logger: logger})
	if err != nil {
		return err
	}
	s.Announce(os.Stdout)
	collectLater()
	return s.Run(ctx)
}

type versionCmd struct{}

func (versionCmd) Run() error {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "devel" && info.Main.Version != "" {
		v = info.Main.Version
	}
	_, err := fmt.Println("cognate", v)
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := new(commands)
	k := kong.Parse(c, kong.Name("cognate"), kong.Description("A self-hosted server that speaks Amazon Cognito."))
	k.BindTo(ctx, (*context.Context)(nil))
	k.FatalIfErrorf(k.Run())
}
