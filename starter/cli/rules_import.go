package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sallyport-soar/sallyport/rules/bundle"
)

func rulesImportCommand(streams IO) *cobra.Command {
	var into, output string
	command := &cobra.Command{
		Use: "import DIR|ZIP [--into DIR]", Short: "Take a collection of Sigma rules: a checkout of SigmaHQ or a release's ZIP", Args: cobra.ExactArgs(1),
		Long: "Says which rules load, which don't and why, and which streams can see each: those of the config, or one per mapping if there\n" +
			"is none. With a config its mappings, lists and pipelines are what the rules are read with, as in a worker. With --into the rules are copied, byte for byte and with their licence; their authors and licence are shown with\n" +
			"each detection. A later import updates what changed and removes what is gone. What you changed or deleted in that folder\n" +
			"stays as you left it, and is named.\n\n" +
			"Exit codes: 0 done; 1 a rule was refused, the others are taken all the same; 2 nothing could be read or written.",
		Example: "  sallyport rules import sigma-master.zip\n  sallyport rules import ~/sigma --into /etc/sallyport/content/sigma\n  sallyport rules import ~/sigma -o json",
		RunE: func(c *cobra.Command, args []string) error {
			made, err := importRules(c, streams, args[0], into)
			if err != nil {
				return err
			}
			if output == "json" {
				err = writeJSON(streams, made)
			} else {
				made.say(streams.Out)
			}
			if err == nil && len(made.Refused) > 0 {
				err = bad(fmt.Errorf("%d rules were refused", len(made.Refused)))
			}
			return err
		},
	}
	outputFlag(command, &output)
	command.Flags().StringVar(&into, "into", "", "the folder that the rules are copied to; without it nothing is written")
	return command
}

// imported is what an import found and did, as -o json writes it.
type imported struct {
	From         string           `json:"from"`
	Rules        []bundle.Rule    `json:"rules"`
	Correlations int              `json:"correlations"`
	Refused      []printedFault   `json:"refused"`
	Warnings     []printedFault   `json:"warnings"`
	Left         []bundle.Left    `json:"left_out"`
	Licences     []string         `json:"licence_files"`
	Streams      []importedStream `json:"streams"`
	Configured   bool             `json:"streams_of_config"` // false: one stream per mapping
	Into         string           `json:"into,omitempty"`
	Stored       *bundle.Stored   `json:"stored,omitempty"`
	InConfig     bool             `json:"in_config"` // the config's content has the folder
}

type importedStream struct {
	Name    string `json:"name"`
	Mapping string `json:"mapping"`
	Rules   int    `json:"rules"` // that can see it
}

func importRules(c *cobra.Command, streams IO, from, into string) (*imported, error) {
	if err := apart(from, into); err != nil {
		return nil, err
	}
	office, content, err := configuredStreams(c)
	if err != nil {
		return nil, err
	}
	source, err := bundle.Open(from)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer source.Close() //nolint:errcheck // it was only read
	shown := &counter{out: streams.Err}
	survey, err := source.Survey(office, func(n int) { shown.at("read", n) })
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	made := importedOf(from, survey, office != nil)
	if into != "" {
		made.Into, made.InConfig = into, slices.ContainsFunc(content, func(folder string) bool { return sameFolder(folder, into) })
		if made.Stored, err = survey.Store(into, func(n int) { shown.at("written", n) }); err != nil {
			err = fmt.Errorf("import: %w", err)
		}
	}
	shown.end()
	return made, err
}

// configuredStreams are those of the config, and its content; nil if there is no config. One that is named must be there.
func configuredStreams(c *cobra.Command) (made *bundle.Office, content []string, err error) {
	file, _ := c.Flags().GetString("config") // it is there: rootCommand makes it
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) && !c.Flags().Changed("config") && os.Getenv("SALLYPORT_CONFIG") == "" {
		return nil, nil, nil
	}
	o, err := openOffice(c)
	if err != nil {
		return nil, nil, err
	}
	made = &bundle.Office{Content: o.config.Sources()}
	for _, stream := range o.config.Detect.Streams {
		made.Streams = append(made.Streams, bundle.Stream{Name: stream.Name, Mapping: stream.Mapping})
	}
	return made, o.config.Content, nil
}

// apart refuses a folder that would be read and written at once.
func apart(from, into string) error {
	if into == "" {
		return nil
	}
	rel, err := filepath.Rel(realPath(from), realPath(into))
	if err == nil && (rel == "." || !strings.HasPrefix(rel, "..")) {
		return fmt.Errorf("--into %s lies in what is imported: name another folder", into)
	}
	return nil
}

// realPath is absolute and without links, as far as it is there.
func realPath(name string) string {
	name, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		return real
	}
	if parent := filepath.Dir(name); parent != name {
		return filepath.Join(realPath(parent), filepath.Base(name))
	}
	return name
}

func sameFolder(a, b string) bool { return realPath(a) == realPath(b) }

func importedOf(from string, survey *bundle.Survey, configured bool) *imported {
	made := &imported{
		From: from, Rules: survey.Rules, Correlations: survey.Correlations, Left: survey.Left, Licences: survey.Licences, Configured: configured,
		Refused: []printedFault{}, Warnings: []printedFault{}, Streams: []importedStream{},
	}
	for _, f := range survey.Refused {
		made.Refused = append(made.Refused, printedFault(f))
	}
	for _, f := range survey.Warnings {
		made.Warnings = append(made.Warnings, printedFault(f))
	}
	for _, stream := range survey.Streams {
		sees := func(r bundle.Rule) bool { return slices.Contains(r.Streams, stream.Name) }
		made.Streams = append(made.Streams, importedStream{stream.Name, stream.Mapping, count(made.Rules, sees)})
	}
	return made
}

func count[T any](all []T, holds func(T) bool) (n int) {
	for _, each := range all {
		if holds(each) {
			n++
		}
	}
	return n
}

// counter tells a person at a terminal, now and then, how many files are done.
type counter struct {
	out   io.Writer
	shown time.Time
}

func (c *counter) at(what string, n int) {
	file, ok := c.out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || time.Since(c.shown) < time.Second/4 {
		return
	}
	c.shown = time.Now()
	fmt.Fprintf(file, "\r%d files %s ", n, what)
}

func (c *counter) end() {
	if !c.shown.IsZero() {
		fmt.Fprint(c.out, "\r\x1b[K")
	}
}

// unseen are the log sources of rules that no stream can see, with their number, the most first.
func (i *imported) unseen() (total int, lines []string) {
	bySource := map[string]int{}
	for _, rule := range i.Rules {
		if len(rule.Streams) == 0 {
			bySource[rule.Source]++
			total++
		}
	}
	for source := range bySource {
		lines = append(lines, source)
	}
	slices.SortFunc(lines, func(a, b string) int { return cmp.Or(bySource[b]-bySource[a], cmp.Compare(a, b)) })
	for k, source := range lines {
		lines[k] = fmt.Sprintf("%6d  %s", bySource[source], source)
	}
	return total, lines
}
