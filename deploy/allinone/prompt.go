package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/starter/cli"
)

// prompt asks a person one question at a time, while the timeline goes on above it.
type prompt struct {
	out   io.Writer
	lines chan typed
	here  bool // a person sits at a terminal: what was typed before the question is no answer to it
	look  look
	open  *activities.PendingApproval
	since time.Time // when the question was shown
	drawn time.Time // when its last line was
	ended bool      // nobody can answer any more
}

// typed is a line that somebody entered; end is set when there will be none.
type typed struct {
	text string
	at   time.Time
	end  bool
}

func newPrompt(streams cli.IO) *prompt {
	in, isFile := streams.In.(*os.File)
	return &prompt{out: streams.Out, lines: make(chan typed), here: isFile && term.IsTerminal(int(in.Fd())), look: lookOf(streams.Out)}
}

// read hands over what is typed, line by line, until the input ends. It outlives the demo: a read can't be taken back.
func (p *prompt) read(in io.Reader) {
	reader := bufio.NewReader(in)
	for {
		text, err := reader.ReadString('\n')
		if text = strings.TrimSpace(text); err == nil || text != "" {
			p.lines <- typed{text: text, at: time.Now()}
		}
		if err != nil {
			p.lines <- typed{end: true}
			return
		}
	}
}

// heard is the channel to listen on: none while nothing is asked, so that what is typed waits for its question.
func (p *prompt) heard() <-chan typed {
	if p.open == nil {
		return nil
	}
	return p.lines
}

// ask shows the question.
func (p *prompt) ask(pending activities.PendingApproval) {
	p.open, p.since = &pending, time.Now()
	fmt.Fprintln(p.out)
	for _, a := range pending.Actions {
		fmt.Fprintf(p.out, "    %s\n      why      %s\n      undone   %s\n", p.look.strong("Sallyport asks: may it "+cli.Printable(plain(a))+"?"), cli.Printable(a.Reason), undone(a))
	}
	fmt.Fprintf(p.out, "      answer   y, then Enter: do it.  n, or Enter alone: don't.  No answer until %s: don't.\n", pending.Expires.Local().Format(time.TimeOnly))
	p.again()
}

func (p *prompt) again() {
	fmt.Fprint(p.out, "    Your answer [y/N]: ")
	p.drawn = time.Now()
}

// above writes lines of the timeline; an open question is shown again below them.
func (p *prompt) above(write func()) {
	if p.open != nil {
		fmt.Fprint(p.out, p.look.wipe())
	}
	write()
	if p.open != nil {
		p.again()
	}
}

// answer says what a line means; known is false while it means nothing and the question stays.
func (p *prompt) answer(line typed) (approve, known bool) {
	if line.at.Before(p.drawn) && !line.end { // the question was drawn once more below what was typed
		fmt.Fprint(p.out, p.look.wipe())
	}
	switch text := strings.ToLower(line.text); {
	case line.end:
		p.ended = true
		fmt.Fprintln(p.out, "\n    Nobody can answer here any more: that means no.")
	case p.here && line.at.Before(p.since):
		p.again()
		return false, false
	case text == "y" || text == "yes":
		return true, true
	case text != "" && text != "n" && text != "no":
		fmt.Fprintf(p.out, "    %q is neither yes nor no: type y or n, then Enter.\n", cli.Printable(line.text))
		p.again()
		return false, false
	}
	return false, true
}

// plain is an action in plain words.
func plain(a soar.Action) string {
	switch a.Kind {
	case soar.BlockAddress:
		return fmt.Sprintf("block %s on %s for %s", a.Target, a.Place(), a.For)
	case soar.Patch:
		return fmt.Sprintf("patch %s with playbook %s", a.Target, a.Playbook)
	}
	return a.String()
}

func undone(a soar.Action) string {
	if a.Kind == soar.Patch {
		return "by nothing: it was tried in check mode first, and a scan proves it afterwards"
	}
	return fmt.Sprintf("by itself after %s, or earlier with `sallyport release`; read back either way", a.For)
}

// look is how the terminal shows things; the zero value is plain text.
type look struct {
	terminal bool
	width    int // 0: lines are never broken
}

// lookOf is plain off a terminal, and where NO_COLOR is set.
func lookOf(out io.Writer) look {
	file, isFile := out.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return look{}
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		width = 0
	}
	return look{true, width}
}

// broken is text in lines that fit beside the times of the timeline.
func (l look) broken(text string) string {
	room := l.width - len(indent)
	if room < 40 {
		return text
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return strings.Join(append(lines, line), "\n"+indent)
}

// indent is as wide as a time and its two spaces.
const indent = "          "

func (l look) strong(text string) string { return l.wrap("1", text) }
func (l look) faint(text string) string  { return l.wrap("2", text) }

func (l look) wrap(code, text string) string {
	if !l.terminal {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// wipe takes the line of the question away, or begins a new one where nothing can be wiped.
func (l look) wipe() string {
	if l.terminal {
		return "\r\x1b[K"
	}
	return "\n"
}
