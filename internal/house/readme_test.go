package house_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shared.Root(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// README's table of rooms is what the checkout holds.
func TestReadmeNamesTheRooms(t *testing.T) {
	_, table, _ := strings.Cut(readFile(t, "README.md"), "## The rooms")
	var named, there []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(table, -1) {
		named = append(named, row[1])
	}
	entries, err := os.ReadDir(shared.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") && entry.Name() != "bin" {
			there = append(there, entry.Name())
		}
	}
	slices.Sort(named)
	if !slices.Equal(named, there) {
		t.Errorf("README names the rooms %v, there are %v", named, there)
	}
}

// Every target of make that README and .ci/run name is one of the Makefile's, and the tests that CI runs are README's.
func TestMakeHasWhatIsPromised(t *testing.T) {
	makefile := readFile(t, "Makefile")
	for _, page := range []string{"README.md", ".ci/run", "docs/production.md", "docs/clean-up.md", "deploy/lab/README.md", "deploy/allinone/README.md"} {
		for _, named := range regexp.MustCompile("(?m)(?:`|^ *)make (?:-s )?([a-z-]+)").FindAllStringSubmatch(readFile(t, page), -1) {
			if !regexp.MustCompile("(?m)^" + named[1] + ":").MatchString(makefile) {
				t.Errorf("%s: there is no make %s", page, named[1])
			}
		}
	}
	for _, command := range []string{"\n    make demo\n", "\n    make test\n"} {
		if !strings.Contains(readFile(t, "README.md"), command) {
			t.Errorf("README does not say %q", strings.TrimSpace(command))
		}
	}
	if !strings.Contains(readFile(t, ".ci/run"), "\nmake test\n") {
		t.Error("CI runs other tests than README's")
	}
}

// Links of the pages lead to files that are there.
func TestLinksOfPagesLead(t *testing.T) {
	for _, page := range pages(t) {
		for _, link := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllStringSubmatch(readFile(t, page), -1) {
			target := filepath.Join(shared.Root(t), filepath.Dir(page), filepath.FromSlash(link[1]))
			if _, err := os.Stat(target); !strings.Contains(link[1], "://") && err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// pages are README and everything below docs and deploy that is written for people.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{"README.md"}
	for _, folder := range []string{"docs", "deploy"} {
		err := filepath.WalkDir(filepath.Join(shared.Root(t), folder), func(path string, _ os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".md") {
				name, _ := filepath.Rel(shared.Root(t), path) // path lies below the root
				list = append(list, filepath.ToSlash(name))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}
