package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/pfsense/pfsensetest"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func compile(ts *testscript.TestScript, pattern string) *regexp.Regexp {
	compiled, err := regexp.Compile(pattern)
	ts.Check(err)
	return compiled
}

// newcomer is somebody who follows README: a folder with bin/ in it, and the systems that the lab plays.
type newcomer struct {
	t     *testing.T
	dir   string
	lab   *lab.Lab
	names map[string]string // what stands for ID and REQUEST
	keys  map[string]string // what `key new` printed, by file
}

// TestReadmesNextTenMinutes takes the lines of README's section as they stand, and the block of config between them, and
// does what they say against the lab.
func TestReadmesNextTenMinutes(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(shared.Root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## The next ten minutes")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)```(sh|yaml)\n(.*?)```").FindAllStringSubmatch(section, -1)
	if kinds := fmt.Sprint(len(blocks)); kinds != "4" || blocks[1][1] != "yaml" {
		t.Fatalf("README's section has %s blocks; want three of commands, and one of config after the first", kinds)
	}
	n := newNewcomer(t)
	n.runAll(blocks[0][2])
	n.configure(blocks[1][2])
	n.runAll(blocks[2][2])
	n.attacked()
	n.runAll(blocks[3][2])
	o := &chatOffice{office: &office{t: t}, lab: n.lab}
	o.await("the block on the firewall", func() bool { return slices.Contains(n.lab.Blocked(t.Context()), "pfsense 203.0.113.66") })
}

func newNewcomer(t *testing.T) *newcomer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bruteForce := lab.RecordedAttack()[:8] // without what proves the attacker's success, so that people are asked
	l, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), Program: self, Events: bruteForce})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	n := &newcomer{t: t, dir: t.TempDir(), lab: l, names: map[string]string{}, keys: map[string]string{}}
	if err := os.Symlink(programs(t, "sallyport", "sallyport-worker", "sallyport-allinone"), filepath.Join(n.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *newcomer) runAll(lines string) {
	n.t.Helper()
	for line := range strings.Lines(lines) {
		n.run(strings.TrimSpace(line))
	}
}

// shell is a line as the shell gets it, with the names that README leaves open.
func (n *newcomer) shell(ctx context.Context, line string) *exec.Cmd {
	for placeholder, value := range n.names {
		line = regexp.MustCompile(`\b`+placeholder+`\b`).ReplaceAllLiteralString(line, value)
	}
	command := exec.CommandContext(ctx, "sh", "-c", "exec "+line) //nolint:gosec // README's own lines
	command.Dir = n.dir
	command.Env = append(os.Environ(), programVariable+"=1", "OPENSEARCH_PASSWORD=not-asked-for", "PFSENSE_KEY="+pfsensetest.Key, "HOME="+n.dir)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	return command
}

func (n *newcomer) run(line string) {
	n.t.Helper()
	if strings.HasSuffix(line, "sallyport-allinone up") {
		n.up(line)
		return
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	out, err := n.shell(ctx, line).CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	if file, made := strings.CutPrefix(line, "bin/sallyport key new "); made {
		n.keys[file] = strings.TrimSpace(string(out))
	}
	n.t.Logf("$ %s\n%s", line, tail(string(out), 12))
}

// up runs in a terminal of its own until the test ends.
func (n *newcomer) up(line string) {
	n.t.Helper()
	command := n.shell(n.t.Context(), line)
	said, err := os.Create(filepath.Join(n.t.TempDir(), "up.log"))
	if err != nil {
		n.t.Fatal(err)
	}
	command.Stdout, command.Stderr = said, said
	if err := command.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	n.await("up", func() bool {
		text, _ := os.ReadFile(said.Name())
		return strings.Contains(string(text), "Sallyport is up. Temporal UI: http://")
	}, func() string { text, _ := os.ReadFile(said.Name()); return string(text) })
}

func (n *newcomer) await(what string, seen func() bool, shown func() string) {
	n.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if seen() {
			return
		}
	}
	n.t.Fatalf("never came: %s\n%s", what, shown())
}

// configure does with an editor what README says: the keys of its block replace those of the file. The addresses are the
// lab's, and the ports free ones, since a test is not alone on its machine.
func (n *newcomer) configure(block string) {
	n.t.Helper()
	settings, err := daemon.LoadConfig(n.lab.ConfigFile())
	if err != nil {
		n.t.Fatal(err)
	}
	for old, real := range map[string]string{
		"https://opensearch.example:9200": settings.OpenSearch.URL, "https://firewall.example": settings.Systems.PfSense.URL,
		"THE LINE THAT key new ana.key PRINTED": n.keys["ana.key"], "THE LINE THAT key new ben.key PRINTED": n.keys["ben.key"],
	} {
		if !strings.Contains(block, old) {
			n.t.Fatalf("README's config does not have %q", old)
		}
		block = strings.ReplaceAll(block, old, real)
	}
	file := filepath.Join(n.dir, "sallyport.yaml")
	written, err := os.ReadFile(file)
	if err != nil {
		n.t.Fatal(err)
	}
	var whole, edits map[string]any
	if err := yaml.Unmarshal(written, &whole); err != nil {
		n.t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(block), &edits); err != nil {
		n.t.Fatal(err)
	}
	for key, value := range edits {
		whole[key] = value
	}
	whole["listen"] = "127.0.0.1:0"
	temporal := whole["temporal"].(map[string]any)
	temporal["address"], temporal["ui_address"] = fmt.Sprintf("127.0.0.1:%d", freeLoopbackPort(n.t)), "127.0.0.1:0"
	text, err := yaml.Marshal(whole)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// attacked plays the brute force, and waits until it waits for people.
func (n *newcomer) attacked() {
	n.t.Helper()
	if _, err := n.lab.Play(n.t.Context(), lab.RecordedAttack()[:8]); err != nil {
		n.t.Fatal(err)
	}
	var listed []byte
	n.await("a request", func() bool {
		var records []activities.IncidentRecord
		listed, _ = n.shell(n.t.Context(), "bin/sallyport incident list -o json").Output()
		if json.Unmarshal(listed, &records) != nil || len(records) == 0 || len(records[0].Pending) == 0 {
			return false
		}
		n.names["ID"], n.names["REQUEST"] = records[0].ID, records[0].Pending[0].Request
		return true
	}, func() string { return string(listed) })
}
