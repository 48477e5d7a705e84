package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// place is where a rule's document begins.
type place struct {
	file string
	line int
}

// sigmaEvents are the events of a Sigma rule: its own, and those that its regression data names.
type sigmaEvents struct {
	samples  []Sample
	recorded []recorded
}

// recorded is a test of SigmaHQ's regression data (specification, "SigmaHQ Regression Testing Conventions").
type recorded struct {
	Name  string `yaml:"name"`
	Type  string `yaml:"type"`
	Count int    `yaml:"match_count"`
	Path  string `yaml:"path"`

	missing string // why there is none
}

// eventsOfSigma reads the events of all Sigma rules, by where the rule is.
func (t *trial) eventsOfSigma() map[place]sigmaEvents {
	found := map[place]sigmaEvents{}
	EachFile(t.source, func(file RuleFile) {
		name, text := file.Name, file.Text
		if file.Err != nil || isNative(text) || !bytes.Contains(text, []byte("events:")) && !bytes.Contains(text, []byte("regression_tests_path:")) {
			return
		}
		trees, err := document.Read(text)
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		for i := 0; err == nil && i < len(trees); {
			var carried struct {
				Title      string   `yaml:"title"`
				Events     []Sample `yaml:"events"`
				Regression string   `yaml:"regression_tests_path"`
			}
			if err = decoder.Decode(&carried); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.made.Refused = append(t.made.Refused, faultOf(name, document.Refusal(text, &carried, err)))
				break
			}
			if carried.Title == "" && trees[i].Word("title") != "" { // an empty document, which has no tree
				continue
			}
			found[place{name, trees[i].Line}] = sigmaEvents{carried.Events, t.regression(carried.Regression)}
			i++
		}
	})
	return found
}

// regression reads the tests that an info.yml names.
func (t *trial) regression(name string) []recorded {
	if name == "" {
		return nil
	}
	text, err := readWithin(t.source, name)
	if err != nil {
		return []recorded{{Name: name, missing: "the regression data is not here"}}
	}
	var info struct {
		Tests []recorded `yaml:"regression_tests_info"`
	}
	if err := yaml.Unmarshal(text, &info); err != nil {
		return []recorded{{Name: name, missing: "the regression data cannot be read"}}
	}
	return info.Tests
}

// recorded tries the events of one test; of an EVTX file those of the JSON beside it.
func (t *trial) recorded(rule sigmaRule, test recorded) Tested {
	tested := Tested{Rule: rule.ID, File: rule.File, Event: test.Name, Want: true, Skipped: test.missing}
	if test.missing != "" {
		return tested
	}
	tested.Event = strings.TrimSpace(test.Name + " " + path.Base(test.Path))
	name := strings.TrimSuffix(test.Path, ".evtx")
	if name != test.Path {
		name += ".json"
	}
	text, err := readWithin(t.source, name)
	if err != nil || test.Type == "raw" {
		tested.Skipped = "its events are not here as JSON"
		return tested
	}
	count := 0
	tested.Err = eachJSON(text, func(event json.RawMessage) error {
		hit, err := t.matches(t.matcher, rule.ID, event)
		if hit {
			count++
		}
		return err
	})
	tested.Got = count >= max(1, test.Count)
	return tested
}

func readWithin(source fs.FS, name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%s is no path below the folder", name)
	}
	return readFile(source, name, maxRule)
}

// eachJSON visits the objects of a text: one, an array of them, or one after another.
func eachJSON(text []byte, do func(json.RawMessage) error) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the events are no JSON: %w", err)
		}
		all := []json.RawMessage{value}
		if value[0] == '[' {
			if err := json.Unmarshal(value, &all); err != nil {
				return fmt.Errorf("the events are no JSON: %w", err)
			}
		}
		for _, event := range all {
			if err := do(event); err != nil {
				return err
			}
		}
	}
}
