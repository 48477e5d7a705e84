package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/correlate"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

func explainRiskCommand(streams IO) *cobra.Command {
	var at, output string
	var most int
	command := &cobra.Command{
		Use: "risk ENTITY [--at T]", Short: "Say of what an entity's risk is made, from the ledger", Args: cobra.ExactArgs(1),
		Long: "ENTITY is family/name, as incidents and detections show it: host/shop-01. The risk is counted anew from the ledger, by the\n" +
			"policy of risk in use: what each rule adds, within its bound, and what each detection adds, by its level's weight and its\n" +
			"age. What was late or is suppressed does not count.\n\n" +
			"T is a time as 2026-11-01T00:00:00Z, a date (its beginning, UTC), now, or how long ago: -7d, -12h, -30m. With the event time\n" +
			"of a detection of rule sallyport-risk it is why that one fired.\n\n" +
			"Exit codes: 0 it is said; 1 the ledger can't be read; 2 wrong usage or config; 3 nothing adds to the entity's risk.",
		Example: "  sallyport rules explain risk host/shop-01\n  sallyport rules explain risk host/shop-01 --at 2026-11-27T05:00:00Z -o json",
		RunE: func(c *cobra.Command, args []string) error {
			family, name, found := strings.Cut(args[0], "/")
			if !found || family == "" || name == "" {
				return fmt.Errorf("%q is no entity: write family/name, as host/shop-01", args[0])
			}
			moment, err := timeOf(at, time.Now())
			if err != nil {
				return fmt.Errorf("--at: %w", err)
			}
			return explainRisk(c, streams, soar.Entity{Family: family, Name: name}.Normalised(), moment, most, output)
		},
	}
	command.Flags().StringVar(&at, "at", "now", "at which time")
	command.Flags().IntVar(&most, "most", 20, "how many detections are listed at the most, the newest")
	outputFlag(command, &output)
	return command
}

func explainRisk(c *cobra.Command, streams IO, entity soar.Entity, at time.Time, most int, output string) error {
	o, err := openOffice(c)
	if err != nil {
		return err
	}
	library, _ := rules.Load(o.config.Sources()...) // what is refused there is told where it is loaded
	policy := library.Risk()
	if policy == nil {
		return errors.New("no policies/risk.yaml can be read: `sallyport rules check` says what is wrong with it")
	}
	state, err := o.state(c.Context())
	if err != nil {
		return err
	}
	risk, err := detect.RiskOf(c.Context(), opensearch.NewLedger(state), policy, entity, at)
	if err != nil {
		return bad(err)
	}
	made := explainedRiskOf(entity, at, policy, risk, most)
	if output == "json" {
		err = writeJSON(streams, made)
	} else {
		err = made.print(streams.Out)
	}
	if err == nil && len(risk.Shares) == 0 {
		err = NothingHappened(fmt.Errorf("no detection of %s counts then", entity))
	}
	return err
}

// explainedRisk is a risk and its parts, as -o json writes it.
type explainedRisk struct {
	Entity     string                 `json:"entity"`
	At         time.Time              `json:"at"`
	Risk       float64                `json:"risk"`
	Threshold  float64                `json:"threshold"` // 0: it opens nothing
	Holds      bool                   `json:"holds"`     // the risk has reached the threshold
	PerRule    float64                `json:"per_rule"`  // the most that one rule adds; 0: no bound
	HalfLife   string                 `json:"half_life"`
	Weights    map[soar.Level]float64 `json:"weights"`
	Fired      *time.Time             `json:"fired,omitempty"`  // when it last opened or joined an incident
	Silent     *time.Time             `json:"silent,omitempty"` // until then it says nothing more
	Rules      []riskPart             `json:"rules"`
	Detections []riskShare            `json:"detections"`
	More       int                    `json:"detections_not_listed"`
	Unread     int64                  `json:"detections_not_read"` // older than the 10,000 newest
	Unheard    int                    `json:"detections_not_counted"`
}

// riskPart is what a rule adds.
type riskPart struct {
	Rule       string     `json:"rule"`
	Level      soar.Level `json:"level"` // of its newest detection
	Weight     float64    `json:"weight"`
	Detections int        `json:"detections"`
	Newest     time.Time  `json:"newest"`
	Sum        float64    `json:"sum"`  // of its detections
	Adds       float64    `json:"adds"` // the sum, at most per_rule
}

