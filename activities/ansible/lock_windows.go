package ansible

import (
	"errors"
	"os"
	"os/exec"
)

// lock is not to be had: Ansible does not run on Windows.
type lock struct{ file *os.File }

func tryLock(string) (*lock, error) {
	return nil, errors.New("ansible does not run on Windows: run Sallyport in WSL")
}

func (l *lock) release() {}

func apart(*exec.Cmd) {}

func endGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
