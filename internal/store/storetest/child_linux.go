package storetest

import "syscall"

type (
	sysProcAttr = syscall.SysProcAttr
	credential  = syscall.Credential
)

// childOf has a child run as a user and end when this process does, even if it is
// killed.
func childOf(c *credential) *sysProcAttr {
	return &sysProcAttr{Credential: c, Pdeathsig: syscall.SIGQUIT}
}
