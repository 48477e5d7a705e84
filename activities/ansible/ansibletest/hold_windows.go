package ansibletest

import "os"

// hold does not wait: the lab runs in WSL on Windows.
func hold(string) (release func(), err error) { return func() {}, nil }

func claim(string) bool { return true }

func endGroup() { os.Exit(1) }
