package ansible

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/sallyport-soar/sallyport/internal/config"
)

// Config is what an operator sets. Ansible is in use when Inventory is set.
type Config struct {
	Program     string            `yaml:"program,omitempty" doc:"ansible-playbook to run; empty: the one in PATH" example:"/usr/bin/ansible-playbook"`
	Inventory   string            `yaml:"inventory" doc:"inventory file or folder" example:"/etc/sallyport/ansible/inventory.ini"`
	Playbooks   map[string]string `yaml:"playbooks" doc:"playbooks that plans may name: name and absolute path of each"`
	RunDir      string            `yaml:"run_dir" doc:"folder that keeps each run's state and output, on a disk that all workers with this system share" example:"/var/lib/sallyport/ansible"`
	User        string            `yaml:"user,omitempty" doc:"remote user; empty: as the inventory says"`
	PrivateKey  string            `yaml:"private_key_file,omitempty" doc:"ssh key; empty: as ssh and the inventory say"`
	Vault       config.Secret     `yaml:"vault_password,omitempty" doc:"password of Ansible's vault: a reference, env:NAME, file:/path or cmd:program" example:"file:/etc/sallyport/vault"`
	SSHArgs     string            `yaml:"ssh_args,omitempty" doc:"arguments for ssh; empty: -C -o ControlMaster=no, so that no connection outlives its run"`
	Environment map[string]string `yaml:"environment,omitempty" doc:"variables for ansible-playbook; of the worker's own it gets PATH, HOME, locale and the ssh agent alone, never a secret"`
	Timeout     time.Duration     `yaml:"timeout,omitempty" doc:"after this a run is ended; 0: 30m"`
}

// plainName is a host's or playbook's name: no pattern, no path, no option.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$`)

// Validate says what is wrong, without I/O.
func (c Config) Validate() config.Faults {
	faults := config.Required("inventory", c.Inventory, "run_dir", c.RunDir)
	if len(c.Playbooks) == 0 {
		faults = append(faults, config.Fault{Field: "playbooks", Problem: "is empty", Mend: "name at least one, as patch: /etc/sallyport/ansible/patch.yml"})
	}
	for name, path := range c.Playbooks {
		if !plainName.MatchString(name) || !filepath.IsAbs(path) {
			faults = append(faults, config.Fault{Field: "playbooks." + name, Problem: "is no name with an absolute path", Mend: "write it as patch: /etc/sallyport/ansible/patch.yml"})
		}
	}
	for field, path := range map[string]string{"inventory": c.Inventory, "run_dir": c.RunDir} {
		if path != "" && !filepath.IsAbs(path) {
			faults = append(faults, config.Fault{Field: field, Problem: "is no absolute path", Mend: "begin it with /"})
		}
	}
	if c.Timeout < 0 {
		faults = append(faults, config.Fault{Field: "timeout", Problem: "is negative", Mend: "write it as 30m"})
	}
	return faults
}

// Open resolves the vault's password and makes the run folder, with the callback plug-in in it.
func Open(ctx context.Context, c Config) (*Runner, error) {
	r := &Runner{config: c}
	if r.config.Program == "" {
		r.config.Program = "ansible-playbook"
	}
	if r.config.SSHArgs == "" {
		r.config.SSHArgs = "-C -o ControlMaster=no"
	}
	if r.config.Timeout == 0 {
		r.config.Timeout = 30 * time.Minute
	}
	if c.Vault != "" {
		password, err := c.Vault.Resolve(ctx)
		if err != nil {
			return nil, fmt.Errorf("ansible.vault_password: %w", err)
		}
		r.vault = password
	}
	if err := r.layCallback(); err != nil {
		return nil, fmt.Errorf("ansible: %w", err)
	}
	if err := r.forgetPasswords(); err != nil {
		return nil, fmt.Errorf("ansible: %w", err)
	}
	return r, nil
}

// written is how old a password's file must be until a worker that starts takes it for a killed one's: another worker
// may be about to begin its run.
const written = time.Minute

// forgetPasswords removes the vault passwords that runs left whose worker was killed.
func (r *Runner) forgetPasswords() error {
	left, err := filepath.Glob(filepath.Join(r.config.RunDir, "*", "vault"))
	if err != nil {
		return err
	}
	for _, secret := range left {
		if info, err := os.Stat(secret); err != nil || time.Since(info.ModTime()) < written {
			continue
		}
		process, err := tryLock(filepath.Join(filepath.Dir(secret), "process.lock"))
		if err != nil {
			return err
		}
		if process == nil {
			continue // its run is alive
		}
		err = os.Remove(secret)
		process.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// layCallback writes the callback plug-in below the run folder; its name bears its content's hash, so that workers of
// two versions don't write over each other's.
func (r *Runner) layCallback() error {
	r.plugins = filepath.Join(r.config.RunDir, "callback-"+shortHash(callback))
	if err := os.MkdirAll(r.plugins, 0o700); err != nil {
		return err
	}
	return writeWhole(filepath.Join(r.plugins, "sallyport.py"), []byte(callback))
}
