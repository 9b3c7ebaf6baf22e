// Package identityserver is the door of identity pools: it translates the cognito-identity operations to the core and
// back. ops.go lists all that it serves; each noun has its file.
package identityserver

import (
	"cognate/internal/identitypool"
	"cognate/internal/pool"
)

// Service holds the parts of the core that the operations call.
type Service struct {
	identities *identitypool.Registry
	pools      *pool.Registry // for the tokens of pages
}

// New makes the door over the core.
func New(identities *identitypool.Registry, pools *pool.Registry) *Service {
	return &Service{identities: identities, pools: pools}
}
