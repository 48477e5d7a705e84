package house_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

// copyleft is the text of licences that nothing we link may have.
var copyleft = regexp.MustCompile(`(?i)GNU (AFFERO |LESSER )?GENERAL PUBLIC LICENSE|Business Source License|Server Side Public License`)

// TestLicencesOfWhatWeLink reads the licence of every module that the two programs link. A module without one is told by
// name: only those that were looked at may lack it.
func TestLicencesOfWhatWeLink(t *testing.T) {
	looked := map[string]string{ // the file is missing in the module; the repository says so
		"github.com/nexus-rpc/nexus-proto-annotations": "MIT",
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Dir}}{{end}}", "./starter", "./worker")
	list.Dir = shared.Root(t)
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		path, dir, found := strings.Cut(strings.TrimSpace(line), " ")
		if !found || linked[path] || path == module {
			continue
		}
		linked[path] = true
		files, _ := filepath.Glob(filepath.Join(dir, "[LC][IO][CP][EY][NI][SN]*"))
		if len(files) == 0 && looked[path] == "" {
			t.Errorf("%s has no licence", path)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err == nil && copyleft.Match(text) {
				t.Errorf("%s is under a licence that we may not link: %s", path, filepath.Base(file))
			}
		}
	}
	if len(linked) > 60 {
		t.Errorf("%d modules are linked, at most 60 should be", len(linked))
	}
	t.Logf("%d modules are linked", len(linked))
}
