//go:build unix

package rules

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const oneRule = "title: One\nid: one\nlogsource: {category: test}\ndetection:\n  s:\n    f: a\n  condition: s\n"

// TestWhatIsNoRuleKeepsNoOtherOut puts everything that a folder may hold beside a rule: each is said with its folder, file
// and mend, the rule loads, and none of it takes long.
func TestWhatIsNoRuleKeepsNoOtherOut(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	for name, text := range map[string]string{
		"binary.yml":   "\x7fELF\x02\x01\x01\x00",
		"latin1.yml":   "title: caf\xe9\n",
		"tabs.yml":     "title: x\ndetection:\n\ts: 1\n",
		"words.yml":    "hello world\n",
		"empty.yml":    "",
		"huge.yml":     oneRule + strings.Repeat("# 50 MB of comments\n", 50<<20/20),
		"two.yaml":     "id: x\ncondition: \"true\"\n---\nid: y\ncondition: \"true\"\n",
		"bomb.yaml":    "condition: x\nevents:\n" + bomb("  "),
		"good.yml":     strings.Replace(oneRule, "one", "good", 1),
		"locked.yml":   oneRule,
		"shut/in.yml":  strings.Replace(oneRule, "one", "shut", 1),
		"notes.txt":    "no rule, and nobody asks",
		"lists/a.yaml": "- a\n\t- b\n",
	} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"loop.yml": "loop.yml", "nowhere.yml": "/nowhere/at/all", "device.yml": "/dev/zero", "folder.yml": "."} {
		if err := os.Symlink(to, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(at("pipe.yml"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"binary.yml": ":1:5: the file holds the control character U+0002", "latin1.yml": ":1:11: the file is no UTF-8 text; save it as UTF-8",
		"tabs.yml": ":3:1: a tab stands where YAML wants spaces; indent with spaces", "words.yml": ":1:1: the document is no mapping; begin it with title:",
		"empty.yml": ": the file holds no document", "huge.yml": "too large: more than 1048576 bytes; cut it", "two.yaml": ":4:1: a second document begins",
		"bomb.yaml": "more than 300000 values", "lists/a.yaml": ":2:1: a tab", "loop.yml": "too many levels of symbolic links", "nowhere.yml": "no such file or directory; its link leads nowhere",
		"device.yml": "no regular file", "folder.yml": "no regular file", "pipe.yml": "no regular file",
	}
	if os.Geteuid() != 0 { // root reads everything
		for _, name := range []string{"locked.yml", "shut"} {
			if err := os.Chmod(at(name), 0); err != nil {
				t.Fatal(err)
			}
			want[name] = "permission denied; "
		}
		t.Cleanup(func() { _ = os.Chmod(at("shut"), 0o700) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var library *Library
	var report *Report
	go func() {
		defer cancel()
		library, report = Load(Folder(folder))
	}()
	if <-ctx.Done(); ctx.Err() == context.DeadlineExceeded {
		t.Fatal("it takes longer than a minute")
	}
	said := map[string]string{}
	for _, fault := range report.Refused {
		name, err := filepath.Rel(folder, fault.File)
		if err != nil || fault.Mend == "" || said[name] != "" {
			t.Errorf("%s: %v", fault, err)
		}
		said[name] = fault.Error()
	}
	for name, part := range want {
		if !strings.Contains(said[name], at(name)+":") || !strings.Contains(said[name], part) {
			t.Errorf("%s: %q, want %q", name, said[name], part)
		}
	}
	if len(said) != len(want) || library.sigma[0].ID != "good" {
		t.Errorf("%d faults, want %d: %v", len(said), len(want), said)
	}
}

// bomb is YAML that stands for nine to the power of forty values.
func bomb(indent string) string {
	text := indent + "- &a x\n"
	for i := range 40 {
		before := "*a" + strings.Repeat("a", i)
		text += indent + "- &aa" + strings.Repeat("a", i) + " [" + strings.Repeat(before+", ", 8) + before + "]\n"
	}
	return text
}

// TestALostFolderKeepsItsRules: a folder that can't be read for a while takes no rule away.
func TestALostFolderKeepsItsRules(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "rules")
	if err := os.MkdirAll(filepath.Join(folder, "inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "inner", "one.yml"), []byte(oneRule), 0o600); err != nil {
		t.Fatal(err)
	}
	before, _ := Load(Folder(folder))
	if err := os.Rename(folder, folder+"-away"); err != nil {
		t.Fatal(err)
	}
	after, report := load(before, Folder(folder))
	if after.Len() != 1 || len(report.Refused) != 1 || report.Refused[0].File != folder {
		t.Errorf("%d rules, %v", after.Len(), report.Refused)
	}
}

// TestOneFileIsASource: its folder's other files stay out.
func TestOneFileIsASource(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"one.yml", "other.yml"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(strings.Replace(oneRule, "id: one", "id: "+name, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	library, report := Load(File(filepath.Join(folder, "one.yml")))
	if library.Len() != 1 || library.sigma[0].ID != "one.yml" || len(report.Refused) > 0 {
		t.Errorf("%d rules, %v", library.Len(), report.Refused)
	}
}
