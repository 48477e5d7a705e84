package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

// whole is the command as the all-in-one build has it; the two verbs that only that build brings are named here.
func whole() *cobra.Command { return rootCommand(IO{Out: io.Discard, Err: io.Discard}, Verbs{}) }

// each visits every command of ours.
func each(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		if name := sub.Name(); name != "help" && name != "completion" {
			each(sub, visit)
		}
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	each(whole(), func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s: short %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		for line := range strings.Lines(c.Example) {
			if err := resolves(line); err != nil {
				t.Errorf("example of %s: %v", c.CommandPath(), err)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s says not what it is", c.CommandPath(), f.Name)
			}
		})
	})
}

// command finds a call of the program in a page: in backticks, or on a line of a shell block.
var command = regexp.MustCompile("(?m)(?:`|^ *(?:[0-9]+\\. )?)(?:bin/)?sallyport(?:-allinone)? ([^`\n]+)")

// What the pages tell people to type is what the program takes.
func TestPagesNameCommandsThatExist(t *testing.T) {
	root, seen := shared.Root(t), 0
	for _, pattern := range []string{"*.md", "docs/*.md", "deploy/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range command.FindAllStringSubmatch(string(text), -1) {
				seen++
				if err := resolves("sallyport " + call[1]); err != nil {
					t.Errorf("%s: %v", filepath.Base(file), err)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d calls found in the pages", seen)
	}
}

// resolves reports whether a line calls a command that exists, with flags that it has.
func resolves(line string) error {
	line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
	_, call, found := strings.Cut(line, "sallyport")
	if !found {
		return nil
	}
	call, _, _ = strings.Cut(strings.TrimPrefix(call, "-allinone"), " > ")
	var words []string
	for word := range strings.FieldsSeq(call) {
		words = append(words, strings.Trim(word, "\""))
	}
	c, rest, err := whole().Find(words)
	if err != nil {
		return err
	}
	if c.DisableFlagParsing || !c.HasParent() { // up and demo: the other build's; their own tests know their flags
		return nil
	}
	return unknownFlag(c, rest)
}

func unknownFlag(c *cobra.Command, words []string) error {
	c.InheritedFlags() // merges them into Flags
	for _, word := range words {
		name, isFlag := strings.CutPrefix(word, "--")
		name, _, _ = strings.Cut(name, "=")
		if isFlag && c.Flags().Lookup(name) == nil && name != "help" {
			return &unknown{c.CommandPath(), word}
		}
	}
	return nil
}

type unknown struct{ command, flag string }

// Error implements error.
func (u *unknown) Error() string { return u.command + " has no " + u.flag }

func TestCompletionKnowsTheCommands(t *testing.T) {
	var out strings.Builder
	if code := Main([]string{"__complete", "incident", ""}, IO{Out: &out, Err: io.Discard}, Verbs{}); code != 0 || !strings.Contains(out.String(), "list\t") || !strings.Contains(out.String(), "show\t") {
		t.Errorf("exit %d: %s", code, out.String())
	}
	out.Reset()
	if code := Main([]string{"__complete", "incident", "list", "-o", ""}, IO{Out: &out, Err: io.Discard}, Verbs{}); code != 0 || !strings.Contains(out.String(), "json") {
		t.Errorf("exit %d: %s", code, out.String())
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		out.Reset()
		if code := Main([]string{"completion", shell}, IO{Out: &out, Err: io.Discard}, Verbs{}); code != 0 || !strings.Contains(out.String(), "sallyport") {
			t.Errorf("%s: exit %d", shell, code)
		}
	}
}

func TestWrongUsageIsExitTwo(t *testing.T) {
	for _, args := range [][]string{
		{"nonsense"}, {"incident", "lst"}, {"incident", "show"}, {"incident", "list", "-o", "yaml"}, {"halt"}, {"approve"}, {"config", "init", "x"}, {"key", "new"}, {"--nonsense"},
	} {
		var errs strings.Builder
		if code := Main(args, IO{Out: io.Discard, Err: &errs}, Verbs{}); code != exitUsage || !strings.HasPrefix(errs.String(), "sallyport: ") {
			t.Errorf("%v: exit %d: %s", args, code, errs.String())
		}
	}
}
