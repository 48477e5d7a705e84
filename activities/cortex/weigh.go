package cortex

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How many of VirusTotal's engines, and how much of AbuseIPDB's score, make an opinion. One engine alone is often wrong.
const (
	enginesMalicious   = 5
	enginesHarmless    = 10 // that say "harmless" outright, with none against
	abuseMalicious     = 75 // AbuseIPDB's own bound
	abuseSuspicious    = 25
	virusTotalAnalyzer = "VirusTotal_GetReport"
	abuseAnalyzer      = "AbuseIPDB"
)

// weigh reads a finished job. failed says why an analyzer that was asked did not answer.
func weigh(a analyzer, done job) (opinion soar.Opinion, detail, failed string) {
	var said report
	if json.Unmarshal(done.Report, &said) != nil {
		return soar.Unknown, "no report", "job " + done.ID + " ended " + clip(done.Status) + " without a report"
	}
	if done.Status != "Success" || !said.Success {
		failed = reason(said.Error, done.ID)
		return soar.Unknown, failed, failed
	}
	switch title := a.title(); {
	case strings.HasPrefix(title, virusTotalAnalyzer):
		opinion, detail = virusTotal(said)
	case strings.HasPrefix(title, abuseAnalyzer):
		opinion, detail = abuseIPDB(said)
	default:
		opinion, detail = generic(said)
	}
	if detail == "" { // a not-found, a quota and a network error of an analyzer all look like this
		detail = "said nothing: not known, or it could not ask"
	}
	return opinion, clip(detail), ""
}

// reason is our own word for a failed job: the analyzer's may hold its secrets.
func reason(errorMessage, id string) string {
	switch {
	case strings.Contains(errorMessage, "TLP is higher than allowed"):
		return "may not see TLP amber"
	case strings.Contains(errorMessage, "PAP is higher than allowed"):
		return "may not be used at PAP amber"
	}
	return "job " + id + " failed, see there"
}

// refused says why Cortex did not run a job: an analyzer's quota is no fault of Cortex, all else is.
func refused(err error) (failed string, broken error) {
	if rest.Status(err) == http.StatusTooManyRequests {
		return "its quota is used up", nil
	}
	if code := rest.Status(err); code == http.StatusBadRequest || code == http.StatusNotFound {
		return fmt.Sprintf("Cortex refused the job (%d)", code), nil
	}
	return "", err
}

var engines = regexp.MustCompile(`^(\d+)/(\d+)$`)

// virusTotal reads only "m/total". The analyzer's other lines (resolutions, downloads) call every CDN malicious.
func virusTotal(said report) (soar.Opinion, string) {
	for _, t := range said.Summary.Taxonomies {
		match := engines.FindStringSubmatch(text(t.Value))
		if match == nil || t.Namespace != "VT" {
			continue
		}
		against, _ := strconv.Atoi(match[1])
		total, _ := strconv.Atoi(match[2])
		detail := fmt.Sprintf("%d of %d engines against it", against, total)
		switch {
		case total == 0:
			return soar.Unknown, "no engine has looked at it"
		case against >= enginesMalicious:
			return soar.Malicious, detail
		case against > 0:
			return soar.Suspicious, detail
		case saidHarmless(said.Full) >= enginesHarmless:
			return soar.Harmless, detail
		}
		return soar.Unknown, detail
	}
	return soar.Unknown, ""
}

func saidHarmless(full json.RawMessage) int {
	var in struct {
		Attributes struct {
			Stats struct {
				Harmless int `json:"harmless"`
			} `json:"last_analysis_stats"`
		} `json:"attributes"`
	}
	if json.Unmarshal(full, &in) != nil {
		return 0
	}
	return in.Attributes.Stats.Harmless
}

// abuseIPDB decides on Score and Whitelisted; the analyzer's level calls one report malicious.
func abuseIPDB(said report) (soar.Opinion, string) {
	score, whitelisted := -1, false
	for _, t := range said.Summary.Taxonomies {
		switch t.Predicate {
		case "Score":
			if n, err := strconv.ParseFloat(text(t.Value), 64); err == nil {
				score = int(n)
			}
		case "Whitelisted":
			whitelisted = strings.EqualFold(text(t.Value), "true")
		}
	}
	detail := fmt.Sprintf("abuse score %d of 100", score)
	switch {
	case whitelisted:
		return soar.Harmless, "on AbuseIPDB's whitelist"
	case score < 0:
		return soar.Unknown, ""
	case score >= abuseMalicious:
		return soar.Malicious, detail
	case score >= abuseSuspicious:
		return soar.Suspicious, detail
	}
	return soar.Unknown, detail
}

// generic is weak on purpose: what "malicious" means differs from analyzer to analyzer, and "safe" often means nothing.
func generic(said report) (soar.Opinion, string) {
	opinion, detail := soar.Unknown, ""
	for _, t := range said.Summary.Taxonomies {
		line := fmt.Sprintf("%s:%s=%s (%s)", t.Namespace, t.Predicate, text(t.Value), t.Level)
		bad := t.Level == "malicious" || t.Level == "suspicious"
		if detail == "" || (bad && opinion == soar.Unknown) {
			detail = line
		}
		if bad {
			opinion = soar.Suspicious
		}
	}
	return opinion, detail
}

// text is a taxonomy's value as text; old analyzers put it in quotes.
func text(value any) string {
	switch v := value.(type) {
	case string:
		return strings.Trim(strings.TrimSpace(v), `"`)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// clip keeps a line for people to 300 bytes, never cut inside a character.
func clip(line string) string {
	line = strings.ToValidUTF8(strings.Join(strings.Fields(line), " "), "?")
	if len(line) <= 300 {
		return line
	}
	line = line[:300]
	for !utf8.ValidString(line) {
		line = line[:len(line)-1]
	}
	return line
}
