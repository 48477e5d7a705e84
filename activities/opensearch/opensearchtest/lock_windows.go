package opensearchtest

// lockFile has nothing to do: no real server is tested on Windows.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }
