package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Secret is a reference to a secret, never the secret itself: "env:NAME", "file:/path" or "cmd:program argument ...".
// It prints and marshals as "[secret]", so that no log, error or history can show where it leads by accident.
type Secret string

// maxSecret bounds what is read of a secret, in bytes.
const maxSecret = 64 << 10

// Resolve returns the secret without outer white space. cmd runs without a shell, for at most 10 seconds.
func (s Secret) Resolve(ctx context.Context) (string, error) {
	kind, rest, _ := strings.Cut(string(s), ":")
	var text []byte
	var err error
	switch kind {
	case "env":
		value, ok := os.LookupEnv(rest)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", rest)
		}
		text = []byte(value)
	case "file":
		text, err = os.ReadFile(rest)
	case "cmd":
		text, err = runForSecret(ctx, strings.Fields(rest))
	default:
		return "", errors.New("not a secret reference: want env:NAME, file:/path or cmd:program")
	}
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", kind, err)
	}
	if text = bytes.TrimSpace(text); len(text) == 0 || len(text) > maxSecret {
		return "", fmt.Errorf("secret %s: is empty or over %d bytes", kind, maxSecret)
	}
	return string(text), nil
}

func runForSecret(ctx context.Context, argv []string) ([]byte, error) {
	if len(argv) == 0 {
		return nil, errors.New("no program")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
}

// Validate says whether s is a reference; it does not follow it.
func (s Secret) Validate() error {
	kind, rest, found := strings.Cut(string(s), ":")
	if !found || rest == "" || (kind != "env" && kind != "file" && kind != "cmd") {
		return errors.New("want a reference: env:NAME, file:/path or cmd:program, never the secret itself")
	}
	return nil
}

// String implements fmt.Stringer.
func (Secret) String() string { return "[secret]" }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return "[secret]" }

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal("[secret]") }
