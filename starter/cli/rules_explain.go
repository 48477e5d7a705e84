package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/rules"
)

func rulesExplainCommand(streams IO) *cobra.Command {
	var folders []string
	var mapping, output string
	command := &cobra.Command{
		Use: "explain [--rules DIR]... RULE EVENT", Short: "Say why a rule matches an event, or which part of it does not", Args: cobra.ExactArgs(2),
		Long: "RULE is a rule's id, its name (Sigma's name:) or its title, or what only one rule's begins with, or a rule file. EVENT is\n" +
			"a file with one JSON object, FILE:LINE of NDJSON, plain or gzip, or - for standard input.\n\n" +
			"It shows how the event was classified and whether the rule is for it, then the condition as a tree: each part with\n" +
			"true or false, the fields that it asks for, where the event has them, and their values. * marks the parts on which\n" +
			"the answer rests. Filters that narrow the rule are parts of it.\n\n" +
			"`explain risk ENTITY` says of what an entity's risk is made. A rule of that name is explained by its file.\n\n" +
			"Exit codes: 0 the rule matches the event; 1 it does not; 2 that can't be said: wrong usage, no such rule, no event.",
		Example: "  sallyport rules explain ssh-brute-force event.json\n" +
			"  sallyport rules explain --rules sigma 'Whoami.EXE Execution' events.ndjson.gz:17\n" +
			"  sallyport rules explain my-rules/new.yml --mapping windows -o json - < event.json",
		RunE: func(_ *cobra.Command, args []string) error {
			event, err := readEvent(streams.In, args[1])
			if err != nil {
				return unanswered(err)
			}
			library, rule, err := findRule(streams, args[0], folders)
			if err != nil {
				return err
			}
			matcher, err := matcherFor(library, mapping, folders)
			if err != nil {
				return err
			}
			explained, err := matcher.Explain(event, rule)
			if err != nil {
				return unanswered(fmt.Errorf("%s: %w", args[1], err))
			}
			if err := sayExplained(streams.Out, explained, output); err != nil {
				return err
			}
			if !explained.Matched {
				return &ExitError{Code: exitBad}
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			sources, err := ruleSources(folders)
			if len(args) > 0 || err != nil {
				return nil, cobra.ShellCompDirectiveDefault
			}
			library, _ := rules.Load(sources...)
			var ids []string
			for _, rule := range library.Rules() {
				ids = append(ids, rule.ID+"\t"+rule.Title)
			}
			return ids, cobra.ShellCompDirectiveDefault
		},
	}
	rulesFlag(command, &folders)
	mappingFlag(command, &mapping)
	outputFlag(command, &output)
	command.AddCommand(explainRiskCommand(streams))
	return command
}

// unanswered keeps 1 for an event that does not match.
func unanswered(err error) error { return &ExitError{Code: exitUsage, Err: err} }

// findRule loads the rules that may be meant, and finds the one.
func findRule(streams IO, name string, folders []string) (library *rules.Library, rule rules.RuleRef, err error) {
	var sources []fs.FS
	found, err := os.Stat(name)
	isFile := err == nil && found.Mode().IsRegular()
	if !isFile || len(folders) > 0 {
		if sources, err = ruleSources(folders); err != nil {
			return nil, rule, err
		}
	}
	if isFile {
		sources = append(sources, rules.File(name))
	}
	library, report := rules.Load(sources...)
	if isFile {
		rule, err = onlyRule(library, name)
	} else {
		rule, err = library.Find(name)
	}
	if err != nil {
		for _, fault := range report.Refused {
			fmt.Fprintln(streams.Err, "refused ", Printable(fault.Error()))
		}
	}
	return library, rule, err
}

// onlyRule is the rule of a file.
func onlyRule(library *rules.Library, name string) (rules.RuleRef, error) {
	inside := slices.DeleteFunc(library.Rules(), func(rule rules.RuleRef) bool { return rule.File != filepath.Clean(name) })
	if len(inside) == 1 {
		return inside[0], nil
	}
	return rules.RuleRef{}, fmt.Errorf("%s holds %d rules that can be explained: name one by its id, with --rules %s", name, len(inside), filepath.Dir(name))
}

// readEvent reads the one event that a name means.
func readEvent(in io.Reader, name string) ([]byte, error) {
	if _, err := os.Stat(name); name != "-" && err != nil {
		at := strings.LastIndexByte(name, ':')
		if at < 0 {
			return nil, err
		}
		number, wrong := strconv.Atoi(name[at+1:])
		if wrong != nil || number < 1 {
			return nil, err
		}
		return readEventAt(in, name[:at], number)
	}
	reader, closer, err := openEvents(in, name)
	if err != nil {
		return nil, err
	}
	defer closer()
	text, err := io.ReadAll(io.LimitReader(reader, maxLine+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxLine {
		return nil, fmt.Errorf("%s is too large for one event: more than %d bytes", name, maxLine)
	}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if !json.Valid(text) && json.Valid(first) && len(rest) > 0 {
		return nil, fmt.Errorf("%s holds more than one event: name one as %s:LINE", name, name)
	}
	return text, nil
}

func readEventAt(in io.Reader, name string, number int) ([]byte, error) {
	reader, closer, err := openEvents(in, name)
	if err != nil {
		return nil, err
	}
	defer closer()
	lines := &eventLines{Reader: reader, most: maxLine}
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s has %d lines, none of number %d", name, lines.number-1, number)
		case lines.number == number && err == nil:
			return line, nil
		case err != nil && (lines.number == number || !errors.Is(err, errLongLine)):
			return nil, fmt.Errorf("%s:%d: %w", name, lines.number, err)
		}
	}
}
