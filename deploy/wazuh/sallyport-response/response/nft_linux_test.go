package response_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/deploy/wazuh/sallyport-response/response"
)

// namespace puts the test, and the processes it starts, into an empty network of its own. The thread ends with the test.
func namespace(t *testing.T) response.Nft {
	t.Helper()
	nft, err := response.FindNft()
	if err == nil && os.Getuid() != 0 {
		err = fmt.Errorf("not root")
	}
	if err == nil {
		runtime.LockOSThread()
		err = syscall.Unshare(syscall.CLONE_NEWNET)
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("nftables in a network namespace:", err)
		}
		t.Skip("nftables in a network namespace:", err)
	}
	run(t, "ip", "link", "set", "lo", "up")
	return nft
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
	return string(out)
}

func program(t *testing.T, nft response.Nft) *response.Program {
	return &response.Program{
		Firewall: nft, Store: response.File{Path: filepath.Join(t.TempDir(), "holders.json")},
		Protected: response.Host{Home: "testdata", Root: "testdata", Proc: "/proc/thread-self"}.Protected, Now: time.Now,
	}
}

// do runs one request and fails on an error in its result.
func do(t *testing.T, p *response.Program, verb string, seconds int, action, target string) response.Result {
	t.Helper()
	got := p.Run(t.Context(), line(target, verb, fmt.Sprint(seconds), action, "n1"))
	if got.Error != "" {
		t.Fatalf("%s: %s %s", verb, got.Error, got.Detail)
	}
	return got
}

func state(r response.Result) string {
	return fmt.Sprintf("in force %t, ours %t, shared %t, holders %d", r.InForce, r.Ours, r.Shared, r.Holders)
}

func expect(t *testing.T, got response.Result, want string) {
	t.Helper()
	if state(got) != want {
		t.Fatalf("%s: %s, want %s", got.Verb, state(got), want)
	}
}

func TestBlockAndUnblock(t *testing.T) {
	p := program(t, namespace(t))
	for _, target := range []string{"203.0.113.9", "2001:db8::bad"} {
		expect(t, do(t, p, "status", 0, "i1-0", target), "in force false, ours false, shared false, holders 0")
		expect(t, do(t, p, "unblock", 0, "i1-0", target), "in force false, ours false, shared false, holders 0")
		expect(t, do(t, p, "block", 3600, "i1-0", target), "in force true, ours true, shared false, holders 1")
		expect(t, do(t, p, "block", 3600, "i1-0", target), "in force true, ours true, shared false, holders 1")
		if n := strings.Count(run(t, "nft", "list", "table", "inet", "sallyport"), target+" timeout"); n != 1 {
			t.Errorf("%s is %d times in the table", target, n)
		}
		expect(t, do(t, p, "unblock", 0, "i1-0", target), "in force false, ours false, shared false, holders 0")
		expect(t, do(t, p, "unblock", 0, "i1-0", target), "in force false, ours false, shared false, holders 0")
	}
}

func TestUnblockLeavesOtherHolders(t *testing.T) {
	p := program(t, namespace(t))
	do(t, p, "block", 600, "i1-0", "203.0.113.9")
	if got := do(t, p, "block", 3600, "i2-0", "203.0.113.9"); got.Left < 3500 {
		t.Errorf("the longest hold counts, got %d s", got.Left)
	}
	expect(t, do(t, p, "status", 0, "i1-0", "203.0.113.9"), "in force true, ours true, shared true, holders 2")
	got := do(t, p, "unblock", 0, "i2-0", "203.0.113.9")
	expect(t, got, "in force true, ours false, shared true, holders 1")
	if got.Left > 600 {
		t.Errorf("the kernel's timeout is still that of the hold that ended: %d s", got.Left)
	}
	expect(t, do(t, p, "unblock", 0, "i1-0", "203.0.113.9"), "in force false, ours false, shared false, holders 0")
}

