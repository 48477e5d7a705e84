package engine

import (
	"encoding/json"
	"testing"
)

// TestALevelComesOffSpelledTextAsOffPlainText takes every text of up to six of the characters that matter.
func TestALevelComesOffSpelledTextAsOffPlainText(t *testing.T) {
	texts := []string{""}
	for from := 0; from < len(texts); from++ {
		text := texts[from]
		if len(text) < 6 {
			for _, c := range "\\\"n\n" {
				texts = append(texts, text+string(c))
			}
		}
		spelled, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		raw := undoubledRaw(nil, spelled[1:len(spelled)-1])
		if err := json.Unmarshal([]byte(`"`+string(raw)+`"`), &got); err != nil || got != string(undoubled(nil, []byte(text))) {
			t.Errorf("%s: %q, %v; want %q", spelled, got, err, undoubled(nil, []byte(text)))
		}
	}
	if len(texts) != 5461 {
		t.Errorf("%d texts", len(texts))
	}
}
