//go:build unix && !linux

package storetest

import "syscall"

type (
	sysProcAttr = syscall.SysProcAttr
	credential  = syscall.Credential
)

// childOf has a child run as a user.
func childOf(c *credential) *sysProcAttr {
	return &sysProcAttr{Credential: c}
}
