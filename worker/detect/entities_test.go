package detect_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestTenThousandEntities at once: never more incidents than the bucket gives, all of them in the end, and what the
// dispatcher holds meanwhile is little.
func TestTenThousandEntities(t *testing.T) {
	const (
		entities = 10_000
		burst    = 1000
		perHour  = 18_000
		faster   = 100.0
		sample   = 250      // incidents between two looks at the heap
		most     = 64 << 20 // bytes: of 10,000 queues with a reference each, and of pages of the ledger
	)
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	var found []opensearch.Entry
	for i := range entities {
		found = append(found, b.entries(fmt.Sprint("e", i), fmt.Sprintf("host-%d", i), 1)...)
	}
	if written, err := opensearch.NewLedger(b.client).Write(t.Context(), found); err != nil || written != entities {
		t.Fatalf("%d written, %v", written, err)
	}
	before, held := heap(), int64(0)
	opened, all := context.WithTimeout(t.Context(), 10*time.Minute)
	defer all()
	begin := time.Now()
	b.dispatchNew(detect.NewIncidents{Burst: burst, PerHour: perHour}, faster, func(started int) {
		if started%sample == 0 {
			held = max(held, heap()-before)
		}
		if started == entities {
			all()
		}
	})
	<-opened.Done()
	b.signaller.set(func(i *incidents) {
		if errors.Is(opened.Err(), context.DeadlineExceeded) {
			t.Errorf("%d incidents after %s, want %d", i.started, time.Since(begin), entities)
		}
		if held > most {
			t.Errorf("%d MB more on the heap meanwhile, want at most %d", held>>20, most>>20)
		}
		t.Logf("%d incidents in %s, at most %d MB more on the heap", entities, time.Since(begin).Round(time.Second), held>>20)
	})
}

// heap is what lives on the heap, the stand-in's documents included.
func heap() int64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return int64(memory.HeapAlloc)
}
