package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"cognate/internal/access"
	"cognate/internal/secret"
	"cognate/internal/store"
)

// Access is the access keys and roles of a server, for who administers it from beside it. The server may be running: it
// sees a change within five seconds.
type Access struct {
	*access.Registry
	db *store.DB
}

// OpenAccess opens the database of a production server, which is made when it is not there yet. The caller closes it.
func OpenAccess(ctx context.Context, c Config) (*Access, error) {
	db, keys, err := openBeside(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Access{access.New(db, keys), db}, nil
}

// openBeside opens the database of a server that may be running, and reads its master key.
func openBeside(ctx context.Context, c Config) (*store.DB, *secret.Keyring, error) {
	path := c.databasePath()
	switch {
	case c.Data == "" && c.Database == "":
		return nil, nil, errors.New("data is missing: the folder of the database")
	case path == ":memory:":
		return nil, nil, errors.New("data: a database in memory is no other process's")
	case isFile(path):
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, nil, err
		}
	}
	db, err := openStore(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	s := &Server{config: c, db: db}
	keys, err := s.masterKey(ctx)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, keys, nil
}

// Close closes the database.
func (a *Access) Close() error { return a.db.Close() }
