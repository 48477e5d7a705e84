package opensearch

import (
	"context"
	"errors"

	"github.com/sallyport-soar/sallyport/activities"
)

// ownCase is the name of the house as a keeper of cases: where no TheHive is configured, the incident's record is its
// case. Its timeline holds what would be noted, so a note adds nothing.
const ownCase = "sallyport"

// OpenCase names the incident's own record as its case.
func (r *Records) OpenCase(_ context.Context, req activities.CaseRequest) (activities.CaseRef, error) {
	if req.Incident == "" {
		return activities.CaseRef{}, activities.Permanent(errors.New("case without incident"))
	}
	return activities.CaseRef{System: ownCase, ID: req.Incident}, nil
}

// NoteCase changes nothing: the record is written at each phase, with its timeline.
func (r *Records) NoteCase(context.Context, activities.CaseNote) (activities.None, error) {
	return activities.None{}, nil
}

// CloseCase changes nothing: the record's last revision says that the incident is closed.
func (r *Records) CloseCase(context.Context, activities.CaseClose) (activities.None, error) {
	return activities.None{}, nil
}
