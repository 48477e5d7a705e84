package frontend

import (
	"context"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

// startedKey is where a call's context holds a *bool: did a signal-with-start start a workflow?
type startedKey struct{}

// NoteStarted is an option of the connection under the client that New gets. With it SignalIncident says whether it
// started an incident: the frontend answers that, and the SDK does not hand it on. Without it SignalIncident says that it did.
func NoteStarted() grpc.DialOption { return grpc.WithChainUnaryInterceptor(noteStarted) }

func noteStarted(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	err := invoke(ctx, method, request, reply, conn, options...)
	answer, ok := reply.(*workflowservice.SignalWithStartWorkflowExecutionResponse)
	if started, asked := ctx.Value(startedKey{}).(*bool); ok && asked && err == nil {
		*started = answer.GetStarted()
	}
	return err
}
