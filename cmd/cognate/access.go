package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"cognate/internal/access"
	"cognate/internal/policy"
	"cognate/internal/server"
)

// keysCmd administers the keys that sign requests.
type keysCmd struct {
	Create  keysCreate `cmd:"" help:"Make an access key. Its secret is printed now and never again."`
	List    keysList   `cmd:"" help:"List the access keys."`
	Policy  keysPolicy `cmd:"" help:"Print what a key may do, or say it anew."`
	Enable  keysEnable `cmd:"" help:"Let a key be used again."`
	Disable keysStop   `cmd:"" help:"Let a key be used no longer."`
	Delete  keysDelete `cmd:"" help:"Delete a key for good."`
}

// rolesCmd administers what the credentials of identity pools may do.
type rolesCmd struct {
	Put    rolesPut    `cmd:"" help:"Say what sessions of a role may do."`
	List   rolesList   `cmd:"" help:"List the roles that may do something."`
	Policy rolesPolicy `cmd:"" help:"Print what sessions of a role may do."`
	Delete rolesDelete `cmd:"" help:"Let sessions of a role do nothing."`
}

// administered is the server whose keys, roles or users a command is about.
type administered struct {
	Config   string `required:"" xor:"server" type:"existingfile" help:"Configuration file of the server."`
	Data     string `required:"" xor:"server" type:"existingdir" help:"Data folder of a development server, in place of a configuration."`
	Database string `help:"SQLite file or postgres:// URL, before the configuration's; by default a file in the data folder."`
}

// config is the configuration of the server.
func (a administered) config() (c server.Config, err error) {
	c = server.Config{Dev: true, Data: a.Data, AccountID: "000000000000"}
	if a.Config != "" {
		c, err = server.ReadConfig(a.Config)
	}
	if a.Database != "" {
		c.Database = a.Database
	}
	return c, err
}

// with opens what a command works on, and closes it.
func (a administered) with(ctx context.Context, do func(*server.Access) error) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	opened, err := server.OpenAccess(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(do(opened), opened.Close())
}

func readPolicy(path string) (*policy.Document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := policy.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// table prints lines in columns.
func table(head string, lines []string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

type keysCreate struct {
	administered
	Name   string `required:"" help:"Whose key it is: what the ARN of its user ends with."`
	Policy string `required:"" type:"existingfile" help:"IAM policy document of what it may do."`
}

func (c *keysCreate) Run(ctx context.Context) error {
	d, err := readPolicy(c.Policy)
	if err != nil {
		return err
	}
	return c.with(ctx, func(a *server.Access) error {
		k, value, err := a.CreateKey(ctx, c.Name, d)
		if err != nil {
			return err
		}
		_, err = fmt.Printf("AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", k.ID, string(value))
		return err
	})
}

type keysList struct{ administered }

func (c *keysList) Run(ctx context.Context) error {
	return c.with(ctx, func(a *server.Access) error {
		keys, err := a.Keys(ctx)
		if err != nil {
			return err
		}
		var lines []string
		for _, k := range keys {
			status := "enabled"
			if !k.Enabled {
				status = "disabled"
			}
			lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s", k.ID, k.Name, status, k.Created.Format(time.RFC3339)))
		}
		return table("ID\tNAME\tSTATUS\tCREATED", lines)
	})
}

// oneKey is what a command about one key takes.
type oneKey struct {
	administered
	ID string `arg:"" help:"Id of the key."`
}

type keysPolicy struct {
	oneKey
	Policy string `type:"existingfile" help:"IAM policy document of what it may do from now on."`
}

func (c *keysPolicy) Run(ctx context.Context) error {
	return c.with(ctx, func(a *server.Access) error {
		if c.Policy != "" {
			d, err := readPolicy(c.Policy)
			if err != nil {
				return err
			}
			return a.SetKeyPolicy(ctx, c.ID, d)
		}
		keys, err := a.Keys(ctx)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k.ID == c.ID {
				_, err = fmt.Println(k.Policy.Text())
				return err
			}
		}
		return access.ErrNoKey
	})
}

type keysEnable struct{ oneKey }

func (c *keysEnable) Run(ctx context.Context) error {
	return c.with(ctx, func(a *server.Access) error { return a.EnableKey(ctx, c.ID, true) })
}

type keysStop struct{ oneKey }

func (c *keysStop) Run(ctx context.Context) error {
	return c.with(ctx, func(a *server.Access) error { return a.EnableKey(ctx, c.ID, false) })
}

type keysDelete struct{ oneKey }

func (c *keysDelete) Run(ctx context.Context) error {
	return c.with(ctx, func(a *server.Access) error { return a.DeleteKey(ctx, c.ID) })
}

type rolesPut struct {
	administered
	ARN    string `arg:"" help:"ARN of the role, as identity pools name it."`
	Policy string `required:"" type:"existingfile" help:"IAM policy document of what its sessions may do."`
}

func (c *rolesPut) Run(ctx context.Context) error {
	d, err := readPolicy(c.Policy)
	if err != nil {
		return err
	}
	return c.with(ctx, func(a *server.Access) error { return a.PutRole(ctx, c.ARN, d) })
}

type rolesList struct{ administered }

func (c *rolesList) Run(ctx context.Context) error {
	return c.with(ctx, func(a *server.Access) error {
		roles, err := a.Roles(ctx)
		if err != nil {
			return err
		}
		var lines []string
		for _, r := range roles {
			lines = append(lines, fmt.Sprintf("%s\t%s", r.ARN, r.Modified.Format(time.RFC3339)))
		}
		return table("ARN\tMODIFIED", lines)
	})
}

type rolesPolicy struct {
	administered
	ARN string `arg:"" help:"ARN of the role."`
}

func (c *rolesPolicy) Run(ctx context.Context) error {
	return c.with(ctx, func(a *server.Access) error {
		r, err := a.Role(ctx, c.ARN)
		if err != nil {
			return err
		}
		_, err = fmt.Println(r.Policy.Text())
		return err
	})
}

type rolesDelete struct {
	administered
	ARN string `arg:"" help:"ARN of the role."`
}

func (c *rolesDelete) Run(ctx context.Context) error {
	return c.with(ctx, func(a *server.Access) error { return a.DeleteRole(ctx, c.ARN) })
}