func TestForeignElementStays(t *testing.T) {
	p := program(t, namespace(t))
	do(t, p, "block", 60, "i1-0", "203.0.113.10") // so that the table is there
	run(t, "nft", "add element inet sallyport blocked4 { 203.0.113.9 }")
	expect(t, do(t, p, "block", 60, "i1-1", "203.0.113.9"), "in force true, ours true, shared true, holders 1")
	expect(t, do(t, p, "unblock", 0, "i1-1", "203.0.113.9"), "in force true, ours false, shared true, holders 0")
	run(t, "nft", "flush chain inet sallyport input")
	expect(t, do(t, p, "unblock", 0, "i1-1", "203.0.113.9"), "in force false, ours false, shared true, holders 0")
	expect(t, do(t, p, "block", 60, "i1-1", "203.0.113.9"), "in force true, ours true, shared true, holders 1")
}

func TestKernelLiftsByItself(t *testing.T) {
	p := program(t, namespace(t))
	expect(t, do(t, p, "block", 5, "i1-0", "203.0.113.9"), "in force true, ours true, shared false, holders 1")
	for deadline := time.Now().Add(time.Minute); ; {
		got := do(t, p, "status", 0, "i1-0", "203.0.113.9")
		if !got.InForce && !got.Ours {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %s after a minute", state(got))
		}
	}
}

func TestPacketsAreDropped(t *testing.T) {
	nft := namespace(t)
	run(t, "ip", "addr", "add", "203.0.113.9/32", "dev", "lo")
	p := program(t, nft)
	p.Protected = func(context.Context, netip.Addr) (string, error) { return "", nil } // the source is this host's own, for once
	if !arrives(t, "203.0.113.9") {
		t.Fatal("nothing arrives even without a block")
	}
	do(t, p, "block", 60, "i1-0", "203.0.113.9")
	if arrives(t, "203.0.113.9") {
		t.Error("a packet from a blocked address arrived")
	}
	if !arrives(t, "127.0.0.1") {
		t.Error("a packet from another address was dropped")
	}
	do(t, p, "unblock", 0, "i1-0", "203.0.113.9")
	if !arrives(t, "203.0.113.9") {
		t.Error("a packet was dropped after the unblock")
	}
}

// arrives sends one packet from source to this host, and says whether it got there.
func arrives(t *testing.T, source string) bool {
	t.Helper()
	in, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(source)}}
	out, err := dialer.DialContext(t.Context(), "udp4", in.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	_, _ = out.Write([]byte("knock")) // refused is an error here, as a dropped one is none
	_ = in.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, _, err = in.ReadFrom(make([]byte, 16))
	return err == nil
}

func TestRefusesWhatTheHostNeeds(t *testing.T) {
	nft := namespace(t)
	run(t, "ip", "addr", "add", "10.77.0.2/24", "dev", "lo")
	run(t, "ip", "route", "add", "default", "via", "10.77.0.1", "dev", "lo")
	p := program(t, nft)
	tests := map[string]string{
		"127.0.0.1": response.RefusedSpecial, "::1": response.RefusedSpecial, "0.0.0.0": response.RefusedSpecial, "224.0.0.1": response.RefusedSpecial,
		"fe80::1": response.RefusedSpecial, "10.77.0.2": response.RefusedOwn, "::ffff:10.77.0.2": response.RefusedOwn,
		"10.77.0.1": response.RefusedGateway, "10.77.0.250": response.RefusedManager, "10.77.0.53": response.RefusedResolver,
		"255.255.255.255": response.RefusedSpecial, "0.1.2.3": response.RefusedSpecial, "64:ff9b::10.77.0.1": response.RefusedGateway,
		"2002:a4d:1::1": response.RefusedGateway, "64:ff9b::7f00:1": response.RefusedSpecial,
	}
	for target, want := range tests {
		if got := p.Run(t.Context(), line(target, "block", "60", "i1-0", "n1")); got.Error != want || got.InForce || got.Ours {
			t.Errorf("%s: %q, %s; want %q", target, got.Error, state(got), want)
		}
	}
	do(t, p, "block", 60, "i1-0", "10.77.0.3")
}