// riskShare is what a detection adds to its rule's sum.
type riskShare struct {
	Time    time.Time  `json:"time"` // the event's, as far as it is believed
	Age     float64    `json:"age_seconds"`
	Rule    string     `json:"rule"`
	Level   soar.Level `json:"level"`
	Weight  float64    `json:"weight"`
	Value   float64    `json:"value"` // what age left of the weight
	Index   string     `json:"index"` // where the detection lies
	ID      string     `json:"id"`
	Summary string     `json:"summary"`
}

func explainedRiskOf(entity soar.Entity, at time.Time, policy *correlate.Risk, risk detect.EntityRisk, most int) explainedRisk {
	made := explainedRisk{
		Entity: entity.String(), At: at, Risk: rounded(risk.Sum), Threshold: policy.Threshold, Holds: policy.Holds(risk.Sum), PerRule: policy.PerRule,
		HalfLife: policy.HalfLife.String(), Weights: policy.Weights, Rules: []riskPart{}, Detections: []riskShare{}, Unread: risk.More, Unheard: risk.Unheard,
	}
	if !risk.Fired.IsZero() {
		silent := risk.Fired.Add(policy.Quiet)
		made.Fired, made.Silent = &risk.Fired, &silent
	}
	newest := map[string]riskShare{}
	for _, share := range risk.Shares {
		e := share.Event
		one := riskShare{
			Time: at.Add(-share.Age), Age: share.Age.Seconds(), Rule: e.Rule, Level: e.Level, Weight: share.Weight, Value: rounded(share.Value),
			Index: e.Ref.Index, ID: e.Ref.ID, Summary: risk.Summaries[e.Ref],
		}
		if _, there := newest[e.Rule]; !there {
			newest[e.Rule] = one
		}
		if len(made.Detections) < most {
			made.Detections = append(made.Detections, one)
		}
	}
	for _, part := range risk.Parts {
		of := newest[part.Rule]
		made.Rules = append(made.Rules, riskPart{part.Rule, of.Level, of.Weight, part.Count, of.Time, rounded(part.Whole), rounded(part.Sum)})
	}
	made.More = len(risk.Shares) - len(made.Detections)
	return made
}

// rounded keeps three places: more are nobody's.
func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }

func (r explainedRisk) print(out io.Writer) error {
	says := "below the threshold"
	switch {
	case r.Threshold == 0:
		says = "and opens nothing: the threshold is 0"
	case r.Holds:
		says = "and has reached the threshold"
	}
	fmt.Fprintf(out, "%s at %s: risk %.1f of %g, %s\n", Printable(r.Entity), moment(r.At), r.Risk, r.Threshold, says)
	bound := "is not bounded"
	if r.PerRule > 0 {
		bound = fmt.Sprintf("is %g at most", r.PerRule)
	}
	fmt.Fprintf(out, "a detection counts by its level's weight, half after %s; what one rule adds %s\n", r.HalfLife, bound)
	if r.Fired != nil {
		fmt.Fprintf(out, "rule %s fired at %s, and says nothing more until %s\n", correlate.RiskRule, moment(*r.Fired), moment(*r.Silent))
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "\nRULE\tLEVEL\tWEIGHT\tDETECTIONS\tNEWEST\tSUM\tADDS")
	for _, p := range r.Rules {
		fmt.Fprintf(table, "%s\t%s\t%g\t%d\t%s\t%.1f\t%.1f\n", Printable(p.Rule), p.Level, p.Weight, p.Detections, moment(p.Newest), p.Sum, p.Adds)
	}
	fmt.Fprintln(table, "\nDETECTED\tAGE\tRULE\tLEVEL\tWEIGHT\tVALUE\tDETECTION\tSUMMARY")
	for _, d := range r.Detections {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%g\t%.1f\t%s\t%s\n", moment(d.Time), span(time.Duration(d.Age*float64(time.Second))), Printable(d.Rule), d.Level, d.Weight, d.Value,
			Printable(d.Index+"/"+d.ID), Printable(d.Summary))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, left := range []struct {
		n   int64
		why string
	}{{int64(r.More), "more add to it: --most lists them"}, {r.Unread, "older ones were not read"}, {int64(r.Unheard), "do not count: late, or suppressed"}} {
		if left.n > 0 {
			fmt.Fprintf(out, "%d detections %s\n", left.n, left.why)
		}
	}
	return nil
}
