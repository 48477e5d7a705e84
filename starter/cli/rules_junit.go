package cli

import (
	"encoding/xml"
	"os"

	"github.com/sallyport-soar/sallyport/rules"
)

// The elements and attributes of JUnit's XML that Jenkins' and GitLab's readers know: a suite per rule, a case per event.
type (
	junitSuites struct {
		XMLName  xml.Name      `xml:"testsuites"`
		Name     string        `xml:"name,attr"`
		Tests    int           `xml:"tests,attr"`
		Failures int           `xml:"failures,attr"`
		Errors   int           `xml:"errors,attr"`
		Skipped  int           `xml:"skipped,attr"`
		Suites   []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string     `xml:"name,attr"`
		Class   string     `xml:"classname,attr"`
		File    string     `xml:"file,attr"`
		Failure *junitText `xml:"failure"`
		Error   *junitText `xml:"error"`
		Skipped *junitText `xml:"skipped"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

func writeJUnit(name string, trial *rules.Trial) error {
	text, err := xml.MarshalIndent(junitOf(trial), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append([]byte(xml.Header), append(text, '\n')...), 0o644)
}

func junitOf(trial *rules.Trial) *junitSuites {
	made := &junitSuites{Name: "sallyport rules test"}
	byName := map[string]*junitSuite{}
	add := func(suite string, c junitCase) {
		if byName[suite] == nil {
			byName[suite] = &junitSuite{Name: suite}
			made.Suites = append(made.Suites, byName[suite])
		}
		byName[suite].add(c)
	}
	for _, fault := range trial.Refused {
		add("refused", junitCase{Name: fault.Error(), Class: "refused", File: fault.File, Error: &junitText{Message: fault.Text, Type: "refused", Text: fault.Error()}})
	}
	for _, t := range trial.Tested {
		c := junitCase{Name: t.Event, Class: t.Rule, File: t.File}
		switch {
		case t.Skipped != "":
			c.Skipped = &junitText{Message: t.Skipped}
		case t.Err != nil:
			c.Error = &junitText{Message: whyWrong(t), Type: "error"}
		case t.Wrong():
			c.Failure = &junitText{Message: whyWrong(t), Type: "match", Text: t.File + ": " + t.Event}
		}
		add(t.Rule, c)
	}
	for _, suite := range made.Suites {
		made.Tests, made.Failures = made.Tests+suite.Tests, made.Failures+suite.Failures
		made.Errors, made.Skipped = made.Errors+suite.Errors, made.Skipped+suite.Skipped
	}
	return made
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}
