package rules

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// notRules are the folders of a source that hold something else.
var notRules = []string{"plans", "policies", "hunts", "mappings", "lists", "pipelines", "suppressions", "regression_data"}

// filesIn are the YAML files of one of a source's folders, *.yaml and *.yml.
func filesIn(source fs.FS, folder string) []string {
	names, _ := fs.Glob(source, folder+"/*.y*ml") // the pattern is a good one
	return names
}

// RuleFile is a file in which rules may be.
type RuleFile struct {
	Name string // as faults call it
	Path string // in its source
	Text []byte
	Err  error // why it, or a folder, could not be read
}

// EachFile reads the files of a source in which rules may be: *.yaml and *.yml at any depth, without hidden folders and
// those that hold plans, policies, hunts, mappings, lists, pipelines, suppressions or recorded events. What cannot be read
// keeps no other out.
func EachFile(source fs.FS, do func(RuleFile)) {
	_ = fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error { // it returns none
		file := RuleFile{Name: nameIn(source, name), Path: name}
		switch ext := path.Ext(name); {
		case err != nil:
			file.Err = &folderError{err}
			do(file)
		case entry.IsDir() && (slices.Contains(notRules, name) || name != "." && strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case !entry.IsDir() && (ext == ".yaml" || ext == ".yml"):
			file.Text, file.Err = readFile(source, name, maxRule)
			do(file)
		}
		return nil
	})
}

// folderError is why a folder cannot be read.
type folderError struct{ error }

// Error implements error.
func (f *folderError) Error() string { return "the folder cannot be read: " + why(f.error) }

// Unwrap implements errors.Unwrap.
func (f *folderError) Unwrap() error { return f.error }

// readRules reads every rule file of a source.
func (l *loader) readRules(source fs.FS) {
	EachFile(source, func(file RuleFile) {
		if file.Err != nil {
			l.refuse(file.Name, 1, why(file.Err), mendOf(file.Err))
			return
		}
		l.readRule(file)
	})
}
