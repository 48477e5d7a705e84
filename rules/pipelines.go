package rules

import (
	"io/fs"
	"path"
	"slices"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/pipeline"
)

// readPipelines reads a source's processing pipelines. One that is refused changes no rule; a later source's takes the
// place of an earlier one's of the same file name.
func (l *loader) readPipelines(source fs.FS) {
	for _, name := range filesIn(source, "pipelines") {
		file := NameIn(source, name)
		text, ok := l.read(source, name, maxRule)
		if !ok {
			l.lostPipes = append(l.lostPipes, file)
			continue
		}
		made, faults := pipeline.Read(file, text)
		if l.report.Refused = append(l.report.Refused, faults...); len(faults) > 0 {
			l.lostPipes = append(l.lostPipes, file)
			continue
		}
		l.library.pipes = slices.DeleteFunc(l.library.pipes, func(p *pipeline.Pipeline) bool { return path.Base(p.File) == path.Base(name) })
		l.library.pipes = append(l.library.pipes, made)
	}
}

// Rewrite takes a document of a rule file through the library's pipelines, as Load does with each; beside are all those of
// its file. An error is a Fault without a file: the document is refused.
func (l *Library) Rewrite(tree *document.Node, beside []*document.Node) (*document.Node, error) {
	return l.joined.Rewrite(tree, beside)
}
