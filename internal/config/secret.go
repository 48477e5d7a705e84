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
	fault := &SecretError{reference: s}
	var text []byte
	switch kind {
	case "env":
		value, ok := os.LookupEnv(rest)
		if !ok {
			fault.err, fault.mend = fmt.Errorf("environment variable %s is not set", rest), "set it for this process"
			return "", fault
		}
		text = []byte(value)
	case "file":
		text, fault.err = os.ReadFile(rest)
		fault.mend = "write the secret there, readable by this process alone"
	case "cmd":
		text, fault.err = runForSecret(ctx, strings.Fields(rest))
		fault.mend = "run it by hand as this user to see why"
	default:
		return "", errors.New("not a secret reference: want env:NAME, file:/path or cmd:program")
	}
	if fault.err != nil {
		return "", fault
	}
	if text = bytes.TrimSpace(text); len(text) == 0 || len(text) > maxSecret {
		fault.err, fault.mend = fmt.Errorf("%s %s is empty or over %d bytes", kind, rest, maxSecret), "put the secret, and nothing else, there"
		return "", fault
	}
	return string(text), nil
}

// SecretError says that a reference leads to no secret. It shows the reference's place, never what was found there.
type SecretError struct {
	reference Secret
	err       error
	mend      string
}

// Error implements error.
func (e *SecretError) Error() string { return fmt.Sprintf("secret: %v: %s", e.err, e.mend) }

// Unwrap implements errors.Unwrap.
func (e *SecretError) Unwrap() error { return e.err }

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
