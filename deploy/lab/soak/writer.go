package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// batch is how many documents one request writes.
const batch = 250

// acknowledged is the writers' own list: what OpenSearch said it has, by index and id.
type acknowledged struct {
	wanted int // so many will be written
	mu     sync.Mutex
	keys   map[string]bool
}

func newList(wanted int) *acknowledged { return &acknowledged{wanted: wanted, keys: map[string]bool{}} }

// await waits until that share of all documents is acknowledged.
func (a *acknowledged) await(ctx context.Context, share float64) error {
	for float64(a.len()) < share*float64(a.wanted) {
		if !pause(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

func newRandom(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano()))) //nolint:gosec // any will do
}

func (a *acknowledged) add(keys []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range keys {
		a.keys[key] = true
	}
}

func (a *acknowledged) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.keys)
}

// all copies the list.
func (a *acknowledged) all() map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.keys)
}

// writer writes documents of its own and repeats what was not acknowledged.
type writer struct {
	number  int
	cluster *cluster
	list    *acknowledged
	random  *rand.Rand
	last    [2]string // index and id of a document that is on the list
	doomed  [2]string // of one that is not, and that the next request deletes
}

var filler = strings.Repeat("words of an event ", 15)

// write writes so many documents, evenly over the spread.
func (w *writer) write(ctx context.Context, documents int, spread time.Duration) error {
	began := time.Now()
	for written := 0; written < documents; {
		n := min(batch, documents-written)
		if err := w.writeBatch(ctx, written, n); err != nil {
			return err
		}
		written += n
		due := began.Add(time.Duration(float64(spread) * float64(written) / float64(documents)))
		if !pause(ctx, time.Until(due)) {
			return ctx.Err()
		}
	}
	return nil
}

// writeBatch sends n new documents, one more that is deleted by the next batch, an update, and a delete, until each of the
// new ones is acknowledged.
func (w *writer) writeBatch(ctx context.Context, from, n int) error {
	open := map[string]bool{}
	for i := range n {
		open[fmt.Sprintf("w%d-%d", w.number, from+i)] = true
	}
	doomed := fmt.Sprintf("doomed-w%d-%d", w.number, from)
	open[doomed] = true
	for tries := 0; len(open) > 0; tries++ {
		if tries > 100 {
			return fmt.Errorf("writer %d: %d documents are not acknowledged after %d tries", w.number, len(open), tries)
		}
		if err := w.send(ctx, open, doomed); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			log.Printf("writer %d repeats %d documents: %v", w.number, len(open), err)
			pause(ctx, time.Second)
		}
	}
	return nil
}

// item is what became of one action of a request.
type item struct {
	Index  string `json:"_index"`
	ID     string `json:"_id"`
	Status int    `json:"status"`
}

func (w *writer) send(ctx context.Context, open map[string]bool, doomed string) error {
	var body bytes.Buffer
	for id := range open {
		line(&body, "create", alias, id)
		w.document(&body)
	}
	if w.last[0] != "" && w.random.IntN(2) == 0 {
		line(&body, "index", w.last[0], w.last[1])
		w.document(&body)
	}
	if w.doomed[0] != "" {
		line(&body, "delete", w.doomed[0], w.doomed[1])
	}
	var answer struct {
		Items []map[string]item `json:"items"`
	}
	if err := w.cluster.ask(ctx, http.MethodPost, "/_bulk", body.Bytes(), &answer); err != nil {
		return err
	}
	var keys []string
	failed := 0
	for _, each := range answer.Items {
		made, created := each["create"]
		switch {
		case !created:
		case made.Status != http.StatusCreated && made.Status != http.StatusConflict: // a conflict: an earlier try wrote it
			failed++
		case made.ID == doomed:
			w.doomed = [2]string{made.Index, made.ID}
			delete(open, made.ID)
		default:
			keys, w.last = append(keys, made.Index+"/"+made.ID), [2]string{made.Index, made.ID}
			delete(open, made.ID)
		}
	}
	w.list.add(keys)
	if failed > 0 {
		return fmt.Errorf("%d of %d were refused", failed, len(answer.Items))
	}
	return nil
}

func line(body *bytes.Buffer, verb, index, id string) {
	fmt.Fprintf(body, "{%q:{\"_index\":%q,\"_id\":%q}}\n", verb, index, id)
}

func (w *writer) document(body *bytes.Buffer) {
	text, _ := json.Marshal(map[string]any{ // texts and numbers
		"timestamp": time.Now().UTC().Format(time.RFC3339Nano), "host": fmt.Sprintf("host-%d", w.random.IntN(50)), "marker": "soak", "text": filler,
	})
	body.Write(text)
	body.WriteByte('\n')
}
