package ansibletest

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Exit codes, as ansible-playbook has them.
const (
	exitOK          = 0
	exitError       = 1 // nothing to run on, no playbook
	exitFailed      = 2
	exitUnreachable = 4 // also a broken playbook
	exitOptions     = 5
)

// run is one call of ansible-playbook.
type run struct {
	check, list     bool
	version         bool
	limit, playbook string
	cves            []string
	state           string
	out             io.Writer
}

// Main does what ansible-playbook does when it is called with args, and returns its exit code.
func Main(args []string) int {
	r, code := parse(args)
	if code != exitOK {
		return code
	}
	if r.version {
		fmt.Fprintln(r.out, "ansible-playbook [core 2.14.18]")
		return exitOK
	}
	holdLeash()
	hosts, err := Read(r.state)
	if err != nil {
		return complain(err)
	}
	if _, err := os.Stat(r.playbook); err != nil {
		return complain(errors.New("the playbook: " + r.playbook + " could not be found"))
	}
	reached := hosts.reached(r.limit)
	if len(reached) == 0 {
		return complain(errors.New("specified inventory, host pattern and/or --limit leaves us with no hosts to target"))
	}
	if r.list {
		return r.listHosts(reached)
	}
	return r.play(reached)
}

func parse(args []string) (r run, code int) {
	flags := flag.NewFlagSet("ansible-playbook", flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	vars := ""
	flags.BoolVar(&r.check, "check", false, "")
	flags.BoolVar(&r.list, "list-hosts", false, "")
	flags.BoolVar(&r.version, "version", false, "")
	flags.Bool("diff", false, "")
	flags.StringVar(&r.limit, "limit", "", "")
	flags.StringVar(&vars, "extra-vars", "", "")
	for _, ignored := range []string{"inventory", "user", "private-key", "vault-password-file"} {
		flags.String(ignored, "", "")
	}
	if err := flags.Parse(args); err != nil || (flags.NArg() != 1 && !r.version) {
		return r, exitOptions
	}
	r.playbook, r.state, r.out = flags.Arg(0), os.Getenv(StateVariable), os.Stdout
	if file, ok := strings.CutPrefix(vars, "@"); ok {
		var given struct {
			CVEs []string `json:"sallyport_cves"`
		}
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &given)
		}
		if err != nil {
			return r, complain(err)
		}
		r.cves = given.CVEs
	}
	return r, exitOK
}

// complain is for what Ansible ends with 1: nothing was tried.
func complain(err error) int {
	fmt.Fprintln(os.Stderr, "ERROR!", err)
	return exitError
}

// holdLeash ends this process when the pipe of the worker ends, as the callback plug-in does inside Ansible.
func holdLeash() {
	fd, err := strconv.Atoi(os.Getenv("SALLYPORT_LEASH_FD"))
	if err != nil {
		return
	}
	leash := os.NewFile(uintptr(fd), "leash")
	go func() {
		_, _ = leash.Read(make([]byte, 1))
		endGroup()
	}()
}

// reached are the hosts that a limit names: hosts and groups, as a list; empty means all.
func (h Hosts) reached(limit string) (names []string) {
	words := strings.Split(limit, ",")
	for name, host := range h.Hosts {
		in := limit == "" || slices.Contains(words, "all") || slices.Contains(words, name)
		if in || slices.ContainsFunc(host.Groups, func(g string) bool { return slices.Contains(words, g) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r run) listHosts(reached []string) int {
	fmt.Fprintf(r.out, "\nplaybook: %s\n\n  play #1 (all): patch\tTAGS: []\n    pattern: ['all']\n    hosts (%d):\n", r.playbook, len(reached))
	for _, name := range reached {
		fmt.Fprintf(r.out, "      %s\n", name)
	}
	return exitOK
}

// tell writes a line as the callback plug-in does.
func (r run) tell(event string, facts map[string]any) {
	line := map[string]any{"sallyport": 1, "event": event}
	maps.Copy(line, facts)
	text, _ := json.Marshal(line) // strings, numbers and booleans
	fmt.Fprintf(r.out, "%s\n", text)
}

func pause(h *Host) { time.Sleep(time.Duration(h.PauseMillis) * time.Millisecond) }
