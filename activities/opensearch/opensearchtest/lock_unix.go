//go:build unix

package opensearchtest

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// lockFile takes the file until unlock is called or the process ends; unlock is nil while somebody else has it.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		return func() { _ = f.Close() }, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, err
}
