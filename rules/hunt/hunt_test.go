package hunt_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/rules/hunt"
)

// good is a hunt without a fault; the tests spoil one line of it.
const good = `id: H-1
title: Something new
hypothesis: Somebody does what nobody did before.
level: medium
stream: wazuh
schedule: "25 * * * MON-FRI"
lookback: 2h
baseline: 720h
query:
  bool:
    filter:
      - term: {rule.groups: authentication_success}
    must_not:
      exists: {field: data.test}
analysis:
  method: new_terms
  by: [data.dstuser, data.srcip]
  entity: {family: account, field: data.dstuser}
  observables:
    - {type: ip, field: data.srcip}
min_documents: 20
timeout: 60s
`

func source(files ...string) fs.FS {
	tree := fstest.MapFS{}
	for i, text := range files {
		tree["hunts/"+string(rune('a'+i))+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

func TestFaultsNameFileLineAndMend(t *testing.T) {
	if hunts, err := hunt.Load(source(good)); err != nil || len(hunts) != 1 {
		t.Fatalf("the good one: %d hunts, %v", len(hunts), err)
	}
	for name, tt := range map[string]struct{ old, to, want string }{
		"an unknown key":          {"level:", "leveled:", `hunts/a.yaml:4:1: unknown key leveled; did you mean level?`},
		"an unknown inner key":    {"  method:", "  metod:", `hunts/a.yaml:16:3: unknown key metod; did you mean method?`},
		"no YAML":                 {"title: Something", "title: [Something", "hunts/a.yaml:"},
		"a wrong type":            {"min_documents: 20", "min_documents: many", "hunts/a.yaml:21:16: min_documents is a text, not a number; write it as min_documents: 10"},
		"too few cron fields":     {`"25 * * * MON-FRI"`, `"25 * *"`, `hunts/a.yaml:6: schedule "25 * *" is no time of five cron fields: write`},
		"a minute that is none":   {`"25 * * * MON-FRI"`, `"75 * * * *"`, `hunts/a.yaml:6: schedule "75 * * * *": `},
		"a word for an hour":      {`"25 * * * MON-FRI"`, `"0 noon * * *"`, "hunts/a.yaml:6: schedule"},
		"no duration":             {"lookback: 2h", "lookback: yesterday", "hunts/a.yaml:7:11: lookback is a text, not a duration; write it as lookback: 24h"},
		"too long ago":            {"lookback: 2h", "lookback: 2400h", "hunts/a.yaml:7: lookback is 2400h0m0s: write"},
		"no baseline":             {"baseline: 720h\n", "", "hunts/a.yaml:1: baseline is 0s: write"},
		"an unknown clause":       {"- term:", "- trem:", `hunts/a.yaml:12: unknown clause "trem": use bool`},
		"two clauses":             {"- term: {rule.groups: authentication_success}", "- {term: {a: b}, exists: {field: c}}", "hunts/a.yaml:12: 2 clauses where one belongs"},
		"an unknown part of bool": {"must_not:", "mustnot:", `hunts/a.yaml:14: bool has no "mustnot": use must`},
		"an unknown inner clause": {"exists: {field", "exist: {field", `hunts/a.yaml:14: unknown clause "exist"`},
		"an unknown level":        {"level: medium", "level: terrible", `hunts/a.yaml:4: unknown level "terrible": use one of informational`},
		"an unknown method":       {"method: new_terms", "method: guess", `hunts/a.yaml:16: unknown method "guess": use rare or new_terms`},
		"rare without a count":    {"method: new_terms", "method: rare", "hunts/a.yaml:16: max_count is 0: write"},
		"no field":                {"by: [data.dstuser, data.srcip]", "by: []", "hunts/a.yaml:17: by has 0 fields: name"},
		"a foreign observable":    {"{type: ip, field: data.srcip}", "{type: ip, field: data.dstip}", `hunts/a.yaml:20: "data.dstip" is neither in by nor the entity's field`},
		"a strange observable":    {"{type: ip, field: data.srcip}", "{type: ipv4, field: data.srcip}", `hunts/a.yaml:20: unknown type "ipv4"`},
		"an id with a slash":      {"id: H-1", "id: H/1", `hunts/a.yaml:1: id "H/1" is none`},
		"no hypothesis":           {"hypothesis: Somebody does what nobody did before.\n", "", "hunts/a.yaml:2: title or hypothesis is missing"},
		"no stream":               {"stream: wazuh", "stream: \"\"", "hunts/a.yaml:5: no stream: name"},
		"too patient":             {"timeout: 60s", "timeout: 1h", "hunts/a.yaml:22: timeout is 1h0m0s: write at most 10m"},
	} {
		t.Run(name, func(t *testing.T) {
			spoiled := strings.Replace(good, tt.old, tt.to, 1)
			if spoiled == good {
				t.Fatalf("%q is not in the hunt", tt.old)
			}
			hunts, err := hunt.Load(source(spoiled))
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(hunts) != 0 {
				t.Errorf("%d hunts, error %v; want %q", len(hunts), err, tt.want)
			}
		})
	}
}

// All faults are told at once, and the hunts without one are there all the same.
func TestOneBadHuntDoesNotHideTheOthers(t *testing.T) {
	other := strings.Replace(good, "H-1", "H-2", 1)
	bad := strings.NewReplacer("H-1", "H-3", "level: medium", "level: terrible", "method: new_terms", "method: guess").Replace(good)
	hunts, err := hunt.Load(source(good, bad), source(other))
	if len(hunts) != 2 || hunts[0].ID != "H-1" || hunts[1].ID != "H-2" {
		t.Errorf("hunts %+v", hunts)
	}
	if err == nil || !strings.Contains(err.Error(), "b.yaml:4:") || !strings.Contains(err.Error(), "b.yaml:16:") {
		t.Errorf("faults %v, want both of b.yaml", err)
	}
}

// A later source's hunt wins; its baseline goes on as long as what it looks at is the same.
func TestLaterSourceWins(t *testing.T) {
	calmer := strings.Replace(good, "level: medium", "level: low", 1)
	hunts, err := hunt.Load(source(good), fstest.MapFS{"hunts/mine.yml": {Data: []byte(calmer)}})
	if err != nil || len(hunts) != 1 || hunts[0].Level != "low" {
		t.Fatalf("hunts %+v, %v", hunts, err)
	}
	first, err := hunt.Load(source(good))
	if err != nil || first[0].Shape() != hunts[0].Shape() || first[0].Version == hunts[0].Version {
		t.Errorf("shapes %s and %s, versions %s and %s", first[0].Shape(), hunts[0].Shape(), first[0].Version, hunts[0].Version)
	}
	wider, err := hunt.Load(source(strings.Replace(good, "rule.groups: authentication_success", "rule.groups: sshd", 1)))
	if err != nil || wider[0].Shape() == hunts[0].Shape() {
		t.Errorf("another query has the same shape, %v", err)
	}
}

func TestShippedHunts(t *testing.T) {
	hunts, err := hunt.Load(content.Files)
	if err != nil || len(hunts) != 2 {
		t.Fatalf("%d hunts, %v", len(hunts), err)
	}
	for _, h := range hunts {
		if h.Expected == "" || h.MinDocs == 0 || h.Technique == "" {
			t.Errorf("%s does not say what else it may be, what makes silence mean something, or its technique", h.ID)
		}
	}
}
