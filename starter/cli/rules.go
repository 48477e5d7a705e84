package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
)

func rulesCommand(streams IO) *cobra.Command {
	command := group("rules", "Check, test and run detection rules; needs no server",
		"  sallyport rules check my-rules\n  sallyport rules test my-rules\n  sallyport rules run --rules my-rules events.ndjson.gz")
	command.AddCommand(rulesRunCommand(streams), rulesCheckCommand(streams), rulesTestCommand(streams), rulesBenchCommand(streams), rulesBacktestCommand(streams))
	return command
}

// ruleSources are the folders named, or the shipped rules if there are none.
func ruleSources(folders []string) (sources []fs.FS, err error) {
	if len(folders) == 0 {
		return []fs.FS{content.Files}, nil
	}
	for _, folder := range folders {
		found, err := os.Stat(folder)
		if err != nil {
			return nil, fmt.Errorf("rules folder: %w", err)
		}
		if !found.IsDir() {
			return nil, fmt.Errorf("rules folder %s is no folder: name the folder that holds the rule", folder)
		}
		sources = append(sources, os.DirFS(folder))
	}
	return sources, nil
}

func rulesCheckCommand(streams IO) *cobra.Command {
	return &cobra.Command{
		Use: "check [DIR]", Short: "Say what is wrong with rules, where, and how it is mended", Args: cobra.MaximumNArgs(1),
		Long:    "Reads native and Sigma rules of a folder, or the shipped ones. Exit code 1 if a rule is refused; 0 with warnings only.",
		Example: "  sallyport rules check\n  sallyport rules check my-rules",
		RunE: func(_ *cobra.Command, folders []string) error {
			sources, err := ruleSources(folders)
			if err != nil {
				return err
			}
			library, report := rules.Load(sources...)
			for _, fault := range report.Refused {
				fmt.Fprintln(streams.Out, "refused ", Printable(fault.Error()))
			}
			for _, fault := range report.Warnings {
				fmt.Fprintln(streams.Out, "warning ", Printable(fault.Error()))
			}
			fmt.Fprintf(streams.Out, "%d rules, %d refused, %d warnings\n", library.Len(), len(report.Refused), len(report.Warnings))
			if len(report.Refused) > 0 {
				return bad(errors.New("rules were refused"))
			}
			return nil
		},
	}
}

func rulesTestCommand(streams IO) *cobra.Command {
	return &cobra.Command{
		Use: "test [DIR]", Short: "Run the events that native rules carry", Args: cobra.MaximumNArgs(1),
		Long:    "Runs every event of every native rule against its own rule. Exit code 1 if one comes out otherwise than the rule says,\nor a rule is refused.",
		Example: "  sallyport rules test\n  sallyport rules test my-rules",
		RunE: func(_ *cobra.Command, folders []string) error {
			sources, err := ruleSources(folders)
			if err != nil {
				return err
			}
			library, report := rules.Load(sources...)
			for _, fault := range report.Refused {
				fmt.Fprintln(streams.Out, "refused ", Printable(fault.Error()))
			}
			tested, err := library.Test()
			if err != nil {
				return bad(err)
			}
			if wrong := sayTested(streams, tested) + len(report.Refused); wrong > 0 {
				return bad(fmt.Errorf("%d wrong", wrong))
			}
			return nil
		},
	}
}

// sayTested writes one line per rule and one per event that came out wrong; it returns the number of those.
func sayTested(streams IO, tested []rules.Tested) (wrong int) {
	events, failed := map[string]int{}, map[string]int{}
	var order []string
	for _, test := range tested {
		if events[test.Rule] == 0 {
			order = append(order, test.Rule)
		}
		events[test.Rule]++
		if test.Got != test.Want {
			wrong++
			failed[test.Rule]++
			fmt.Fprintf(streams.Out, "WRONG  %s: %s: match is %v, want %v\n", Printable(test.Rule), Printable(test.Event), test.Got, test.Want)
		}
	}
	for _, rule := range order {
		if failed[rule] == 0 {
			fmt.Fprintf(streams.Out, "ok     %s: %d events\n", Printable(rule), events[rule])
		}
	}
	return wrong
}
