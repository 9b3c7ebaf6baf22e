//go:build !unix

package server

import "os"

// lock does nothing where there is no flock: keep to one server for each SQLite file.
func lock(string) (*os.File, error) { return nil, nil }
