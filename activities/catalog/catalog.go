package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/ansible"
	"github.com/sallyport-soar/sallyport/activities/cortex"
	"github.com/sallyport-soar/sallyport/activities/gvm"
	"github.com/sallyport-soar/sallyport/activities/misp"
	"github.com/sallyport-soar/sallyport/activities/pfsense"
	"github.com/sallyport-soar/sallyport/activities/thehive"
	"github.com/sallyport-soar/sallyport/activities/wazuh"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Source answers questions about observables and assets.
type Source interface {
	Ask(ctx context.Context, in activities.Inquiry) (soar.Answer, error)
}

// Casework keeps cases.
type Casework interface {
	OpenCase(ctx context.Context, req activities.CaseRequest) (activities.CaseRef, error)
	NoteCase(ctx context.Context, note activities.CaseNote) (activities.None, error)
	CloseCase(ctx context.Context, req activities.CaseClose) (activities.None, error)
}

// Systems are the opened systems.
type Systems struct {
	Drivers  map[string]activities.Driver // by the name that actions give the system
	Cases    Casework                     // nil: our own record
	sources  []namedSource
	wazuh    *wazuh.Wazuh
	scanner  *gvm.Scanner
	ansible  *ansible.Runner
	checkers []namedChecker
}

type namedSource struct {
	name   string
	source Source
}

type namedChecker struct {
	name  string // as below systems: in the config
	check func(context.Context) (string, error)
}

// Open opens every configured system: it resolves their secrets and reads their certificates, and reaches none of
// them. Every fault is reported at once.
func Open(ctx context.Context, c Config) (*Systems, error) {
	s := &Systems{Drivers: map[string]activities.Driver{}}
	var faults []error
	if c.Wazuh != nil {
		opened, err := wazuh.Open(ctx, *c.Wazuh)
		if faults = append(faults, wrap("wazuh", err)); err == nil {
			s.wazuh, s.Drivers["wazuh"] = opened, opened
			s.source("wazuh", opened)
			s.checkers = append(s.checkers, namedChecker{"wazuh", opened.Check}, namedChecker{"wazuh.indexer", opened.CheckIndexer})
		}
	}
	if c.MISP != nil {
		opened, err := misp.Open(ctx, *c.MISP)
		if faults = append(faults, wrap("misp", err)); err == nil {
			s.source("misp", opened)
			s.checkers = append(s.checkers, namedChecker{"misp", opened.Check})
		}
	}
	if c.Cortex != nil {
		opened, err := cortex.Open(ctx, *c.Cortex)
		if faults = append(faults, wrap("cortex", err)); err == nil {
			s.source("cortex", opened)
			s.checkers = append(s.checkers, namedChecker{"cortex", opened.Check})
		}
	}
	if c.TheHive != nil {
		opened, err := thehive.Open(ctx, *c.TheHive)
		if faults = append(faults, wrap("thehive", err)); err == nil {
			s.Cases = opened
			s.checkers = append(s.checkers, namedChecker{"thehive", opened.Check})
		}
	}
	if c.PfSense != nil {
		opened, err := pfsense.Open(ctx, *c.PfSense)
		if faults = append(faults, wrap("pfsense", err)); err == nil {
			s.Drivers["pfsense"] = opened
			s.checkers = append(s.checkers, namedChecker{"pfsense", opened.Check})
		}
	}
	return s, errors.Join(append(faults, s.openScanAndPatch(ctx, c)...)...)
}

func (s *Systems) openScanAndPatch(ctx context.Context, c Config) (faults []error) {
	if c.GVM != nil {
		opened, err := gvm.Open(ctx, *c.GVM)
		if faults = append(faults, wrap("gvm", err)); err == nil {
			s.scanner = opened
			s.checkers = append(s.checkers, namedChecker{"gvm", opened.Check})
		}
	}
	if c.Ansible != nil {
		opened, err := ansible.Open(ctx, *c.Ansible)
		if faults = append(faults, wrap("ansible", err)); err == nil {
			s.ansible = opened
			s.checkers = append(s.checkers, namedChecker{"ansible", opened.Check})
		}
	}
	return faults
}

func (s *Systems) source(name string, source Source) {
	s.sources = append(s.sources, namedSource{name, source})
}

func wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
