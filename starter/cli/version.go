package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildVersion is what `go build` stamped: a tag, or the commit with its state.
func buildVersion() (version, commit string) {
	version = "devel"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, ""
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			commit += "+changes"
		}
	}
	return version, commit
}

func versionCommand(streams IO) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use: "version", Short: "Print the version, the commit and the Go that built it", Args: cobra.NoArgs,
		Example: "  sallyport version\n  sallyport version -o json",
		RunE: func(*cobra.Command, []string) error {
			version, commit := buildVersion()
			if output == "json" {
				return json.NewEncoder(streams.Out).Encode(map[string]string{"version": version, "commit": commit, "go": runtime.Version()})
			}
			fmt.Fprintf(streams.Out, "sallyport %s %s %s\n", version, commit, runtime.Version())
			return nil
		},
	}
	outputFlag(command, &output)
	return command
}

// outputFlag adds -o table|json.
func outputFlag(command *cobra.Command, output *string) {
	*output = "table"
	command.Flags().VarP((*outputValue)(output), "output", "o", "table or json")
}

// outputValue is a form of output that there is.
type outputValue string

// String implements pflag.Value.
func (v *outputValue) String() string { return string(*v) }

// Type implements pflag.Value.
func (v *outputValue) Type() string { return "string" }

// Set implements pflag.Value.
func (v *outputValue) Set(text string) error {
	if text != "table" && text != "json" {
		return errors.New("write table or json")
	}
	*v = outputValue(text)
	return nil
}
