package effect

import (
	"cmp"
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// audit appends what became of a containment. The line's cause is the activity that runs, so a retry finds its own.
func (e *Envelope) audit(ctx context.Context, c soar.Containment, what string) error {
	actor := activities.ActorEnvelope
	if (what == string(soar.Released) || what == "forgotten") && c.ReleasedBy != "expiry" {
		actor = cmp.Or(c.ReleasedBy, actor)
	}
	_, err := e.Audit(ctx, activities.AuditEntry{
		Chain: cmp.Or(c.Incident, activities.HouseChain), Cause: cause(ctx) + "/" + what + "/" + c.Action.ID,
		At: e.Now(), Actor: actor, What: what, Subject: c.Action.String(), Detail: facts(c),
	})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// facts are what can be proved later: which action, by whose word, until when.
func facts(c soar.Containment) map[string]any {
	detail := map[string]any{"action_id": c.Action.ID, "action_digest": c.Action.Digest(), "state": string(c.State), "mode": string(c.Action.Mode)}
	if c.Reason != "" {
		detail["reason"] = c.Reason
	}
	if !c.Expires.IsZero() {
		detail["expires"] = c.Expires.UTC().Format("2006-01-02T15:04:05Z07:00")
	}
	if c.Grant.Override {
		detail["override_protected"] = true
	}
	var people []string
	for _, d := range c.Grant.Decisions {
		people = append(people, d.By+" by "+d.Method)
	}
	if people != nil {
		detail["approved_by"] = people
	}
	return detail
}

// cause names the activity that runs; its attempts share one name.
func cause(ctx context.Context) string {
	if !activity.IsActivity(ctx) {
		return "outside"
	}
	info := activity.GetInfo(ctx)
	return info.WorkflowExecution.ID + "/" + info.WorkflowExecution.RunID + "/" + info.ActivityID
}
