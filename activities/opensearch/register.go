package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// containmentsIndex holds the register: one document per target on a system; its id is the target's key.
const containmentsIndex = "sallyport-containments"

// changeAttempts is how often a compare-and-set begins again before it is given up as busy.
const changeAttempts = 20

// Register is the register of containments. It is what package effect calls a register.
type Register struct{ client *Client }

// NewRegister returns the register that the cluster keeps.
func NewRegister(c *Client) *Register { return &Register{client: c} }

// registered is an entry as it is stored: what is searched stands beside what is only kept.
type registered struct {
	soar.RegisterEntry
	System  string     `json:"system"`
	Target  string     `json:"target"`
	Live    bool       `json:"live"`
	Expires *time.Time `json:"expires,omitempty"` // the latest of the live holders
	Updated time.Time  `json:"updated"`
}

// Get returns the entry of key, or an empty one. It sees every write that has returned.
func (r *Register) Get(ctx context.Context, key string) (soar.RegisterEntry, error) {
	entry, _, _, err := r.read(ctx, key)
	return entry, err
}

// Change reads the entry of key, lets change alter it and writes it by compare-and-set, again from the start when somebody
// else wrote in between.
func (r *Register) Change(ctx context.Context, key string, change func(*soar.RegisterEntry) error) error {
	for range changeAttempts {
		entry, document, found, err := r.read(ctx, key)
		if err != nil {
			return err
		}
		if err := change(&entry); err != nil {
			return err
		}
		when := Absent()
		if found {
			when = Unchanged(document)
		}
		_, err = r.client.Put(ctx, containmentsIndex, key, stored(entry), when)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("register entry %s: changed by others %d times in a row", key, changeAttempts)
}

// Live lists the entries that have a holder which is not over.
func (r *Register) Live(ctx context.Context) ([]soar.RegisterEntry, error) {
	if err := r.client.Refresh(ctx, containmentsIndex); err != nil && !Gone(err) {
		return nil, err
	}
	var entries []soar.RegisterEntry
	err := r.client.scan(ctx, containmentsIndex, map[string]any{"term": map[string]any{"live": true}}, []string{"key"}, func(d Document) error {
		var entry soar.RegisterEntry
		if err := json.Unmarshal(d.Source, &entry); err != nil {
			return err
		}
		entries = append(entries, entry)
		return nil
	})
	return entries, err
}

func (r *Register) read(ctx context.Context, key string) (entry soar.RegisterEntry, d Document, found bool, err error) {
	if key == "" {
		return entry, d, false, errors.New("register: empty key")
	}
	d, found, err = r.client.Get(ctx, containmentsIndex, key)
	if err != nil || !found {
		return soar.RegisterEntry{Key: key}, d, false, err
	}
	if err := json.Unmarshal(d.Source, &entry); err != nil {
		return entry, d, false, fmt.Errorf("register entry %s is not readable: %w", key, err)
	}
	return entry, d, true, nil
}

func stored(entry soar.RegisterEntry) registered {
	doc := registered{RegisterEntry: entry, Updated: time.Now().UTC()}
	for _, h := range entry.Holders {
		doc.System, doc.Target = h.Action.System, h.Action.Target
	}
	for _, h := range entry.Live() {
		doc.Live = true
		if doc.Expires == nil || h.Expires.After(*doc.Expires) {
			doc.Expires = &h.Expires
		}
	}
	return doc
}
