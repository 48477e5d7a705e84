package detect_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

var (
	testNamed    = regexp.MustCompile("`(Test[A-Za-z]+)`")
	testWritten  = regexp.MustCompile(`(?m)^func (Test[A-Za-z]+)\(`)
	metricNamed  = regexp.MustCompile("`(sallyport_[a-z_]+)`")
	metricExists = regexp.MustCompile(`"(sallyport_[a-z_]+)"`)
)

// TestTableOfFailures holds docs/streams.md: each line of what can go wrong names a test that exists, and each metric that
// it names is exported.
func TestTableOfFailures(t *testing.T) {
	root := shared.Root(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "streams.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, metrics := map[string]bool{}, map[string]bool{}
	for _, pattern := range []string{"worker/detect/*.go", "activities/opensearch/*_test.go", "starter/cli/*_test.go", "deploy/allinone/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range testWritten.FindAllStringSubmatch(string(text), -1) {
				tests[name[1]] = true
			}
			for _, name := range metricExists.FindAllStringSubmatch(string(text), -1) {
				metrics[name[1]] = true
			}
		}
	}
	_, table, _ := strings.Cut(string(page), "## What can go wrong")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.Contains(cells[3], "---") || strings.TrimSpace(cells[3]) == "test" {
			continue
		}
		rows++
		if !testNamed.MatchString(cells[3]) || !testNamed.MatchString(cells[4]) && strings.TrimSpace(cells[4]) != "none" {
			t.Errorf("no test: %s", line)
		}
		for _, name := range testNamed.FindAllStringSubmatch(line, -1) {
			if !tests[name[1]] {
				t.Errorf("there is no %s: %s", name[1], line)
			}
		}
	}
	if rows < 18 {
		t.Errorf("%d rows", rows)
	}
	for _, name := range metricNamed.FindAllStringSubmatch(string(page), -1) {
		if !metrics[name[1]] {
			t.Errorf("no metric is named %s", name[1])
		}
	}
}
