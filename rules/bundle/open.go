// Package bundle takes a collection of rules, a checkout of SigmaHQ or a release's ZIP, into a folder of content: it says
// what loads and which streams can see it, keeps author and licence, and never overwrites what somebody changed.
package bundle

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Bounds of what is read of a collection.
const (
	maxEntries = 200_000
	maxBytes   = 512 << 20 // of all that may be rules
)

// Left is a file that was left out, and why.
type Left struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

// Source is a collection that is open. It follows no symbolic link, and its names all lie below its root.
type Source struct {
	files  fs.FS
	left   map[string]string // by file
	closer io.Closer
}

// Open opens a folder, or a ZIP file whose one top folder, as in GitHub's archives, is left out of the names.
func Open(name string) (*Source, error) {
	found, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if found.IsDir() {
		root, err := os.OpenRoot(name)
		if err != nil {
			return nil, err
		}
		s := &Source{left: map[string]string{}, closer: root}
		s.files = &plain{FS: root.FS(), left: s.left}
		return s, nil
	}
	archive, err := zip.OpenReader(name)
	if errors.Is(err, zip.ErrFormat) {
		return nil, fmt.Errorf("%s is neither a folder nor a ZIP file", name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s, err := ofArchive(archive)
	if err != nil {
		_ = archive.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// Close ends reading.
func (s *Source) Close() error { return s.closer.Close() }

func ofArchive(archive *zip.ReadCloser) (*Source, error) {
	if len(archive.File) > maxEntries {
		return nil, fmt.Errorf("the ZIP has %d entries, more than %d", len(archive.File), maxEntries)
	}
	s := &Source{left: map[string]string{}, closer: archive}
	outside := map[string]bool{}
	for _, file := range archive.File {
		if name := strings.TrimSuffix(file.Name, "/"); !fs.ValidPath(name) || strings.Contains(name, `\`) {
			outside[within(file.Name)], outside[name] = true, true
			s.left[file.Name] = "its name leads out of the archive, or is no path"
		}
	}
	s.files = &plain{FS: archive, left: s.left, hidden: outside}
	top, err := fs.ReadDir(s.files, ".")
	if err != nil {
		return nil, err
	}
	if len(top) == 1 && top[0].IsDir() {
		s.files, err = fs.Sub(s.files, top[0].Name())
	}
	return s, err
}

// within is the name under which package zip shows an entry whose name is no path below its root.
func within(name string) string {
	name = path.Clean(strings.ReplaceAll(name, `\`, "/"))
	for strings.HasPrefix(name, "../") || strings.HasPrefix(name, "/") {
		name = strings.TrimPrefix(strings.TrimPrefix(name, "/"), "../")
	}
	return name
}

// plain shows folders and regular files only, and notes what else there is.
type plain struct {
	fs.FS
	left   map[string]string
	hidden map[string]bool
}

// ReadDir implements fs.ReadDirFS.
func (p *plain) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(p.FS, name)
	return slices.DeleteFunc(all, func(entry fs.DirEntry) bool {
		file := path.Join(name, entry.Name())
		switch {
		case p.hidden[file]:
			return true
		case entry.IsDir() || entry.Type().IsRegular():
			return false
		}
		p.left[file] = "it is no regular file; symbolic links are not followed"
		return true
	}), err
}

// chosen shows some of a collection's files.
type chosen struct {
	fs.FS
	files map[string]bool
}

// ReadDir implements fs.ReadDirFS.
func (c *chosen) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(c.FS, name)
	return slices.DeleteFunc(all, func(entry fs.DirEntry) bool {
		return !entry.IsDir() && !c.files[path.Join(name, entry.Name())]
	}), err
}
