//go:build race

package rules

// raced says that the race detector runs, which makes everything ten times slower.
const raced = true
