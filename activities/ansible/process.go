package ansible

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
)

// unknownCode stands for the exit code of a process that another worker began.
const unknownCode = -1

// grace is how long a run has to end itself when its leash is cut.
const grace = 5 * time.Second

var errNotStarted = errors.New("ansible-playbook did not start")

// attempt runs ansible-playbook to its end, or to ctx's or the timeout's, and judges what it told.
func (r *Runner) attempt(ctx context.Context, folder, playbook string, req activities.PlaybookRequest, check bool) (activities.PlaybookReport, error) {
	if check {
		if err := r.onlyHost(ctx, folder, playbook, req); err != nil {
			return activities.PlaybookReport{}, err
		}
	}
	args, err := r.arguments(folder, playbook, req)
	if err != nil {
		return activities.PlaybookReport{}, err
	}
	if check {
		args = append([]string{"--check", "--diff"}, args...)
	}
	limited, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	code, err := r.process(limited, folder, args)
	if err != nil {
		return activities.PlaybookReport{}, err
	}
	told, err := readEvents(filepath.Join(folder, "events.jsonl"))
	if err != nil {
		return activities.PlaybookReport{}, err
	}
	report := told.judge(req.Host, check, code)
	if limited.Err() != nil && told.stats == nil {
		report.Interrupted, report.Completed = true, false
		report.Reason = "the run was ended before its time: " + limited.Err().Error()
	}
	return report, nil
}

// arguments are ansible-playbook's: one host by name, variables and secrets in files, nothing secret in argv.
func (r *Runner) arguments(folder, playbook string, req activities.PlaybookRequest) ([]string, error) {
	vars, err := variables(req)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "variables.json")
	if err := writeWhole(file, vars); err != nil {
		return nil, err
	}
	args := []string{"--inventory", r.config.Inventory, "--limit", req.Host + ",", "--extra-vars", "@" + file}
	if r.config.User != "" {
		args = append(args, "--user", r.config.User)
	}
	if r.config.PrivateKey != "" {
		args = append(args, "--private-key", r.config.PrivateKey)
	}
	if r.vault != "" {
		secret := filepath.Join(folder, "vault")
		if err := writeWhole(secret, []byte(r.vault)); err != nil {
			return nil, err
		}
		args = append(args, "--vault-password-file", secret)
	}
	return append(args, playbook), nil
}

// process runs the program in a process group of its own, with a leash and a lock that it inherits: it ends when the
// worker does, and the lock is held until it has. Its standard error stays in the folder, for people alone.
func (r *Runner) process(ctx context.Context, folder string, args []string) (code int, err error) {
	defer func() { _ = os.Remove(filepath.Join(folder, "vault")) }()
	alive, err := tryLock(filepath.Join(folder, "process.lock"))
	if err != nil {
		return 0, err
	}
	if alive == nil {
		return 0, errors.New("a process of this run is alive")
	}
	defer alive.release()
	leash, ours, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer func() { _ = errors.Join(leash.Close(), ours.Close()) }()
	cmd := exec.Command(r.config.Program, args...) //nolint:noctx // ctx cuts the leash below, so that the whole group ends
	cmd.ExtraFiles = []*os.File{leash, alive.file}
	cmd.Env = append(r.environment(), "SALLYPORT_LEASH_FD=3")
	cmd.Dir = filepath.Dir(args[len(args)-1])
	apart(cmd)
	out, err := outputs(cmd, folder)
	if err != nil {
		return 0, err
	}
	defer out()
	if err := cmd.Start(); err != nil {
		return 0, errors.Join(errNotStarted, err)
	}
	alive.release() // from here on the process alone holds it
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { cut(ours, cmd, ended) })
	err = cmd.Wait()
	close(ended)
	stop()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for ansible-playbook: %w", err)
	}
	endGroup(cmd) // what it left behind
	return cmd.ProcessState.ExitCode(), nil
}

// cut lets go of the leash, and ends the group itself if that does not end it in time.
func cut(leash *os.File, cmd *exec.Cmd, ended <-chan struct{}) {
	_ = leash.Close()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-timer.C:
		endGroup(cmd)
	case <-ended:
	}
}

func outputs(cmd *exec.Cmd, folder string) (closeBoth func(), err error) {
	events, err := os.OpenFile(filepath.Join(folder, "events.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	errs, err := os.OpenFile(filepath.Join(folder, "stderr"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		_ = events.Close()
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = events, errs
	return func() { _ = errors.Join(events.Close(), errs.Close()) }, nil
}

// inherited are the worker's variables that ansible-playbook gets; the others may hold secrets.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "SSH_AUTH_SOCK", "ANSIBLE_CONFIG"}

func (r *Runner) environment() (env []string) {
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	env = append(env, "ANSIBLE_STDOUT_CALLBACK=sallyport", "ANSIBLE_CALLBACK_PLUGINS="+r.plugins, "ANSIBLE_NOCOLOR=1", "ANSIBLE_NOCOWS=1",
		"ANSIBLE_RETRY_FILES_ENABLED=0", "ANSIBLE_SSH_ARGS="+r.config.SSHArgs, "PYTHONDONTWRITEBYTECODE=1")
	for name, value := range r.config.Environment {
		env = append(env, name+"="+value)
	}
	return env
}

// onlyHost asks Ansible itself which hosts the run would reach. A name may be a group's, even "all": the answer must be
// this one host.
func (r *Runner) onlyHost(ctx context.Context, folder, playbook string, req activities.PlaybookRequest) error {
	args, err := r.arguments(folder, playbook, req)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(filepath.Join(folder, "vault")) }()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.config.Program, append([]string{"--list-hosts"}, args...)...)
	cmd.Env, cmd.Dir = r.environment(), filepath.Dir(playbook)
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return activities.Permanent(errors.New("ansible-playbook --list-hosts refuses the playbook or the host: run it by hand to see why"))
	}
	hosts, err := listedHosts(string(out))
	if err != nil {
		return err
	}
	if !slices.Equal(hosts, []string{req.Host}) {
		return activities.Permanent(fmt.Errorf("the playbook would reach %d hosts by the name %s: want exactly that host", len(hosts), req.Host))
	}
	return nil
}

// listedHosts reads what --list-hosts prints: per play "hosts (2):" and then an indented name per line.
func listedHosts(text string) (hosts []string, err error) {
	within := -1 // indent of the "hosts (n):" line, or -1
	for line := range strings.Lines(text) {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		name := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(name, "hosts (") && strings.HasSuffix(name, "):"):
			within = indent
		case name == "" || indent <= within:
			within = -1
		case within >= 0:
			hosts = append(hosts, name)
		}
	}
	slices.Sort(hosts)
	if bytes.Count([]byte(text), []byte("\n")) == 0 {
		return nil, errors.New("ansible-playbook --list-hosts printed nothing")
	}
	return slices.Compact(hosts), nil
}
