//go:build !linux

package server

// unmapText does nothing where it is not known how.
func unmapText() {}
