package rules

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestChangedRulesAreSwappedAndABrokenFileKeepsItsRule(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rule := func(id, value string) string {
		return "title: " + id + "\nid: " + id + "\nlogsource: {category: test}\ndetection:\n  s:\n    f: " + value + "\n  condition: s\n"
	}
	write("one.yml", rule("one", "a"))
	live, report := NewLive(os.DirFS(folder))
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	matcher, err := live.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(event string, want ...string) {
		t.Helper()
		matches, err := matcher.Match([]byte(event))
		if err != nil || len(matches) != len(want) || len(want) > 0 && matches[0].Rule.ID != want[0] {
			t.Errorf("%s: %v, %v, want %v", event, matches, err, want)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	loads := make(chan *Report)
	go live.Follow(ctx, time.Millisecond, func(_ *Library, report *Report) {
		select {
		case loads <- report:
		case <-ctx.Done():
		}
	})
	// until waits for the load that is meant: one may meet a file half written.
	until := func(rules, refused int) {
		t.Helper()
		for {
			select {
			case report := <-loads:
				if live.Library().Len() == rules && len(report.Refused) == refused {
					return
				}
			case <-time.After(time.Minute):
				t.Fatalf("%d rules, want %d with %d refused", live.Library().Len(), rules, refused)
			}
		}
	}
	expect(`{"f":"a"}`, "one")

	write("two.yml", rule("two", "bb"))
	until(2, 0)
	expect(`{"f":"bb"}`, "two")

	write("one.yml", "title: one\n\tbroken")
	until(2, 1)
	expect(`{"f":"a"}`, "one")

	if err := os.Remove(filepath.Join(folder, "two.yml")); err != nil {
		t.Fatal(err)
	}
	until(1, 1)
	expect(`{"f":"bb"}`)
	expect(`{"f":"a"}`, "one")
}
