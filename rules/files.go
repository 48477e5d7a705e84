package rules

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-soar/sallyport/rules/sigma"
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
		file := RuleFile{Name: NameIn(source, name), Path: name}
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

// filesAtOnce is how many files are read side by side. So many are held at most, of maxRule bytes each.
const filesAtOnce = 64

// readRules reads every rule file of a source. Reading YAML takes most of a load's time, so files are parsed side by side;
// what they hold is taken in their order.
func (l *loader) readRules(source fs.FS) {
	var files []RuleFile
	EachFile(source, func(file RuleFile) {
		if files = append(files, file); len(files) == filesAtOnce {
			l.readAtOnce(files)
			files = files[:0]
		}
	})
	l.readAtOnce(files)
}

func (l *loader) readAtOnce(files []RuleFile) {
	parsed := make([]sigma.File, len(files))
	var parsing sync.WaitGroup
	for i, file := range files {
		if file.Err == nil && !isNative(file.Text) {
			parsing.Go(func() { parsed[i] = sigma.Parse(file.Name, file.Text, l.lists, l.library.Rewrite) })
		}
	}
	parsing.Wait()
	for i, file := range files {
		switch {
		case file.Err != nil:
			l.refuse(file.Name, 1, why(file.Err), mendOf(file.Err))
		case isNative(file.Text):
			l.takeNative(file)
		default:
			l.take(file, parsed[i])
		}
	}
}
