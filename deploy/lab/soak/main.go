// Command soak proves that streams lose nothing: writers fill a real OpenSearch of three nodes and keep their own list of
// what was acknowledged, while nodes that hold primaries are killed, the index rolls over, documents are updated and
// deleted, and the worker is killed at random moments. Then it counts, in the ledger, what of the list was evaluated.
//
// It knows the programs of Sallyport by their files and the ledger by its index, and imports nothing of either. Its last
// line is one JSON object. Exit code 1: something was lost, counted twice, or told as a loss.
//
// Reading order: main.go, cluster.go (OpenSearch), writer.go (the list), house.go (Sallyport's processes), count.go.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"
	"time"
)

// settings are the flags.
type settings struct {
	documents int
	writers   int
	kills     int
	nodeKills int
	lab       string
	allinone  string
	worker    string
	dir       string
	every     time.Duration
	within    time.Duration
}

// Outcome is the last line.
type outcome struct {
	Written       int `json:"written"` // documents that were acknowledged and not deleted by the writers themselves
	Evaluated     int `json:"evaluated"`
	Lost          int `json:"lost"`
	Duplicates    int `json:"duplicates"`
	LossIncidents int `json:"loss_incidents"`
	Kills         int `json:"kills"` // of the worker
}

func main() {
	log.SetFlags(log.Ltime)
	var s settings
	flag.IntVar(&s.documents, "documents", 1_000_000, "how many documents are written")
	flag.IntVar(&s.writers, "writers", 4, "how many write at once")
	flag.IntVar(&s.kills, "kills", 20, "how often the worker is killed")
	flag.IntVar(&s.nodeKills, "node-kills", 3, "how often the node with the most primaries is killed")
	flag.DurationVar(&s.every, "every", 12*time.Second, "time between two kills of the worker at the least, in the mean; the writing is spread over all of them")
	flag.DurationVar(&s.within, "within", time.Hour, "how long the evaluation may take after the last write")
	flag.StringVar(&s.lab, "lab", "deploy/lab/opensearch.sh", "the script that starts, kills and stops nodes")
	flag.StringVar(&s.allinone, "allinone", "bin/sallyport-allinone", "the all-in-one program: Temporal, the workflows, and the command line")
	flag.StringVar(&s.worker, "worker", "bin/sallyport-worker", "the worker, which reads the stream")
	flag.StringVar(&s.dir, "dir", "", "folder for config, keys and logs (default: one that is removed)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	result, err := soak(ctx, s)
	if err != nil {
		log.Print(err)
		os.Exit(1) //nolint:gocritic // the context ends with the process
	}
	line, _ := json.Marshal(result) // numbers
	fmt.Fprintf(os.Stdout, "%s\n", line)
	if result.Lost+result.Duplicates+result.LossIncidents > 0 {
		os.Exit(1)
	}
}

// startWithin is how long Sallyport may take until it reads.
const startWithin = 5 * time.Minute

func soak(ctx context.Context, s settings) (result outcome, err error) {
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "sallyport-soak"); err != nil {
			return result, err
		}
		defer func() { _ = os.RemoveAll(s.dir) }()
	}
	c, err := startCluster(ctx, s.lab)
	if err != nil {
		return result, err
	}
	defer c.stop()
	h, err := openHouse(ctx, s, c.address)
	if err != nil {
		return result, err
	}
	defer h.close()
	if err := h.awaitCovered(ctx, time.Now(), startWithin); err != nil { // a kill before anybody reads proves nothing
		return result, err
	}
	list, err := trouble(ctx, s, c, h)
	if err != nil {
		return result, err
	}
	log.Printf("%d documents are acknowledged; waiting for their evaluation", list.len())
	if err := h.awaitCovered(ctx, time.Now(), s.within); err != nil {
		return result, err
	}
	result, err = count(ctx, c, list)
	result.Kills = h.kills
	return result, err
}

// trouble writes all documents while nodes and the worker are killed, and returns the writers' list when both are done.
func trouble(ctx context.Context, s settings, c *cluster, h *house) (*acknowledged, error) {
	list := newList(s.documents)
	spread := time.Duration(s.kills) * s.every
	var work sync.WaitGroup
	failed := make(chan error, s.writers+2)
	run := func(what func() error) {
		work.Go(func() {
			if err := what(); err != nil {
				failed <- err
			}
		})
	}
	for number := range s.writers {
		w := &writer{number: number, cluster: c, list: list, random: newRandom(uint64(number))}
		run(func() error { return w.write(ctx, s.documents/s.writers, spread) })
	}
	run(func() error { return h.killAtRandom(ctx, list, s.kills, s.every) })
	run(func() error { return c.trouble(ctx, list, s.nodeKills) })
	work.Wait()
	close(failed)
	return list, <-failed // nil when nobody failed
}
