// Package idpserver is the door of user pools: it translates the cognito-idp operations to the core and
// back. ops.go lists all that it serves; each noun has its file.
package idpserver

import (
	"cognate/internal/authn"
	"cognate/internal/pool"
	"cognate/internal/token"
	"cognate/internal/user"
)

// Service holds the parts of the core that the operations call.
type Service struct {
	pools  *pool.Registry
	users  *user.Directory
	tokens *token.Service
	authn  *authn.Machine
}

// New makes the door over the core.
func New(pools *pool.Registry, users *user.Directory, tokens *token.Service, machine *authn.Machine) *Service {
	return &Service{pools: pools, users: users, tokens: tokens, authn: machine}
}
