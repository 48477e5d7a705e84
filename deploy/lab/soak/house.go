package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The content: a mapping and a rule that every document matches, and that opens nothing.
const (
	mapping = `id: soak
fields:
  timestamp: {path: timestamp, type: string}
  host: {path: host, type: string}
  marker: {path: marker, type: string}
entity: [{family: host, field: host}]
asset: {name: [host]}
time: [timestamp]
`
	rule = `id: soak-marker
title: Every document of the soak
level: informational
mapping: soak
condition: marker == "soak"
events:
  - {name: marked, match: true, event: {timestamp: "2026-11-27T05:00:00Z", host: host-1, marker: soak}}
  - {name: not marked, match: false, event: {timestamp: "2026-11-27T05:00:00Z", host: host-1, marker: none}}
`
)

// house is Sallyport in two processes: Temporal with the workflows, and the worker that reads the stream.
type house struct {
	settings
	config string // of the worker, and of the command line
	core   *exec.Cmd
	reader *exec.Cmd
	kills  int
}

// openHouse writes the config and starts both.
func openHouse(ctx context.Context, s settings, cluster string) (*house, error) {
	h := &house{settings: s, config: filepath.Join(s.dir, "reader.yaml")}
	core := filepath.Join(s.dir, "core.yaml")
	temporal, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	common := fmt.Sprintf("temporal: {address: \"127.0.0.1:%d\", ui_address: \"\", data_dir: %q}\nopensearch: {url: %q}\nkeys: {grant: grant.key, gateway: gateway.key}\ncontent: [%q]\n"+
		"streams:\n  - {name: soak, index: %s, mapping: soak, from: beginning, poll: 1s, slots: 2}\n", temporal[0], filepath.Join(s.dir, "temporal"), cluster, filepath.Join(s.dir, "content"), alias)
	for file, text := range map[string]string{
		filepath.Join(s.dir, "content", "mappings", "soak.yaml"):   mapping,
		filepath.Join(s.dir, "content", "detections", "soak.yaml"): rule,
		core:     common + fmt.Sprintf("roles: [respond]\nlisten: 127.0.0.1:%d\n", ports[0]),
		h.config: common + fmt.Sprintf("roles: [detect]\nlisten: 127.0.0.1:%d\n", ports[1]),
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	for _, key := range []string{"grant.key", "gateway.key"} {
		if out, err := exec.CommandContext(ctx, s.allinone, "key", "new", filepath.Join(s.dir, key)).CombinedOutput(); err != nil { //nolint:gosec // the program under test
			return nil, fmt.Errorf("key new: %w: %s", err, out)
		}
	}
	if h.core, err = h.start(ctx, s.allinone, "up", "--config", core); err != nil {
		return nil, err
	}
	if h.reader, err = h.start(ctx, s.worker, "--config", h.config); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// freePorts finds free ports of loopback; another program may take one meanwhile.
func freePorts(n int) (ports []int, err error) {
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// start starts a program that logs to a file of its name.
func (h *house) start(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	logs, err := os.OpenFile(filepath.Join(h.dir, filepath.Base(program)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logs.Close() }()
	command := exec.CommandContext(ctx, program, args...) //nolint:gosec // the program under test
	command.Stdout, command.Stderr = logs, logs
	return command, command.Start()
}

func end(command *exec.Cmd) {
	if command != nil && command.Process != nil {
		_ = command.Process.Kill()
		_ = command.Wait()
	}
}

func (h *house) close() {
	end(h.reader)
	end(h.core)
}

// killAtRandom kills the worker so many times while the list grows, as a power cut would, at random moments, and starts it
// again at once.
func (h *house) killAtRandom(ctx context.Context, list *acknowledged, kills int, every time.Duration) (err error) {
	for h.kills < kills {
		if !pause(ctx, every/4+rand.N(every+every/2)) { //nolint:gosec // any moment will do
			return ctx.Err()
		}
		if err := list.await(ctx, (float64(h.kills)+0.5*rand.Float64())/float64(kills)); err != nil { //nolint:gosec // any moment will do
			return err
		}
		if h.reader.ProcessState != nil {
			return errors.New("the worker has ended by itself")
		}
		end(h.reader)
		h.kills++
		if h.reader, err = h.start(ctx, h.worker, "--config", h.config); err != nil {
			return err
		}
		log.Printf("worker killed for the %d. time", h.kills)
	}
	return nil
}

// awaitCovered waits until the command line says that all that was indexed before at is evaluated.
func (h *house) awaitCovered(ctx context.Context, at time.Time, within time.Duration) error {
	var said []byte
	for end := time.Now().Add(within); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 2*time.Second) {
		var err error
		said, err = exec.CommandContext(ctx, h.allinone, "coverage", "soak", "--at", at.UTC().Format(time.RFC3339Nano), "--config", h.config).CombinedOutput() //nolint:gosec // the program under test
		if err == nil {
			log.Printf("%s", said)
			return nil
		}
	}
	return fmt.Errorf("not evaluated within %s: %s", within, said)
}
