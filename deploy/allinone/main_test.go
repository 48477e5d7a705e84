package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// programVariable makes this test binary the program itself: tests start, kill and restart it as an operator would,
// without a second link of Temporal.
const programVariable = "SALLYPORT_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == workerProgram {
		os.Exit(daemon.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	if os.Getenv(programVariable) != "" || filepath.Base(os.Args[0]) == "ansible-playbook" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is this program, called with args, ended with the test.
func program(t *testing.T, ctx context.Context, args ...string) *exec.Cmd { //nolint:revive // the test comes first, as everywhere
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, self, args...)
	command.Env = append(os.Environ(), programVariable+"=1")
	command.Dir = t.TempDir()
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	return command
}

// run calls the program to its end, and returns what it printed and its exit code.
func run(t *testing.T, within time.Duration, args ...string) (output string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	command := program(t, ctx, args...)
	out, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), command.ProcessState.ExitCode()
}

// started is a program that goes on.
type started struct {
	command *exec.Cmd
	lines   chan string
	logs    string // file of what it logged
}

// start starts the program and waits for the first line that begins with each of the words; it returns what follows them.
func start(t *testing.T, words []string, args ...string) (s *started, found map[string]string) {
	t.Helper()
	s = &started{command: program(t, t.Context(), args...), lines: make(chan string, 1000)}
	out, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	logs, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	s.command.Stderr, s.logs = logs, logs.Name()
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		if text, err := os.ReadFile(logs.Name()); err == nil && t.Failed() {
			t.Logf("%s printed:\n%s", args[0], tail(string(text), 40))
		}
	})
	go func() {
		defer close(s.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			s.lines <- scan.Text()
		}
	}()
	found = map[string]string{}
	deadline := time.After(3 * time.Minute)
	for len(found) < len(words) {
		select {
		case line, open := <-s.lines:
			if !open {
				t.Fatalf("%v ended before it was ready", args)
			}
			for _, word := range words {
				if rest, ok := strings.CutPrefix(line, word+" "); ok {
					found[word] = rest
				}
			}
		case <-deadline:
			t.Fatalf("%v is not ready after three minutes; it said %v", args, found)
		}
	}
	return s, found
}

// kill ends the program as a power cut would.
func (s *started) kill() {
	if s.command.ProcessState == nil {
		_ = s.command.Process.Kill()
		_ = s.command.Wait()
	}
}

func tail(text string, most int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
