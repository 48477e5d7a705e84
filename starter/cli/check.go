package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func checkCommand(streams IO) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use: "check [NAME...]", Short: "Try everything that the config names, and say how to mend what is wrong",
		Long:    "One line each: Temporal, the state cluster, every stream, every system, the rules, and whether the people can\nsatisfy the policy; or the lines of these names alone. Exit code 1 if anything is wrong.",
		Example: "  sallyport check --config sallyport.yaml\n  sallyport check misp pfsense\n  sallyport check -o json",
		RunE: func(c *cobra.Command, names []string) error {
			o, err := openOffice(c)
			if err != nil {
				return err
			}
			return checkAll(c.Context(), streams, o, output, names)
		},
	}
	outputFlag(command, &output)
	return command
}

func checkAll(ctx context.Context, streams IO, o *office, output string, names []string) error {
	checked := daemon.Check(ctx, o.config, names...)
	if output == "json" {
		if err := writeJSON(streams, checked); err != nil {
			return err
		}
	}
	wrong := 0
	for _, line := range checked {
		if line.Fault != "" {
			wrong++
		}
		if output == "json" {
			continue
		}
		switch {
		case line.Fault == "":
			fmt.Fprintf(streams.Out, "ok     %-12s %s\n", line.Name, Printable(line.Found))
		case line.Mend == "":
			fmt.Fprintf(streams.Out, "WRONG  %-12s %s\n", line.Name, Printable(oneLine(line.Fault)))
		default:
			fmt.Fprintf(streams.Out, "WRONG  %-12s %s\n       %-12s %s\n", line.Name, Printable(oneLine(line.Fault)), "", Printable(line.Mend))
		}
	}
	if wrong > 0 {
		return bad(errors.New(fmt.Sprint(wrong, " of ", len(checked), " are not right")))
	}
	return nil
}

// oneLine keeps a list of faults on its system's line.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }
