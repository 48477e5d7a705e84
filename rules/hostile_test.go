package rules

import (
	"fmt"
	"strings"
	"testing"
)

func TestHostileEventsAreBounded(t *testing.T) {
	library, _ := loadSigma(t)
	h := hold(t, library, Auto)
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	names := make([]string, 20_000)
	for i := range names {
		names[i] = fmt.Sprintf(`"n%d":"powershell -enc"`, i)
	}
	for _, event := range []string{
		deep(10_000),
		deep(10_001),
		`{"a":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "}",
		"{" + strings.Join(names, ",") + "}",
		`{"Channel":"Microsoft-Windows-PowerShell/Operational","EventID":4104,"ScriptBlockText":"` + strings.Repeat("aaaa-w \\u0027`", 100_000) + `"}`,
		`{"Channel":"x","CommandLine":"mimikatz","CommandLine":"y","EventID":1}`,
		`{"EventID":` + strings.Repeat("9", 5000) + `,"Channel":"Security"}`,
	} {
		h.event([]byte(event))
	}
	h.settle()
}
