package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/sallyport-soar/sallyport/rules"
)

// Bounds of a batch: lines enough that its way costs nothing, and not so many that the output waits.
const (
	batchLines = 256
	batchBytes = 1 << 20
)

// batch is some lines of one file on their way through a worker. done is closed when found is there.
type batch struct {
	file  string
	first int // number of its first line
	lines [][]byte
	bytes int
	ends  error // why the file, or a line of it, could not be read after these lines
	next  int   // the number of that line

	found []lineFound
	done  chan struct{}
}

// lineFound is what became of one line.
type lineFound struct {
	number  int
	matches []rules.Match
	err     error
}

// inOrder reads the files, evaluates their lines on all cores, and writes what was found in the order of the lines.
func (r *rulesRun) inOrder(ctx context.Context, names []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	todo, order := make(chan *batch, workers), make(chan *batch, 4*workers)
	send := func(b *batch) bool {
		b.done = make(chan struct{})
		for _, to := range []chan *batch{order, todo} {
			select {
			case to <- b:
			case <-ctx.Done():
				return false
			}
		}
		return true
	}
	var running sync.WaitGroup
	running.Go(func() {
		defer close(order)
		defer close(todo)
		for _, name := range names {
			if !r.read(name, send) {
				return
			}
		}
	})
	for range workers {
		running.Go(func() {
			for b := range todo {
				r.evaluate(b)
			}
		})
	}
	err := r.writeAll(ctx, order)
	cancel()
	running.Wait()
	return err
}

// read sends the lines of a file; false ends the run.
func (r *rulesRun) read(name string, send func(*batch) bool) bool {
	reader, closer, err := openEvents(r.streams.In, name)
	if err != nil {
		return send(&batch{file: name, ends: err})
	}
	defer closer()
	lines := &eventLines{Reader: reader, most: r.most}
	b := &batch{file: name, first: 1}
	for {
		line, err := lines.next()
		if err == nil {
			b.lines, b.bytes = append(b.lines, line), b.bytes+len(line)
			if len(b.lines) < batchLines && b.bytes < batchBytes && lines.Buffered() > 0 { // else the next line may be long in coming
				continue
			}
		}
		if !errors.Is(err, io.EOF) {
			b.ends, b.next = err, lines.number
		}
		if !send(b) {
			return false
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return true
		}
		b = &batch{file: name, first: lines.number + 1}
	}
}

func (r *rulesRun) evaluate(b *batch) {
	defer close(b.done)
	for i, line := range b.lines {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		found := lineFound{number: b.first + i}
		found.matches, found.err = r.matcher.Match(line)
		if r.counts.lines.Add(1); len(found.matches) > 0 || found.err != nil {
			b.found = append(b.found, found)
		}
	}
	b.lines = nil
}

func (r *rulesRun) writeAll(ctx context.Context, order <-chan *batch) error {
	shown := time.Now()
	for b := range order {
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := r.write(b); err != nil {
			return err
		}
		if time.Since(shown) > time.Second {
			shown = time.Now()
			r.progress(b)
		}
	}
	return ctx.Err()
}

// write writes what a batch found.
func (r *rulesRun) write(b *batch) error {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, found := range b.found {
		if r.counts.add(found); found.err != nil {
			r.sayNoEvent(b.file, found)
		}
		for _, m := range found.matches {
			if r.summarise {
				continue
			}
			tags := append([]string{}, m.Tags...) // [] without any
			if err := encoder.Encode(printedMatch{b.file, found.number, printedRule{m.Rule.ID, m.Rule.Title, m.Rule.Level}, tags}); err != nil {
				return err
			}
		}
	}
	if b.ends != nil {
		r.counts.broken++
		fmt.Fprintln(r.streams.Err, Printable(unreadText(b)))
	}
	_, err := r.streams.Out.Write(out.Bytes())
	return err
}

func unreadText(b *batch) string {
	switch {
	case errors.Is(b.ends, errLongLine):
		return fmt.Sprintf("%s:%d: %v; it is left out", b.file, b.next, b.ends)
	case b.next > 0:
		return fmt.Sprintf("%s:%d: the file can't be read from here on: %v", b.file, b.next, b.ends)
	}
	return b.ends.Error()
}

// progress tells a person at a terminal how far it is.
func (r *rulesRun) progress(b *batch) {
	if file, ok := r.streams.Err.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprintf(file, "\r%s: line %d ", Printable(b.file), b.first)
	}
}
