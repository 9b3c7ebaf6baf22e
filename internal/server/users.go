package server

import (
	"context"
	"fmt"
	"io"
	"os"

	"cognate/internal/message"
	"cognate/internal/pool"
	"cognate/internal/secret"
	"cognate/internal/store"
	"cognate/internal/user"
	"cognate/internal/userexport"
	"cognate/internal/userimport"
)

// Users is the users of a pool, for who exports and imports them from beside a server, which may be running.
type Users struct {
	db    *store.DB
	users *user.Directory
	pool  *pool.Pool
}

// OpenUsers opens a pool in the database of a server, both of which are there. The caller closes it.
func OpenUsers(ctx context.Context, c Config, poolID string) (*Users, error) {
	if path := c.databasePath(); isFile(path) {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("there is no database: %w", err)
		}
	}
	db, keys, err := openBeside(ctx, c)
	if err != nil {
		return nil, err
	}
	pools := pool.New(db, keys, pool.Options{AccountID: c.AccountID, Dev: c.Dev, BaseDomain: c.BaseDomain, PublicURL: c.PublicURL})
	p, err := pools.Pool(ctx, poolID)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &Users{db, user.New(db, keys, message.Nowhere{}), p}, nil
}

// Close closes the database.
func (u *Users) Close() error { return u.db.Close() }

// Export writes the users to w, sealed with a passphrase. It says how many, also when it fails. After an error w holds
// nothing that could be imported to its end.
func (u *Users) Export(ctx context.Context, w io.Writer, passphrase secret.Text, progress func(userexport.Counts)) (userexport.Counts, error) {
	sealed, err := userexport.Seal(w, passphrase)
	if err != nil {
		return userexport.Counts{}, err
	}
	e := &userexport.Exporter{DB: u.db, Users: u.users, Pool: u.pool, Progress: progress}
	counts, err := e.Write(ctx, sealed)
	if err != nil {
		return counts, err
	}
	return counts, sealed.Close()
}

// OpenExport reads the beginning of a file that [Users.Export] has written, and refuses one whose users the pool cannot have.
func (u *Users) OpenExport(file io.Reader, passphrase secret.Text) (*userexport.Reader, error) {
	plain, err := userexport.Open(file, passphrase)
	if err != nil {
		return nil, err
	}
	return userexport.NewReader(u.users, u.pool, plain)
}

// OpenCSV reads the header of a file as import jobs take it: see [userimport.NewCSV].
func (u *Users) OpenCSV(file io.Reader, algorithm string) (userimport.Source, error) {
	return userimport.NewCSV(u.users, u.pool, algorithm, file)
}

// OpenJSON reads the beginning of a file of another system: see [userimport.NewJSON].
func (u *Users) OpenJSON(file io.Reader, hash userimport.FirebaseHash) (userimport.Source, error) {
	return userimport.NewJSON(u.users, u.pool, hash, file)
}

// Import imports users. A dry run checks them and keeps none.
func (u *Users) Import(ctx context.Context, from userimport.Source, log io.Writer, dryRun bool, progress func(userimport.Counts)) (userimport.Counts, error) {
	b := &userimport.Bulk{DB: u.db, Users: u.users, Pool: u.pool, DryRun: dryRun, Log: log, Progress: progress}
	return b.Run(ctx, from)
}
