package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/rules/document"
)

// conditions are native conditions in every form that the language has, by mapping.
var conditions = map[string][]string{
	"windows": {
		`event_id == 1`, `event_id in [1, 3, 10, 4688]`, `event_id > 10 and event_id <= 4104`, `event_id != 12`, `not (event_id >= 5)`,
		`image endsWith "\\powershell.exe" or image endsWith "\\svchost.exe"`, `image startsWith "C:\\Windows\\"`, `lower(image) endsWith "\\lsass.exe"`, `image == "C:\\Windows\\System32\\svchost.exe"`,
		`command_line contains "-enc"`, `command_line matches "(?i)(power|s)hell.*-[ec]"`, `len(command_line) > 100`, `command_line contains "é" or command_line contains "\u212a"`,
		`user != "NT AUTHORITY\\SYSTEM" and user != nil`, `user == nil and target_user == nil`, `target_user in ["Administrator", "root", "wardog"] or target_sid startsWith "S-1-5-21"`,
		`within(source_ip, "10.0.0.0/8") or within(destination_ip, "172.16.0.0/12") or within(ip_address, "::/0")`, `raw("EventID") == "1"`, `hashes contains "SHA256=" and not (image contains "Windows")`,
		`listed("exposed", computer)`, `query_name endsWith ".com" and not (query_name contains "microsoft")`, `computer == hostname`, `(image ?? "") == "" and event_id != nil`,
		`channel == "Security" and (event_id == 4624 or event_id == 4625) or channel contains "Sysmon" and event_id in [12, 13]`, `(channel matches "^Micro" ? event_id : 0) > 5`,
	},
	"wazuh4": {`rule_id startsWith "57" and agent_name endsWith "-01" or srcip in ["203.0.113.66"] and location contains "log"`, `win_event_id == 1102 or win_channel contains "Sysmon"`, `rule_level >= 10`},
	"ecs":    {`raw("event.kind") != "alert"`, `raw("winlog.channel") contains "Sysmon"`},
}

// nativeLibrary holds the shipped rules and one for each condition.
func nativeLibrary(t *testing.T) *Library {
	t.Helper()
	files := fstest.MapFS{}
	for mapping, all := range conditions {
		for i, condition := range all {
			id := fmt.Sprintf("%s-%d", mapping, i)
			text := "id: " + id + "\ntitle: T\nlevel: low\nmapping: " + mapping + "\nevents: [{name: a, match: true, event: {}}, {name: b, match: false, event: {}}]\ncondition: |\n  " + condition + "\n"
			files["detections/"+id+".yaml"] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	library, report := Load(content.Files, files)
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	return library
}

// TestNativeRulesAreWhatTheirProgramsSay runs every recorded event, events made of public rules, and every event that a
// shipped rule carries, with each of its values changed, through the engine and through expr's machine alone.
func TestNativeRulesAreWhatTheirProgramsSay(t *testing.T) {
	library, public := nativeLibrary(t), []*document.Node{}
	h := hold(t, library, Auto)
	ofEveryLane(t, h.event)
	h.settle()
	fromRecorded := h.native
	all, _ := loadSigma(t)
	for _, rule := range all.sigma {
		public = append(public, rule.Detection)
	}
	g := &made{Rand: rand.New(rand.NewPCG(3, 4)), rules: public}
	for range 10_000 / share() {
		h.event(g.event())
	}
	for _, rule := range library.Native() {
		for _, sample := range rule.Events {
			for _, event := range variants(sample.Event) {
				text, err := json.Marshal(event)
				if err != nil {
					t.Fatal(err)
				}
				h.event(text)
			}
		}
	}
	h.settle()
	t.Logf("%d evaluations of native rules, %d of them on recorded events, %d matches", h.native, fromRecorded, h.matched)
	if h.native < 500_000/share() || h.matched < 20_000/share() {
		t.Errorf("%d evaluations, %d matches", h.native, h.matched)
	}
}

// TestNativeRulesOfAStreamsMapping does the same for events read by a mapping that their shape does not say.
func TestNativeRulesOfAStreamsMapping(t *testing.T) {
	library, n := nativeLibrary(t), 0
	var all []*held
	for _, mapping := range slices.Sorted(maps.Keys(conditions)) {
		all = append(all, hold(t, library, mapping))
	}
	ofEveryLane(t, func(event []byte) {
		if n++; n%10 == 0 {
			for _, h := range all {
				h.event(event)
			}
		}
	})
	for _, h := range all {
		h.settle()
		if h.native < 1000/share() {
			t.Errorf("%s: %d evaluations", h.oracle.mapping.ID, h.native)
		}
	}
}

// variants are an event, and the event with each of its values, at any depth, changed in some way.
func variants(event map[string]any) []map[string]any {
	all := []map[string]any{event}
	for name, value := range event {
		changes := []any{nil, "", 7, []any{value}, map[string]any{"x": value}, fmt.Sprint(value), strings.ToUpper(fmt.Sprint(value))}
		if inner, ok := value.(map[string]any); ok {
			changes = nil
			for _, changed := range variants(inner) {
				changes = append(changes, changed)
			}
		}
		for _, change := range changes {
			changed := maps.Clone(event)
			changed[name] = change
			all = append(all, changed)
		}
	}
	return all
}
