package bundle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// state is a folder's files and their text.
func state(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(folder, name))
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func store(t *testing.T, from, into string) *Stored {
	t.Helper()
	stored, err := survey(t, from).Store(into, nil)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func TestStoredIsWhatWasTakenByteForByte(t *testing.T) {
	from, into := folderOf(t, checkout()), filepath.Join(t.TempDir(), "content", "sigma")
	stored := store(t, from, into)
	files := state(t, into)
	want := []string{"LICENSE", "other/LICENSE.txt", "other/three.yml", "rules/windows/one.yml", "rules/windows/two.yml"}
	if len(files) != len(want)+1 || len(stored.Added) != len(want) {
		t.Errorf("%d files, added %v", len(files), stored.Added)
	}
	for _, name := range want {
		if files[name] != checkout()[name] || files[name] == "" {
			t.Errorf("%s is %q", name, files[name])
		}
	}
	stored = store(t, from, into)
	if again := state(t, into); fmt.Sprint(again) != fmt.Sprint(files) || stored.Unchanged != len(want) || len(stored.Added)+len(stored.Changed)+len(stored.Removed)+len(stored.Kept) > 0 {
		t.Errorf("the second time: %+v", stored)
	}
}

func TestANewerCollectionUpdatesWhatNobodyElseChanged(t *testing.T) {
	files := checkout()
	from, into := folderOf(t, files), t.TempDir()
	put(t, filepath.Join(into, "rules/windows/two.yml"), "title: my own, from before\n")
	if first := store(t, from, into); fmt.Sprint(first.Kept) != "[{rules/windows/two.yml you changed it; move it away to have the imported one}]" {
		t.Errorf("a file that stood there: %+v", first.Kept)
	}
	one, three := filepath.Join(into, "rules/windows/one.yml"), filepath.Join(into, "other/three.yml")

	put(t, filepath.Join(from, "rules/windows/one.yml"), rule(1, windows, "newer.exe"))
	put(t, filepath.Join(from, "rules/windows/more/six.yml"), rule(6, windows, "six.exe"))
	second := store(t, from, into)
	if fmt.Sprint(second.Changed, second.Added, second.Removed) != "[rules/windows/one.yml] [rules/windows/more/six.yml] []" {
		t.Errorf("second %+v", second)
	}

	put(t, one, rule(1, windows, "mine.exe"))
	put(t, filepath.Join(from, "rules/windows/one.yml"), rule(1, windows, "newest.exe"))
	for _, gone := range []string{filepath.Join(from, "rules/windows/more/six.yml"), three} {
		if err := os.Remove(gone); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // what is told once is told again, and nothing else happens
		third := store(t, from, into)
		var kept []string
		for _, left := range third.Kept {
			kept = append(kept, left.File+" "+strings.Fields(left.Why)[1])
		}
		if fmt.Sprint(kept) != "[other/three.yml deleted rules/windows/one.yml changed rules/windows/two.yml changed]" || len(third.Changed)+len(third.Added) > 0 {
			t.Errorf("third %+v", third)
		}
	}
	now := state(t, into)
	if now["rules/windows/one.yml"] != rule(1, windows, "mine.exe") || now["rules/windows/two.yml"] != "title: my own, from before\n" || now["other/three.yml"] != "" {
		t.Error("what somebody changed is no more as he left it")
	}
	if _, err := os.Stat(filepath.Join(into, "rules/windows/more")); !os.IsNotExist(err) {
		t.Errorf("the folder of the removed rule: %v", err)
	}
}

// TestWhatIsRefusedTakesNothingAway: a worker goes on with the rules that it has.
func TestWhatIsRefusedTakesNothingAway(t *testing.T) {
	from, into := folderOf(t, checkout()), t.TempDir()
	store(t, from, into)
	broken := strings.Replace(rule(1, windows, "one.exe"), "endswith", "endwith", 1)
	put(t, filepath.Join(from, "rules/windows/one.yml"), broken)
	for range 2 {
		stored := store(t, from, into)
		if fmt.Sprint(stored.Kept) != "[{rules/windows/one.yml the collection's newer one is refused}]" || len(stored.Removed)+len(stored.Changed) > 0 {
			t.Errorf("%+v", stored)
		}
	}
	before := state(t, into)
	if before["rules/windows/one.yml"] != checkout()["rules/windows/one.yml"] {
		t.Error("the rule that loaded is gone")
	}
	if _, err := survey(t, folderOf(t, map[string]string{"a.yml": broken})).Store(into, nil); err == nil {
		t.Error("a collection that is refused whole was stored")
	}
	source, err := Open(folderOf(t, map[string]string{"README.md": "# nothing\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := source.Survey(nil, nil); err == nil || !strings.Contains(err.Error(), "holds no rule") {
		t.Errorf("a folder without rules: %v", err)
	}
	if after := state(t, into); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("the folder is not as it was")
	}
}

func TestALinkInTheFolderLeadsNowhere(t *testing.T) {
	from, into, outside := folderOf(t, checkout()), t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(into, "rules")); err != nil {
		t.Fatal(err)
	}
	if _, err := survey(t, from).Store(into, nil); err == nil {
		t.Error("it was written through a link")
	}
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Errorf("outside stand %v", entries)
	}
}

func TestAnImportThatBrokeOffIsTakenUpAgain(t *testing.T) {
	from, into := folderOf(t, checkout()), t.TempDir()
	store(t, from, into)
	put(t, filepath.Join(from, "rules/windows/one.yml"), rule(1, windows, "newer.exe"))
	put(t, filepath.Join(from, "rules/windows/two.yml"), rule(2, windows, "newer.exe"))
	made := survey(t, from)
	if err := os.Remove(filepath.Join(from, "rules/windows/two.yml")); err != nil {
		t.Fatal(err)
	}
	if stored, err := made.Store(into, nil); err == nil || len(stored.Changed) != 1 {
		t.Errorf("%+v, %v", stored, err)
	}
	put(t, filepath.Join(from, "rules/windows/two.yml"), rule(2, windows, "newer.exe"))
	if stored := store(t, from, into); fmt.Sprint(stored.Changed) != "[rules/windows/two.yml]" || len(stored.Kept) > 0 {
		t.Errorf("%+v", stored)
	}
	put(t, filepath.Join(into, manifestFile), `{"files": {"../../etc/passwd": "x"}}`)
	if _, err := survey(t, from).Store(into, nil); err == nil || !strings.Contains(err.Error(), "no path below the folder") {
		t.Errorf("a hostile manifest: %v", err)
	}
}
