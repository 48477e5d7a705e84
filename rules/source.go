package rules

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// Bounds of files, in bytes. The largest public rule has 295,078.
const (
	maxRule = 1 << 20
	maxList = 8 << 20
)

// Folder is a folder of rules, mappings and lists on disk. Faults name its files by the folder's name and their own.
func Folder(dir string) fs.FS { return folder{os.DirFS(dir), dir} }

type folder struct {
	fs.FS
	dir string
}

// Stat implements fs.StatFS: a file is looked at before it is opened, since a pipe would wait for its writer.
func (f folder) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.FS, name) }

// File is one rule file on disk, as a source that holds nothing else.
func File(name string) fs.FS {
	return oneFile{folder{os.DirFS(filepath.Dir(name)), filepath.Dir(name)}, filepath.Base(name)}
}

type oneFile struct {
	folder
	name string
}

// ReadDir implements fs.ReadDirFS.
func (f oneFile) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, fs.ErrNotExist
	}
	info, err := f.Stat(f.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}

// NameIn is what faults call a file of a source.
func NameIn(source fs.FS, name string) string {
	switch source := source.(type) {
	case folder:
		return filepath.Join(source.dir, filepath.FromSlash(name))
	case oneFile:
		return filepath.Join(source.dir, name)
	}
	return name
}

// read reads a file of at most so many bytes. What keeps it out is refused.
func (l *loader) read(source fs.FS, name string, most int64) (text []byte, ok bool) {
	text, err := readFile(source, name, most)
	if err != nil {
		l.refuse(NameIn(source, name), 1, "the file cannot be read: "+why(err), mendOf(err))
	}
	return text, err == nil
}

var (
	errSize    = errors.New("it is too large")
	errNotFile = errors.New("it is no regular file")
)

func readFile(source fs.FS, name string, most int64) ([]byte, error) {
	found, err := fs.Stat(source, name)
	if err != nil {
		return nil, err
	}
	if !found.Mode().IsRegular() {
		return nil, errNotFile
	}
	file, err := source.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(text)) > most {
		return nil, fmt.Errorf("%w: more than %d bytes", errSize, most)
	}
	return text, err
}

// why is what a file system says, without the path that stands before it already.
func why(err error) string {
	if folder, ok := errors.AsType[*folderError](err); ok {
		return folder.Error()
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err.Error()
	}
	return err.Error()
}

func mendOf(err error) string {
	if _, ok := errors.AsType[*folderError](err); ok {
		return "name a folder that is there, and give the right to read it"
	}
	switch {
	case errors.Is(err, errSize):
		return "cut it into several files, or move its values to a list under lists/"
	case errors.Is(err, errNotFile):
		return "put a file there, or give it another ending than .yaml and .yml"
	case errors.Is(err, fs.ErrPermission):
		return "give the right to read it"
	case errors.Is(err, fs.ErrNotExist):
		return "its link leads nowhere: mend or remove it"
	}
	return "mend or remove it"
}

// readStrict reads one YAML document of at most so many bytes into a value that has all of its keys.
func (l *loader) readStrict(source fs.FS, name string, most int64, into any) bool {
	text, ok := l.read(source, name, most)
	if !ok {
		return false
	}
	wrong := document.Decode(text, into)
	if wrong != nil {
		l.report.Refused = append(l.report.Refused, faultOf(NameIn(source, name), wrong))
	}
	return wrong == nil
}

func faultOf(name string, wrong *document.Error) Fault {
	return Fault{File: name, Line: wrong.Line, Column: wrong.Column, Text: wrong.Text, Mend: wrong.Mend}
}
