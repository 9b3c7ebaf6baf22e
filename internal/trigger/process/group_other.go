//go:build !unix

package process

import (
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func endGroup(p *os.Process)  { p.Kill() }
func killGroup(p *os.Process) { p.Kill() }
