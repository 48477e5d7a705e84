// Package rules loads detection rules, native ones and Sigma's, and says which of them an event matches. It knows no
// Temporal and no network.
package rules

import (
	"cmp"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/rules/correlate"
	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/engine"
	"github.com/sallyport-soar/sallyport/rules/logsource"
	"github.com/sallyport-soar/sallyport/rules/pipeline"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// Fault is what is wrong with a rule's file, with its line and how it is mended.
type Fault = sigma.Fault

// Report says what a Load refused, what it took but cannot use in full, and which rules took the place of an earlier
// source's.
type Report struct{ Refused, Warnings, Replaced []Fault }

// Library is a loaded set of rules. It never changes and is safe for concurrent use.
type Library struct {
	native   []*Native
	sigma    []sigmaRule
	mappings map[string]*Mapping
	shapes   []*logsource.Shape // of mappings
	program  *engine.Program    // of native, then sigma
	lists    map[string][]string
	filters  []*sigma.Filter
	quiet    []*Suppression
	proofs   []proof
	risk     *correlate.Risk
	pipes    []*pipeline.Pipeline
	joined   *pipeline.Set // of pipes

	// Correlations are read and kept; Correlate is what evaluates them.
	Correlations []sigma.Correlation
	Correlate    *correlate.Set
}

// sigmaRule is a Sigma rule with what every match of it says.
type sigmaRule struct {
	*sigma.Rule
	read *sigma.Rule // before filters narrowed it
	says Match
}

// Load reads the rules of all sources (*.yaml and *.yml at any depth); a later source's rule replaces an earlier one's of
// the same id, and of two in one source the second is refused. Mappings and lists are the shipped ones with the sources'
// mappings and lists over them; Sigma rules of all sources go through the pipelines of all sources first. A refused rule leaves the others loaded.
func Load(sources ...fs.FS) (*Library, *Report) { return load(nil, sources...) }

// LoadAmong is Load for sources that come among others: it takes these others' mappings, lists and pipelines, and none of
// their rules. What is wrong with the others it does not say.
func LoadAmong(others []fs.FS, sources ...fs.FS) (*Library, *Report) {
	return loadAmong(others, nil, sources...)
}

// load keeps of the library before what stood in files that are refused now.
func load(before *Library, sources ...fs.FS) (*Library, *Report) {
	return loadAmong(nil, before, sources...)
}

func loadAmong(others []fs.FS, before *Library, sources ...fs.FS) (*Library, *Report) {
	l, report := &loader{native: map[string]*Native{}, sigma: map[string]sigmaRule{}, ids: map[string]origin{}}, &Report{}
	l.report = report
	l.library = &Library{mappings: map[string]*Mapping{}}
	l.lists = map[string][]string{}
	l.readData(content.Files)
	for _, source := range others {
		l.readMeans(source)
	}
	*report = Report{}
	for _, source := range sources {
		l.readData(source)
	}
	if before != nil {
		l.keepData(before)
	}
	l.library.joined = pipeline.Join(l.library.pipes)
	for i, source := range sources {
		l.source, l.licences = i, &licences{source, map[string]string{}}
		l.readRules(source)
	}
	if before != nil {
		l.keep(before)
	}
	l.join()
	for _, rule := range l.native {
		l.library.native = append(l.library.native, rule)
	}
	for _, rule := range l.sigma {
		l.library.sigma = append(l.library.sigma, rule)
	}
	slices.SortFunc(l.library.native, func(a, b *Native) int { return strings.Compare(a.ID, b.ID) })
	sort.Slice(l.library.sigma, func(i, j int) bool { return l.library.sigma[i].ID < l.library.sigma[j].ID })
	l.library.lists, l.library.filters, l.library.risk = l.lists, l.filters, l.risk
	l.compile()
	return l.library, report
}

// readMeans reads what a source's rules are read with, readData all that is no rule.
func (l *loader) readMeans(source fs.FS) {
	l.readLists(source)
	l.readMappings(source)
	l.readPipelines(source)
}

func (l *loader) readData(source fs.FS) {
	l.readMeans(source)
	l.readSuppressions(source)
	l.refuseStrays(source)
	l.readRisk(source)
}

// keep takes from the library before what stood in files that are refused now, and is nowhere else.
func (l *loader) keep(before *Library) {
	refused := map[string]bool{}
	for _, fault := range l.report.Refused {
		refused[fault.File] = true
	}
	lost := func(file string) bool { // with its file, or a folder above it
		for ; !refused[file] && file != "."; file = path.Dir(file) {
			if file == "/" {
				return false
			}
		}
		return refused[file]
	}
	for _, rule := range before.native {
		if lost(rule.File) && l.native[rule.ID] == nil && l.library.mappings[rule.Mapping] != nil {
			l.native[rule.ID] = rule
		}
	}
	for _, rule := range before.sigma {
		if _, read := l.sigma[rule.ID]; lost(rule.File) && !read {
			l.sigma[rule.ID] = rule
		}
	}
	for _, filter := range before.filters {
		if lost(filter.File) {
			l.filters = append(l.filters, filter)
		}
	}
	for _, c := range before.Correlations {
		if lost(c.File) && !slices.ContainsFunc(l.library.Correlations, func(read sigma.Correlation) bool { return read.ID == c.ID }) {
			l.library.Correlations = append(l.library.Correlations, c)
		}
	}
}

// keepData does the same for what rules are read with, before they are.
func (l *loader) keepData(before *Library) {
	for _, pipe := range before.pipes {
		if slices.Contains(l.lostPipes, pipe.File) {
			l.library.pipes = append(l.library.pipes, pipe)
		}
	}
	for _, name := range l.lostLists {
		if list, ok := before.lists[name]; ok {
			l.lists[name] = list
		}
	}
	for _, fault := range l.report.Refused {
		l.keepQuiet(before, fault.File)
		if path.Base(fault.File) == path.Base(riskFile) {
			l.risk = before.risk
		}
		for id, mapping := range before.mappings {
			if mapping.file == fault.File { // over the shipped one too
				l.library.mappings[id] = mapping
			}
		}
	}
}

// compile makes the engine's program of all rules, native ones first.
func (l *loader) compile() {
	var all []engine.Rule
	for _, rule := range l.library.native {
		all = append(all, engine.Rule{Native: rule.lowered(l.library.mappings[rule.Mapping])})
	}
	for _, rule := range l.library.sigma {
		all = append(all, engine.Rule{Detection: rule.Detection, Filters: rule.Filters, Product: rule.Product, Category: rule.Category, Service: rule.Service})
	}
	l.library.shapes = l.library.taxonomies()
	program, refused := engine.Compile(all, l.lists, l.library.shapes...)
	l.library.program = program
	for _, fault := range refused {
		file := l.library.sigma[fault.Rule-len(l.library.native)].File
		l.refuse(file, fault.Line, fault.Text, "correct the rule")
	}
}

// Len is the number of rules.
func (l *Library) Len() int { return len(l.native) + len(l.sigma) }

// Mappings are the names of the shipped mappings and of those of more sources, sorted. It reads no rule.
func Mappings(sources ...fs.FS) []string {
	l := &loader{report: &Report{}, library: &Library{mappings: map[string]*Mapping{}}}
	for _, source := range append([]fs.FS{content.Files}, sources...) {
		l.readMappings(source)
	}
	return slices.Sorted(maps.Keys(l.library.mappings))
}

// Native are the native rules, by id.
func (l *Library) Native() []*Native { return slices.Clone(l.native) }

type loader struct {
	library *Library
	report  *Report
	lists   map[string][]string
	native  map[string]*Native
	sigma   map[string]sigmaRule
	filters []*sigma.Filter
	risk    *correlate.Risk

	ids      map[string]origin
	source   int // the one that is read
	licences *licences

	lostLists []string // that are refused
	lostPipes []string // files that are refused
}

// join does what needs all files: filters narrow their rules, and correlations need theirs.
func (l *loader) join() {
	var all []*sigma.Rule
	for id, rule := range l.sigma {
		rule.Rule = rule.read.Narrow(l.filters)
		l.sigma[id] = rule
		all = append(all, rule.Rule)
	}
	for _, rule := range l.native {
		all = append(all, &sigma.Rule{ID: rule.ID})
	}
	var refused []Fault
	l.library.Correlations, refused = sigma.Refer(all, l.library.Correlations)
	l.report.Refused = append(l.report.Refused, refused...)
	l.correlate(all)
}

func (l *loader) refuse(file string, line int, text, mend string) {
	l.refuseAt(file, document.Place{Line: line}, text, mend)
}

func (l *loader) refuseAt(file string, at document.Place, text, mend string) {
	l.report.Refused = append(l.report.Refused, Fault{File: file, Line: at.Line, Column: at.Column, Text: text, Mend: mend})
}

func (l *loader) takeNative(from RuleFile) {
	rule, faults := l.parseNative(from.Name, from.Text)
	l.report.Refused = append(l.report.Refused, faults...)
	if len(faults) == 0 && l.admit(rule.ID, from.Name, document.Place{Line: max(1, keyLines(from.Text)["id"]), Column: 1}) {
		rule.says.Rule.Licence = cmp.Or(rule.Licence, l.licences.of(path.Dir(from.Path)))
		l.native[rule.ID] = rule
	}
}

// take takes what a file of Sigma holds.
func (l *loader) take(from RuleFile, file sigma.File) {
	l.report.Refused = append(l.report.Refused, file.Refused...)
	l.report.Warnings = append(l.report.Warnings, file.Warnings...)
	l.filters = append(l.filters, file.Filters...)
	for _, c := range file.Correlations {
		if l.admit(c.ID, from.Name, document.Place{Line: c.Line, Column: c.Column}) {
			c.Version, c.Licence = version(from.Text), cmp.Or(c.Licence, l.licences.of(path.Dir(from.Path)))
			l.library.Correlations = append(l.library.Correlations, c)
		}
	}
	if len(file.Correlations) > 0 {
		l.readProofs(from.Name, from.Text)
	}
	for _, rule := range file.Rules {
		if !l.admit(rule.ID, from.Name, rule.Place) {
			continue
		}
		rule.Licence = cmp.Or(rule.Licence, l.licences.of(path.Dir(from.Path)))
		says := Match{Rule: soar.Rule{ID: rule.ID, Title: rule.Title, Level: soar.Level(rule.Level), Version: version(from.Text), Author: rule.Author, Licence: rule.Licence}}
		says.Opens = says.Rule.Level.Rank() >= soar.High.Rank()
		says.tag(rule.Tags)
		l.sigma[rule.ID] = sigmaRule{rule, rule, says}
	}
}
