package policy

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// maxReasons bounds a verdict's reasons.
const maxReasons = 40

// Judge carries out the step of that name. The score is the clamped sum of the worst level's weight and, for each source
// and observable once, the weight of the worst that the source said. Silence and "unknown" weigh nothing.
func (p *Policy) Judge(_ context.Context, req activities.JudgeRequest) (soar.Verdict, error) {
	file, err := loadFile(p.Sources)
	if err != nil {
		return soar.Verdict{}, err
	}
	v := file.judge(req.Brief, req.Answers)
	v.Answers = soar.DigestOf(req.Answers)
	if len(p.GrantKey) == ed25519.PrivateKeySize {
		v.Signature = ed25519.Sign(p.GrantKey, v.Signed(req.Incident))
	}
	return v, nil
}

func (f *File) judge(brief soar.Brief, answers []soar.Answer) soar.Verdict {
	v := soar.Verdict{PolicyVersion: f.Version}
	sum := f.Score.Level[brief.Level]
	reason(&v, "%+d: %d detections, the worst of level %s%s", sum, brief.Detections, brief.Level, ruleOf(brief))
	answered := 0
	for _, a := range answers {
		if !a.Answered {
			reason(&v, "+0: %s did not answer: %s", a.Source, orNothing(a.Detail))
			continue
		}
		answered++
		for _, r := range worstOfEach(f, a.Readings) {
			weight := f.weight(r)
			sum += weight
			if weight != 0 || r.Warninglist != "" {
				reason(&v, "%+d: %s says %s is %s: %s", weight, r.Source, r.About, r.Opinion, orNothing(r.Detail))
			}
		}
	}
	if len(answers) > 0 {
		v.Confidence = float64(answered) / float64(len(answers))
	}
	v.Score = min(max(sum, 0), 100)
	v.Severity = f.severity(v.Score)
	return v
}

func reason(v *soar.Verdict, format string, args ...any) {
	if len(v.Reasons) < maxReasons {
		v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
	} else if len(v.Reasons) == maxReasons {
		v.Reasons = append(v.Reasons, "and more: see the readings")
	}
}

// ruleOf names the first rule of the worst level.
func ruleOf(b soar.Brief) string {
	for _, r := range b.Rules {
		if r.Level == b.Level {
			return ": " + r.Title
		}
	}
	return ""
}

// worstOfEach keeps, for each source and observable, the reading that weighs most, in the readings' order.
func worstOfEach(f *File, readings []soar.Reading) (kept []soar.Reading) {
	type about struct {
		source string
		what   soar.Observable
	}
	place := map[about]int{}
	for _, r := range readings {
		key := about{r.Source, r.About}
		at, seen := place[key]
		switch {
		case !seen:
			place[key] = len(kept)
			kept = append(kept, r)
		case f.weight(r) > f.weight(kept[at]):
			kept[at] = r
		}
	}
	return kept
}

// weight is what a reading adds. Of a source such as cortex/VirusTotal the part before the stroke is looked up.
func (f *File) weight(r soar.Reading) int {
	source, _, _ := strings.Cut(r.Source, "/")
	weights, ok := f.Score.Readings[source]
	if !ok {
		weights = f.Score.Readings["other"]
	}
	return weights[r.Opinion]
}

func (f *File) severity(score int) soar.Severity {
	switch {
	case score >= f.Severity["critical"]:
		return 4
	case score >= f.Severity["high"]:
		return 3
	case score >= f.Severity["medium"]:
		return 2
	}
	return 1
}

func orNothing(text string) string {
	if text == "" {
		return "nothing more"
	}
	return text
}
