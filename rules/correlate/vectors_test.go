package correlate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// vector is one case: rules, then events with what fires at each.
type vector struct {
	Test, Kind, Config string
	Rules              []string
	Steps              []struct {
		Event  json.RawMessage
		TS     int64
		Expect []expected
	}
}

type expected struct {
	Title string      `json:"rule_title"`
	Type  string      `json:"correlation_type"`
	Group [][2]string `json:"group_key"`
	Value float64     `json:"aggregated_value"`
}

// Why a case is left out: the specification of correlations 2.1.0 (or of rules 2.1.0) says otherwise, in these words.
const (
	timeframe  = `"Time Selection: Attribute: timespan, Use: mandatory": the file says timeframe, and is refused`
	boundaries = `"Temporal Proximity: The time frame should not be restricted to boundaries if this is not required by the given backend": the file asks for a tumbling window or a session, and is refused`
	action     = `Sigma 2.0 took the attribute action away: the file says action: repeat or global, and is refused`
	route      = `the case has no correlation: it asks whether a field "product" of the event tells its log source, which is that engine's own`
	reset      = `"Event Count: Counts events occurring in the given time frame": that engine's configuration forgets them after a firing`
)

var leftOut = map[string]string{
	"integration::global_repeat_through_correlation_engine":                                    action,
	"rsigma_eval::engine::tests::test_logsource_pruning_inherited_by_correlation_engine":       route,
	"rsigma_eval::correlation_engine::tests::test_repeat_rules_in_correlation":                 action,
	"rsigma_eval::correlation_engine::tests::test_emit_detections_true_emits_all_detections":   timeframe,
	"rsigma_eval::correlation_engine::tests::test_generate_true_keeps_detections":              timeframe,
	"rsigma_eval::correlation_engine::tests::test_no_suppression_fires_every_event":            timeframe,
	"rsigma_eval::correlation_engine::tests::test_suppress_and_reset_combined":                 timeframe,
	"rsigma_eval::correlation_engine::tests::test_suppression_per_group_key":                   timeframe,
	"rsigma_eval::correlation_engine::tests::test_correlation_events_with_reset_action":        reset,
	"rsigma_eval::correlation_engine::tests::test_max_group_entries_session_keeps_span_anchor": boundaries,
	"rsigma_eval::correlation_engine::tests::test_session_window_caps_at_timespan":             boundaries,
	"rsigma_eval::correlation_engine::tests::test_session_window_resets_after_gap":             boundaries,
	"rsigma_eval::correlation_engine::tests::test_tumbling_window_fires_within_bucket":         boundaries,
	"rsigma_eval::correlation_engine::tests::test_tumbling_window_misses_across_boundary":      boundaries,
	"state_snapshot::export_import_preserves_session_window":                                   boundaries,
}

func vectors(t *testing.T) (found []vector) {
	t.Helper()
	for line := range bytes.Lines(shared.Read(t, "sigma-conformance/vectors.jsonl")) {
		line = bytes.ReplaceAll(line, []byte("EventID"), []byte("Code")) // an EventID makes an event Windows', where category test is none
		var v vector
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		if v.Kind == "correlation" {
			found = append(found, v)
		}
	}
	return found
}

// otherRoute is the case whose engine was told the log source of events by a program of its own: there the firings are
// compared, and not which rules matched.
const otherRoute = "logsource_extractor::correlation_engine_keeps_rule_identity_with_custom_extractor"

// world is rules as they are loaded, and the memory of their correlations.
type world struct {
	*testing.T
	library *rules.Library
	state   *correlate.State
	matcher *rules.Matcher
	fed     []*correlate.Event
}

