//go:build unix

package response

import (
	"os"
	"syscall"
)

// flock takes the lock on an open file, or fails at once. The kernel gives it back when the process ends.
func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
