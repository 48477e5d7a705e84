package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// alive is how long a worker may give no sign of life until what it did is taken from it. Its interceptor gives that
// sign for every step, so that a step whose worker was killed is tried again long before its own time is over.
const alive = 10 * time.Second

// Options are named by what they suit.
var (
	// quick is one request to one system, harmless to repeat. Its attempts outlast a system that is down for a minute.
	quick = workflow.ActivityOptions{
		StartToCloseTimeout: 45 * time.Second, HeartbeatTimeout: alive,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 9, MaximumInterval: 10 * time.Second},
	}
	// attended is quick for longer: a system that restarts, or a network that is mended, is waited for.
	attended = workflow.ActivityOptions{
		StartToCloseTimeout: 45 * time.Second, ScheduleToCloseTimeout: 5 * time.Minute,
		RetryPolicy: &temporal.RetryPolicy{MaximumInterval: 30 * time.Second},
	}
	// effecting is for one change of a system and its read-back: as long as the slowest system takes for both. Whoever
	// wants the effect asks again later, by another step.
	effecting = workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Minute, HeartbeatTimeout: alive,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3},
	}
	// patient is for what must happen in the end: it's tried until it has.
	patient = workflow.ActivityOptions{
		StartToCloseTimeout: 2 * time.Minute, HeartbeatTimeout: alive,
		RetryPolicy: &temporal.RetryPolicy{MaximumInterval: 30 * time.Second},
	}
	// once is for what nobody could recognise as our own earlier attempt.
	once = workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Minute, HeartbeatTimeout: 30 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}
	// shown is for cards, which only role gateway can send: one whose answer got lost is found again.
	shown = workflow.ActivityOptions{
		TaskQueue: activities.GatewayQueue, StartToCloseTimeout: 30 * time.Second, ScheduleToCloseTimeout: 5 * time.Minute, HeartbeatTimeout: alive,
	}
	// toldOnce is for messages to people: nobody could recognise an earlier attempt.
	toldOnce = workflow.ActivityOptions{
		TaskQueue: activities.GatewayQueue, StartToCloseTimeout: 30 * time.Second, ScheduleToCloseTimeout: 5 * time.Minute,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}
	// local is for short checks whose answer must stand in the history.
	local = workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 2},
	}
)

// source is for one source of enrichment.
func source(timeout time.Duration) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: timeout, HeartbeatTimeout: min(timeout, alive),
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3},
	}
}

// followed is for a scan: it heartbeats, and a retry follows the scan that runs already.
func followed(timeout time.Duration) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: timeout + time.Minute, ScheduleToCloseTimeout: 2*timeout + 10*time.Minute, HeartbeatTimeout: alive,
	}
}

// lease is for a reader that returns after each term; another attempt takes over where its cursor stands.
func lease(term time.Duration) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue: activities.DetectQueue, StartToCloseTimeout: term + time.Minute, HeartbeatTimeout: alive,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 2 * time.Second, BackoffCoefficient: 1},
	}
}
