package cli

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/bundle"
)

// say writes what an import found and did, for people.
func (i *imported) say(out io.Writer) {
	for _, f := range i.Refused {
		fmt.Fprintf(out, "refused  %s:%d:%d: %s; %s\n", Printable(f.File), f.Line, f.Column, Printable(f.Text), Printable(f.Mend))
	}
	bounded(out, i.Warnings, func(f printedFault) string {
		return fmt.Sprintf("warning  %s:%d:%d: %s; %s", f.File, f.Line, f.Column, f.Text, f.Mend)
	})
	fmt.Fprintf(out, "%d rules and %d correlations load, %d refused\n", len(i.Rules), i.Correlations, len(i.Refused))
	i.sayLeft(out)
	i.sayStreams(out)
	i.sayLicence(out)
	i.sayStored(out)
}

// bounded writes a list's first lines.
func bounded[T any](out io.Writer, all []T, line func(T) string) {
	for k, each := range all {
		if k == maxNamed {
			fmt.Fprintf(out, "  and %d more\n", len(all)-k)
			return
		}
		fmt.Fprintln(out, Printable(line(each)))
	}
}

// sayLeft counts what was left out by its reason.
func (i *imported) sayLeft(out io.Writer) {
	byWhy := map[string][]string{}
	for _, left := range i.Left {
		byWhy[left.Why] = append(byWhy[left.Why], left.File)
	}
	for _, why := range slices.Sorted(maps.Keys(byWhy)) {
		files := byWhy[why]
		fmt.Fprintf(out, "left out: %d files, %s: %s\n", len(files), Printable(why), Printable(strings.Join(files[:min(3, len(files))], ", ")))
	}
}

func (i *imported) sayStreams(out io.Writer) {
	kind := "mapping"
	if i.Configured {
		kind = "stream"
	}
	for _, stream := range i.Streams {
		name := stream.Name
		if i.Configured {
			name += " (mapping " + stream.Mapping + ")"
		}
		fmt.Fprintf(out, "%6d rules can see %s %s\n", stream.Rules, kind, Printable(name))
	}
	if total, lines := i.unseen(); total > 0 {
		fmt.Fprintf(out, "%6d rules can see none, by log source:\n", total)
		bounded(out, lines, func(line string) string { return line })
	}
}

func (i *imported) sayLicence(out io.Writer) {
	byLicence, anonymous := map[string]int{}, 0
	for _, rule := range i.Rules {
		byLicence[rule.Licence]++
		if rule.Author == "" {
			anonymous++
		}
	}
	for _, licence := range slices.Sorted(maps.Keys(byLicence)) {
		if licence == "" {
			fmt.Fprintf(out, "%d rules say no licence, and no LICENSE file lies above them: ask their author before you pass them on\n", byLicence[licence])
			continue
		}
		fmt.Fprintf(out, "%d rules are under %s; each detection shows author and licence\n", byLicence[licence], Printable(licence))
	}
	if anonymous > 0 {
		fmt.Fprintf(out, "%d rules name no author\n", anonymous)
	}
}

func (i *imported) sayStored(out io.Writer) {
	if i.Stored == nil {
		fmt.Fprintln(out, "nothing was written; --into DIR takes the rules")
		return
	}
	s := i.Stored
	fmt.Fprintf(out, "%s: %d files added, %d changed, %d removed, %d unchanged\n", Printable(i.Into), len(s.Added), len(s.Changed), len(s.Removed), s.Unchanged)
	if s.Unchanged > 0 {
		bounded(out, s.Added, func(file string) string { return "  added    " + file })
	}
	bounded(out, s.Changed, func(file string) string { return "  changed  " + file })
	bounded(out, s.Removed, func(file string) string { return "  removed  " + file })
	bounded(out, s.Kept, func(left bundle.Left) string { return "  kept     " + left.File + ": " + left.Why })
	if i.InConfig {
		fmt.Fprintln(out, "the config's content has this folder: a running worker takes it up by itself")
		return
	}
	folder := i.Into
	if absolute, err := filepath.Abs(folder); err == nil {
		folder = absolute
	}
	fmt.Fprintf(out, "a worker takes them up with this line in its config:\n  content: [%s]\n", Printable(folder))
}
