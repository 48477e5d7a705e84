package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

func incidentCommand(streams IO) *cobra.Command {
	command := group("incident", "List incidents and look at one", "  sallyport incident list\n  sallyport incident show 5d1c...")
	command.AddCommand(incidentList(streams), incidentShow(streams))
	return command
}

func incidentList(streams IO) *cobra.Command {
	var output, status string
	var most int
	command := &cobra.Command{
		Use: "list", Short: "List incidents, the latest first", Args: cobra.NoArgs,
		Example: "  sallyport incident list\n  sallyport incident list --status open -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			records, err := listRecords(c, status, most)
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(streams, records)
			}
			if len(records) == 0 {
				fmt.Fprintln(streams.Out, "no incident")
				return nil
			}
			table := tabwriter.NewWriter(streams.Out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(table, "ID\tENTITY\tSTATUS\tSEVERITY\tSCORE\tDETECTIONS\tWAITS FOR\tUPDATED")
			for _, r := range records {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", r.ID, Printable(r.Entity.String()), r.Status, r.Verdict.Severity, r.Verdict.Score,
					r.Brief.Detections, waitsFor(r), r.Updated.Local().Format(time.DateTime))
			}
			return table.Flush()
		},
	}
	outputFlag(command, &output)
	command.Flags().StringVar(&status, "status", "", "only incidents that are open, contained, watching or closed")
	command.Flags().IntVar(&most, "most", 50, "how many at the most")
	return command
}

func listRecords(c *cobra.Command, status string, most int) ([]activities.IncidentRecord, error) {
	o, err := openOffice(c)
	if err != nil {
		return nil, err
	}
	state, err := o.state(c.Context())
	if err != nil {
		return nil, err
	}
	records, err := opensearch.NewRecords(state).ListRecords(c.Context(), status, most)
	if err != nil {
		return nil, bad(fmt.Errorf("list incidents: %w", err))
	}
	return records, nil
}

func waitsFor(r activities.IncidentRecord) string {
	names := make([]string, len(r.Pending))
	for i, p := range r.Pending {
		names[i] = p.Request
	}
	return strings.Join(names, " ")
}

func incidentShow(streams IO) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use: "show ID", Short: "Show one incident: verdict, actions, timeline, what waits for people", Args: cobra.ExactArgs(1),
		Example: "  sallyport incident show 5d1c...\n  sallyport incident show 5d1c... -o json",
		RunE: func(c *cobra.Command, args []string) error {
			record, err := findRecord(c, args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(streams, record)
			}
			printRecord(streams, record)
			return nil
		},
	}
	outputFlag(command, &output)
	return command
}

func findRecord(c *cobra.Command, id string) (record activities.IncidentRecord, err error) {
	o, err := openOffice(c)
	if err != nil {
		return record, err
	}
	state, err := o.state(c.Context())
	if err != nil {
		return record, err
	}
	record, found, err := opensearch.NewRecords(state).Record(c.Context(), id)
	switch {
	case err != nil:
		return record, bad(fmt.Errorf("show incident: %w", err))
	case !found:
		return record, bad(fmt.Errorf("no incident %q: `sallyport incident list` names them", id))
	}
	return o.fresh(c.Context(), record), nil
}

// fresh is the record as the running workflow has it now; the written one while nobody answers.
func (o *office) fresh(ctx context.Context, written activities.IncidentRecord) activities.IncidentRecord {
	if written.Closed != nil {
		return written
	}
	temporal, err := o.temporal(ctx)
	if err != nil {
		return written
	}
	defer temporal.Close()
	answer, err := temporal.QueryWorkflow(ctx, written.Key, "", activities.StateQuery)
	var now activities.IncidentRecord
	if err != nil || answer.Get(&now) != nil || now.ID != written.ID {
		return written
	}
	return now
}

func printRecord(streams IO, r activities.IncidentRecord) {
	out := streams.Out
	fmt.Fprintf(out, "%s  %s\n%s, severity %s, score %d, confidence %.0f %%, %d detections\n", r.ID, Printable(r.Title), r.Status, r.Verdict.Severity, r.Verdict.Score, 100*r.Verdict.Confidence, r.Brief.Detections)
	for _, reason := range r.Verdict.Reasons {
		fmt.Fprintf(out, "  because %s\n", Printable(reason))
	}
	for _, rule := range r.Brief.Rules {
		fmt.Fprintln(out, strings.TrimSpace(fmt.Sprintf("rule %s, %s  %s", Printable(rule.Title), rule.Level, Printable(rule.Credit()))))
	}
	if r.Case.ID != "" {
		fmt.Fprintf(out, "case %s %s %s\n", r.Case.System, r.Case.ID, r.Case.URL)
	}
	for _, a := range r.Actions {
		fmt.Fprintf(out, "action %s  %s %s on %s (%s): %s; %s\n", a.ID, a.Kind, Printable(a.Target), a.System, a.Mode, a.State, Printable(a.Reason))
	}
	for _, p := range r.Pending {
		fmt.Fprintf(out, "WAITS  %s until %s: sallyport approve %s\n", Printable(fmt.Sprint(p.Actions)), p.Expires.Local().Format(time.DateTime), p.Request)
	}
	for _, t := range r.Timeline {
		fmt.Fprintf(out, "%s  %s\n", t.At.Local().Format(time.DateTime), Printable(t.Text))
	}
}

// writeJSON prints one document.
func writeJSON(streams IO, v any) error {
	encoder := json.NewEncoder(streams.Out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// Printable keeps hostile text from moving the terminal's cursor: control characters become '?'.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '?'
		}
		return r
	}, text)
}
