//go:build unix

package ansibletest

import (
	"os"
	"syscall"
)

// hold waits for the file and holds it; a process that dies lets go of it.
func hold(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// claim holds the file for the rest of this process's life, and reports whether nobody else held it.
func claim(path string) bool {
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600) // a plain number: nothing closes it
	return err == nil && syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// endGroup ends this process and all of its group.
func endGroup() { _ = syscall.Kill(-syscall.Getpgrp(), syscall.SIGKILL) }
