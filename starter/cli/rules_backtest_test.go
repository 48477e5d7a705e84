package cli

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/rules/backtest"
)

// TestBacktestOfAWeek holds table and JSON, on both servers alike, and that nothing was written.
func TestBacktestOfAWeek(t *testing.T) {
	onBothPasts(t, func(p *past) {
		p.busier()
		code, out, errs := p.backtest("--page", "5")
		if code != 0 || errs != "" {
			p.Errorf("exit %d: %s", code, errs)
		}
		p.golden("backtest.txt", out)
		if strings.ContainsAny(out, "\x1b") {
			p.Error("the table moves the terminal's cursor")
		}
		code, out, _ = p.backtest("--page", "5", "-o", "json")
		if code != 0 {
			p.Errorf("exit %d", code)
		}
		p.golden("backtest.json", out)
		indices, err := p.client.Indices(p.Context(), "sallyport-*")
		if err != nil || len(indices) != 0 {
			p.Errorf("it made %v, %v", indices, err)
		}
	})
}

// TestBacktestCompares: a folder over the rules in use, or in the place of content's.
func TestBacktestCompares(t *testing.T) {
	p := newPast(t)
	folder := p.rule("change/own.yaml", "own", `rule_id == "5715" and agent_name == "shop-01"`)
	p.rule("change/more.yaml", "more", `rule_id in ["5715", "5763"]`)
	show := func(r backtest.Result) string {
		var lines []string
		for _, rule := range r.Rules {
			lines = append(lines, fmt.Sprintf("%s %s %d/%d +%d -%d", rule.ID, rule.Status, rule.Detections, rule.InUse, rule.Added, rule.Gone))
		}
		return strings.Join(lines, ", ")
	}
	code, r := p.result("--rules", folder)
	if got, want := show(r), "more new 31/0 +31 -0, own changed 14/28 +0 -14, ssh-brute-force same 3/3 +0 -0, ssh-login same 0/0 +0 -0"; code != 0 || got != want {
		t.Errorf("exit %d: got %s, want %s", code, got, want)
	}
	if err := os.Remove(filepath.Join(folder, "own.yaml")); err != nil {
		t.Fatal(err)
	}
	code, r = p.result("--rules", folder, "--replace")
	if got, want := show(r), "more new 31/0 +31 -0, ssh-brute-force same 3/3 +0 -0, own gone 0/28 +0 -28, ssh-login same 0/0 +0 -0"; code != 0 || got != want {
		t.Errorf("exit %d: got %s, want %s", code, got, want)
	}
	quiet := p.file("quiet/suppressions/db.yaml", "- {id: db, reason: it is tested, until: 2027-01-01, entity: [host/db]}\n")
	code, r = p.result("--rules", filepath.Dir(quiet))
	if got, want := show(r), "own same 14/28 +0 -14, ssh-brute-force same 3/3 +0 -0, ssh-login same 0/0 +0 -0"; code != 0 || got != want || r.Rules[0].Suppressed != 14 {
		t.Errorf("exit %d: got %s, want %s", code, got, want)
	}
	risk := p.file("risk/policies/risk.yaml", "weights: {low: 10}\nhalf_life: 24h\nthreshold: 15\nper_rule: 20\nquiet: 240h\n")
	code, r = p.result("--rules", filepath.Dir(risk))
	if got, want := show(r), "own same 28/28 +0 -0, ssh-brute-force same 3/3 +0 -0, sallyport-risk changed 2/0 +2 -0, ssh-login same 0/0 +0 -0"; code != 0 || got != want {
		t.Errorf("exit %d: got %s, want %s", code, got, want)
	}
	p.rule("change/bad.yaml", "bad", `rule_idd == "1"`)
	code, r = p.result("--rules", folder)
	if code != 1 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0], "bad.yaml:5") || !r.Complete {
		t.Errorf("a refused rule: exit %d, %v", code, r.Refused)
	}
}

