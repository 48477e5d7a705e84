package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/rules/lint"
)

func rulesCheckCommand(streams IO) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use: "check [DIR]", Short: "Say what is wrong with rules, where, and how it is mended", Args: cobra.MaximumNArgs(1),
		Long: "Reads native and Sigma rules of a folder, or the shipped ones, as a worker does, and looks at each: rules that are refused,\n" +
			"parts that change nothing, fields that no event of the log source has, rules that match nearly everything.\n\n" +
			"Exit code 1 if a rule is refused; 0 with warnings only.",
		Example: "  sallyport rules check\n  sallyport rules check my-rules\n  sallyport rules check my-rules -o json",
		RunE: func(_ *cobra.Command, folders []string) error {
			sources, err := ruleSources(folders)
			if err != nil {
				return err
			}
			report, err := lint.Check(sources[0])
			if err != nil {
				return bad(err)
			}
			if output == "json" {
				err = writeJSON(streams, checkedJSON(report))
			} else {
				sayChecked(streams.Out, report)
			}
			if err == nil && len(report.Refused) > 0 {
				err = bad(errors.New("rules were refused"))
			}
			return err
		},
	}
	outputFlag(command, &output)
	return command
}

// checked is a report as -o json writes it. Counts are by kind, refusals as "refused".
type checked struct {
	Rules    int            `json:"rules"`
	Refused  []lint.Warning `json:"refused"`
	Warnings []lint.Warning `json:"warnings"`
	Notes    []lint.Warning `json:"notes"`
	Counts   map[string]int `json:"counts"`
}

func checkedJSON(report *lint.Report) checked {
	made := checked{Rules: report.Rules, Refused: []lint.Warning{}, Warnings: report.Warnings, Notes: report.Notes, Counts: counted(report)}
	for _, f := range report.Refused {
		made.Refused = append(made.Refused, lint.Warning{Kind: "refused", File: f.File, Line: f.Line, Column: f.Column, Text: f.Text, Mend: f.Mend})
	}
	if made.Warnings == nil {
		made.Warnings = []lint.Warning{}
	}
	if made.Notes == nil {
		made.Notes = []lint.Warning{}
	}
	return made
}

func counted(report *lint.Report) map[string]int {
	counts := map[string]int{}
	if n := len(report.Refused); n > 0 {
		counts["refused"] = n
	}
	for _, warning := range report.Warnings {
		counts[warning.Kind]++
	}
	return counts
}

func sayChecked(out io.Writer, report *lint.Report) {
	for _, fault := range report.Refused {
		fmt.Fprintln(out, "refused ", Printable(fault.Error()))
	}
	for _, warning := range report.Warnings {
		fmt.Fprintln(out, "warning ", Printable(warning.String()))
	}
	for _, note := range report.Notes {
		fmt.Fprintln(out, "note    ", Printable(note.String()))
	}
	fmt.Fprintf(out, "%d rules, %d refused, %d warnings\n", report.Rules, len(report.Refused), len(report.Warnings))
	counts := counted(report)
	delete(counts, "refused")
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[kind], kind))
	}
	if len(parts) > 0 {
		fmt.Fprintln(out, strings.Join(parts, ", "))
	}
}
