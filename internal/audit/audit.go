// Package audit is the hash chain of the audit log: entry n carries the hash of entry n-1, so that nothing in a chain
// can be changed, dropped or put in unseen. Where a chain is kept, others know.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Entry is one line of a chain.
type Entry struct {
	Chain   string          `json:"chain"`
	Seq     int64           `json:"seq"` // counts from 1
	Prev    string          `json:"prev"`
	At      time.Time       `json:"at"`
	Cause   string          `json:"cause"`
	Actor   string          `json:"actor"`
	What    string          `json:"what"`
	Subject string          `json:"subject,omitempty"`
	Detail  json.RawMessage `json:"detail,omitempty"`
	Hash    string          `json:"hash"` // of all fields above
}

// Genesis is what the first entry of a chain carries as the hash before it.
func Genesis(chain string) string {
	sum := sha256.Sum256([]byte("sallyport audit v1\n" + chain))
	return hex.EncodeToString(sum[:])
}

// Next seals e as the entry after prev; a nil prev makes it the first of its chain. Detail may be any JSON value.
func Next(prev *Entry, e Entry) (Entry, error) {
	e.Seq, e.Prev = 1, Genesis(e.Chain)
	if prev != nil {
		if prev.Chain != e.Chain {
			return e, fmt.Errorf("chain %s can't follow chain %s", e.Chain, prev.Chain)
		}
		e.Seq, e.Prev = prev.Seq+1, prev.Hash
	}
	e.At = e.At.UTC()
	hash, err := e.sum()
	e.Hash = hash
	return e, err
}

// sum hashes the entry's canonical form: its fields in their order, its detail with sorted keys and numbers as written.
func (e Entry) sum() (string, error) {
	e.Hash, e.At = "", e.At.UTC()
	if len(e.Detail) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(e.Detail))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return "", fmt.Errorf("audit entry %s/%d: detail is no JSON: %w", e.Chain, e.Seq, err)
		}
		canonical, err := json.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("audit entry %s/%d: %w", e.Chain, e.Seq, err)
		}
		e.Detail = canonical
	}
	text, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("audit entry %s/%d: %w", e.Chain, e.Seq, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Broken names the first entry of a chain that is not as it was written.
type Broken struct {
	Chain  string
	Seq    int64
	Reason string
}

// Error implements error.
func (b *Broken) Error() string {
	return fmt.Sprintf("audit chain %s is broken at entry %d: %s", b.Chain, b.Seq, b.Reason)
}

// Verify checks a whole chain, in order, and returns a *Broken that names its first broken entry. What was cut off at
// the end can't be seen from the chain alone: compare the last hash with one that was kept elsewhere.
func Verify(chain string, entries []Entry) error {
	prev := Genesis(chain)
	for i, e := range entries {
		want := int64(i) + 1
		switch {
		case e.Chain != chain:
			return &Broken{chain, want, "it belongs to chain " + e.Chain}
		case e.Seq != want:
			return &Broken{chain, want, fmt.Sprintf("it is missing: entry %d stands in its place", e.Seq)}
		case e.Prev != prev:
			return &Broken{chain, want, "it does not follow the entry before it"}
		}
		hash, err := e.sum()
		if err != nil {
			return &Broken{chain, want, "its detail is no JSON"}
		}
		if hash != e.Hash {
			return &Broken{chain, want, "its content is not what was written"}
		}
		prev = e.Hash
	}
	return nil
}
