package ansible

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
)

// state is a run as its folder keeps it: state.json. Started without Finished, and process.lock free, is a run that
// was cut off.
type state struct {
	Incident string                    `json:"incident"`
	Action   string                    `json:"action"`
	Host     string                    `json:"host"`
	Playbook string                    `json:"playbook"`
	Attempt  int                       `json:"attempt,omitempty"`
	Started  time.Time                 `json:"started"`
	Finished *time.Time                `json:"finished,omitempty"`
	Report   activities.PlaybookReport `json:"report"`
}

var notPlain = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// folderOf is the folder of one action's run on one host: the same for each attempt that asks for it.
func (r *Runner) folderOf(req activities.PlaybookRequest) string {
	readable := notPlain.ReplaceAllString(req.ActionID+"-"+req.Host, "_")
	name := readable[:min(len(readable), 120)] + "-" + shortHash(req.ActionID+"\n"+req.Host)
	if req.Attempt > 1 {
		name = fmt.Sprintf("%s-%d", name, req.Attempt)
	}
	return filepath.Join(r.config.RunDir, "run-"+name)
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// readState returns the zero state where no run was begun.
func readState(folder string) (state, error) {
	var s state
	text, err := os.ReadFile(filepath.Join(folder, "state.json"))
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

func (s state) write(folder string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(folder, "state.json"), append(text, '\n'))
}

func (s state) finish(folder string, report activities.PlaybookReport) error {
	now := time.Now().UTC()
	s.Finished, s.Report = &now, report
	return s.write(folder)
}

// writeWhole replaces a file so that a reader, or a machine that loses power, sees the old or the new one whole.
func writeWhole(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // no longer there once renamed
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// lockWhenFree waits until nobody holds the file, and holds it.
func lockWhenFree(ctx context.Context, path string) (*lock, error) {
	for {
		held, err := tryLock(path)
		if held != nil || err != nil {
			return held, err
		}
		timer := time.NewTimer(100 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}
