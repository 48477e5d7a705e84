package sigma

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

// difference is why pySigma's SQLite backend and we say otherwise on some cases; docs/sigma.md says it in the same words.
type difference struct {
	why     string
	refuses string                               // what pySigma or SQLite says to a rule that it refuses and we take
	form    string                               // a regular expression of the rule's detection or filter
	event   func(value string, number bool) bool // of the value that the rule looks at
}

var differences = []difference{
	{why: "The backend's SQLite folds ASCII letters only; we fold all of Unicode, one character to one.", form: `é`, event: func(v string, _ bool) bool { return strings.ContainsAny(v, "éÉ") }},
	{why: "A boolean of a rule also matches 1 or 0 there, since SQLite tables store it so; here it is the text `true` or `false`.", form: `f: (true|false)`, event: func(v string, number bool) bool { return number && (v == "0" || v == "1") }},
	{why: "`$` there also holds before a line break that ends the text, as in Perl and Python; here only at the end (RE2), unless `m` is given.", form: `\|re.*\$'`, event: func(v string, _ bool) bool { return strings.HasSuffix(v, "\n") }},
	{why: "SQLite has no networks: `cidr` becomes text prefixes there, which take what is no address and miss other spellings of one; we read addresses, and an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is that address.", form: `\|cidr`, event: noDottedAddress},
	{why: "In SQLite any text is greater than any number; here a text that is no number is not compared.", form: `n\|gte?(\|neq)?:`, event: func(v string, number bool) bool { return !number && (v == "abc" || v == "") }},
	{why: "A row has no absent fields, so a null field does not exist there; the specification says of `exists`: \"this check only verifies the presence of a field, not its value, be it empty or null\".", form: `\|exists`, event: func(v string, _ bool) bool { return v == "null" }},
	{why: "Of a text of one byte, `base64offset` leaves nothing at two of the three places; pySigma then looks for an empty text, which is everywhere. We leave such a place out.", form: `base64offset.*'a'`, event: func(string, bool) bool { return true }},
	{why: "`week` is SQLite's `%W` there, which counts from the year's first Monday and has a week 0; here it is ISO 8601's week. The specification says: \"number between 1 and 52\".", form: `\|week`, event: func(_ string, number bool) bool { return !number }},
	{why: "SQLite reads a time that is a number as a Julian day; here it is seconds or milliseconds since 1970.", form: `t\|`, event: func(_ string, number bool) bool { return number }},
	{why: "A regular expression without a field sees the joined text of all values there; here each value by itself, so that `^` and `$` are a value's ends.", form: `'\|re\|i'`, event: func(v string, _ bool) bool { return v == "one" }},
	{why: "`windash` spells a rule's `-` and `/` there; here also its en dash, em dash and horizontal bar. The specification says that it \"converts the aforementioned characters interchangeably\".", form: `windash.*–x`, event: func(v string, _ bool) bool { return strings.ContainsAny(v, "-/—―") }},
	{why: "A filter may also name a rule by its title here.", form: `rules: \[T\]`, event: func(string, bool) bool { return true }},

	{why: "pySigma refuses a number beside `contains`, `startswith`, `endswith` and `cased`; the specification calls them \"generic modifiers\" that \"can be applied on all types of fields\".", refuses: "SigmaTypeError: Modifier Sigma", form: `(contains|startswith|endswith|cased).*: .*\d`},
	{why: "pySigma does not know `fieldref|cased`; the specification says of `cased`: \"Values are applied case sensitively\".", refuses: "SigmaTypeError: Modifier SigmaCaseSensitiveModifier", form: `fieldref\|cased`},
	{why: "pySigma wants `fieldref` before `contains`, `startswith` and `endswith`; here the order of these does not matter.", refuses: "SigmaValueError: Field references must not contain wildcards", form: `contains\|fieldref`},
	{why: "pySigma does not know `utf16le`, only its alias `wide`.", refuses: "SigmaModifierError: Unknown modifier 'utf16le'", form: `utf16le`},
	{why: "SQLite takes no zero byte in a query, so it can't run `wide`, `utf16be` and `utf16` without base64.", refuses: "null character", form: `wide|utf16`},
	{why: "pySigma takes the text between two escaped or plain percent signs for a placeholder; the specification says that `\\%plain%name%` \"handles `%plain` as plain value and `%name%` as placeholder\".", refuses: "SigmaValueError: Placeholder replacement variable 'x'", form: `\\%x%l%`},
	{why: "pySigma refuses AND, OR and NOT in capitals in a condition; we take them.", refuses: "SigmaConditionError: Expected end of text, found 'AND'", form: `a AND b`},
}

func noDottedAddress(v string, _ bool) bool {
	address, err := netip.ParseAddr(v)
	return err != nil || address.Is6()
}

// explained is why pySigma and we differ on the form, or on the event; "" is a bug of one of us.
func explained(f form, event []byte, theirs, mine string) string {
	for _, d := range differences {
		if !regexp.MustCompile(d.form).MatchString(f.detection + f.filter) {
			continue
		}
		switch {
		case event == nil && d.refuses != "" && mine == "" && strings.Contains(theirs, d.refuses):
			return d.why
		case event != nil && d.event != nil && d.event(lookedAt(event)):
			return d.why
		}
	}
	return ""
}

// lookedAt is the first value of the event, as text, and whether it is a number.
func lookedAt(event []byte) (value string, number bool) {
	var fields map[string]any
	if json.Unmarshal(event, &fields) != nil {
		return "", false
	}
	for _, name := range []string{"f", "n", "t"} {
		if at, ok := fields[name]; ok {
			if text, is := at.(string); is {
				return text, false
			}
			text, _ := json.Marshal(at)
			_, number = at.(float64)
			return string(text), number
		}
	}
	return "", false
}

// TestDifferencesAreDocumented: who compares our matches with another tool's finds each reason in the documents.
func TestDifferencesAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(shared.Root(t), "docs/sigma.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences {
		if !strings.Contains(string(page), d.why) {
			t.Errorf("docs/sigma.md does not say: %s", d.why)
		}
	}
}
