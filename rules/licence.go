package rules

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// licences finds the licence of rules that name none: the file of the nearest folder above them.
type licences struct {
	source fs.FS
	known  map[string]string // by folder
}

var licenceFiles = []string{"LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE"}

// of is the SPDX name, where the text tells it, or which file to read; "" if no folder up to the source's root has one.
func (l *licences) of(folder string) string {
	if known, ok := l.known[folder]; ok {
		return known
	}
	found := ""
	for _, name := range licenceFiles {
		if text, err := readFile(l.source, path.Join(folder, name), maxRule); err == nil {
			found = spdx(string(text), path.Join(folder, name))
			break
		}
	}
	if found == "" && folder != "." {
		found = l.of(path.Dir(folder))
	}
	l.known[folder] = found
	return found
}

var (
	spdxLine = regexp.MustCompile(`SPDX-License-Identifier:\s*([A-Za-z0-9.+-]+)`)
	drl      = regexp.MustCompile(`(?i)detection rule license[^\n]{0,40}?(1\.[01])`)
)

func spdx(text, file string) string {
	if said := spdxLine.FindStringSubmatch(text); said != nil {
		return said[1]
	}
	if said := drl.FindStringSubmatch(text); said != nil {
		return "DRL-" + said[1]
	}
	return "see " + strings.TrimPrefix(file, "./")
}
