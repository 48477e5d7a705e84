package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/internal/lab"
)

// workerProgram is the name under which this test binary is sallyport-worker.
const workerProgram = "sallyport-worker"

// TestRolesInProcessesOfTheirOwn runs Temporal alone in one process and each role in another, and plays the attack
// through: the same end as in one process. Each role asks for its own secrets only.
func TestRolesInProcessesOfTheirOwn(t *testing.T) {
	o := newChatOffice(t, lab.Pace{})
	start(t, []string{"Sallyport is up."}, "up", "--config", o.variant("temporal", "roles: []", "keys: {}"))
	dir := filepath.Dir(o.file)
	public, err := os.ReadFile(filepath.Join(dir, "gateway.key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for role, keys := range map[string]string{
		"detect":  "{grant: nowhere.key, gateway: nowhere.key}",
		"respond": fmt.Sprintf("{grant: grant.key, gateway: nowhere.key, gateway_public: %q}", public),
		"gateway": "{grant: nowhere.key, gateway: gateway.key}",
	} {
		o.worker(o.variant(role, "roles: ["+role+"]", "keys: "+keys))
	}
	o.await("the gateway's connection", o.lab.Slack.Connected)
	o.play()
	card := o.card("block 203.0.113.66", "agent shop-01")
	o.press(lab.SlackFirst, card, slack.ApproveButton)
	o.told(lab.SlackFirst, "Recorded: approved")
	record := o.awaitClosed(5 * time.Minute) // the patch is approved on the command line
	o.expectOnce(record)
	if len(record.Remediation) != 1 || !record.Remediation[0].Proved {
		t.Errorf("remediation %+v; want one that a rescan proved", record.Remediation)
	}
	for role, want := range map[string][]string{
		"temporal": nil,
		"detect":   nil, // the lab's OpenSearch asks for no password
		"respond":  {"cortex", "gvm", "misp", "pfsense", "thehive", "wazuh"},
		"gateway":  {"slack_app", "slack_bot"},
	} {
		if got := askedBy(t, dir, role); !slices.Equal(got, want) {
			t.Errorf("role %s asked for the secrets %v, want %v", role, got, want)
		}
	}
}

// secretFile is a reference of the lab's config to one of its secrets.
var secretFile = regexp.MustCompile(`"?file:([^"\s]*)/([a-z_]+)\.secret"?`)

// variant is the lab's config for one process: with lines of its own, a port of its own, and secrets that leave a trace
// of who asked.
func (o *chatOffice) variant(role string, lines ...string) (file string) {
	o.t.Helper()
	text, err := os.ReadFile(o.file)
	if err != nil {
		o.t.Fatal(err)
	}
	dir := filepath.Dir(o.file)
	program := filepath.Join(dir, "give-"+role)
	script := fmt.Sprintf("#!/bin/sh\ntouch %[1]s/%[2]s-asked-$1\ncat %[1]s/$1.secret\n", dir, role)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil { //nolint:gosec // a program must be executable
		o.t.Fatal(err)
	}
	own := secretFile.ReplaceAllString(string(text), fmt.Sprintf("%q", "cmd:"+program+" $2"))
	own = strings.Replace(own, "listen: 127.0.0.1:0", fmt.Sprintf("listen: 127.0.0.1:%d", freeLoopbackPort(o.t)), 1)
	file = filepath.Join(dir, role+".yaml")
	if err := os.WriteFile(file, []byte(own+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		o.t.Fatal(err)
	}
	return file
}

// askedBy names the secrets that a role resolved.
func askedBy(t *testing.T, dir, role string) (names []string) {
	t.Helper()
	traces, err := filepath.Glob(filepath.Join(dir, role+"-asked-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, trace := range traces {
		names = append(names, strings.TrimPrefix(filepath.Base(trace), role+"-asked-"))
	}
	return names
}

// worker runs sallyport-worker until stop, as a supervisor stops it, or the test's end, and returns when it is ready: where
// it listens.
func (o *chatOffice) worker(file string) (address string, stop func()) {
	o.t.Helper()
	command := exec.CommandContext(o.t.Context(), filepath.Join(programs(o.t, workerProgram), workerProgram), "--config", file) //nolint:gosec // this program
	command.Env, command.Dir = append(os.Environ(), programVariable+"=1"), o.t.TempDir()
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	logs, err := os.Create(filepath.Join(o.t.TempDir(), "stderr"))
	if err != nil {
		o.t.Fatal(err)
	}
	command.Stdout, command.Stderr = logs, logs
	if err := command.Start(); err != nil {
		o.t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		err := command.Wait()
		if text, _ := os.ReadFile(logs.Name()); command.ProcessState.ExitCode() != 0 || o.t.Failed() {
			o.t.Errorf("%s ended: %v; it logged:\n%s", filepath.Base(file), err, tail(string(text), 20))
		}
	})
	o.t.Cleanup(stop)
	text, err := os.ReadFile(file)
	if err != nil {
		o.t.Fatal(err)
	}
	address = regexp.MustCompile(`(?m)^listen: (.*)$`).FindStringSubmatch(string(text))[1]
	o.await(filepath.Base(file)+" is ready", func() bool {
		req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, "http://"+address+"/readyz", nil)
		if err != nil {
			o.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return address, stop
}