// TestBacktestRefuses says what is wrong and how it is mended, with its own exit code.
func TestBacktestRefuses(t *testing.T) {
	p := newPast(t)
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"an unknown stream":       {[]string{"--stream", "wazu"}, 2, `no stream is named "wazu": --stream takes wazuh`},
		"no time":                 {[]string{"--from", "yesterday"}, 2, `--from: "yesterday" is no time: write 2026-11-01T00:00:00Z`},
		"a window the wrong way":  {[]string{"--from", "2026-11-09"}, 2, "ends (2026-11-08T00:00:00Z) before it begins"},
		"no length of time":       {[]string{"--before", "-1h"}, 2, `--before: "-1h" is no length of time: write 12h`},
		"a negative rate":         {[]string{"--rate", "-1"}, 2, "--rate"},
		"a page that is too long": {[]string{"--page", "10001"}, 2, "--page"},
		"replace without rules":   {[]string{"--replace"}, 2, "--rules"},
		"no folder":               {[]string{"--rules", "/nowhere"}, 2, "/nowhere"},
		"an empty window":         {[]string{"--from", "2025-01-01", "--to", "2025-01-02"}, 3, "no event of stream wazuh lies in the window"},
		"nowhere to write":        {[]string{"--html", "/nowhere/x.html"}, 2, "/nowhere/x.html"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, _, errs := p.backtest(tt.args...); code != tt.code || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, want %d and %q: %s", code, tt.code, tt.want, errs)
			}
		})
	}
	p.configure(p.server.URL, ", backtest: {off: true}")
	before := p.server.Calls("search")
	if code, _, errs := p.backtest(); code != 2 || !strings.Contains(errs, "backtest is off") || p.server.Calls("search") != before {
		t.Errorf("off: exit %d: %s", code, errs)
	}
	p.configure(p.server.URL, "")
	p.index("alerts-text", "keyword")
	if code, _, errs := p.backtest(); code != 2 || !strings.Contains(errs, "timestamp is a keyword in it-alerts-text") || !strings.Contains(errs, "map it as date") {
		t.Errorf("a time that is a text: exit %d: %s", code, errs)
	}
}

// TestBacktestIsBoundByTheConfig: --rate takes less than the stream's config allows, never more.
func TestBacktestIsBoundByTheConfig(t *testing.T) {
	p := newPast(t)
	p.configure(p.server.URL, ", backtest: {rate: 100}")
	command := rulesBacktestCommand(IO{Out: io.Discard, Err: io.Discard})
	command.Flags().String("config", p.config, "")
	o, err := openOffice(command)
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[int]int{0: 100, 7: 7, 100_000: 100} {
		_, load, err := (&backtesting{}).prepare(o, backtestFlags{stream: "wazuh", from: "-7d", to: "now", rate: asked})
		if err != nil || load.Rate != want || load.Page != 1000 {
			t.Errorf("asked for %d: %+v, %v", asked, load, err)
		}
	}
}

// TestBacktestSaysWhatIsPartial: what the cluster does not give, and what was interrupted, is shown as partial, exit code 1.
func TestBacktestSaysWhatIsPartial(t *testing.T) {
	p := newPast(t)
	lift := p.server.Inject(opensearchtest.Fault{Operation: "search", Carries: `"sort"`, Skip: 2, Status: http.StatusNotFound, Type: "search_context_missing_exception"})
	code, out, errs := p.backtest("--page", "10")
	if code != 1 || !strings.HasPrefix(out, "PARTIAL: the cluster does not give the rest") || !strings.Contains(out, "20 of 31 events") || !strings.Contains(errs, "partial: ") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	lift()
	p.server.Inject(opensearchtest.Fault{Operation: "search", Carries: `"sort"`, Skip: 1, Times: 2, Status: http.StatusTooManyRequests})
	code, _, errs = p.backtest("--page", "10")
	if code != 0 || strings.Count(errs, "waiting ") != 2 || !strings.Contains(errs, "status 429") {
		t.Errorf("a busy cluster: exit %d: %s", code, errs)
	}
	ctx, stop := context.WithCancel(t.Context())
	searches := 0
	p.server.Observe("search", "/_search", func() {
		if searches++; searches == 5 { // how many have no time, the copy, how many it has, a page: this is the second
			stop()
		}
	})
	var shown bytes.Buffer
	root := rootCommand(IO{Out: &shown, Err: io.Discard}, Verbs{})
	root.SetArgs([]string{"rules", "backtest", "--config", p.config, "--stream", "wazuh", "--from", "2026-11-01", "--to", "2026-11-08", "--page", "10", "--before", "0s"})
	err := root.ExecuteContext(ctx)
	pages := strings.Contains(shown.String(), "10 of 31 events") || strings.Contains(shown.String(), "20 of 31 events") // the second may still arrive
	if err == nil || !strings.Contains(err.Error(), "it was interrupted") || !pages {
		t.Errorf("%v: %s", err, shown.String())
	}
}