// load loads rules whose correlations keep no silence: Sigma knows none.
func load(t *testing.T, texts []string) (*world, *rules.Report) {
	t.Helper()
	files := fstest.MapFS{}
	for i, text := range texts {
		text = strings.ReplaceAll(text, "\ncorrelation:", "\nsuppress: 0s\ncorrelation:")
		files[fmt.Sprintf("r/%d.yml", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	library, report := rules.Load(files)
	matcher, err := library.For(rules.Auto)
	if err != nil {
		t.Fatal(err)
	}
	return &world{T: t, library: library, matcher: matcher, state: correlate.New(library.Correlate, correlate.Usual)}, report
}

// restart takes a new memory that recalls what was fed.
func (w *world) restart() {
	w.state = correlate.New(w.library.Correlate, correlate.Usual)
	for _, e := range w.fed {
		w.state.Recall(e)
	}
}

// step is what one event makes fire: titles, with group and value. Detections are those of rules, inner the firings that
// only feed others.
func (w *world) step(source []byte, at time.Time, detections, inner bool) (fired []string) {
	matches, err := w.matcher.Match(source)
	if err != nil {
		w.Fatal(err)
	}
	var open []*correlate.Event
	for _, m := range matches {
		e := &correlate.Event{Rule: m.Rule.ID, Level: m.Rule.Level, Time: at, ReadAt: at, Ref: soar.DetectionRef{ID: fmt.Sprint(len(w.fed), "/", m.Rule.ID)}}
		for name, text := range m.Correlate {
			e.Values = append(e.Values, correlate.Value{Name: name, Text: text})
		}
		open = append(open, e)
		if detections && !m.OnlyFeeds {
			fired = append(fired, m.Rule.Title)
		}
	}
	for len(open) > 0 {
		e := open[0]
		open, w.fed = open[1:], append(w.fed, e)
		for _, f := range w.state.Feed(e) {
			open = append(open, &correlate.Event{Rule: f.Rule.ID, Time: f.Time, ReadAt: f.ReadAt, Ref: soar.DetectionRef{ID: f.Trigger.Ref.ID + "+" + f.Rule.ID}, Values: f.Values()})
			if f.Rule.Only && !inner {
				continue
			}
			group := [][2]string{}
			for _, value := range f.Group {
				group = append(group, [2]string{value.Name, value.Text})
			}
			fired = append(fired, fmt.Sprint(f.Rule.Title, " ", f.Rule.Type, group, f.Value, f.Rule.Timespan))
		}
	}
	slices.Sort(fired)
	return fired
}

// TestVectors feeds every correlation case to rules as they are loaded and matched in the product.
func TestVectors(t *testing.T) {
	all := vectors(t)
	if len(all) != 60 {
		t.Fatalf("%d cases, want 60", len(all))
	}
	before := map[string]*world{}
	for i, v := range all {
		t.Run(fmt.Sprint(i, v.Test), func(t *testing.T) {
			w, report := load(t, v.Rules)
			if why := leftOut[v.Test]; why != "" {
				if why != reset && why != route && len(report.Refused) == 0 {
					t.Errorf("not refused, but %s", why)
				}
				return
			}
			if len(report.Refused) > 0 {
				t.Fatal(report.Refused)
			}
			if old := before[v.Test]; old != nil && strings.HasPrefix(v.Test, "state_snapshot") {
				w = old
				w.T = t
				w.restart()
			}
			before[v.Test] = w
			w.follow(v)
		})
	}
}

func (w *world) follow(v vector) {
	detections := !strings.Contains(v.Config, "emit_detections: true") && v.Test != otherRoute
	for i, step := range v.Steps {
		want := []string{}
		for _, e := range step.Expect {
			switch {
			case e.Type != "":
				want = append(want, fmt.Sprint(e.Title, " ", e.Type, e.Group, e.Value, w.timespan(e.Title)))
			case detections:
				want = append(want, e.Title)
			}
		}
		slices.Sort(want)
		got := w.step(step.Event, time.Unix(step.TS, 0), detections, strings.Contains(v.Config, "emit_detections: true"))
		if !slices.Equal(got, want) {
			w.Errorf("step %d, %s: got %q, want %q\n%s", i, step.Event, got, want, strings.Join(v.Rules, "\n---\n"))
		}
	}
}

func (w *world) timespan(title string) time.Duration {
	for _, c := range w.library.Correlations {
		if c.Title == title {
			return c.Timespan
		}
	}
	return 0
}
