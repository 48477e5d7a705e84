package shared

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Conform lets a client that somebody else wrote talk to a stand-in: it runs the driver of that name with the Python of
// SALLYPORT_CONFORMANCE_PYTHON, whose environment has the clients installed. env tells the driver where to go, as
// "MISP_URL=http://127.0.0.1:8080". Without such a Python the test is skipped by name, and fails where CI is set.
func Conform(tb testing.TB, driver string, env ...string) {
	tb.Helper()
	script := Path(tb, filepath.Join("conformance", driver))
	python := os.Getenv("SALLYPORT_CONFORMANCE_PYTHON")
	if python == "" {
		if os.Getenv("CI") != "" {
			tb.Fatalf("conformance/%s was not run: set SALLYPORT_CONFORMANCE_PYTHON", driver)
		}
		tb.Skipf("conformance/%s is not run: set SALLYPORT_CONFORMANCE_PYTHON", driver)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 3*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, python, "-B", script)
	run.Env = append(os.Environ(), env...)
	said, err := run.CombinedOutput()
	tb.Logf("%s", said)
	if err != nil {
		tb.Errorf("%s: %v", driver, err)
	}
}
