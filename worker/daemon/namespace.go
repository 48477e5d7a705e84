package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

// namespaceWithin is how long a cluster may take until its caches know a new namespace or attribute; by default they are
// 10 s old at most.
const namespaceWithin = time.Minute

// EnsureNamespace makes the namespace and the search attributes exist on the cluster that c speaks to. It only adds: a
// namespace that is there keeps its retention, and an attribute of another type is an error that says how to mend it.
// Where adding is forbidden, as on Temporal Cloud, it verifies and names what is missing. It returns when all can be used.
func EnsureNamespace(ctx context.Context, c client.Client, namespace string, retention time.Duration, attributes map[string]enums.IndexedValueType) error {
	ctx, cancel := context.WithTimeout(ctx, namespaceWithin)
	defer cancel()
	if err := registerNamespace(ctx, c, namespace, retention); err != nil {
		return err
	}
	missing, err := missingAttributes(ctx, c, namespace, attributes)
	if err != nil || len(missing) == 0 {
		return err
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	if forbidden(err) {
		return &missingError{namespace: namespace, attributes: missing}
	}
	if _, exists := errors.AsType[*serviceerror.AlreadyExists](err); err != nil && !exists {
		return fmt.Errorf("add search attributes to namespace %s: %w", namespace, err)
	}
	return awaitAttributes(ctx, c, namespace, attributes)
}

// registerNamespace leaves one that is there as it is. Where it is forbidden, the look at the attributes tells.
func registerNamespace(ctx context.Context, c client.Client, namespace string, retention time.Duration) error {
	_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	if _, exists := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); err == nil || exists || forbidden(err) {
		return nil
	}
	return fmt.Errorf("register namespace %s: %w", namespace, err)
}

// missingAttributes lists what the namespace lacks. A namespace that was registered a moment ago is waited for.
func missingAttributes(ctx context.Context, c client.Client, namespace string, wanted map[string]enums.IndexedValueType) (map[string]enums.IndexedValueType, error) {
	var have *operatorservice.ListSearchAttributesResponse
	err := pollTemporal(ctx, func() (done bool, err error) {
		have, err = c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
		_, unknown := errors.AsType[*serviceerror.NamespaceNotFound](err)
		return !unknown, err
	})
	if err != nil {
		return nil, fmt.Errorf("list search attributes of namespace %s: %w", namespace, err)
	}
	missing := map[string]enums.IndexedValueType{}
	for name, kind := range wanted {
		switch got, there := have.GetCustomAttributes()[name]; {
		case !there:
			missing[name] = kind
		case got != kind:
			return nil, &clashError{namespace: namespace, name: name, got: got, want: kind}
		}
	}
	return missing, nil
}

// awaitAttributes returns when the cluster lists all of them.
func awaitAttributes(ctx context.Context, c client.Client, namespace string, wanted map[string]enums.IndexedValueType) error {
	return pollTemporal(ctx, func() (bool, error) {
		missing, err := missingAttributes(ctx, c, namespace, wanted)
		if err == nil && len(missing) > 0 {
			return false, &missingError{namespace: namespace, attributes: missing}
		}
		return true, err
	})
}

// pollTemporal asks ten times a second until ask is done or ctx ends, and returns its last error.
func pollTemporal(ctx context.Context, ask func() (done bool, err error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ask()
		if done {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func forbidden(err error) bool {
	_, denied := errors.AsType[*serviceerror.PermissionDenied](err)
	_, unimplemented := errors.AsType[*serviceerror.Unimplemented](err)
	return denied || unimplemented
}

// clashError is an attribute that is there with another type.
type clashError struct {
	namespace, name string
	got, want       enums.IndexedValueType
}

// Error implements error.
func (e *clashError) Error() string {
	return fmt.Sprintf("search attribute %s of namespace %s is %v, sallyport needs %v: remove it (temporal operator search-attribute remove --namespace %s --name %s) or use another namespace",
		e.name, e.namespace, e.got, e.want, e.namespace, e.name)
}

// Permanent says that only a person can mend it.
func (e *clashError) Permanent() bool { return true }

// missingError are attributes that are not there and that we may not add.
type missingError struct {
	namespace  string
	attributes map[string]enums.IndexedValueType
}

// Error implements error.
func (e *missingError) Error() string {
	var wanted []string
	for _, name := range slices.Sorted(maps.Keys(e.attributes)) {
		wanted = append(wanted, fmt.Sprintf("%s=%v", name, e.attributes[name]))
	}
	return fmt.Sprintf("namespace %s lacks search attributes: add them (tcld namespace search-attributes add --namespace %s --sa %s)",
		e.namespace, e.namespace, strings.Join(wanted, " --sa "))
}

// Permanent says that only a person can mend it.
func (e *missingError) Permanent() bool { return true }
