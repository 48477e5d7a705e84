// Package frontendtest is a Temporal frontend small enough to run inside a test of the root module, which can't link
// the server: it takes workers that never get work, starts, schedules and signals that nobody carries out, and the
// Updates and Queries that a test answers. What workflows make of them is tested where the real server runs.
package frontendtest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc"
)

// Server is the stand-in. Decide answers an Update, Query a query; either may be nil.
type Server struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer

	Address string
	Decide  func(workflow string, read func(in any) error) (outcome any, err error)
	Query   func(workflow string) (answer any, err error)
	// Attributes are the search attributes that every namespace has.
	Attributes map[string]enums.IndexedValueType

	mu       sync.Mutex
	held     chan struct{} // not nil while Updates are not accepted
	answered map[string]*workflowservice.UpdateWorkflowExecutionResponse
	ids      []string
	ended    chan struct{}
}

// Start answers on a free port of loopback until the test ends.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{answered: map[string]*workflowservice.UpdateWorkflowExecutionResponse{}, ended: make(chan struct{})}
	var config net.ListenConfig
	listener, err := config.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(answerErrors))
	workflowservice.RegisterWorkflowServiceServer(server, s)
	operatorservice.RegisterOperatorServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(func() {
		close(s.ended)
		server.Stop()
	})
	s.Address = listener.Addr().String()
	return s
}

// answerErrors gives Temporal's errors their status on the wire.
func answerErrors(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	answer, err := handle(ctx, req)
	if err != nil {
		return nil, serviceerror.ToStatus(err).Err()
	}
	return answer, nil
}

// Hold keeps Updates from being accepted, as while no worker runs, until the returned function is called.
func (s *Server) Hold() (letGo func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.held = held
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(held)
		s.held = nil
	}
}

// Updates are the ids of the Updates that arrived, in order.
func (s *Server) Updates() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.ids...)
}

// UpdateWorkflowExecution accepts and completes at once; the same id gets the same answer.
func (s *Server) UpdateWorkflowExecution(ctx context.Context, r *workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
	id := r.GetRequest().GetMeta().GetUpdateId()
	s.mu.Lock()
	s.ids = append(s.ids, id)
	held := s.held
	s.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if earlier := s.answered[id]; earlier != nil {
		return earlier, nil
	}
	answer, err := s.decide(r)
	if err == nil {
		s.answered[id] = answer
	}
	return answer, err
}

func (s *Server) decide(r *workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
	run := r.GetWorkflowExecution()
	answer := &workflowservice.UpdateWorkflowExecutionResponse{
		UpdateRef: &updatepb.UpdateRef{WorkflowExecution: run, UpdateId: r.GetRequest().GetMeta().GetUpdateId()},
		Stage:     enums.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
	}
	outcome, err := s.Decide(run.GetWorkflowId(), func(in any) error {
		return converter.GetDefaultDataConverter().FromPayloads(r.GetRequest().GetInput().GetArgs(), in)
	})
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return nil, err
	}
	if err != nil {
		answer.Outcome = &updatepb.Outcome{Value: &updatepb.Outcome_Failure{Failure: &failurepb.Failure{
			Message: err.Error(), FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{NonRetryable: true}},
		}}}
		return answer, nil
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(outcome)
	answer.Outcome = &updatepb.Outcome{Value: &updatepb.Outcome_Success{Success: payloads}}
	return answer, err
}

// QueryWorkflow answers as Query says.
func (s *Server) QueryWorkflow(_ context.Context, r *workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error) {
	if s.Query == nil {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	answer, err := s.Query(r.GetExecution().GetWorkflowId())
	if err != nil {
		return nil, serviceerror.NewNotFound(err.Error())
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(answer)
	return &workflowservice.QueryWorkflowResponse{QueryResult: payloads}, err
}
