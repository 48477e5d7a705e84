// Package thehive keeps the case of an incident in TheHive 5. TheHive knows one key that it keeps unique, an alert's
// type, source and sourceRef: we make the incident's id that key, and the case is the one that this alert was promoted to.
package thehive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// System is TheHive's name in a CaseRef and in config.
const System = "thehive"

// The two constant parts of our alerts' key. TheHive splits the key on ";", so neither may hold one.
const (
	alertType   = "incident"
	alertSource = "sallyport"
)

// Hive is TheHive's part of the contract.
type Hive struct {
	client client
	ui     string
}

// OpenCase opens the incident's case, or finds it. An attempt cut anywhere is found again: the alert by its key, the
// case by the alert's caseId. Should two attempts promote at once all the same, the first case is kept and the other is
// closed as a duplicate.
func (h *Hive) OpenCase(ctx context.Context, req activities.CaseRequest) (activities.CaseRef, error) {
	if req.Incident == "" {
		return activities.CaseRef{}, activities.Permanent(errors.New("open case: the incident has no id"))
	}
	known, err := h.alertOf(ctx, req)
	if err != nil {
		return activities.CaseRef{}, err
	}
	if known.CaseID == "" {
		return h.promote(ctx, req.Incident, known)
	}
	opened, err := h.client.caseByID(ctx, known.CaseID)
	if err == nil && opened.Status == duplicated {
		opened, err = h.keepFirst(ctx, req.Incident, opened)
	}
	if err != nil {
		return activities.CaseRef{}, fmt.Errorf("read case: %w", err)
	}
	return h.ref(opened), nil
}

// alertOf finds the incident's alert, or makes it.
func (h *Hive) alertOf(ctx context.Context, req activities.CaseRequest) (alert, error) {
	known, err := h.client.find(ctx, reference(req.Incident))
	if err != nil {
		return alert{}, fmt.Errorf("find alert: %w", err)
	}
	if known.ID != "" {
		return known, nil
	}
	made, err := h.client.create(ctx, alertFor(req))
	if errors.Is(err, errExists) { // another attempt was faster
		made, err = h.client.find(ctx, reference(req.Incident))
		err = whole(err, made.ID)
	}
	if err != nil {
		return alert{}, fmt.Errorf("create alert: %w", err)
	}
	return made, nil
}

// promote makes the alert's case, and reads back that the alert knows it.
func (h *Hive) promote(ctx context.Context, incident string, from alert) (activities.CaseRef, error) {
	made, err := h.client.promote(ctx, from.ID)
	if err != nil {
		return activities.CaseRef{}, fmt.Errorf("promote alert: %w", err)
	}
	known, err := h.client.find(ctx, reference(incident))
	if err != nil {
		return activities.CaseRef{}, fmt.Errorf("read alert back: %w", err)
	}
	if known.CaseID == "" {
		return activities.CaseRef{}, errors.New("promote alert: the alert does not know its case yet")
	}
	kept, err := h.keepFirst(ctx, incident, made)
	if err != nil {
		return activities.CaseRef{}, fmt.Errorf("look for a second case: %w", err)
	}
	return h.ref(kept), nil
}

// keepFirst closes all cases of the incident but the first as duplicates, and returns the first.
func (h *Hive) keepFirst(ctx context.Context, incident string, known hiveCase) (hiveCase, error) {
	cases, err := h.client.casesTagged(ctx, tagOf(incident))
	if err != nil {
		return hiveCase{}, err
	}
	first := known
	for _, one := range cases {
		if one.Status != duplicated && (one.Number < first.Number || first.Status == duplicated) {
			first = one
		}
	}
	return first, h.closeOthers(ctx, append(cases, known), first.ID)
}

func (h *Hive) closeOthers(ctx context.Context, cases []hiveCase, keep string) error {
	for _, one := range cases {
		if one.ID == keep || one.Stage == closedStage {
			continue
		}
		if err := h.client.closeCase(ctx, one.ID, double); err != nil {
			return err
		}
	}
	return nil
}

const duplicated = "Duplicated"

// double closes a case that a second attempt opened.
var double = closing{Status: duplicated, Summary: "Opened twice for one incident; the other case is kept.", ImpactStatus: "NotApplicable"}

