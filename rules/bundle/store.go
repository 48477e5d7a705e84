package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
)

// Stored says what became of a folder's files.
type Stored struct {
	Added     []string `json:"added"`
	Changed   []string `json:"changed"`
	Removed   []string `json:"removed"`
	Unchanged int      `json:"unchanged"`
	Kept      []Left   `json:"kept"` // what somebody else changed, and therefore stays as it is
}

// manifestFile names the files that an import wrote, with their digests, so that the next one knows what is ours.
const manifestFile = "import.json"

type manifest struct {
	About string            `json:"about"`
	Files map[string]string `json:"files"` // SHA-256, by name
}

// Store brings a folder to what the survey took: rules and licences, byte for byte. A file that is not as the last import
// left it stays, and so does the absence of one that was deleted; both are told. told hears how many files are done; it
// may be nil. What was written before an error stays written, and is known to the next import.
func (s *Survey) Store(folder string, told func(files int)) (*Stored, error) {
	if len(s.taken) == 0 { // else all that is there would go
		return nil, errors.New("nothing of the collection loads, so the folder stays as it is")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // nothing is written through it after the last rename
	w := &writer{root: root, stored: &Stored{Added: []string{}, Changed: []string{}, Removed: []string{}, Kept: []Left{}}, next: map[string]string{}}
	if w.before, err = readManifest(root); err != nil {
		return nil, err
	}
	err = w.all(s, told)
	if err == nil {
		err = w.removeRest(s.refused)
	} else {
		w.forgetNothing()
	}
	return w.stored, errors.Join(err, w.save())
}

type writer struct {
	root   *os.Root
	stored *Stored
	before map[string]string // as the last import left them
	next   map[string]string
}

func (w *writer) all(s *Survey, told func(int)) error {
	for i, name := range slices.Concat(s.taken, s.Licences) {
		text, err := readAll(s.files, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := w.one(name, text); err != nil {
			return err
		}
		if told != nil {
			told(i + 1)
		}
	}
	return nil
}

func readAll(files fs.FS, name string) ([]byte, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(file, maxBytes))
}

// one writes a file, unless somebody else had his hands on it.
func (w *writer) one(name string, text []byte) error {
	ours, known := w.before[name]
	digest := digestOf(text)
	there, err := w.root.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && known:
		w.keep(name, ours, "you deleted it; take its line out of "+manifestFile+" to have it again")
		return nil
	case errors.Is(err, fs.ErrNotExist):
		w.stored.Added = append(w.stored.Added, name)
	case err != nil:
		return err
	case bytes.Equal(there, text):
		w.stored.Unchanged++
		w.next[name] = digest
		return nil
	case !known || digestOf(there) != ours:
		w.keep(name, ours, "you changed it; move it away to have the imported one")
		return nil
	default:
		w.stored.Changed = append(w.stored.Changed, name)
	}
	w.next[name] = digest
	return w.write(name, text)
}

func (w *writer) keep(name, ours, why string) {
	w.stored.Kept = append(w.stored.Kept, Left{name, why})
	if ours != "" {
		w.next[name] = ours
	}
}

// write puts a file in place at once.
func (w *writer) write(name string, text []byte) error {
	if err := w.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	draft := path.Join(path.Dir(name), ".import-"+path.Base(name))
	if err := w.root.WriteFile(draft, text, 0o644); err != nil {
		return err
	}
	return w.root.Rename(draft, name)
}

// removeRest removes what the last import wrote and the collection no longer has. A file that is refused in its new form
// stays as it was.
func (w *writer) removeRest(refused []string) error {
	for _, name := range slices.Sorted(maps.Keys(w.before)) {
		if _, still := w.next[name]; still {
			continue
		}
		if slices.Contains(refused, name) {
			w.keep(name, w.before[name], "the collection's newer one is refused")
			continue
		}
		there, err := w.root.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case digestOf(there) != w.before[name]:
			w.stored.Kept = append(w.stored.Kept, Left{name, "the collection has it no more, and you changed it: it is yours now"})
			continue
		}
		if err := w.root.Remove(name); err != nil {
			return err
		}
		w.stored.Removed = append(w.stored.Removed, name)
		for folder := path.Dir(name); folder != "." && w.root.Remove(folder) == nil; folder = path.Dir(folder) {
			continue // an empty folder goes too
		}
	}
	return nil
}

// forgetNothing keeps what the last import wrote known, when this one did not come to its end.
func (w *writer) forgetNothing() {
	for name, digest := range w.before {
		if _, newer := w.next[name]; !newer {
			w.next[name] = digest
		}
	}
}

func (w *writer) save() error {
	text, err := json.MarshalIndent(manifest{"written by sallyport rules import: the files that are its own, with their SHA-256", w.next}, "", "  ")
	if err != nil {
		return err
	}
	return w.write(manifestFile, append(text, '\n'))
}

func readManifest(root *os.Root) (map[string]string, error) {
	text, err := root.ReadFile(manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	var read manifest
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	for name := range read.Files {
		if !fs.ValidPath(name) {
			return nil, fmt.Errorf("%s: %q is no path below the folder", manifestFile, name)
		}
	}
	return read.Files, nil
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
