package server

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"

	"cognate/internal/secret"
	"cognate/internal/store"
)

// keyCheck names what a database is marked with when it first meets its master key.
const keyCheck = "master-key-check"

// masterKey reads the key that seals secrets, and sees to it that it is the database's. A new database in
// development gets a key of its own, beside the data; one that has a key already never gets another.
func (s *Server) masterKey(ctx context.Context) (*secret.Keyring, error) {
	mark, err := s.keyMark(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := s.loadKey(mark == nil)
	if err != nil {
		return nil, err
	}
	root := keys.MAC(keyCheck)
	if mark == nil {
		sealed := keys.Seal(root, keyCheck)
		return keys, s.db.Update(ctx, func(tx *store.Tx) error { return tx.PutMeta(keyCheck, sealed) })
	}
	// The root is that of the oldest key: without it tokens and codes would end, though secrets can be read.
	if known, err := keys.Open(mark, keyCheck); err != nil || !bytes.Equal(known, root) {
		return nil, errors.New("the master key is not the one that this database was made with")
	}
	return keys, nil
}

// keyMark is the mark of the database's key, nil when it has met none.
func (s *Server) keyMark(ctx context.Context) (mark []byte, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		mark, err = tx.GetMeta(keyCheck)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	return mark, err
}

// loadKey finds the key where the environment, the configuration or the data folder has it.
func (s *Server) loadKey(fresh bool) (*secret.Keyring, error) {
	path := filepath.Join(s.config.Data, "master.key")
	switch text := os.Getenv("COGNATE_MASTER_KEY"); {
	case text != "":
		return secret.ParseKeys(text)
	case s.config.MasterKeyFile != "":
		return secret.LoadFile(s.config.MasterKeyFile)
	case !s.config.Dev:
		return nil, errors.New("master_key_file is missing: the key that seals secrets at rest")
	case s.config.Data == ":memory:":
		return secret.NewKeyring(secret.RandomBytes(secret.KeySize))
	case !fresh:
		return secret.LoadFile(path)
	}
	if err := os.MkdirAll(s.config.Data, 0o700); err != nil {
		return nil, err
	}
	return secret.LoadOrCreateFile(path)
}
