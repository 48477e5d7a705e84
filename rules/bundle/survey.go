package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/document"
)

// Rule is a rule of the collection that loads.
type Rule struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Level   string   `json:"level"`
	File    string   `json:"file"`
	Author  string   `json:"author,omitempty"`
	Licence string   `json:"licence,omitempty"`
	Source  string   `json:"source"`  // its log source
	Streams []string `json:"streams"` // that can show it an event
}

// Stream is a stream, and the mapping that its events have.
type Stream struct{ Name, Mapping string }

// Office is what the operator has: streams, and the content whose mappings, lists and pipelines the rules come among.
type Office struct {
	Streams []Stream
	Content []fs.FS
}

// Survey is what a collection holds.
type Survey struct {
	Rules        []Rule // by file
	Correlations int
	Refused      []rules.Fault
	Warnings     []rules.Fault
	Left         []Left
	Licences     []string // files
	Streams      []Stream // that were asked for
	files        fs.FS
	taken        []string // files to take, beside licences
	refused      []string // files of which nothing loads
}

// Survey reads the collection and loads its rules. Without an office each shipped mapping counts as a stream. told hears
// how many files were read; it may be nil.
func (s *Source) Survey(office *Office, told func(files int)) (*Survey, error) {
	files, err := s.candidates(told)
	if err != nil {
		return nil, err
	}
	keep := &chosen{s.files, files}
	made := &Survey{files: s.files}
	if err := made.licences(keep); err != nil {
		return nil, err
	}
	if office == nil {
		office = &Office{}
		for _, name := range rules.Mappings() {
			office.Streams = append(office.Streams, Stream{name, name})
		}
	}
	library, report := rules.LoadAmong(office.Content, keep)
	made.Refused, made.Warnings, made.Correlations, made.Streams = report.Refused, report.Warnings, len(library.Correlations), office.Streams
	made.list(library)
	made.take(library, files)
	if len(made.taken)+len(made.Refused) == 0 {
		return nil, errors.New("the collection holds no rule: name its folder, or its ZIP file")
	}
	for _, file := range slices.Sorted(maps.Keys(s.left)) {
		made.Left = append(made.Left, Left{file, s.left[file]})
	}
	return made, nil
}

// candidates are the files that hold a rule, or something that cannot be read as one.
func (s *Source) candidates(told func(int)) (map[string]bool, error) {
	files, bytes, read := map[string]bool{}, 0, 0
	rules.EachFile(s.files, func(file rules.RuleFile) {
		if read++; told != nil {
			told(read)
		}
		if bytes += len(file.Text); bytes > maxBytes || read > maxEntries {
			return
		}
		if why := whyNot(file); why != "" {
			s.left[file.Path] = why
			return
		}
		files[file.Path] = true
	})
	if bytes > maxBytes || read > maxEntries {
		return nil, fmt.Errorf("the collection is larger than %d files or %d bytes", maxEntries, maxBytes)
	}
	return files, nil
}

// whyNot says why a file is left out without being a rule that is refused.
func whyNot(file rules.RuleFile) string {
	trees, err := document.Read(file.Text)
	if file.Err != nil || err != nil {
		return ""
	}
	found, old := false, ""
	for _, tree := range trees {
		rule := tree.Child("detection") != nil || tree.Child("correlation") != nil || tree.Child("filter") != nil || tree.Child("condition") != nil
		found = found || rule
		if status := tree.Word("status"); rule && (status == "deprecated" || status == "unsupported") {
			old = status
		}
	}
	switch {
	case !found:
		return "it is no rule"
	case old != "" && len(trees) == 1:
		return "its status is " + old
	}
	return ""
}

// licences are the files that say the licence of what lies below them.
func (s *Survey) licences(keep *chosen) error {
	folders := map[string]bool{".": true}
	for file := range keep.files {
		for folder := path.Dir(file); !folders[folder]; folder = path.Dir(folder) {
			folders[folder] = true
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		entries, err := fs.ReadDir(s.files, folder)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if base := strings.ToUpper(entry.Name()); !entry.IsDir() && (strings.HasPrefix(base, "LICEN") || strings.HasPrefix(base, "NOTICE")) {
				file := path.Join(folder, entry.Name())
				s.Licences = append(s.Licences, file)
			}
		}
	}
	return nil
}

// list says of each rule who wrote it and which streams can see it.
func (s *Survey) list(library *rules.Library) {
	names := func(mappings []string) []string {
		seen := []string{}
		for _, stream := range s.Streams {
			if slices.Contains(mappings, stream.Mapping) {
				seen = append(seen, stream.Name)
			}
		}
		return seen
	}
	for _, rule := range library.Sigma() {
		s.Rules = append(s.Rules, Rule{
			rule.ID, rule.Title, rule.Level, rule.File, rule.Author, rule.Licence,
			rules.LogSource{Product: rule.Product, Category: rule.Category, Service: rule.Service}.String(), names(library.Serving(rule.Product, rule.Category, rule.Service)),
		})
	}
	for _, rule := range library.Native() {
		s.Rules = append(s.Rules, Rule{rule.ID, rule.Title, string(rule.Level), rule.File, rule.Author, rule.Licence, rules.LogSource{Mapping: rule.Mapping}.String(), names([]string{rule.Mapping})})
	}
	slices.SortFunc(s.Rules, func(a, b Rule) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.ID, b.ID)) })
}

// take keeps a file of which something loads; one that is refused whole is not taken.
func (s *Survey) take(library *rules.Library, files map[string]bool) {
	refused, loads := map[string]bool{}, map[string]bool{}
	for _, fault := range s.Refused {
		refused[fault.File] = true
	}
	for _, rule := range s.Rules {
		loads[rule.File] = true
	}
	for _, c := range library.Correlations {
		loads[c.File] = true
	}
	for file := range files {
		if !refused[file] || loads[file] {
			s.taken = append(s.taken, file)
		} else {
			s.refused = append(s.refused, file)
		}
	}
	slices.Sort(s.taken)
}
