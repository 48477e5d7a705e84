package daemon

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
)

// permanentErrors ends retries that can't help. A non-retryable error loses its mark when it's wrapped, so activities
// wrap freely, and the mark is set here, once, for all of them.
type permanentErrors struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*permanentErrors) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &permanentActivity{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type permanentActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (p *permanentActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := p.Next.ExecuteActivity(ctx, in)
	var permanent interface{ Permanent() bool }
	if errors.As(err, &permanent) && permanent.Permanent() {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), "Permanent", err)
	}
	return out, err
}

// signsOfLife beats for every activity that has a heartbeat timeout: should this worker be killed, the server gives what
// it did to another one soon. An activity that hangs is still ended by its own time. Readers of streams don't get it:
// they beat when they get on.
type signsOfLife struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*signsOfLife) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &livingActivity{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type livingActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (l *livingActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if within := activity.GetInfo(ctx).HeartbeatTimeout; within > 0 {
		done := make(chan struct{})
		defer close(done)
		go beat(ctx, within/4, done)
	}
	return l.Next.ExecuteActivity(ctx, in)
}

func beat(ctx context.Context, every time.Duration, done <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			activity.RecordHeartbeat(ctx)
		}
	}
}
