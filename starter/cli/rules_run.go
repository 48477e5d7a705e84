package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
)

func rulesRunCommand(streams IO) *cobra.Command {
	run := &rulesRun{streams: streams, most: maxLine}
	var folders []string
	var mapping, output string
	command := &cobra.Command{
		Use: "run [--rules DIR]... FILE...", Short: "Say which rules match which lines of NDJSON files", Args: cobra.MinimumNArgs(1),
		Long: "Reads NDJSON, plain or gzip, and writes one JSON object per match, in the order of the lines. - is standard input.\n" +
			"Lines count from 1. A line that is no JSON object is counted; the first ones are named on standard error.\n\n" +
			"Each event's shape and log source are told by the event, as a stream's are, and only rules for that log source are\n" +
			"tried; an event that does not tell its log source is tried with every Sigma rule.\n\n" +
			"Exit codes: 0 all lines were read, with or without matches; 1 a part of the input could not be read (a broken gzip\n" +
			"file, a line of more than 100 MiB), each named by file and line, and the rest was; 2 wrong usage, or no rule.",
		Example: "  sallyport rules run events.ndjson\n" +
			"  sallyport rules run --rules sigma --rules my-rules monday.ndjson.gz tuesday.ndjson\n" +
			"  zcat alerts.json.gz | sallyport rules run --mapping wazuh4 -\n" +
			"  sallyport rules run --rules my-rules --ignore-logsource --summary events.ndjson",
		RunE: func(c *cobra.Command, files []string) error {
			if c.Flags().Changed("output") && !run.summarise {
				return errors.New("-o is the form of --summary; matches are always written as JSON")
			}
			run.form = output
			if err := readable(files); err != nil {
				return err
			}
			library, err := loadRules(streams, folders)
			if err != nil {
				return err
			}
			if run.matcher, err = matcherFor(library, mapping, folders); err != nil {
				return err
			}
			run.matcher.EveryRule = run.everyRule
			return run.files(c.Context(), files)
		},
	}
	rulesFlag(command, &folders)
	mappingFlag(command, &mapping)
	command.Flags().BoolVar(&run.everyRule, "ignore-logsource", false, "try every rule on every event, whatever log source or mapping the rule is for")
	command.Flags().BoolVar(&run.summarise, "summary", false, "write how often each rule matched instead of the matches")
	outputFlag(command, &output)
	return command
}

func rulesFlag(command *cobra.Command, folders *[]string) {
	command.Flags().StringArrayVar(folders, "rules", nil, "a folder of rules, native and Sigma; may be given several times; the shipped rules if not given")
	_ = command.MarkFlagDirname("rules") // the flag is there
}

func mappingFlag(command *cobra.Command, mapping *string) {
	command.Flags().StringVar(mapping, "mapping", rules.Auto, "the mapping of all events; auto tells it by each event's shape")
	_ = command.RegisterFlagCompletionFunc("mapping", func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		folders, _ := c.Flags().GetStringArray("rules")
		sources, _ := ruleSources(folders)
		return append(rules.Mappings(sources...), rules.Auto), cobra.ShellCompDirectiveNoFileComp
	})
}

// readable finds a name that is wrong before an hour of work.
func readable(files []string) error {
	for _, name := range files {
		if name == "-" {
			continue
		}
		found, err := os.Stat(name)
		if err != nil {
			return err
		}
		if found.IsDir() {
			return fmt.Errorf("%s is a folder: name its files", name)
		}
	}
	return nil
}

// loadRules loads the folders' rules, or the shipped ones, and says which were refused.
func loadRules(streams IO, folders []string) (*rules.Library, error) {
	sources, err := ruleSources(folders)
	if err != nil {
		return nil, err
	}
	library, report := rules.Load(sources...)
	for _, fault := range report.Refused {
		fmt.Fprintln(streams.Err, "refused ", Printable(fault.Error()))
	}
	if library.Len() == 0 {
		return nil, fmt.Errorf("no rule could be loaded from %s: name a folder that holds rules in files .yml or .yaml", strings.Join(folders, ", "))
	}
	return library, nil
}

func matcherFor(library *rules.Library, mapping string, folders []string) (*rules.Matcher, error) {
	matcher, err := library.For(mapping)
	if err != nil {
		sources, _ := ruleSources(folders) // they were read above
		return nil, fmt.Errorf("%w: use %s, or auto", err, strings.Join(rules.Mappings(sources...), ", "))
	}
	return matcher, nil
}

// rulesRun is one run over files.
type rulesRun struct {
	streams   IO
	matcher   *rules.Matcher
	everyRule bool
	summarise bool
	form      string
	most      int // bytes of a line

	counts runCounts
	faults ruleFaults
}

// printedMatch is one line of output.
type printedMatch struct {
	File string      `json:"file"`
	Line int         `json:"line"`
	Rule printedRule `json:"rule"`
	Tags []string    `json:"tags"`
}

type printedRule struct {
	ID    string     `json:"id"`
	Title string     `json:"title"`
	Level soar.Level `json:"level"`
}

// files evaluates all files, and goes on after one that ends in the middle.
func (r *rulesRun) files(ctx context.Context, names []string) error {
	r.matcher.Faulted = r.faults.add
	err := r.inOrder(ctx, names)
	r.sayMissed()
	if err == nil && r.summarise {
		err = r.saySummary()
	}
	if err == nil && r.counts.broken > 0 {
		err = bad(errors.New("not all of the input could be read"))
	}
	return err
}
