package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
)

func rulesRunCommand(streams IO) *cobra.Command {
	var folders []string
	command := &cobra.Command{
		Use: "run [--rules DIR]... FILE...", Short: "Say which rules match which lines of NDJSON files", Args: cobra.MinimumNArgs(1),
		Long: "Reads NDJSON, plain or gzip, and writes one JSON object per match. - is standard input. Lines count from 1; a line that\n" +
			"is no JSON object is counted and named on standard error. Exit code 0 with or without matches.",
		Example: "  sallyport rules run events.ndjson\n  sallyport rules run --rules sigma --rules my-rules events.ndjson.gz\n  zcat alerts.json.gz | sallyport rules run -",
		RunE: func(c *cobra.Command, files []string) error {
			sources, err := ruleSources(folders)
			if err != nil {
				return err
			}
			library, report := rules.Load(sources...)
			for _, fault := range report.Refused {
				fmt.Fprintln(streams.Err, "refused ", Printable(fault.Error()))
			}
			matcher, err := library.For(rules.Auto)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(streams.Out)
			r := &rulesRun{streams: streams, matcher: matcher, out: json.NewEncoder(out), shown: time.Now()}
			for _, file := range files {
				if err = r.file(c.Context(), file); err != nil {
					break
				}
			}
			r.summary()
			return errors.Join(err, out.Flush())
		},
	}
	command.Flags().StringArrayVar(&folders, "rules", nil, "a folder of rules, native and Sigma; may be given several times; the shipped rules if not given")
	return command
}

// rulesRun is one run over files.
type rulesRun struct {
	streams IO
	matcher *rules.Matcher
	out     *json.Encoder
	lines   int
	broken  int
	shown   time.Time
}

// printedMatch is one line of output.
type printedMatch struct {
	File string      `json:"file"`
	Line int         `json:"line"`
	Rule printedRule `json:"rule"`
}

type printedRule struct {
	ID    string     `json:"id"`
	Title string     `json:"title"`
	Level soar.Level `json:"level"`
}

// openEvents opens a file of events, plain or gzip; - is standard input.
func openEvents(in io.Reader, name string) (reader *bufio.Reader, closer func(), err error) {
	closer = func() {}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		in, closer = file, func() { _ = file.Close() }
	}
	reader = bufio.NewReaderSize(in, 1<<16)
	if magic, _ := reader.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(reader)
		if err != nil {
			closer()
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		reader = bufio.NewReaderSize(unzipped, 1<<16)
	}
	return reader, closer, nil
}

func (r *rulesRun) file(ctx context.Context, name string) error {
	reader, closer, err := openEvents(r.streams.In, name)
	if err != nil {
		return err
	}
	defer closer()
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if err := r.line(name, number, line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return bad(fmt.Errorf("%s: line %d: %w", name, number, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func (r *rulesRun) line(name string, number int, line []byte) error {
	r.lines++
	r.progress(name, number)
	matches, err := r.matcher.Match(line)
	if _, ok := errors.AsType[*rules.MalformedError](err); ok {
		r.broken++
		fmt.Fprintf(r.streams.Err, "%s:%d: %s\n", Printable(name), number, Printable(err.Error()))
		return nil
	}
	if err != nil {
		return err
	}
	for _, match := range matches {
		if err := r.out.Encode(printedMatch{name, number, printedRule{match.Rule.ID, match.Rule.Title, match.Rule.Level}}); err != nil {
			return err
		}
	}
	return nil
}

// progress tells a person at a terminal, every second, how far it is.
func (r *rulesRun) progress(name string, number int) {
	if time.Since(r.shown) < time.Second {
		return
	}
	r.shown = time.Now()
	if file, ok := r.streams.Err.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprintf(file, "\r%s: line %d ", Printable(name), number)
	}
}

// summary names the number of lines that could not be read.
func (r *rulesRun) summary() {
	if r.broken > 0 {
		fmt.Fprintf(r.streams.Err, "%d of %d lines are no JSON objects\n", r.broken, r.lines)
	}
}
