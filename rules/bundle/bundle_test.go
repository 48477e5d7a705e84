package bundle

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rule is a Sigma rule of that number; value changes its text.
func rule(n int, source, value string) string {
	return fmt.Sprintf("title: Rule %d\nid: 8f3a0c52-6a3e-4f0e-9a53-%012d\nauthor: Jo Writer, An Other\nlevel: high\nlogsource: {%s}\ndetection:\n  sel:\n    Image|endswith: '\\%s'\n  condition: sel\n", n, n, source, value)
}

const (
	windows = "product: windows, category: process_creation"
	drl     = "# Licences\n\nThe rules are under the [Detection Rule License (DRL) 1.1](https://example.org).\n"
)

// checkout is a small collection as a public one is laid out.
func checkout() map[string]string {
	return map[string]string{
		"LICENSE":                             drl,
		"rules/windows/one.yml":               rule(1, windows, "one.exe"),
		"rules/windows/two.yml":               rule(2, "product: macos", "two"),
		"rules/network/broken.yml":            strings.Replace(rule(3, windows, "x"), "endswith", "endwith", 1),
		"deprecated/old.yml":                  strings.Replace(rule(4, windows, "old.exe"), "level: high", "level: high\nstatus: deprecated", 1),
		"tests/settings.yml":                  "colour: red\n",
		".github/workflows/ci.yml":            "on: push\n",
		"regression_data/rules/one/info.yml":  "id: x\n",
		"rules/windows/README.md":             "# nothing\n",
		"other/LICENSE.txt":                   "SPDX-License-Identifier: MIT\n",
		"other/three.yml":                     rule(5, windows, "three.exe"),
		"rules/windows/evtx/sample.evtx.json": "{}\n",
	}
}

func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		put(t, filepath.Join(folder, filepath.FromSlash(name)), text)
	}
	return folder
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func survey(t *testing.T, from string) *Survey {
	t.Helper()
	source, err := Open(from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	made, err := source.Survey(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestSurveySaysWhatLoadsWhatNotAndWhoSeesIt(t *testing.T) {
	from := folderOf(t, checkout())
	if err := os.Symlink("/etc/passwd", filepath.Join(from, "rules", "link.yml")); err != nil {
		t.Fatal(err)
	}
	made := survey(t, from)
	var got []string
	for _, r := range made.Rules {
		seen := slices.DeleteFunc(r.Streams, func(name string) bool { return name != "windows" && name != "wazuh4" })
		got = append(got, strings.Join([]string{r.File, r.Author, r.Licence, r.Source, strings.Join(seen, "+")}, "; "))
	}
	want := []string{
		"other/three.yml; Jo Writer, An Other; MIT; product windows, category process_creation; wazuh4+windows",
		"rules/windows/one.yml; Jo Writer, An Other; DRL-1.1; product windows, category process_creation; wazuh4+windows",
		"rules/windows/two.yml; Jo Writer, An Other; DRL-1.1; product macos; ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("rules\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(made.Refused) != 1 || !strings.HasPrefix(made.Refused[0].Error(), "rules/network/broken.yml:8:5: unknown modifier endwith") {
		t.Errorf("refused %v", made.Refused)
	}
	left := []Left{
		{"deprecated/old.yml", "its status is deprecated"},
		{"rules/link.yml", "it is no regular file; symbolic links are not followed"},
		{"tests/settings.yml", "it is no rule"},
	}
	if !slices.Equal(made.Left, left) || !slices.Equal(made.Licences, []string{"LICENSE", "other/LICENSE.txt"}) {
		t.Errorf("left out %v, licences %v", made.Left, made.Licences)
	}
}

func zipOf(t *testing.T, files map[string]string, more func(*zip.Writer)) string {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for name, text := range files {
		writer, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = writer.Write([]byte(text)) // to memory
	}
	if more != nil {
		more(archive)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "rules.zip")
	put(t, name, out.String())
	return name
}

func TestAnArchiveIsReadAsItsOneFolder(t *testing.T) {
	files := map[string]string{}
	for name, text := range checkout() {
		files["sigma-master/"+name] = text
	}
	made := survey(t, zipOf(t, files, nil))
	if len(made.Rules) != 3 || made.Rules[0].File != "other/three.yml" || made.Rules[1].Licence != "DRL-1.1" || len(made.Refused) != 1 {
		t.Errorf("%+v, refused %v", made.Rules, made.Refused)
	}
}

func TestAnArchiveCannotLeadOut(t *testing.T) {
	names := []string{"../outside.yml", "/root.yml", `..\windows.yml`, "a/../../up.yml"}
	made := survey(t, zipOf(t, map[string]string{"good.yml": rule(1, windows, "one.exe")}, func(archive *zip.Writer) {
		for i, name := range names {
			writer, _ := archive.Create(name)
			_, _ = writer.Write([]byte(rule(10+i, windows, "evil.exe")))
		}
		link := &zip.FileHeader{Name: "link.yml"}
		link.SetMode(fs.ModeSymlink | 0o777)
		writer, _ := archive.CreateHeader(link)
		_, _ = writer.Write([]byte("/etc/passwd"))
		writer, _ = archive.Create("large.yml")
		_, _ = writer.Write(bytes.Repeat([]byte("# a bomb\n"), 1<<20))
	}))
	if len(made.Rules) != 1 || made.Rules[0].File != "good.yml" {
		t.Errorf("rules %v", made.Rules)
	}
	for _, name := range append(names, "link.yml") {
		if !slices.ContainsFunc(made.Left, func(l Left) bool { return l.File == name }) {
			t.Errorf("%s is not told: %v", name, made.Left)
		}
	}
	if len(made.Refused) != 1 || made.Refused[0].File != "large.yml" || !strings.Contains(made.Refused[0].Text, "too large") {
		t.Errorf("refused %v", made.Refused)
	}
	into := t.TempDir()
	if _, err := made.Store(filepath.Join(into, "rules"), nil); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(into); len(entries) != 1 {
		t.Errorf("beside the folder stand %v", entries)
	}
}

func TestWhatIsNoCollectionIsAnError(t *testing.T) {
	text := filepath.Join(t.TempDir(), "rules.txt")
	put(t, text, "no ZIP")
	for name, want := range map[string]string{text: "is neither a folder nor a ZIP file", filepath.Join(t.TempDir(), "nowhere"): "no such file"} {
		if _, err := Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
