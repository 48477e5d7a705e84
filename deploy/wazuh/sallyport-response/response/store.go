package response

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// File keeps the holders in a file, written anew and renamed into place, under a lock on a file beside it.
type File struct{ Path string }

// lockEvery is how often the lock is tried; the context bounds how long.
const lockEvery = 50 * time.Millisecond

// Update implements Store.
func (f File) Update(ctx context.Context, change func(Holders, func() error) error) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	holders, err := f.read()
	if err != nil {
		return err
	}
	failed := change(holders, func() error { return f.write(holders) })
	return errors.Join(failed, f.write(holders))
}

func (f File) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o750); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(f.Path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = flock(lock); err == nil {
			return func() { _ = lock.Close() }, nil // closing gives the lock back
		}
		select {
		case <-ctx.Done():
			_ = lock.Close()
			return nil, fmt.Errorf("lock: %w", err)
		case <-time.After(lockEvery):
		}
	}
}

func (f File) read() (Holders, error) {
	text, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return Holders{}, nil
	}
	if err != nil {
		return nil, err
	}
	holders := Holders{}
	if err := json.Unmarshal(text, &holders); err != nil {
		return nil, fmt.Errorf("%s is no holders' file: remove it, and the blocks end by their timeouts", f.Path)
	}
	return holders, nil
}

func (f File) write(holders Holders) error {
	text, err := json.Marshal(holders)
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(f.Path), filepath.Base(f.Path)+".*")
	if err != nil {
		return err
	}
	_, err = next.Write(text)
	err = errors.Join(err, next.Sync(), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), f.Path)
	}
	if err != nil {
		_ = os.Remove(next.Name())
	}
	return err
}

// Memory keeps the holders for the life of the process.
type Memory struct {
	mu      sync.Mutex
	holders Holders
}

// Update implements Store.
func (m *Memory) Update(_ context.Context, change func(Holders, func() error) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holders == nil {
		m.holders = Holders{}
	}
	return change(m.holders, func() error { return nil })
}
