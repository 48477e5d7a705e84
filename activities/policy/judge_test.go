package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func said(source string, opinion soar.Opinion) soar.Reading {
	return soar.Reading{Source: source, About: soar.Observable{Type: "ip", Value: attacker}, Opinion: opinion, Detail: "known for it"}
}

func TestJudge(t *testing.T) {
	answer := func(source string, readings ...soar.Reading) soar.Answer {
		return soar.Answer{Source: source, Answered: true, Readings: readings}
	}
	silent := soar.Answer{Source: "cortex", Detail: "connection refused"}
	tests := map[string]struct {
		level      soar.Level
		answers    []soar.Answer
		score      int
		severity   soar.Severity
		confidence float64
		says       string
	}{
		"a low level alone":                     {soar.Low, nil, 10, 1, 0, "+10: 3 detections, the worst of level low"},
		"a high level alone":                    {soar.High, []soar.Answer{answer("misp")}, 40, 2, 1, "level high: Brute force"},
		"high, and MISP knows it":               {soar.High, []soar.Answer{answer("misp", said("misp", soar.Malicious))}, 70, 3, 1, "+30: misp says ip 203.0.113.9 is malicious: known for it"},
		"critical, and everybody knows it":      {soar.Critical, []soar.Answer{answer("misp", said("misp", soar.Malicious)), answer("cortex", said("cortex/VT", soar.Malicious))}, 100, 4, 1, "+25: cortex/VT"},
		"unknown clears nothing":                {soar.High, []soar.Answer{answer("misp", said("misp", soar.Unknown))}, 40, 2, 1, "+40"},
		"harmless weighs nothing as shipped":    {soar.High, []soar.Answer{answer("misp", said("misp", soar.Harmless))}, 40, 2, 1, "+40"},
		"a source that is down is named":        {soar.High, []soar.Answer{answer("misp", said("misp", soar.Suspicious)), silent}, 55, 3, 0.5, "cortex did not answer: connection refused"},
		"one source counts once an observable":  {soar.High, []soar.Answer{answer("misp", said("misp", soar.Suspicious), said("misp", soar.Malicious), said("misp", soar.Malicious))}, 70, 3, 1, "+30"},
		"a source that nobody weighed is other": {soar.Medium, []soar.Answer{answer("otx", said("otx", soar.Malicious))}, 35, 2, 1, "+15: otx"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			brief := soar.Brief{Detections: 3, Level: tt.level, Rules: []soar.Rule{{Title: "Brute force", Level: tt.level}}}
			v, err := w.Judge(t.Context(), activities.JudgeRequest{Brief: brief, Answers: tt.answers})
			if err != nil {
				t.Fatal(err)
			}
			if v.Score != tt.score || v.Severity != tt.severity || v.Confidence != tt.confidence || v.PolicyVersion == "" {
				t.Errorf("judged %+v", v)
			}
			if !strings.Contains(strings.Join(v.Reasons, "\n"), tt.says) {
				t.Errorf("reasons %q, want %q", v.Reasons, tt.says)
			}
		})
	}
}

func TestReasonsAreBounded(t *testing.T) {
	w := newWorld(t)
	var readings []soar.Reading
	for i := range 200 {
		r := said("misp", soar.Malicious)
		r.About.Value = string(rune('a' + i))
		readings = append(readings, r)
	}
	v, err := w.Judge(t.Context(), activities.JudgeRequest{Answers: []soar.Answer{{Source: "misp", Answered: true, Readings: readings}}})
	if err != nil || v.Score != 100 || len(v.Reasons) > 41 {
		t.Errorf("score %d, %d reasons, %v", v.Score, len(v.Reasons), err)
	}
}
