package opensearch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// claimRounds is how often a claim begins again with the documents that somebody else wrote meanwhile.
const claimRounds = 5

// Claim carries out activities.ClaimDetections. Repeating it is harmless: what it claimed bears its number, and only that is
// counted again.
func (l *Ledger) Claim(ctx context.Context, in activities.ClaimRequest) (activities.Claimed, error) {
	if in.Incident == "" || len(in.Detections) == 0 || len(in.Detections) > activities.MaxNews {
		return activities.Claimed{}, activities.Permanent(fmt.Errorf("claim of %d detections for incident %q", len(in.Detections), in.Incident))
	}
	open := slices.Clone(in.Detections)
	slices.SortFunc(open, compareRefs)
	open = slices.Compact(open)
	var ours []folded
	for range claimRounds {
		mine, contested, err := l.claimOnce(ctx, in, open)
		if err != nil {
			return activities.Claimed{}, err
		}
		ours = append(ours, mine...)
		if open = contested; len(open) == 0 {
			return fold(ours), nil
		}
	}
	return activities.Claimed{}, fmt.Errorf("claim: %d detections changed by others %d times in a row", len(open), claimRounds)
}

func compareRefs(a, b soar.DetectionRef) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID))
}

// folded is a detection that is this incident's.
type folded struct {
	ref       soar.DetectionRef
	detection soar.Detection
}

// fold makes the brief, oldest event first, so that a repeated claim folds alike.
func fold(ours []folded) (claimed activities.Claimed) {
	slices.SortFunc(ours, func(a, b folded) int {
		return cmp.Or(a.detection.EventTime.Compare(b.detection.EventTime), compareRefs(a.ref, b.ref))
	})
	for _, one := range ours {
		claimed.News.Add(one.ref, one.detection)
	}
	claimed.Count = len(ours)
	return claimed
}

// claimOnce claims what is free and finds what this claim has already. Contested are those that changed between reading and
// writing.
func (l *Ledger) claimOnce(ctx context.Context, in activities.ClaimRequest, refs []soar.DetectionRef) (ours []folded, contested []soar.DetectionRef, err error) {
	documents, err := l.read(ctx, refs)
	if err != nil {
		return nil, nil, err
	}
	var free []folded
	var body bytes.Buffer
	for i, document := range documents {
		one := folded{ref: refs[i]}
		if document.Source == nil {
			continue
		}
		if err := json.Unmarshal(document.Source, &one.detection); err != nil {
			return nil, nil, activities.Permanent(fmt.Errorf("ledger document %s is not one that Sallyport wrote", refs[i].ID))
		}
		switch {
		case one.detection.IncidentID == in.Incident && one.detection.Claim == in.Claim:
			ours = append(ours, one)
		case one.detection.IncidentID == "":
			if err := appendClaim(&body, document, in.Incident, in.Claim); err != nil {
				return nil, nil, err
			}
			free = append(free, one)
		}
	}
	if len(free) == 0 {
		return ours, nil, nil
	}
	items, err := l.client.bulk(ctx, "claim detections", body.Bytes(), len(free))
	if err != nil {
		return nil, nil, err
	}
	for i, item := range items {
		switch {
		case item.Fault == nil:
			free[i].detection.IncidentID, free[i].detection.Claim = in.Incident, in.Claim
			ours = append(ours, free[i])
		case errors.Is(item.Fault, ErrConflict):
			contested = append(contested, free[i].ref)
		default:
			return nil, nil, item.Fault
		}
	}
	return ours, contested, nil
}

// appendClaim writes the document back with incident_id and the claim's number set, or without them if incident is empty, if
// nobody has written it since.
func appendClaim(body *bytes.Buffer, document Document, incident string, claim int) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(document.Source, &fields); err != nil {
		return fmt.Errorf("decode ledger document: %w", err)
	}
	id, err := json.Marshal(incident)
	if err != nil {
		return fmt.Errorf("encode incident id: %w", err)
	}
	fields["incident_id"], fields["claim"] = id, []byte(strconv.Itoa(claim))
	if incident == "" {
		delete(fields, "incident_id")
	}
	if claim == 0 {
		delete(fields, "claim")
	}
	action, err := json.Marshal(map[string]any{"index": map[string]any{
		"_index": document.Index, "_id": document.ID, "if_seq_no": document.SeqNo, "if_primary_term": document.PrimaryTerm,
	}})
	if err != nil {
		return fmt.Errorf("encode claim: %w", err)
	}
	source, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("encode claim: %w", err)
	}
	body.Write(action)
	body.WriteByte('\n')
	body.Write(source)
	body.WriteByte('\n')
	return nil
}

// read gets ledger documents by reference, as last written, in the order asked. One that is not there (its month was
// dropped) has no source.
func (l *Ledger) read(ctx context.Context, refs []soar.DetectionRef) ([]Document, error) {
	type wanted struct {
		Index string `json:"_index"`
		ID    string `json:"_id"`
	}
	var ask struct {
		Docs []wanted `json:"docs"`
	}
	for _, ref := range refs {
		if !inLedger(ref) {
			return nil, activities.Permanent(fmt.Errorf("%q is no document of the ledger", ref.Index))
		}
		ask.Docs = append(ask.Docs, wanted{ref.Index, ref.ID})
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("encode references: %w", err)
	}
	var answer struct {
		Docs []struct {
			Document
			Found bool            `json:"found"`
			Error json.RawMessage `json:"error"`
		} `json:"docs"`
	}
	if err := l.client.call(ctx, "read ledger", http.MethodPost, "/_mget", url.Values{}, body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Docs) != len(refs) {
		return nil, fmt.Errorf("read ledger: %d answers to %d references", len(answer.Docs), len(refs))
	}
	documents := make([]Document, len(refs))
	for i, one := range answer.Docs {
		if one.Error != nil && !Gone(newFault("read ledger", http.StatusNotFound, wrapError(one.Error))) {
			return nil, newFault("read ledger", http.StatusServiceUnavailable, wrapError(one.Error))
		}
		if one.Found {
			documents[i] = one.Document
		}
	}
	return documents, nil
}
