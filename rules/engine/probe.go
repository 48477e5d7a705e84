package engine

import (
	"math"
	"strconv"
)

// probeKind is how a sieve sees that a test may hold.
type probeKind uint8

const (
	probePresent  probeKind = iota // the field is there
	probeEquals                    // the canonical value is the text
	probePrefix                    // it begins with it
	probeSuffix                    // it ends with it
	probeContains                  // it has it somewhere
	probeNumber                    // a number that is not spelled as a plain whole one
	probeAlways                    // nothing tells: every event
)

// probe is a cheap sign in an event without which some test cannot hold. It may speak where the test does not hold.
type probe struct {
	kind  probeKind
	field int32  // -1: anywhere in the event
	text  string // canonical
}

// shortest is the least length of a text that a sieve looks for inside values.
const shortest = 2

// longEnough is the length from which on a look at every fourth place finds a text.
const longEnough = 7

// signs are probes of which at least one speaks when the test holds; more than one set may do, and any is enough. No set
// says that there is no such sign.
func (t *test) signs() (sets [][]probe) {
	at := func(kind probeKind, plain []byte) []probe {
		text := string(canonical(nil, plain))
		switch {
		case t.keyword && len(text) < shortest:
			return []probe{{probeAlways, -1, ""}}
		case t.keyword:
			return []probe{{probeContains, -1, text}}
		case !isASCII([]byte(text)):
			kind = probeContains // such values are few, and have a look of their own
		case kind == probeEquals:
		case kind == probeContains && len(text) == 1 && !isLetter(text[0]):
		case len(text) < shortest || kind != probeContains && len(text) < 4:
			return []probe{{probePresent, t.field, ""}}
		}
		return []probe{{kind, t.field, text}}
	}
	present := at(probePrefix, nil)
	switch t.kind {
	case equals:
		return [][]probe{at(probeEquals, t.text)}
	case startsWith:
		return [][]probe{at(probePrefix, t.text)}
	case endsWith:
		return [][]probe{at(probeSuffix, t.text)}
	case contains:
		return [][]probe{at(probeContains, t.text)}
	case likens:
		return append(t.segmentSigns(at), present)
	case matches:
		for _, clause := range requiredTexts(string(t.text)) {
			var set []probe
			for _, text := range clause {
				set = append(set, at(probeContains, []byte(text))...)
			}
			sets = append(sets, set)
		}
		return append(sets, present)
	case compares:
		if t.bound.numbers && t.bound.isWhole && !t.keyword {
			return [][]probe{append(at(probeEquals, strconv.AppendInt(nil, t.bound.whole, 10)), probe{probeNumber, t.field, ""})}
		}
		return [][]probe{present}
	case isThere:
		if string(t.text) == "true" {
			return [][]probe{{{probePresent, t.field, ""}}}
		}
		return nil
	case sameAs:
		return [][]probe{{{probePresent, t.field, ""}}}
	case isNull:
		return nil
	case inNetwork:
	}
	return [][]probe{present}
}

func (t *test) segmentSigns(at func(probeKind, []byte) []probe) (sets [][]probe) {
	for _, segment := range t.segments {
		for from, i := 0, 0; i <= len(segment); i++ {
			if i == len(segment) || segment[i] == mark {
				if i-from >= shortest {
					sets = append(sets, at(probeContains, []byte(segment[from:i])))
				}
				from = i + 1
			}
		}
	}
	return sets
}

func isLetter(c byte) bool { return lowered[c] >= 'a' && lowered[c] <= 'z' }

// guess is how often a probe speaks on events of which none were seen yet.
func (p probe) guess() float64 {
	n := float64(len(p.text))
	switch p.kind {
	case probeEquals:
		return 0.004 + 0.4*math.Exp(-n/4)
	case probePrefix, probeSuffix:
		return 0.02 + 0.3*math.Exp(-n/2)
	case probeContains:
		return 0.01 + math.Exp(-n/2.5)
	case probeNumber:
		return 0.001
	case probeAlways:
		return 2
	case probePresent:
	}
	return 1
}
