package sigma

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/engine"
)

// specified is a case of testdata/specification*.yaml.
type specified struct {
	Page, Says      string
	Detection       yaml.MapSlice
	Documents       string
	Matches, Misses []string
	Refused         string
	Reads           *understood
}

// understood is what a correlation must have been read as.
type understood struct {
	Type     string
	Rules    []string
	GroupBy  []string `yaml:"group_by"`
	Seconds  int
	Bounds   map[string]float64
	Fields   []string
	Aliases  map[string]map[string]string
	Generate bool
}

// joinable are the rules that the cases' filters and correlations name.
const joinable = `title: T
id: 6f3e2987-db24-4c78-a860-b4f4095a7095
name: by_name
logsource: {product: windows, category: process_creation}
detection: {s: {f: x}, condition: s}
`

const other = "title: Other\nname: other\nlogsource: {product: windows}\ndetection: {s: {f: never}, condition: s}\n"

func (s specified) texts(t *testing.T) []string {
	t.Helper()
	if s.Documents != "" {
		return []string{joinable, other, s.Documents}
	}
	detection, err := yaml.Marshal(map[string]any{"title": "T", "logsource": map[string]string{"category": "test"}, "detection": s.Detection})
	if err != nil {
		t.Fatal(err)
	}
	return []string{string(detection)}
}

// wrong is what a case finds otherwise than the specification.
func (s specified) wrong(t *testing.T) string {
	lists := map[string][]string{"names": {"one", "two", "srv*"}}
	file := parsed(s.texts(t), lists)
	kept, unreferred := Refer(file.Rules, file.Correlations)
	refused := slices.Concat(file.Refused, unreferred)
	if s.Refused != "" || len(refused) > 0 {
		if len(refused) == 0 || s.Refused == "" || !strings.Contains(refused[0].Error(), s.Refused) || refused[0].Mend == "" {
			return fmt.Sprintf("refused %v, want a fault with %q and its mend", refused, s.Refused)
		}
		if s.Detection != nil && !engineRefuses(t, s.texts(t)[0], lists) {
			return "the engine does not refuse it"
		}
		return ""
	}
	if s.Reads != nil && !reflect.DeepEqual(read(kept[len(kept)-1]), *s.Reads) {
		return fmt.Sprintf("reads %+v, want %+v", read(kept[len(kept)-1]), *s.Reads)
	}
	for _, event := range slices.Concat(s.Matches, s.Misses) {
		want := slices.Contains(s.Matches, event)
		if plain, fast := readings(t, file, lists, []byte(event)); plain["T"] > 0 != want || fast["T"] > 0 != want {
			return fmt.Sprintf("%s: plain %v, engine %v, want %v", event, plain, fast, want)
		}
	}
	return ""
}

func engineRefuses(t *testing.T, rule string, lists map[string][]string) bool {
	t.Helper()
	trees, err := document.Read([]byte(rule))
	if err != nil {
		t.Fatal(err)
	}
	_, refused := engine.Compile([]engine.Rule{{Detection: trees[0].Child("detection")}}, lists)
	return len(refused) > 0
}

func read(c Correlation) understood {
	bounds := c.Bounds
	if len(bounds) == 0 {
		bounds = nil
	}
	return understood{c.Type, c.Rules, c.GroupBy, int(c.Timespan / time.Second), bounds, c.Fields, c.Aliases, c.Generate}
}

// TestTheSpecificationsSentences runs the cases through the plain evaluator and the engine.
func TestTheSpecificationsSentences(t *testing.T) {
	events, modifiers := 0, map[string]bool{}
	for _, name := range []string{"testdata/specification.yaml", "testdata/specification-joined.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var cases []specified
		if err := yaml.UnmarshalWithOptions(text, &cases, yaml.Strict()); err != nil {
			t.Fatal(err)
		}
		for i, c := range cases {
			if c.Page == "" || c.Says == "" || len(c.Matches)+len(c.Misses) == 0 && c.Refused == "" && c.Reads == nil {
				t.Errorf("%s, case %d says or tests nothing", name, i+1)
			}
			if why := c.wrong(t); why != "" {
				t.Errorf("%s, case %d (%s: %s): %s\n%s", name, i+1, c.Page, c.Says, why, cmp.Or(c.Documents, fmt.Sprint(c.Detection)))
			}
			events += len(c.Matches) + len(c.Misses)
			for _, m := range knownModifiers {
				modifiers[m] = modifiers[m] || strings.Contains(c.texts(t)[0], "|"+m)
			}
		}
	}
	for m, tested := range modifiers {
		if !tested {
			t.Errorf("no case has the modifier %s", m)
		}
	}
	t.Logf("%d events", events)
}
