package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"
)

// progress tells a person at a terminal, every second, how far a long reading is.
type progress struct {
	streams     IO
	total, done int64
	began       time.Time
	shown       time.Time
	line        bool // one stands there, unfinished
}

func (p *progress) terminal() *os.File {
	file, ok := p.streams.Err.(*os.File)
	if ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

func (p *progress) add(n int) {
	p.done += int64(n)
	file := p.terminal()
	if file == nil || time.Since(p.shown) < time.Second {
		return
	}
	p.shown, p.line = time.Now(), true
	fmt.Fprintf(file, "\r\x1b[K%s", p.text(time.Since(p.began)))
}

// text is the line after that time.
func (p *progress) text(took time.Duration) string {
	rate := float64(p.done) / max(took.Seconds(), 0.001)
	left := time.Duration(float64(max(0, p.total-p.done)) / max(rate, 0.001) * float64(time.Second))
	return fmt.Sprintf("%d of %d documents, %.0f a second, %s left", p.done, p.total, rate, left.Round(time.Second))
}

// waited tells of a failure that is tried again, at a terminal or not.
func (p *progress) waited(err error, pause time.Duration) {
	p.end()
	fmt.Fprintf(p.streams.Err, "waiting %s: %s\n", pause.Round(10*time.Millisecond), Printable(oneLine(err.Error())))
}

// end leaves the line.
func (p *progress) end() {
	if file := p.terminal(); file != nil && p.line {
		fmt.Fprintln(file)
		p.line = false
	}
}

// wait sleeps, and returns early with the context's error.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
