//go:build !linux

package process

import (
	"log/slog"
	"net"
)

// ownConnections cannot tell users apart here.
func ownConnections(l net.Listener, _ int, _ *slog.Logger) net.Listener { return l }
