package cli

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
)

func rulesCommand(streams IO) *cobra.Command {
	command := group("rules", "Check, test, run and explain detection rules; needs no server",
		"  sallyport rules check my-rules\n  sallyport rules test my-rules\n  sallyport rules run --rules my-rules events.ndjson.gz")
	command.AddCommand(rulesRunCommand(streams), rulesExplainCommand(streams), rulesCheckCommand(streams), rulesTestCommand(streams), rulesBenchCommand(streams), rulesBacktestCommand(streams), rulesImportCommand(streams))
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
		sources = append(sources, rules.Folder(folder))
	}
	return sources, nil
}
