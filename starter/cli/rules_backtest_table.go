package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/backtest"
)

// maxPrinted is how many lines of one table are printed; JSON and HTML have more.
const maxPrinted = 40

// printBacktest writes the result for people.
func printBacktest(out io.Writer, r backtest.Result) error {
	for _, why := range r.Partial {
		fmt.Fprintln(out, "PARTIAL:", Printable(why))
	}
	fmt.Fprintf(out, "stream %s, %s to %s by %s\n", Printable(r.Stream), r.From.Format(time.DateTime+"Z"), r.To.Format(time.DateTime+"Z"), Printable(r.TimeField))
	fmt.Fprintf(out, "%d of %d events, %d rules; %d events unreadable, %d of the indices without a time\n", r.Evaluated, r.Documents, r.Tried, r.Unreadable, r.WithoutTime)
	for _, event := range r.Broken {
		fmt.Fprintln(out, "unreadable", Printable(event))
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	printRules(table, r)
	printSuppressed(table, r)
	printDays(table, r)
	printIncidents(table, r)
	printActions(table, r)
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, line := range r.Assumptions {
		fmt.Fprintln(out, "note:", line)
	}
	return nil
}

func printRules(table io.Writer, r backtest.Result) {
	compared := func(cells string) string {
		if r.Compared {
			return cells
		}
		return ""
	}
	fmt.Fprintf(table, "\nRULE\tLEVEL%s\tDETECTIONS\tMATCHES\tSUPPRESSED\tENTITIES\tOPENED\tJOINED\tALONE\tLATE\tFAILED\tFIRST\tLAST\tAN EVENT\n", compared("\tSTATUS\tIN USE\tADDED\tGONE"))
	for _, rule := range r.Rules[:min(len(r.Rules), maxPrinted)] {
		more, event := "", "-"
		if rule.MoreEntities {
			more = "+"
		}
		if len(rule.Samples) > 0 {
			event = rule.Samples[0].Index + "/" + rule.Samples[0].ID
		}
		fmt.Fprintf(table, "%s\t%s%s\t%d\t%d\t%d\t%d%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", Printable(rule.ID), Printable(string(rule.Level)),
			compared(fmt.Sprintf("\t%s\t%d\t%d\t%d", rule.Status, rule.InUse, rule.Added, rule.Gone)),
			rule.Detections, rule.Matches, rule.Suppressed, rule.Entities, more, rule.Opened, rule.Joined, rule.Alone, rule.Late, rule.Faults, shortTime(rule.First), shortTime(rule.Last), Printable(event))
	}
	left(table, len(r.Rules))
}

// printSuppressed says what keeps how much of each rule quiet.
func printSuppressed(table io.Writer, r backtest.Result) {
	var lines []string
	for _, rule := range r.Rules {
		for _, by := range rule.SuppressedBy {
			lines = append(lines, fmt.Sprintf("%s\t%s\t%d", Printable(by.Name), Printable(rule.ID), by.Count))
		}
	}
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(table, "\nSUPPRESSED BY\tRULE\tDETECTIONS")
	for _, line := range lines[:min(len(lines), maxPrinted)] {
		fmt.Fprintln(table, line)
	}
	left(table, len(lines))
}

func shortTime(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04Z")
}

func left(table io.Writer, length int) {
	if length > maxPrinted {
		fmt.Fprintf(table, "... and %d more: -o json has them all\n", length-maxPrinted)
	}
}

func printDays(table io.Writer, r backtest.Result) {
	if len(r.Days) == 0 {
		return
	}
	fmt.Fprint(table, "\nDAY")
	for _, level := range soar.Levels {
		fmt.Fprint(table, "\t", strings.ToUpper(string(level)))
	}
	fmt.Fprintln(table)
	for _, day := range r.Days[:min(len(r.Days), maxPrinted)] {
		fmt.Fprint(table, day.Day)
		for _, level := range soar.Levels {
			fmt.Fprint(table, "\t", day.Levels[level])
		}
		fmt.Fprintln(table)
	}
	left(table, len(r.Days))
}

func printIncidents(table io.Writer, r backtest.Result) {
	all := r.Incidents
	fmt.Fprintf(table, "\n%d incidents, %d detections joined one, %d only join and found none, %d came late", all.Opened, all.Joined, all.Alone, all.Late)
	if all.Unfollowed > 0 {
		fmt.Fprintf(table, ", %d would open more incidents than are followed", all.Unfollowed)
	}
	fmt.Fprintln(table)
	if len(all.List) == 0 {
		return
	}
	fmt.Fprintln(table, "ENTITY\tEPISODE\tLEVEL\tOPENED\tENDED\tDETECTIONS\tSCORE\tOPENED BY\tPLAN\tACTIONS\tWHY")
	for _, i := range all.List[:min(len(all.List), maxPrinted)] {
		ended := "open"
		if i.Ended != nil {
			ended = shortTime(i.Ended) + " " + i.EndedBy
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%d\t%s\n", Printable(i.Entity), i.Episode, i.Level, shortTime(&i.Opened), ended, i.Detections, i.Score,
			Printable(i.OpenedBy), Printable(orDash(i.Plan)), len(i.Actions), Printable(orDash(strings.Join(i.Reasons, "; "))))
	}
	left(table, len(all.List))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func printActions(table io.Writer, r backtest.Result) {
	if len(r.Actions) == 0 {
		fmt.Fprintln(table, "\nno plan proposes anything")
		return
	}
	fmt.Fprintln(table, "\nACTION\tSYSTEM\tMODE\tUP TO\tTIMES\tTARGETS\tPROTECTED\tOVER CAP\tON WHOM")
	for _, sum := range r.Actions {
		var whom []string
		for _, target := range sum.Most[:min(len(sum.Most), 3)] {
			whom = append(whom, Printable(target.Name))
		}
		if sum.Targets > len(whom) {
			whom = append(whom, "...")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", sum.Kind, sum.System, sum.Mode, sum.UpTo, sum.Actions, sum.Targets, sum.Protected, sum.OverCap, strings.Join(whom, ", "))
	}
}
