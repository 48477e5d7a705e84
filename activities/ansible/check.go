package ansible

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Check looks whether the steps could work, without reaching a host: the program, the inventory, the playbooks, the
// key. It returns one line that says what it met; the error says what is wrong and how to mend it.
func (r *Runner) Check(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.config.Program, "--version")
	cmd.Env = r.environment()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s does not run: install ansible-core, or set program: %w", r.config.Program, err)
	}
	version, _, _ := strings.Cut(string(out), "\n")
	return fmt.Sprintf("%.60s, %d playbooks", version, len(r.config.Playbooks)), r.checkFiles()
}

func (r *Runner) checkFiles() (faults error) {
	if _, err := os.Stat(r.config.Inventory); err != nil {
		faults = errors.Join(faults, fmt.Errorf("the inventory can't be read: %w", err))
	}
	for name, path := range r.config.Playbooks {
		if _, err := os.ReadFile(path); err != nil {
			faults = errors.Join(faults, fmt.Errorf("playbook %s can't be read: %w", name, err))
		}
	}
	if r.config.PrivateKey == "" {
		return faults
	}
	if key, err := os.Stat(r.config.PrivateKey); err != nil || key.Mode().Perm()&0o077 != 0 {
		faults = errors.Join(faults, fmt.Errorf("private_key_file is missing or open to others: ssh refuses it, chmod 600 %s", r.config.PrivateKey))
	}
	return faults
}
