package policy

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Ways in which a person decides.
const (
	MethodCLI   = "cli"   // signed with the person's own key
	MethodSlack = "slack" // signed with the gateway's key, which authenticated the Slack user
)

// Person is somebody who may decide.
type Person struct {
	Name     string   `yaml:"name" doc:"the person's name, as decisions and the audit log show it" example:"ana"`
	Key      string   `yaml:"key,omitempty" doc:"public key, as sallyport key new prints it; needed to decide by CLI" example:"q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="`
	Slack    string   `yaml:"slack,omitempty" doc:"the person's Slack member id; needed to decide by Slack" example:"U024BE7LH"`
	Mail     string   `yaml:"mail,omitempty" doc:"the person's mail address" example:"ana@example.org"`
	Groups   []string `yaml:"groups,omitempty" doc:"approver groups that the person is in, as the policy names them" example:"responders"`
	Machines []string `yaml:"machines,omitempty" doc:"addresses and networks of the person's own machines: never touched automatically" example:"192.0.2.40"`
}

// People are all who may decide.
type People []Person

// Validate says who is incomplete, or there twice.
func (p People) Validate() (faults config.Faults) {
	names, accounts := map[string]bool{}, map[string]bool{}
	for i, person := range p {
		field := func(name string) string { return fmt.Sprintf("[%d].%s", i, name) }
		if strings.TrimSpace(person.Name) == "" {
			faults = append(faults, config.Fault{Field: field("name"), Problem: "is missing", Mend: "give the person a name"})
		} else if names[person.Name] {
			faults = append(faults, config.Fault{Field: field("name"), Problem: "is there twice", Mend: "give each person a name of their own"})
		}
		if person.Slack != "" && accounts[person.Slack] {
			faults = append(faults, config.Fault{Field: field("slack"), Problem: "is there twice", Mend: "one Slack account is one person"})
		}
		names[person.Name], accounts[person.Slack] = true, true
		if _, err := ParsePublicKey(person.Key); person.Key != "" && err != nil {
			faults = append(faults, config.Fault{Field: field("key"), Problem: "is no public key", Mend: "write the line that `sallyport key new` prints"})
		}
	}
	return faults
}

// VerifyDecision carries out the step of that name. Whoever can't be verified is a permanent error: the click is
// refused, the request stays.
func (p *Policy) VerifyDecision(_ context.Context, c activities.Claim) (activities.Verified, error) {
	person, err := p.verify(c.Decision)
	if err == nil {
		err = p.mayDecide(person, c)
	}
	if err != nil {
		return activities.Verified{}, activities.Permanent(fmt.Errorf("decision refused: %w", err))
	}
	return activities.Verified{Person: person.Name, Groups: person.Groups}, nil
}

var errSignature = errors.New("unknown person, or wrong signature")

// verify returns who signed a decision.
func (p *Policy) verify(d soar.Decision) (Person, error) {
	at := slices.IndexFunc(p.People, func(person Person) bool { return person.Name == d.By && d.By != "" })
	if at < 0 {
		return Person{}, errSignature
	}
	person, key := p.People[at], p.Gateway
	switch d.Method {
	case MethodCLI:
		var err error
		if key, err = ParsePublicKey(person.Key); err != nil {
			return Person{}, errSignature
		}
	case MethodSlack:
		if person.Slack == "" {
			return Person{}, errSignature
		}
	default:
		return Person{}, fmt.Errorf("unknown method %q", d.Method)
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, d.Signed(), d.Signature) {
		return Person{}, errSignature
	}
	if d.Override && d.Method != MethodCLI {
		return Person{}, errors.New("a protected asset is overridden by CLI only")
	}
	return person, nil
}

// mayDecide returns why a verified person may not decide this. To deny, it is enough to be an approver of anything.
func (p *Policy) mayDecide(person Person, c activities.Claim) error {
	switch {
	case c.Decision.Request == "" || c.Decision.Digest == "" || len(c.Actions) == 0:
		return errors.New("it says not what is decided")
	case len(person.Groups) == 0:
		return fmt.Errorf("%s is in no approver group", person.Name)
	case !c.Decision.Approve:
		return nil
	case c.Requester == person.Name:
		return fmt.Errorf("%s asked for it: somebody else must approve", person.Name)
	}
	for _, a := range c.Actions {
		if len(c.Approved)+1 >= a.RequiresPeople && !inOneOf(person, a.Groups) && !p.anyIn(c.Approved, a.Groups) {
			return fmt.Errorf("%s is in none of the groups %s, and nobody who is has approved", person.Name, strings.Join(a.Groups, ", "))
		}
		if err := p.checkProtected(a); err != nil && !c.Decision.Override {
			return fmt.Errorf("%w: only by sallyport approve --override-protected, by two people", err)
		}
	}
	return nil
}

// anyIn reports whether one of the people named is in one of the groups.
func (p *Policy) anyIn(names, groups []string) bool {
	return slices.ContainsFunc(p.People, func(person Person) bool { return slices.Contains(names, person.Name) && inOneOf(person, groups) })
}

// inOneOf reports whether the person is in one of the groups; no group means any approver.
func inOneOf(person Person, groups []string) bool {
	if len(groups) == 0 {
		return len(person.Groups) > 0
	}
	return slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(person.Groups, g) })
}

// Check returns every demand of the policy that the configured people can't satisfy, one line each.
func (p *Policy) Check() (lines []string, err error) {
	file, _, err := p.read()
	if err != nil {
		return nil, err
	}
	deciders, byCLI := 0, 0
	for _, person := range p.People {
		if len(person.Groups) == 0 || person.Key == "" && person.Slack == "" {
			continue
		}
		deciders++
		if person.Key != "" {
			byCLI++
		}
	}
	for i, a := range file.Approvals {
		if !slices.ContainsFunc(p.People, func(person Person) bool { return inOneOf(person, a.Groups) && (person.Key != "" || person.Slack != "") }) {
			lines = append(lines, fmt.Sprintf("approvals[%d]: nobody who can decide is in %s: add a person with a key or a Slack id to people", i, strings.Join(a.Groups, ", ")))
		}
		if deciders < a.People {
			lines = append(lines, fmt.Sprintf("approvals[%d]: wants %d people, %d can decide", i, a.People, deciders))
		}
	}
	if byCLI < file.Override.People {
		lines = append(lines, fmt.Sprintf("override: wants %d people with a key, %d have one: a protected asset can't be overridden", file.Override.People, byCLI))
	}
	return lines, nil
}
