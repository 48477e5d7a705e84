package detect_test

import (
	"context"
	"errors"
	"sync"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// incidents stands in for the frontend: which incidents run, and what they were told.
type incidents struct {
	mu      sync.Mutex
	running map[string]bool
	told    map[string][]activities.News
	started int
	onStart func(*incidents) // called at each start; may be nil
	down    bool
}

func newIncidents() *incidents {
	return &incidents{running: map[string]bool{}, told: map[string][]activities.News{}}
}

func (i *incidents) SignalIncident(_ context.Context, news activities.News) (answer activities.Started, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		return answer, errors.New("frontend is down")
	}
	key := news.Entity.IncidentKey()
	if answer.Started = !i.running[key]; answer.Started {
		i.running[key] = true
		i.started++
		if i.onStart != nil {
			i.onStart(i)
		}
	}
	i.told[key] = append(i.told[key], news)
	return answer, nil
}

func (i *incidents) SignalOpenIncident(ctx context.Context, news activities.News) (bool, error) {
	i.mu.Lock()
	open := i.running[news.Entity.IncidentKey()]
	down := i.down
	i.mu.Unlock()
	if down {
		return false, errors.New("frontend is down")
	}
	if !open {
		return false, nil
	}
	_, err := i.SignalIncident(ctx, news)
	return true, err
}

// heard are the distinct detections that an incident was told of, and in how many signals.
func (i *incidents) heard(key string) (refs map[soar.DetectionRef]bool, signals int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	refs = map[soar.DetectionRef]bool{}
	for _, news := range i.told[key] {
		for _, ref := range news.Detections {
			refs[ref] = true
		}
	}
	return refs, len(i.told[key])
}

func (i *incidents) set(change func(*incidents)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}
