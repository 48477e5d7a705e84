package embedded

import "fmt"

// lockFile keeps a second process off the same SQLite file, through a file beside it that the system unlocks when the
// process ends, however it ends.
func lockFile(file string) (unlock func(), err error) {
	held, err := lock(file + ".lock")
	if err != nil {
		return nil, fmt.Errorf("%s is in use by another process (%w): end it, or name another data_dir", file, err)
	}
	return func() { _ = held.Close() }, nil
}
