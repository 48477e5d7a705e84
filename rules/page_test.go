package rules

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/rules/content"
)

var update = flag.Bool("update", false, "write what the page of mappings should say")

func page(t *testing.T) string { return filepath.Join(shared.Root(t), "docs", "mappings.md") }

// sources counts rules by log source.
func sources(library *Library) map[string]int {
	count := map[string]int{}
	for _, rule := range library.sigma {
		count[rule.Product+"|"+rule.Category+"|"+rule.Service]++
	}
	return count
}

// served is the table of the page: by mapping the log sources of the public rules, and what no mapping serves.
func served(library *Library) string {
	count := sources(library)
	left := maps.Clone(count)
	var b strings.Builder
	b.WriteString("| mapping | log sources | rules |\n|---|---|---|\n")
	for _, shape := range library.shapes {
		mine, total := map[string]int{}, 0
		for source, n := range count {
			part := strings.Split(source, "|")
			if shape.Serves(part[0], part[1], part[2]) {
				mine[source], total = n, total+n
				delete(left, source)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %d |\n", shape.ID, listed(mine), total)
	}
	total := 0
	for _, n := range left {
		total += n
	}
	fmt.Fprintf(&b, "| none of them | %s | %d |\n", listed(left), total)
	return b.String()
}

// listed names log sources with their numbers of rules; Windows' are one.
func listed(all map[string]int) string {
	var names []string
	windows, rules := 0, 0
	for source, n := range all {
		if strings.HasPrefix(source, "windows|") && len(all) > 10 {
			windows, rules = windows+1, rules+n
			continue
		}
		name := strings.Join(strings.FieldsFunc(source, func(r rune) bool { return r == '|' }), " ")
		names = append(names, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(names)
	if windows > 0 {
		names = append([]string{fmt.Sprintf("windows, %d log sources %d", windows, rules)}, names...)
	}
	return strings.Join(names, ", ")
}

const tableBegin, tableEnd = "<!-- served: made by the test of rules, with -update -->\n", "<!-- end -->"

func TestThePageSaysWhatEachMappingServes(t *testing.T) {
	library, _ := loadSigma(t)
	text, err := os.ReadFile(page(t))
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), tableBegin)
	table, tail, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatal("the page has no place for the table")
	}
	want := served(library)
	if *update {
		if err := os.WriteFile(page(t), []byte(head+tableBegin+want+tableEnd+tail), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if table != want {
		t.Errorf("the page says\n%swant\n%srun the test with -update", table, want)
	}
	if n := len(sources(library)); n != 138 {
		t.Errorf("%d log sources, want 138", n)
	}
}

// blocks are the page's examples: a YAML block's first line names its file; events come in pairs, a match and none.
func blocks(t *testing.T) (files fstest.MapFS, events [][]byte) {
	t.Helper()
	text, err := os.ReadFile(page(t))
	if err != nil {
		t.Fatal(err)
	}
	files = fstest.MapFS{}
	for i, part := range strings.Split(string(text), "```") {
		kind, body, _ := strings.Cut(part, "\n")
		switch {
		case i%2 == 0:
		case kind == "yaml":
			name, _, _ := strings.Cut(strings.TrimPrefix(body, "# "), "\n")
			files[name] = &fstest.MapFile{Data: []byte(body)}
		case kind == "json":
			events = append(events, bytes.Split(bytes.TrimSpace([]byte(body)), []byte("\n"))...)
		}
	}
	return files, events
}

func TestTheExamplesOfThePageWork(t *testing.T) {
	files, events := blocks(t)
	library, report := Load(content.Files, files)
	if len(report.Refused)+len(report.Warnings) > 0 || len(files) != 4 || len(events) != 4 {
		t.Fatalf("%d files, %d events: %v", len(files), len(events), report)
	}
	matcher, oracle := both(t, library)
	for i, want := range []string{"door-forced", "", "shop-whoami", ""} {
		ids, err := fast(matcher, events[i])
		if got := strings.Join(ids, " "); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", events[i], got, err, want)
		}
		if difference := agree(matcher, oracle, events[i]); difference != "" {
			t.Errorf("%s: %s", events[i], difference)
		}
	}
	matches, err := matcher.Match(events[0])
	if err != nil || len(matches) != 1 || matches[0].Entity.Name != "4711" || matches[0].EventTime.Year() != 2026 {
		t.Errorf("%+v, %v", matches, err)
	}
}
