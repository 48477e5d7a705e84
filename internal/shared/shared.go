// Package shared finds the facts that tests read but the project does not hold: vendors' descriptions, recorded
// payloads, rules and events. They lie in the folder that SALLYPORT_SHARED names, by default ../shared beside the checkout.
package shared

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of name below the shared folder. A test that needs a file which is not there is skipped by
// name; where CI is set it fails, so that nothing is skipped unseen.
func Path(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(folder(tb), filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatalf("shared file %s is missing: set SALLYPORT_SHARED", name)
		}
		tb.Skipf("shared file %s is not here: set SALLYPORT_SHARED", name)
	}
	return path
}

// Read returns the content of a file below the shared folder; it skips or fails as Path does.
func Read(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile(Path(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func folder(tb testing.TB) string {
	if named := os.Getenv("SALLYPORT_SHARED"); named != "" {
		return named
	}
	return filepath.Join(filepath.Dir(Root(tb)), "shared")
}

// Root is the top folder of the checkout.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "internal", "soar")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("no checkout above the working folder")
		}
		dir = up
	}
}
