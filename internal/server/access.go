package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"cognate/internal/access"
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
	path := c.databasePath()
	switch {
	case c.Data == "" && c.Database == "":
		return nil, errors.New("data is missing: the folder of the database")
	case path == ":memory:":
		return nil, errors.New("data: a database in memory is no other process's")
	case isFile(path):
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
	db, err := openStore(ctx, path)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, db: db}
	keys, err := s.masterKey(ctx)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &Access{access.New(db, keys), db}, nil
}

// Close closes the database.
func (a *Access) Close() error { return a.db.Close() }
