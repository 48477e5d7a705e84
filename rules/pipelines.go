package rules

import (
	"io/fs"
	"slices"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/pipeline"
)

// readPipelines reads a source's processing pipelines. One that is refused changes no rule; a later source's takes the
// place of an earlier one's of the same file name.
func (l *loader) readPipelines(source fs.FS) {
	for _, pattern := range []string{"pipelines/*.yaml", "pipelines/*.yml"} {
		names, _ := fs.Glob(source, pattern)
		for _, name := range names {
			text, err := fs.ReadFile(source, name)
			if err != nil {
				l.lostPipes = append(l.lostPipes, name)
				l.refuse(name, 1, "cannot be read", "check the file's rights")
				continue
			}
			made, faults := pipeline.Read(name, text)
			if l.report.Refused = append(l.report.Refused, faults...); len(faults) > 0 {
				l.lostPipes = append(l.lostPipes, name)
				continue
			}
			l.pipelines = slices.DeleteFunc(l.pipelines, func(p *pipeline.Pipeline) bool { return p.File == name })
			l.pipelines = append(l.pipelines, made)
		}
	}
}

// rewrite takes a document through the pipelines of all sources.
func (l *loader) rewrite(tree *document.Node, beside []*document.Node) (*document.Node, error) {
	if l.joined == nil {
		l.joined = pipeline.Join(l.pipelines)
	}
	return l.joined.Rewrite(tree, beside)
}
