package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

// TestAllOfSigmaHQ checks and imports the public rules: all load, with their licence, byte for byte, and the second
// import changes nothing.
func TestAllOfSigmaHQ(t *testing.T) {
	from, into := shared.Path(t, "sigma"), filepath.Join(t.TempDir(), "sigma")
	code, out, errs := runRules(t, "", "check", from)
	if code != 0 || !strings.Contains(out, "\n3757 rules, 0 refused, ") {
		t.Errorf("check: code %d, %s%s", code, out, errs)
	}
	for _, want := range []string{": 3758 files added, 0 changed, 0 removed, 0 unchanged\n", ": 0 files added, 0 changed, 0 removed, 3758 unchanged\n"} {
		code, out, errs = runRules(t, "", "import", from, "--into", into)
		if code != 0 || !strings.Contains(out, want) || !strings.Contains(out, "3757 rules are under DRL-1.1") {
			t.Errorf("import: code %d, %s%s", code, out, errs)
		}
	}
	for _, name := range []string{"LICENSE", "rules/windows/driver_load/driver_load_win_vuln_drivers.yml"} {
		theirs, err := os.ReadFile(filepath.Join(from, name))
		ours, wrong := os.ReadFile(filepath.Join(into, name))
		if err != nil || wrong != nil || string(theirs) != string(ours) {
			t.Errorf("%s is not as it was: %v, %v", name, err, wrong)
		}
	}
	code, out, _ = runRules(t, "", "test", from)
	if code != 0 || !strings.Contains(out, "202 tests were skipped") || !strings.Contains(out, "coverage: 0 of 3757 rules (0 %)") {
		t.Errorf("test: code %d, %s", code, out)
	}
}
