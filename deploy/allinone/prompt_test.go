package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// seat is a demo that runs with somebody at its standard input, who reads what it writes.
type seat struct {
	t       *testing.T
	command *exec.Cmd
	in      io.WriteCloser
	temp    string // where it may leave nothing

	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer: what the demo says.
func (s *seat) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *seat) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func sit(t *testing.T, args ...string) *seat {
	t.Helper()
	s := &seat{t: t, command: program(t, t.Context(), append([]string{"demo"}, args...)...), temp: t.TempDir()}
	s.command.Env = append(s.command.Env, "TMPDIR="+s.temp)
	s.command.Stdout, s.command.Stderr = s, s
	var err error
	if s.in, err = s.command.StdinPipe(); err == nil {
		err = s.command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.command.ProcessState == nil {
			_ = s.command.Process.Kill()
			_ = s.command.Wait()
		}
	})
	return s
}

// await waits until the demo has said want so often.
func (s *seat) await(want string, times int) {
	s.t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if strings.Count(s.said(), want) >= times {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	s.t.Fatalf("it never said %q for the %d. time:\n%s", want, times, s.said())
}

func (s *seat) types(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, line+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end, and expects that nothing is left behind.
func (s *seat) ends() (code int) {
	s.t.Helper()
	_ = s.command.Wait()
	left, err := os.ReadDir(s.temp)
	if err != nil || len(left) > 0 {
		s.t.Errorf("left behind: %v, %v", left, err)
	}
	return s.command.ProcessState.ExitCode()
}

const asks = "Sallyport asks: may it "

func TestDemoAtThePrompt(t *testing.T) {
	s := sit(t)
	s.await(asks+"block 203.0.113.66 on wazuh agent shop-01 for 10s?", 1)
	s.types("perhaps")
	s.await(`"perhaps" is neither yes nor no`, 1)
	s.types("Y")
	s.await("ana approved (cli): block 203.0.113.66", 1)
	s.await("Contained, and read back: block 203.0.113.66 on wazuh agent shop-01", 1)
	s.await(asks+"patch shop-01 with playbook patch?", 1)
	s.types("")
	s.await("Remediation patch of shop-01: denied", 1)
	if code := s.ends(); code != 0 || !strings.Contains(s.said(), "Over: every incident is closed") {
		t.Errorf("exit %d:\n%s", code, s.said())
	}
	if strings.Contains(s.said(), "\x1b[") {
		t.Errorf("colours off a terminal:\n%q", s.said())
	}
}

// Nobody at the prompt is a no to everything.
func TestDemoWithNobodyThere(t *testing.T) {
	s := sit(t)
	if err := s.in.Close(); err != nil {
		t.Fatal(err)
	}
	code := s.ends()
	if code != 0 || !strings.Contains(s.said(), "Nobody can answer here any more: that means no.") || strings.Count(s.said(), asks) != 1 {
		t.Errorf("exit %d:\n%s", code, s.said())
	}
	if strings.Contains(s.said(), "ana approved") || strings.Contains(s.said(), "Contained, and read back: block 203.0.113.66 on wazuh") {
		t.Errorf("silence approved:\n%s", s.said())
	}
}

// Ctrl-C at the open question ends everything: Temporal, the stand-ins, the files.
func TestDemoInterrupted(t *testing.T) {
	s := sit(t)
	s.await(asks, 1)
	began := time.Now()
	if err := s.command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.ends(); code != 1 || !strings.Contains(s.said(), "interrupted:") || !strings.Contains(s.said(), "nothing is left behind") {
		t.Errorf("exit %d:\n%s", code, s.said())
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s to end", took)
	}
}

func TestTimelineFitsTheTerminal(t *testing.T) {
	text := "Judged: score 100 of 100, because of many things that were seen, and of one that was not"
	if got := (look{}).broken(text); got != text {
		t.Errorf("off a terminal lines are broken: %q", got)
	}
	got := look{terminal: true, width: 60}.broken(text)
	if strings.ReplaceAll(got, "\n"+indent, " ") != text {
		t.Errorf("words got lost: %q", got)
	}
	for line := range strings.Lines(indent + got) {
		if len(strings.TrimSuffix(line, "\n")) > 60 {
			t.Errorf("%q is too wide", line)
		}
	}
	if got := (look{terminal: true}).strong("x"); got != "\x1b[1mx\x1b[0m" || (look{}).strong("x") != "x" {
		t.Errorf("strong is %q", got)
	}
}