// NoteCase adds the comment unless one with its key is there, and the observables that the case lacks. TheHive has no
// key of its own for comments: the key stands in the text's last line, and is looked for before the comment is written.
func (h *Hive) NoteCase(ctx context.Context, note activities.CaseNote) (activities.None, error) {
	if err := ours(note.Case); err != nil {
		return activities.None{}, fmt.Errorf("note case: %w", err)
	}
	if note.Key == "" {
		return activities.None{}, activities.Permanent(errors.New("note case: the note has no key"))
	}
	if err := h.commentOnce(ctx, note); err != nil {
		return activities.None{}, fmt.Errorf("note case: %w", err)
	}
	if err := h.addObservables(ctx, note); err != nil {
		return activities.None{}, fmt.Errorf("note case: observables: %w", err)
	}
	return activities.None{}, nil
}

func (h *Hive) commentOnce(ctx context.Context, note activities.CaseNote) error {
	if note.Text == "" {
		return nil
	}
	texts, err := h.client.messages(ctx, note.Case.ID)
	if err != nil {
		return fmt.Errorf("read comments: %w", err)
	}
	for _, text := range texts {
		if bears(text, note.Incident, note.Key) {
			return nil
		}
	}
	return h.client.comment(ctx, note.Case.ID, commentFor(note))
}

// addObservables adds what the case lacks, type by type. What TheHive has already is as good as added.
func (h *Hive) addObservables(ctx context.Context, note activities.CaseNote) error {
	wanted := translate(note.Observables)
	if len(wanted) == 0 {
		return nil
	}
	have, err := h.client.observables(ctx, note.Case.ID)
	if err != nil {
		return err
	}
	for _, one := range wanted {
		known := func(o observable) bool { return o.DataType == one.DataType && o.Data == one.Data }
		if slices.ContainsFunc(have, known) {
			continue
		}
		refused, err := h.client.observe(ctx, note.Case.ID, one)
		if err != nil && !errors.Is(err, errExists) {
			return err
		}
		if refused > 0 {
			return fmt.Errorf("TheHive refused a %s", one.DataType)
		}
	}
	return nil
}

// CloseCase closes the case and reads back that it is closed. A closed one stays as it is: a person may have closed it
// with a better judgement.
func (h *Hive) CloseCase(ctx context.Context, req activities.CaseClose) (activities.None, error) {
	if err := ours(req.Case); err != nil {
		return activities.None{}, fmt.Errorf("close case: %w", err)
	}
	if req.Incident == "" || !slices.Contains(closedStatuses, req.Status) {
		return activities.None{}, activities.Permanent(fmt.Errorf("close case of incident %q: %q is no status of a closed case", req.Incident, req.Status))
	}
	before, err := h.client.caseByID(ctx, req.Case.ID)
	if err != nil {
		return activities.None{}, fmt.Errorf("read case: %w", err)
	}
	if before.Stage == closedStage {
		return activities.None{}, nil
	}
	cases, err := h.client.casesTagged(ctx, tagOf(req.Incident))
	if err == nil {
		err = h.closeOthers(ctx, cases, req.Case.ID)
	}
	if err != nil {
		return activities.None{}, fmt.Errorf("close a second case: %w", err)
	}
	body := closing{Status: req.Status, Summary: verbatim(bounded(req.Summary, maxText)), ImpactStatus: "NotApplicable"}
	if err := h.client.closeCase(ctx, req.Case.ID, body); err != nil {
		return activities.None{}, fmt.Errorf("close case: %w", err)
	}
	after, err := h.client.caseByID(ctx, req.Case.ID)
	if err != nil {
		return activities.None{}, fmt.Errorf("read case back: %w", err)
	}
	if after.Stage != closedStage {
		return activities.None{}, errors.New("close case: TheHive took it, but the case is still open")
	}
	return activities.None{}, nil
}

const closedStage = "Closed"

// closedStatuses are TheHive's own statuses whose stage is Closed.
var closedStatuses = []string{"TruePositive", "FalsePositive", "Indeterminate", "Other", "Duplicated"}

// ours refuses a case that is kept elsewhere: its id would name some other case here.
func ours(ref activities.CaseRef) error {
	if ref.System != System || ref.ID == "" {
		return activities.Permanent(fmt.Errorf("case %q of %q is not TheHive's", ref.ID, ref.System))
	}
	return nil
}

func (h *Hive) ref(c hiveCase) activities.CaseRef {
	return activities.CaseRef{System: System, ID: c.ID, Number: c.Number, URL: h.ui + "/cases/" + c.ID + "/details"}
}

// mend says what an operator can do about err, or "".
func mend(err error) string {
	switch rest.Status(err) {
	case 403:
		return "the account may not: give it the profile analyst in the organisation"
	case 404:
		return "no TheHive 5 answers there: check thehive.url"
	}
	return ""
}
