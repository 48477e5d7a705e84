package misp

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// question is an observable as MISP is asked about it.
type question struct {
	about soar.Observable
	value string   // as MISP keeps it
	names []string // what warninglists know it by: the value, and of a link its host
}

// askable brings observables into MISP's form. What MISP has no type for, and what it would read as a pattern instead of
// a value, is left out and counted: such a filter would return everything.
func askable(observables []soar.Observable) (asked []question, left int) {
	for _, o := range observables {
		value, names := normalise(o)
		if value == "" || pattern(value) {
			left++
			continue
		}
		asked = append(asked, question{o, value, names})
	}
	return asked, left
}

func normalise(o soar.Observable) (value string, names []string) {
	text := strings.TrimSpace(o.Value)
	switch o.Type {
	case "ip":
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return "", nil
		}
		text = ip.Unmap().WithZone("").String()
	case "domain", "mail", "hash":
		text = strings.ToLower(strings.TrimSuffix(text, "."))
	case "url":
		link, err := url.Parse(text)
		if err != nil || link.Hostname() == "" {
			return "", nil
		}
		return text, []string{text, strings.ToLower(strings.TrimSuffix(link.Hostname(), "."))}
	default:
		return "", nil
	}
	return text, []string{text}
}

// pattern reports whether MISP would read the value as more than a value.
func pattern(value string) bool {
	return strings.HasPrefix(value, "%") || strings.HasSuffix(value, "%") || strings.HasPrefix(value, "!") ||
		strings.Contains(value, "||") || strings.Contains(value, "&&")
}

func values(asked []question) (out []string) {
	for _, q := range asked {
		out = append(out, q.value)
	}
	return unique(out)
}

func names(asked []question) (out []string) {
	for _, q := range asked {
		out = append(out, q.names...)
	}
	return unique(out)
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
