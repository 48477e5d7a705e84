package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-soar/sallyport/rules"
)

// Bounds of what a terminal is shown of a rule's values and an event's.
const (
	shownValues = 5
	shownText   = 160 // characters
)

func sayExplained(out io.Writer, x *rules.Explanation, output string) error {
	var text bytes.Buffer
	if output == "json" {
		encoder := json.NewEncoder(&text)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(x); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(&text, verdict(x))
		fmt.Fprintf(&text, "rule   %s  %s (%s)  %s\n", Printable(x.Rule.ID), Printable(x.Rule.Title), x.Rule.Level, Printable(x.Rule.File))
		fmt.Fprintf(&text, "for    %s\n", wants(x.Wants))
		fmt.Fprintf(&text, "event  %s\n\n", classified(x.Event))
		sayPart(&text, x.Condition, 0)
	}
	_, err := out.Write(text.Bytes())
	return err
}

func verdict(x *rules.Explanation) string {
	switch {
	case x.Matched:
		return "match"
	case x.Condition.Fault != "":
		return "no match: the condition fails on this event: " + Printable(x.Condition.Fault)
	case !x.Applies && x.Condition.Holds:
		return "no match: the rule is for other events; its condition would hold"
	case !x.Applies:
		return "no match: the rule is for other events, and its condition does not hold"
	}
	return "no match: the condition does not hold"
}

func wants(s rules.LogSource) string {
	if s.Mapping != "" {
		return "mapping " + Printable(s.Mapping)
	}
	var parts []string
	for _, part := range [][2]string{{"product", s.Product}, {"category", s.Category}, {"service", s.Service}} {
		if part[1] != "" {
			parts = append(parts, part[0]+" "+Printable(part[1]))
		}
	}
	return strings.Join(parts, ", ")
}

func classified(e rules.EventSource) string {
	source := "log source " + Printable(strings.TrimRight(e.Class, "/"))
	switch e.Class {
	case "any":
		source = "log source not told by the event: every Sigma rule is tried"
	case "none":
		source = "log source not known here: no Sigma rule is tried"
	}
	mapping := "mapping " + Printable(e.Mapping)
	switch {
	case e.Mapping == "":
		mapping = "the shape of no mapping"
	case !e.Named:
		mapping += ", told by its shape"
	}
	if e.Windows != "" {
		mapping += ", Windows' fields " + e.Windows
	}
	return source + "; " + mapping
}

// sayPart writes a part and what is in it, each a line.
func sayPart(out io.Writer, p rules.Part, depth int) {
	mark, indent := " ", strings.Repeat("  ", depth)
	if p.Decides {
		mark = "*"
	}
	fmt.Fprintf(out, "%s %-5v %s%s\n", mark, p.Holds, indent, asks(p))
	if p.Fault != "" && len(p.Parts) == 0 {
		fmt.Fprintf(out, "        %s  fails: %s\n", indent, short(p.Fault))
	}
	for _, asked := range p.Asked {
		sayAsked(out, asked, met(p), "        "+indent+"  ")
	}
	for _, wanted := range p.Wanted {
		if wanted.Met != "" {
			fmt.Fprintf(out, "        %s  %s is in %s\n", indent, quoted(wanted.Value), excerpt(wanted.Met, []string{wanted.Value}))
		}
	}
	for _, part := range p.Parts {
		sayPart(out, part, depth+1)
	}
}

// asks is what a part says.
func asks(p rules.Part) string {
	switch p.Kind {
	case "all", "any":
		return p.Kind + " of"
	case "not":
		return p.Kind
	case "selection":
		return "selection " + short(p.Name)
	case "filter":
		return "filter " + short(p.Name) + ", which narrows the rule"
	case "expr":
		return short(p.Name)
	case "keyword":
		return strings.Join(append([]string{"keyword"}, p.Modifiers...), "|") + ": " + wanted(p)
	}
	return strings.Join(append([]string{short(p.Field)}, p.Modifiers...), "|") + ": " + wanted(p)
}

// wanted are values of the rule: those that are there if some are, else the first.
func wanted(p rules.Part) string {
	var values []string
	some := len(met(p)) > 0
	for _, value := range p.Wanted {
		if value.Holds != some || len(values) == shownValues {
			continue
		}
		if value.Null {
			values = append(values, "null")
		} else {
			values = append(values, quoted(value.Value))
		}
	}
	text := strings.Join(values, ", ")
	if p.Wants > len(values) {
		text += fmt.Sprintf(" (of %d values)", p.Wants)
	}
	return text
}

// met are the values of the rule that are there.
func met(p rules.Part) (texts []string) {
	for _, value := range p.Wanted {
		if value.Holds {
			texts = append(texts, value.Value)
		}
	}
	return texts
}

// sayAsked writes what the event has at a field; of a long text the part with one of the wanted values in it.
func sayAsked(out io.Writer, a rules.Asked, wanted []string, indent string) {
	name := short(a.Name)
	if a.Path != "" {
		name += fmt.Sprintf(" (%s, %s)", short(a.Path), a.Type)
	}
	switch {
	case !a.Present:
		fmt.Fprintf(out, "%sthe event has no %s\n", indent, name)
		return
	case a.Holds == 0:
		fmt.Fprintf(out, "%s%s is empty\n", indent, name)
		return
	}
	for i, held := range a.Held {
		if i == shownValues {
			fmt.Fprintf(out, "%s... %d more\n", indent, a.Holds-i)
			break
		}
		value := short(fmt.Sprint(held.Value))
		switch text := held.Value.(type) {
		case nil:
			value = "null"
		case string:
			value = excerpt(text, wanted)
		}
		if held.At == a.Name {
			fmt.Fprintf(out, "%s%s is %s\n", indent, name, value)
		} else {
			fmt.Fprintf(out, "%s%s is %s, at %s\n", indent, name, value, short(held.At))
		}
	}
	if a.Fault != "" {
		fmt.Fprintf(out, "%s%s %s\n", indent, name, a.Fault)
	}
}

func quoted(text string) string { return "'" + short(text) + "'" }

// excerpt is a text for a terminal; a long one begins shortly before what is looked for.
func excerpt(text string, wanted []string) string {
	runes := []rune(strings.ToLower(text))
	for _, each := range wanted {
		before, _, found := strings.Cut(string(runes), strings.Trim(strings.ToLower(each), "*"))
		at := len([]rune(before)) - shownText/4
		if all := []rune(text); found && at > 0 && len(all) > shownText && len(all) == len(runes) {
			return "...'" + short(string(all[at:])) + "'"
		}
	}
	return quoted(text)
}

// short is a text for a terminal, within its bound.
func short(text string) string {
	runes := []rune(Printable(text))
	if len(runes) > shownText {
		return string(runes[:shownText]) + "..."
	}
	return string(runes)
}
