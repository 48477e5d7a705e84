package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestOperator runs testdata/script/operator.txtar: every command of the operator against a Sallyport that runs.
func TestOperator(t *testing.T) {
	o := newChatOffice(t, lab.Pace{Quiet: 10 * time.Minute})
	o.editPlan("for: 12s", "for: 10m")
	o.open()
	o.play()
	settings := o.waiting()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			for name, value := range settings {
				env.Setenv(name, value)
			}
			env.Setenv(programVariable, "1")
			env.Setenv("PATH", programs(t, "sallyport")+string(os.PathListSeparator)+os.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": expectCode, "until": runUntil, "tamper": func(ts *testscript.TestScript, _ bool, _ []string) {
			ts.Check(o.tamper(settings["INCIDENT"]))
		}},
	})
}

// programs is a folder in which this program stands under each of the names.
func programs(t *testing.T, names ...string) (folder string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	for _, name := range names {
		if err := os.Symlink(self, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// waiting waits until the perimeter blocks, and agent and patch are asked about; it names all of them for the script.
func (o *chatOffice) waiting() (settings map[string]string) {
	o.t.Helper()
	settings = map[string]string{
		"SALLYPORT_CONFIG": o.file, "DIR": filepath.Dir(o.file), "ANA_KEY": o.personKey("ana"), "BEN_KEY": o.personKey("ben"),
	}
	o.await("a block, and two requests", func() bool {
		for _, r := range o.records() {
			settings["INCIDENT"] = r.ID
			for _, p := range r.Pending {
				settings[map[string]string{"wazuh": "REQUEST", "ansible": "PATCH"}[p.Actions[0].System]] = p.Request
			}
			held := slices.IndexFunc(r.Actions, func(a activities.ActionRecord) bool {
				return a.System == "pfsense" && a.State == string(soar.Contained)
			})
			if held >= 0 {
				settings["BLOCK"] = r.Actions[held].ID
			}
		}
		return settings["REQUEST"] != "" && settings["PATCH"] != "" && settings["BLOCK"] != ""
	})
	return settings
}

// tamper changes what the third entry of a chain says, as somebody with the right to write might.
func (o *chatOffice) tamper(chain string) error {
	var found opensearch.Result
	query := map[string]any{"query": map[string]any{"bool": map[string]any{"filter": []any{
		map[string]any{"term": map[string]any{"chain": chain}}, map[string]any{"term": map[string]any{"seq": 3}},
	}}}}
	if err := o.state.Search(o.t.Context(), "sallyport-audit-*", query, &found); err != nil {
		return err
	}
	if len(found.Documents()) != 1 {
		return errors.New("the chain has no third entry")
	}
	entry := found.Documents()[0]
	var fields map[string]any
	if err := json.Unmarshal(entry.Source, &fields); err != nil {
		return err
	}
	fields["actor"] = "somebody else"
	_, err := o.state.Put(o.t.Context(), entry.Index, entry.ID, fields, opensearch.Condition{})
	return err
}

// expectCode is the script's command code N PROGRAM ARGS...: the program ends with exit code N.
func expectCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// runUntil is the script's command until PATTERN PROGRAM ARGS...: the program is run until it prints that.
func runUntil(ts *testscript.TestScript, _ bool, args []string) {
	pattern := compile(ts, args[0])
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-time.After(200 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("it never printed %s", args[0])
}
