package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/audit"
)

func chain(t *testing.T, n int) []audit.Entry {
	t.Helper()
	var entries []audit.Entry
	var last *audit.Entry
	for i := range n {
		detail, err := json.Marshal(map[string]any{"score": 60 + i, "big": int64(1)<<60 + 1, "name": "a<b>"})
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 11, 24, 12, 0, i, 123456789, time.FixedZone("CET", 3600))
		e, err := audit.Next(last, audit.Entry{Chain: "i1", At: at, Cause: fmt.Sprint("c", i), Actor: "sallyport", What: "judged", Detail: detail})
		if err != nil {
			t.Fatal(err)
		}
		entries, last = append(entries, e), &e
	}
	return entries
}

func TestVerifyNamesTheFirstBrokenEntry(t *testing.T) {
	tests := map[string]struct {
		spoil func([]audit.Entry) []audit.Entry
		seq   int64 // 0: whole
		says  string
	}{
		"an untouched chain is whole": {func(e []audit.Entry) []audit.Entry { return e }, 0, ""},
		"an empty chain is whole":     {func([]audit.Entry) []audit.Entry { return nil }, 0, ""},
		"another actor":               {func(e []audit.Entry) []audit.Entry { e[2].Actor = "mallory"; return e }, 3, "content"},
		"another number in a detail": {func(e []audit.Entry) []audit.Entry {
			e[1].Detail = json.RawMessage(strings.Replace(string(e[1].Detail), "61", "62", 1))
			return e
		}, 2, "content"},
		"a dropped entry":       {func(e []audit.Entry) []audit.Entry { return slices.Delete(e, 1, 2) }, 2, "missing"},
		"the first one dropped": {func(e []audit.Entry) []audit.Entry { return e[1:] }, 1, "missing"},
		"a swapped pair":        {func(e []audit.Entry) []audit.Entry { e[3], e[2] = e[2], e[3]; return e }, 3, "missing"},
		"a resealed entry": {func(e []audit.Entry) []audit.Entry {
			forged := e[2]
			forged.Actor = "mallory"
			e[2], _ = audit.Next(&e[1], forged)
			return e
		}, 4, "does not follow"},
		"an entry of another chain": {func(e []audit.Entry) []audit.Entry { e[4].Chain = "i2"; return e }, 5, "belongs"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := audit.Verify("i1", tt.spoil(chain(t, 5)))
			var broken *audit.Broken
			if tt.seq == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.As(err, &broken) || broken.Seq != tt.seq || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v; want entry %d: %s", err, tt.seq, tt.says)
			}
		})
	}
}

func TestAChainSurvivesBeingStored(t *testing.T) {
	for i, e := range chain(t, 3) {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back audit.Entry
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		all := chain(t, 3)
		all[i] = back
		if err := audit.Verify("i1", all); err != nil {
			t.Error(err)
		}
	}
}

func TestChainsDoNotFollowOneAnother(t *testing.T) {
	first := chain(t, 1)[0]
	if _, err := audit.Next(&first, audit.Entry{Chain: "i2"}); err == nil {
		t.Error("an entry of i2 followed one of i1")
	}
}
