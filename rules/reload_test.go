package rules

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// living is a source of rules that changes while a Live follows it.
type living struct {
	*testing.T
	path string
	live *Live
	load chan *Report
}

// put replaces a file as a whole; no text removes it.
func (f *living) put(name, text string) {
	f.Helper()
	at := filepath.Join(f.path, name)
	if text == "" {
		if err := os.Remove(at); err != nil {
			f.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(at+".new", []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
	if err := os.Rename(at+".new", at); err != nil {
		f.Fatal(err)
	}
}

// follow begins to follow the folder as it is now.
func (f *living) follow() {
	f.Helper()
	live, report := NewLive(os.DirFS(f.path))
	if len(report.Refused) > 0 {
		f.Fatal(report.Refused)
	}
	f.live, f.load = live, make(chan *Report)
	ctx, cancel := context.WithCancel(f.Context())
	var following sync.WaitGroup
	following.Go(func() {
		live.Follow(ctx, time.Millisecond, func(_ *Library, report *Report) {
			select {
			case f.load <- report:
			case <-ctx.Done():
			}
		})
	})
	f.Cleanup(func() { cancel(); following.Wait() })
}

// change puts a file and waits until it is loaded; it returns what was refused.
func (f *living) change(name, text string) []Fault {
	f.Helper()
	f.put(name, text)
	select {
	case report := <-f.load:
		return report.Refused
	case <-time.After(time.Minute):
		f.Fatal("the change was not loaded")
		return nil
	}
}

// TestNoEventIsLostWhileRulesChange: while events flow, rules are changed again and again. Each event meets one set of
// rules, the one before or the one after, and meets all of it.
func TestNoEventIsLostWhileRulesChange(t *testing.T) {
	f := &living{T: t, path: t.TempDir()}
	const rule = "title: %d\nid: %s\nlogsource: {category: test}\ndetection:\n  s: {f: x}\n  condition: s\n"
	version := func(n int) string { return fmt.Sprintf(rule+"---\n"+rule, n, "one", n, "two") }
	f.put("rules.yml", version(0))
	f.follow()
	matcher, err := f.live.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	var flowing sync.WaitGroup
	var done atomic.Bool
	var events, newest atomic.Int64
	met := make(chan struct{}, 1)
	tell := func() {
		select {
		case met <- struct{}{}:
		default: // it is told already
		}
	}
	for range 4 {
		flowing.Go(func() {
			for last := int64(0); !done.Load(); events.Add(1) {
				matches, err := matcher.Match([]byte(`{"f":"x"}`))
				if err != nil || len(matches) != 2 || matches[0].Rule.Title != matches[1].Rule.Title {
					t.Errorf("an event met %v, %v", matches, err)
					tell()
					return
				}
				var now int64
				if _, err := fmt.Sscan(matches[0].Rule.Title, &now); err != nil || now < last {
					t.Errorf("rules went back from %d to %s", last, matches[0].Rule.Title)
				}
				last = now
				newest.Store(max(newest.Load(), now))
				tell()
			}
		})
	}
	const changes = 20
	for n := 1; n <= changes; n++ {
		before := events.Load()
		if refused := f.change("rules.yml", version(n)); len(refused) > 0 {
			t.Error(refused)
		}
		for events.Load() < before+10 && !t.Failed() { // events flow between two changes
			<-met
		}
	}
	for newest.Load() < changes && !t.Failed() {
		<-met
	}
	done.Store(true)
	flowing.Wait()
	t.Logf("%d events, %d changes", events.Load(), changes)
}

// TestWhatIsBrokenKeepsWhatWasBefore: a mapping, a list or a rule that can't be read stays in use as it was, and is told.
func TestWhatIsBrokenKeepsWhatWasBefore(t *testing.T) {
	f := &living{T: t, path: t.TempDir()}
	const native = "id: native\ntitle: N\nlevel: low\nmapping: windows\ncondition: seen == \"x\" and listed(\"mine\", seen)\nevents: [{name: a, match: true, event: {}}, {name: b, match: false, event: {}}]\n"
	const expanded = "title: E\nid: expanded\nlogsource: {category: test}\ndetection:\n  s: {f|expand: '%mine%'}\n  condition: s\n"
	const mapping = "id: windows\nfields:\n  seen: {path: f, type: string}\n" // over the shipped one
	f.put("mappings/windows.yaml", mapping)
	f.put("lists/mine.yaml", "[x]\n")
	f.put("a.yaml", native)
	f.put("b.yml", expanded)
	f.follow()
	matcher, err := f.live.For("windows")
	if err != nil {
		t.Fatal(err)
	}
	meets := func(want ...string) {
		t.Helper()
		ids, err := fast(matcher, []byte(`{"Channel":"System","EventID":1,"f":"x"}`))
		if err != nil || fmt.Sprint(ids) != fmt.Sprint(want) {
			t.Errorf("the event meets %v, %v; want %v", ids, err, want)
		}
	}
	auto, err := f.live.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	expands := func(want bool) {
		t.Helper()
		if ids, err := fast(auto, []byte(`{"f":"x"}`)); err != nil || (len(ids) == 1) != want {
			t.Errorf("the list's rule meets %v, %v", ids, err)
		}
	}
	meets("native")
	expands(true)
	for _, broken := range []struct{ name, text string }{
		{"mappings/windows.yaml", "id: windows\nfields: [\n"}, {"lists/mine.yaml", "x: {\n"}, {"a.yaml", "id: native\ncondition: seen ==\n"}, {"b.yml", "title: E\n\tx"},
	} {
		refused := f.change(broken.name, broken.text)
		if len(refused) == 0 || refused[len(refused)-1].Mend == "" {
			t.Errorf("%s: refused %v", broken.name, refused)
		}
		meets("native")
		expands(true)
	}
	f.change("a.yaml", "")
	meets()
	f.change("b.yml", "")
	expands(false)
}