// What can't be looked up may be what the host needs: nothing is blocked, and the result says what is missing.
func TestBlocksNothingWithoutKnowing(t *testing.T) {
	p := program(t, namespace(t))
	nowhere := t.TempDir()
	for missing, host := range map[string]response.Host{
		"ossec.conf": {Home: nowhere, Root: "testdata", Proc: "/proc/thread-self"},
		"route":      {Home: "testdata", Root: "testdata", Proc: nowhere},
		"lookup":     {Home: "testdata/unknown", Root: "testdata", Proc: "/proc/thread-self"},
	} {
		p.Protected = host.Protected
		got := p.Run(t.Context(), line("203.0.113.9", "block", "60", "i1-0", "n1"))
		if got.Error != response.RefusedUnknown || got.InForce || got.Ours || !strings.Contains(got.Detail, missing) {
			t.Errorf("%s: %+v", missing, got)
		}
	}
}

// Rules of somebody else before ours, and a table that sleeps, are no block; blocking again mends both.
func TestInForceIsWhatThePacketsMeet(t *testing.T) {
	p := program(t, namespace(t))
	do(t, p, "block", 60, "i1-0", "203.0.113.9")
	run(t, "nft", "insert rule inet sallyport input accept")
	expect(t, do(t, p, "status", 0, "i1-0", "203.0.113.9"), "in force false, ours true, shared false, holders 1")
	expect(t, do(t, p, "block", 60, "i1-0", "203.0.113.9"), "in force true, ours true, shared false, holders 1")
	run(t, "nft", "add rule inet sallyport input accept")
	expect(t, do(t, p, "status", 0, "i1-0", "203.0.113.9"), "in force true, ours true, shared false, holders 1")
	run(t, "nft", "add table inet sallyport { flags dormant; }")
	if got := p.Run(t.Context(), line("203.0.113.9", "status", "0", "i1-0", "n1")); got.InForce {
		t.Errorf("a table that sleeps drops nothing: %+v", got)
	}
}

// Calls at the same moment lose nobody's hold, whatever their order.
func TestAtTheSameMoment(t *testing.T) {
	nft := namespace(t)
	p := program(t, nft)
	p.Firewall = single{Firewall: nft, do: make(chan func())}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { p.Run(t.Context(), line("203.0.113.9", "block", "60", fmt.Sprintf("i%d-0", i), "n1")) })
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for running := true; running; { // processes are started by this thread, which is the one in the namespace
		select {
		case work := <-p.Firewall.(single).do:
			work()
		case <-done:
			running = false
		}
	}
	p.Firewall = nft
	expect(t, do(t, p, "status", 0, "i3-0", "203.0.113.9"), "in force true, ours true, shared true, holders 8")
}

// single hands each look and change to the thread that is in the namespace.
type single struct {
	response.Firewall
	do chan func()
}

func (s single) on(work func()) {
	done := make(chan struct{})
	s.do <- func() { work(); close(done) }
	<-done
}

// Look implements response.Firewall.
func (s single) Look(ctx context.Context, a netip.Addr) (e response.Element, err error) {
	s.on(func() { e, err = s.Firewall.Look(ctx, a) })
	return e, err
}

// Put implements response.Firewall.
func (s single) Put(ctx context.Context, a netip.Addr, d time.Duration) (err error) {
	s.on(func() { err = s.Firewall.Put(ctx, a, d) })
	return err
}

// A filter that refuses is said, the hold is kept for the next try, and a lost file is no trap.
func TestFaults(t *testing.T) {
	nft := namespace(t)
	p := program(t, response.Nft{Program: "/bin/false"})
	if got := p.Run(t.Context(), line("203.0.113.9", "block", "60", "i1-0", "n1")); got.Error != response.FilterFailed || got.InForce {
		t.Errorf("no nft: %+v", got)
	}
	p.Firewall = nft
	expect(t, do(t, p, "status", 0, "i1-0", "203.0.113.9"), "in force false, ours true, shared false, holders 1")
	expect(t, do(t, p, "block", 60, "i1-0", "203.0.113.9"), "in force true, ours true, shared false, holders 1")
	if err := os.Remove(p.Store.(response.File).Path); err != nil {
		t.Fatal(err)
	}
	expect(t, do(t, p, "unblock", 0, "i1-0", "203.0.113.9"), "in force false, ours false, shared false, holders 0")
	if err := os.WriteFile(p.Store.(response.File).Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.Run(t.Context(), line("203.0.113.9", "block", "60", "i1-0", "n1")); got.Error != response.StateFailed {
		t.Errorf("broken file: %+v", got)
	}
}
