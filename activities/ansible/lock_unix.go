//go:build unix

package ansible

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// lock is a file that is held. A child that inherits it holds it too, as long as it lives: nothing else says so surely
// whether a process of a run is left.
type lock struct{ file *os.File }

// tryLock returns nil if somebody holds the file.
func tryLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &lock{f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil //nolint:nilnil // not free is an answer, said in the comment
	}
	return nil, err
}

// release lets go of this process's hold.
func (l *lock) release() { _ = l.file.Close() }

// apart puts the command into a process group of its own, so that the whole of it can be ended.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// endGroup kills the command's process group.
func endGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
