package engine

import (
	"fmt"
	"sync"
	"testing"
)

// TestMatchersShareAProgram: what one matcher's events teach a class changes the plan under the others, never an answer.
func TestMatchersShareAProgram(t *testing.T) {
	var detections []string
	for i := range 200 {
		detections = append(detections, fmt.Sprintf("a: {f|contains: 'text%d'}\nb: {g|endswith: 'end%d'}\nc: {f|re: 'x+%d$'}\ncondition: a and not b or c", i, i%7, i))
	}
	program := programOf(t, detections...)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			m := program.NewMatcher("")
			for i := range 600 {
				n := (i*7 + worker) % 200
				found, err := m.Match(fmt.Appendf(nil, `{"f":"some text%d, xx%d","g":"the end%d"}`, n, n, i%7))
				want := map[int]bool{n: true} // by its c
				for short := n; short > 0; short /= 10 {
					if i%7 != short%7 {
						want[short] = true // text12 has text1
					}
				}
				if err != nil || len(found) != len(want) {
					t.Errorf("event %d of %d: %v, %v; want %v", i, worker, found, err, want)
					return
				}
			}
		})
	}
	all.Wait()
}
