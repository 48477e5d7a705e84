package rules

import (
	"testing"
	"time"
)

func TestEventTimesAreReadAsTheirWritersSpellThem(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-02T06:41:14.000+0000":  "2026-11-02T06:41:14Z",
		"2026-11-02T06:41:14Z":          "2026-11-02T06:41:14Z",
		"2020-05-12 06:48:27.084":       "2020-05-12T06:48:27.084Z",
		"1517422326.539915":             "2018-01-31T18:12:06.539915Z",
		"1517422326":                    "2018-01-31T18:12:06Z",
		"1517422326539":                 "2018-01-31T18:12:06.539Z",
		"1517422326539915":              "2018-01-31T18:12:06.539915Z",
		"audit(1626611363.720:348501):": "2021-07-18T12:29:23.72Z",
		"4711":                          "", "soon": "", "1e300": "", "NaN": "", "-1517422326": "", "audit(": "",
	} {
		got := ""
		if at := readTime(text); !at.IsZero() {
			got = at.UTC().Round(time.Microsecond).Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
