package thehive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TheHive's bounds, from its OpenAPI description (5.7.3); texts are counted in bytes here, which is the safe side.
const (
	maxRef   = 128
	maxTitle = 512
	maxTag   = 128
	maxData  = 4096
	maxText  = 64 << 10 // theirs is 1 MiB; nobody reads that
	amber    = 2        // TLP and PAP of all that we write
)

// reference is the incident's id as an alert's sourceRef: TheHive takes at most 128 characters and splits on ";".
func reference(incident string) string {
	if len(incident) <= maxRef && !strings.Contains(incident, ";") {
		return incident
	}
	sum := sha256.Sum256([]byte(incident))
	return "sha256-" + hex.EncodeToString(sum[:])
}

func alertFor(req activities.CaseRequest) newAlert {
	title := req.Title
	if title == "" {
		title = req.Key
	}
	body := newAlert{
		Type: alertType, Source: alertSource, SourceRef: reference(req.Incident),
		Title:       bounded(oneLine(title), maxTitle),
		Description: describe(req),
		Severity:    min(max(int(req.Verdict.Severity), 1), 4),
		Tags:        tagsFor(req),
		TLP:         amber, PAP: amber,
		Observables: translate(req.Brief.Observables),
	}
	if !req.Brief.First.IsZero() {
		body.Date = req.Brief.First.UnixMilli()
	}
	if body.Title == "" {
		body.Title = "incident " + reference(req.Incident)
	}
	return body
}

// tagOf is the tag by which all cases of an incident are found.
func tagOf(incident string) string {
	tag := "sallyport:" + reference(incident)
	if len(tag) > maxTag {
		sum := sha256.Sum256([]byte(incident))
		tag = "sallyport:" + hex.EncodeToString(sum[:])
	}
	return tag
}

func tagsFor(req activities.CaseRequest) []string {
	tags := []string{"sallyport", tagOf(req.Incident)}
	for _, t := range slices.Concat(req.Brief.Tactics, req.Brief.Techniques, req.Brief.CVEs) {
		if t = bounded(oneLine(t), maxTag); t != "" && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags
}

// describe tells in Markdown what the incident is. What events said stands in code spans: it is an attacker's text.
func describe(req activities.CaseRequest) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Incident %s (%s), kept by Sallyport.\n\n", code(req.Incident), code(req.Key))
	fmt.Fprintf(&out, "Severity %s, score %d, confidence %.0f %%. %d detections, worst level %s, from %s to %s.\n\n",
		req.Verdict.Severity, req.Verdict.Score, req.Verdict.Confidence*100, req.Brief.Detections, req.Brief.Level,
		req.Brief.First.UTC().Format(time.RFC3339), req.Brief.Last.UTC().Format(time.RFC3339))
	for _, reason := range req.Verdict.Reasons {
		fmt.Fprintf(&out, "- %s\n", code(reason))
	}
	for _, rule := range req.Brief.Rules {
		credit := ""
		if said := rule.Credit(); said != "" {
			credit = ", " + code(said)
		}
		fmt.Fprintf(&out, "- rule %s, %s%s\n", code(rule.Title), rule.Level, credit)
	}
	for _, asset := range req.Brief.Assets {
		fmt.Fprintf(&out, "- asset %s\n", code(asset.Name))
	}
	for _, evidence := range req.Brief.Evidence {
		fmt.Fprintf(&out, "- %s %s\n", evidence.At.UTC().Format(time.RFC3339), code(evidence.Summary))
	}
	if req.Previous != "" {
		fmt.Fprintf(&out, "\nContinues episode %s.\n", code(req.Previous))
	}
	if req.UIBase != "" {
		fmt.Fprintf(&out, "\nTimeline: %s\n", req.UIBase)
	}
	return bounded(out.String(), maxText)
}

// signature is the last line of each of our comments, by which a retry knows its own.
func signature(incident, key string) string {
	return "sallyport-note: " + oneLine(incident) + " " + oneLine(key)
}

// bears reports whether a comment is the one with this key.
func bears(comment, incident, key string) bool {
	return slices.Contains(strings.Split(strings.ReplaceAll(comment, "\r\n", "\n"), "\n"), signature(incident, key))
}

func commentFor(note activities.CaseNote) string {
	var text strings.Builder
	text.WriteString(verbatim(bounded(note.Text, maxText)))
	for _, o := range note.Observables {
		if o.Value == "" || len(o.Value) > maxData {
			fmt.Fprintf(&text, "\n\nA %s of %d bytes is not listed as observable.", o.Type, len(o.Value))
		}
	}
	return text.String() + "\n\n" + signature(note.Incident, note.Key)
}

// dataTypes are TheHive's names for our types of observable; a type that it lacks is "other", tagged with our word.
var dataTypes = map[string]string{
	"ip": "ip", "domain": "domain", "url": "url", "hash": "hash", "file": "filename", "host": "hostname", "mail": "mail",
}

// translate brings observables into TheHive's words: each once, in order, none empty or too long.
func translate(observables []soar.Observable) (out []newObservable) {
	seen := map[soar.Observable]bool{}
	for _, o := range observables {
		one := newObservable{DataType: dataTypes[o.Type], Data: o.Value, TLP: amber, PAP: amber, Tags: []string{"sallyport"}}
		if one.DataType == "" {
			one.DataType, one.Tags = "other", append(one.Tags, "sallyport:"+bounded(oneLine(o.Type), 64))
		}
		key := soar.Observable{Type: one.DataType, Value: o.Value}
		if o.Value == "" || len(o.Value) > maxData || seen[key] {
			continue
		}
		seen[key] = true
		out = append(out, one)
	}
	return out
}

// code puts hostile text into a Markdown code span: shown, never rendered.
func code(text string) string {
	return "`" + strings.ReplaceAll(bounded(oneLine(text), 300), "`", "'") + "`"
}

// verbatim puts text of several lines into a Markdown block that is shown as it is, never rendered.
func verbatim(text string) string {
	return "```\n" + strings.ReplaceAll(text, "```", "'''") + "\n```"
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// bounded cuts text to at most n bytes, never inside a character.
func bounded(text string, n int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= n {
		return text
	}
	text = text[:n]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}
