package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/rules"
)

func rulesTestCommand(streams IO) *cobra.Command {
	var output, junit string
	command := &cobra.Command{
		Use: "test [DIR]", Short: "Run the events that rules carry", Args: cobra.MaximumNArgs(1),
		Long: "Runs every event that a rule carries against that rule: those below events: of a native or a Sigma rule, and those that a\n" +
			"Sigma rule's regression_tests_path names in the folder. A rule is covered if it has a matching event and a near miss: one\n" +
			"that it passes over although a part of what it asks for holds.\n\n" +
			"Exit code 1 if an event comes out otherwise than the rule says, or a rule is refused; else 0, whatever the coverage is.",
		Example: "  sallyport rules test\n  sallyport rules test my-rules\n  sallyport rules test my-rules --junit rules.xml",
		RunE: func(_ *cobra.Command, folders []string) error {
			sources, err := ruleSources(folders)
			if err != nil {
				return err
			}
			trial := rules.Test(sources[0])
			if junit != "" {
				if err := writeJUnit(junit, trial); err != nil {
					return fmt.Errorf("junit: %w", err)
				}
			}
			wrong := len(trial.Refused) + wrongOf(trial)
			if output == "json" {
				err = writeJSON(streams, trialJSON(trial))
			} else {
				sayTrial(streams.Out, trial)
			}
			if err == nil && wrong > 0 {
				err = bad(fmt.Errorf("%d wrong", wrong))
			}
			return err
		},
	}
	outputFlag(command, &output)
	command.Flags().StringVar(&junit, "junit", "", "also write the results to this file, as JUnit's XML")
	return command
}

func wrongOf(trial *rules.Trial) (wrong int) {
	for _, tested := range trial.Tested {
		if tested.Wrong() {
			wrong++
		}
	}
	return wrong
}

// sayTrial writes one line per refused rule, per event that came out wrong and per rule whose events are right, and then
// the coverage.
func sayTrial(out io.Writer, trial *rules.Trial) {
	for _, fault := range trial.Refused {
		fmt.Fprintln(out, "refused ", Printable(fault.Error()))
	}
	events, failed, skipped := map[string]int{}, map[string]bool{}, 0
	for _, t := range trial.Tested {
		switch {
		case t.Wrong():
			fmt.Fprintf(out, "WRONG  %s: %s: %s\n", Printable(t.Rule), Printable(t.Event), Printable(whyWrong(t)))
		case t.Skipped != "":
			skipped++
			continue
		}
		events[t.Rule]++
		failed[t.Rule] = failed[t.Rule] || t.Wrong()
	}
	for _, rule := range trial.Rules {
		if n := events[rule.Rule]; n > 0 && !failed[rule.Rule] {
			fmt.Fprintf(out, "ok     %s: %d events\n", Printable(rule.Rule), n)
		}
	}
	if skipped > 0 {
		fmt.Fprintf(out, "%d tests were skipped: their events are not in the folder, or not as JSON\n", skipped)
	}
	sayCoverage(out, trial)
}

// maxNamed bounds the rules that a summary names.
const maxNamed = 20

func sayCoverage(out io.Writer, trial *rules.Trial) {
	all, open := len(trial.Rules), trial.Uncovered()
	if all == 0 {
		fmt.Fprintln(out, "warning  no rule is here; name the folder that holds the rules\ncoverage: of no rules")
		return
	}
	fmt.Fprintf(out, "coverage: %d of %d rules (%.0f %%) have a matching event and a near miss\n", all-len(open), all, 100*coverage(trial))
	for i, rule := range open {
		if i == maxNamed {
			fmt.Fprintf(out, "  and %d more\n", len(open)-i)
			break
		}
		fmt.Fprintf(out, "  %s (%s) lacks %s\n", Printable(rule.Rule), Printable(rule.Title), lacks(rule))
	}
}

func lacks(rule rules.Proved) string {
	var all []string
	if !rule.Matching {
		all = append(all, "a matching event")
	}
	if !rule.Near {
		all = append(all, "a near miss")
	}
	return strings.Join(all, " and ")
}

// coverage is the share of covered rules; of no rules none is proved.
func coverage(trial *rules.Trial) float64 {
	if len(trial.Rules) == 0 {
		return 0
	}
	return 1 - float64(len(trial.Uncovered()))/float64(len(trial.Rules))
}

// printedTrial is a trial as -o json writes it.
type printedTrial struct {
	Rules     int            `json:"rules"`
	Events    int            `json:"events"`
	Wrong     int            `json:"wrong"`
	Coverage  float64        `json:"coverage"` // 0 to 1
	Uncovered []printedLack  `json:"uncovered"`
	Failures  []printedTest  `json:"failures"`
	Skipped   []printedTest  `json:"skipped"`
	Refused   []printedFault `json:"refused"`
}

type printedLack struct {
	Rule  string `json:"rule"`
	File  string `json:"file"`
	Lacks string `json:"lacks"`
}

type printedTest struct {
	Rule  string `json:"rule"`
	File  string `json:"file"`
	Event string `json:"event"`
	Why   string `json:"why"`
}

type printedFault struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column,omitempty"`
	Text   string `json:"text"`
	Mend   string `json:"mend,omitempty"`
}

func trialJSON(trial *rules.Trial) printedTrial {
	made := printedTrial{
		Rules: len(trial.Rules), Wrong: wrongOf(trial), Coverage: coverage(trial),
		Uncovered: []printedLack{}, Failures: []printedTest{}, Skipped: []printedTest{}, Refused: []printedFault{},
	}
	for _, rule := range trial.Uncovered() {
		made.Uncovered = append(made.Uncovered, printedLack{rule.Rule, rule.File, lacks(rule)})
	}
	for _, t := range trial.Tested {
		switch {
		case t.Skipped != "":
			made.Skipped = append(made.Skipped, printedTest{t.Rule, t.File, t.Event, t.Skipped})
			continue
		case t.Wrong():
			made.Failures = append(made.Failures, printedTest{t.Rule, t.File, t.Event, whyWrong(t)})
		}
		made.Events++
	}
	for _, f := range trial.Refused {
		made.Refused = append(made.Refused, printedFault(f))
	}
	return made
}

func whyWrong(t rules.Tested) string {
	if t.Err != nil {
		return t.Err.Error()
	}
	why := fmt.Sprintf("match is %v, want %v", t.Got, t.Want)
	if t.Elsewhere != "" {
		why += ": " + t.Elsewhere
	}
	return why
}