// TestBacktestKnowsLate: what was written into an index that was made long after it happened opens nothing.
func TestBacktestKnowsLate(t *testing.T) {
	p := newPast(t)
	text, err := os.ReadFile(p.config)
	if err != nil || os.WriteFile(p.config, bytes.Replace(text, []byte("876000h"), []byte("168h"), 1), 0o600) != nil {
		t.Fatal(err)
	}
	_, r := p.result()
	if r.Incidents.Opened != 0 || r.Incidents.Late != 31 || r.Rules[0].Late == 0 {
		t.Errorf("%+v", r.Incidents)
	}
}

// TestBacktestPageInABrowser: Chromium draws the page, and runs and fetches nothing of it.
func TestBacktestPageInABrowser(t *testing.T) {
	p := newPast(t)
	dir := t.TempDir()
	file, picture := filepath.Join(dir, "backtest.html"), filepath.Join(dir, "backtest.png")
	if code, _, errs := p.backtest("--html", file); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the page shows events, and its mode is %v, %v", info.Mode(), err)
	}
	program := os.Getenv("SALLYPORT_CHROMIUM")
	if program == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no Chromium: set SALLYPORT_CHROMIUM, or run make lab")
		}
		t.Skip("no Chromium here: set SALLYPORT_CHROMIUM, or run make lab")
	}
	chromium := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--window-size=1200,1600", "--user-data-dir=" + filepath.Join(dir, "profile")}, args...)
		out, err := exec.CommandContext(ctx, program, append(args, "file://"+file)...).Output() //nolint:gosec // the tester names it
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	dom := chromium("--dump-dom")
	if strings.Contains(dom, "<img") || strings.Count(dom, "<rect") < 10 || !strings.Contains(dom, "&lt;img src=x onerror=alert(1)&gt;") {
		t.Errorf("the page is read as:\n%s", dom)
	}
	chromium("--screenshot=" + picture)
	drawn, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = drawn.Close() }()
	img, err := png.Decode(drawn)
	if err != nil {
		t.Fatal(err)
	}
	colours := map[[3]uint32]int{}
	for x := 0; x < img.Bounds().Dx(); x += 2 {
		for y := 0; y < img.Bounds().Dy(); y += 2 {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r >> 8, g >> 8, b >> 8}]++
		}
	}
	for name, colour := range map[string][3]uint32{"high": {0xd1, 0x43, 0x2f}, "low": {0x4f, 0x8f, 0xd0}} {
		if colours[colour] < 100 {
			t.Errorf("the picture has no bar of level %s", name)
		}
	}
}

func TestTimesOfPeople(t *testing.T) {
	now := time.Date(2026, 11, 8, 12, 0, 0, 0, time.FixedZone("", 3600))
	for text, want := range map[string]string{
		"now": "2026-11-08T11:00:00Z", "-7d": "2026-11-01T11:00:00Z", "-90m": "2026-11-08T09:30:00Z", "2026-11-01": "2026-11-01T00:00:00Z",
		"2026-11-01T02:00:00+02:00": "2026-11-01T00:00:00Z", "7d": "", "-": "", "--7d": "", "-1y": "", "": "", "2026-13-01": "", "-99999999d": "",
	} {
		at, err := timeOf(text, now)
		if want == "" && err == nil || want != "" && (err != nil || at.Format(time.RFC3339) != want) {
			t.Errorf("%q: %s, %v; want %s", text, at.Format(time.RFC3339), err, want)
		}
	}
}

func TestProgressLine(t *testing.T) {
	p := progress{total: 3000, done: 1000}
	if got := p.text(2 * time.Second); got != "1000 of 3000 documents, 500 a second, 4s left" {
		t.Error(got)
	}
}
