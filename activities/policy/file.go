package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/document"
)

// fileName is where a source of content has the policy.
const fileName = "policies/policy.yaml"

// File is the policy as analysts write it.
type File struct {
	Score      Score               `yaml:"score"`
	Severity   map[string]int      `yaml:"severity"` // medium, high, critical: the score from which it is that
	Auto       Threshold           `yaml:"auto"`
	Internal   []string            `yaml:"internal"` // networks of ours besides the private ones
	Kinds      map[string]KindRule `yaml:"kinds"`
	Approvals  []Approval          `yaml:"approvals"`
	Override   Override            `yaml:"override"`
	MaxActions int                 `yaml:"max_actions"`

	Version  string `yaml:"-"` // hash of the file
	internal []netip.Prefix
}

// Score holds the weights that make an incident's score.
type Score struct {
	Level    map[soar.Level]int              `yaml:"level"`
	Readings map[string]map[soar.Opinion]int `yaml:"readings"` // by source; "other" for those not named
}

// Threshold is what an automatic action needs.
type Threshold struct {
	Score      int     `yaml:"score"`
	Confidence float64 `yaml:"confidence"`
}

// KindRule is how far one kind of action may go.
type KindRule struct {
	Most    soar.Mode     `yaml:"most"`
	Longest time.Duration `yaml:"longest"`
	Cap     int           `yaml:"cap"`
	Window  time.Duration `yaml:"window"`
}

// Approval says who must approve which actions. Empty kinds and a zero severity fit all.
type Approval struct {
	Kinds        []string      `yaml:"kinds"`
	FromSeverity soar.Severity `yaml:"from_severity"`
	People       int           `yaml:"people"`
	Groups       []string      `yaml:"groups"` // at least one of the people must be in one of them
}

// Override is what opens a protected asset.
type Override struct {
	People int `yaml:"people"`
}

// loadFile reads the policy of the last source that has one.
func loadFile(sources []fs.FS) (*File, error) {
	for _, source := range slices.Backward(sources) {
		text, err := fs.ReadFile(source, fileName)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		return parseFile(text)
	}
	return nil, fmt.Errorf("policy: no source of content has %s", fileName)
}

func parseFile(text []byte) (*File, error) {
	f := &File{}
	if wrong := document.Decode(text, f); wrong != nil {
		return nil, wrong.In(fileName)
	}
	sum := sha256.Sum256(text)
	f.Version = hex.EncodeToString(sum[:6])
	for _, check := range []func() error{f.checkScore, f.checkKinds, f.checkApprovals, f.readInternal} {
		if err := check(); err != nil {
			return nil, fmt.Errorf("%s: %w", fileName, err)
		}
	}
	return f, nil
}

func (f *File) checkScore() error {
	for _, level := range soar.Levels {
		if weight, ok := f.Score.Level[level]; !ok || weight < 0 || weight > 100 {
			return fmt.Errorf("score.level: want a weight of 0 to 100 for %s", level)
		}
	}
	if len(f.Score.Level) != len(soar.Levels) {
		return errors.New("score.level: a level that Sigma does not know")
	}
	if _, ok := f.Score.Readings["other"]; !ok {
		return errors.New("score.readings: want weights for other")
	}
	for source, weights := range f.Score.Readings {
		for opinion := range weights {
			if opinion != soar.Malicious && opinion != soar.Suspicious && opinion != soar.Harmless {
				return fmt.Errorf("score.readings.%s: unknown opinion %q", source, opinion)
			}
		}
	}
	m, h, c := f.Severity["medium"], f.Severity["high"], f.Severity["critical"]
	if len(f.Severity) != 3 || m <= 0 || h <= m || c <= h || c > 100 {
		return errors.New("severity: want rising scores for medium, high and critical, up to 100")
	}
	if f.Auto.Score < 1 || f.Auto.Score > 100 || f.Auto.Confidence < 0 || f.Auto.Confidence > 1 {
		return errors.New("auto: want a score of 1 to 100 and a confidence of 0 to 1")
	}
	return nil
}

func (f *File) checkKinds() error {
	for _, kind := range []string{soar.BlockAddress, soar.Patch} {
		rule, ok := f.Kinds[kind]
		switch {
		case !ok:
			return fmt.Errorf("kinds: want a rule for %s", kind)
		case rank(rule.Most) < 0:
			return fmt.Errorf("kinds.%s.most: unknown mode %q", kind, rule.Most)
		case rule.Cap < 0 || rule.Window < time.Minute:
			return fmt.Errorf("kinds.%s: want a cap of 0 or more and a window of at least 1m", kind)
		case kind == soar.Patch && rank(rule.Most) > rank(soar.Ask):
			return fmt.Errorf("kinds.%s.most: nothing takes a patch back: want ask or suggest", kind)
		case kind != soar.Patch && rule.Longest < time.Minute:
			return fmt.Errorf("kinds.%s.longest: every containment ends: want at least 1m", kind)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(f.Kinds)) {
		if kind != soar.BlockAddress && kind != soar.Patch {
			return fmt.Errorf("kinds: unknown kind %q", kind)
		}
	}
	if f.MaxActions < 1 || f.MaxActions > 100 {
		return errors.New("max_actions: want 1 to 100")
	}
	return nil
}

func (f *File) checkApprovals() error {
	for i, a := range f.Approvals {
		if a.People < 1 || len(a.Groups) == 0 {
			return fmt.Errorf("approvals[%d]: want at least one person and one group", i)
		}
		for _, kind := range a.Kinds {
			if _, ok := f.Kinds[kind]; !ok {
				return fmt.Errorf("approvals[%d]: unknown kind %q", i, kind)
			}
		}
	}
	if n := len(f.Approvals); n == 0 || len(f.Approvals[n-1].Kinds) > 0 || f.Approvals[n-1].FromSeverity > 1 {
		return errors.New("approvals: the last one must fit all: no kinds, no from_severity")
	}
	if f.Override.People < 2 {
		return errors.New("override.people: a protected asset needs at least 2")
	}
	return nil
}

func (f *File) readInternal() error {
	for i, text := range f.Internal {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("internal[%d]: %q is no network such as 198.51.100.0/24", i, text)
		}
		f.internal = append(f.internal, prefix.Masked())
	}
	return nil
}

// rank orders modes by boldness; -1 for a word that is none.
func rank(m soar.Mode) int {
	return slices.Index([]soar.Mode{soar.Suggest, soar.Ask, soar.Hold, soar.Auto}, m)
}

// approval is who must approve an action of that kind in an incident of that severity.
func (f *File) approval(kind string, severity soar.Severity) Approval {
	for _, a := range f.Approvals {
		if (len(a.Kinds) == 0 || slices.Contains(a.Kinds, kind)) && severity >= a.FromSeverity {
			return a
		}
	}
	return f.Approvals[len(f.Approvals)-1] // fits all: checkApprovals
}

// external reports whether an address is none of ours, and means the same everywhere.
func (f *File) external(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a) {
		return false
	}
	return !slices.ContainsFunc(f.internal, func(n netip.Prefix) bool { return n.Contains(a) })
}
