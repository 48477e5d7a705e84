package response

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Table is the nftables table that is ours, in family inet. Its sets may hold an administrator's elements too: ours bear
// the comment Comment.
const (
	Table   = "sallyport"
	Comment = "sallyport"
)

// Nft is the host's nftables, driven by the program nft with one argument per call and no shell. It needs root.
type Nft struct{ Program string }

// maxOutput bounds what is read of nft's answers, in bytes.
const maxOutput = 32 << 20

// FindNft returns the host's nft; it looks in fixed folders, never in the caller's PATH.
func FindNft() (Nft, error) {
	for _, path := range []string{"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft"} {
		if _, err := exec.LookPath(path); err == nil {
			return Nft{Program: path}, nil
		}
	}
	return Nft{}, errors.New("nft is not installed")
}

func (n Nft) run(ctx context.Context, args ...string) ([]byte, error) {
	var out bytes.Buffer
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, n.Program, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdout, cmd.Stderr = &limited{w: &out, left: maxOutput}, &limited{w: &complaint, left: 4 << 10}
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		return nil, fmt.Errorf("nft: %w: %s", err, first)
	}
	return out.Bytes(), nil
}

// limited refuses what goes beyond its bound.
type limited struct {
	w    *bytes.Buffer
	left int
}

// Write implements io.Writer.
func (l *limited) Write(text []byte) (int, error) {
	if len(text) > l.left {
		return 0, errors.New("answer is too long")
	}
	l.left -= len(text)
	return l.w.Write(text)
}

func setOf(target netip.Addr) string {
	if target.Is4() {
		return "blocked4"
	}
	return "blocked6"
}

// object is one entry of `nft -j list`.
type object struct {
	Table *struct {
		Flags json.RawMessage `json:"flags"`
	} `json:"table"`
	Set *struct {
		Name string            `json:"name"`
		Elem []json.RawMessage `json:"elem"`
	} `json:"set"`
	Chain *struct {
		Name   string `json:"name"`
		Hook   string `json:"hook"`
		Policy string `json:"policy"`
	} `json:"chain"`
	Rule *struct {
		Chain string            `json:"chain"`
		Expr  []json.RawMessage `json:"expr"`
	} `json:"rule"`
}

// list returns our table; none while it does not exist.
func (n Nft) list(ctx context.Context) ([]object, error) {
	tables, err := n.run(ctx, "-j", "list", "tables")
	if err != nil {
		return nil, err
	}
	var all struct {
		Nftables []struct {
			Table *struct{ Family, Name string } `json:"table"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(tables, &all); err != nil {
		return nil, errors.New("nft: its list of tables is no JSON")
	}
	for _, o := range all.Nftables {
		if o.Table != nil && o.Table.Family == "inet" && o.Table.Name == Table {
			return n.listTable(ctx)
		}
	}
	return nil, nil
}

func (n Nft) listTable(ctx context.Context) ([]object, error) {
	text, err := n.run(ctx, "-j", "list", "table", "inet", Table)
	if err != nil {
		return nil, err
	}
	var table struct {
		Nftables []object `json:"nftables"`
	}
	if err := json.Unmarshal(text, &table); err != nil {
		return nil, errors.New("nft: its list of our table is no JSON")
	}
	return table.Nftables, nil
}

// Look implements Firewall.
func (n Nft) Look(ctx context.Context, target netip.Addr) (Element, error) {
	table, err := n.list(ctx)
	if err != nil {
		return Element{}, err
	}
	var found Element
	for _, o := range table {
		if o.Set != nil && o.Set.Name == setOf(target) {
			found = elementOf(o.Set.Elem, target)
		}
	}
	found.Enforced = enforced(table, setOf(target))
	return found, nil
}

// elementOf finds a target among elements: a bare "192.0.2.1", or an object with timeout and comment.
func elementOf(elements []json.RawMessage, target netip.Addr) Element {
	for _, raw := range elements {
		var bare string
		var full struct {
			Elem struct {
				Val     string `json:"val"`
				Timeout int64  `json:"timeout"`
				Expires int64  `json:"expires"`
				Comment string `json:"comment"`
			} `json:"elem"`
		}
		if json.Unmarshal(raw, &bare) != nil && json.Unmarshal(raw, &full) == nil {
			bare = full.Elem.Val
		}
		if address, err := netip.ParseAddr(bare); err != nil || address != target {
			continue
		}
		found := Element{Present: true, Ours: full.Elem.Comment == Comment}
		if full.Elem.Timeout > 0 {
			found.Left = time.Duration(max(full.Elem.Expires, 1)) * time.Second
		}
		return found
	}
	return Element{}
}

// enforced reports whether both chains are hooked in and begin with dropping what the set holds. A rule of somebody else
// before ours may let packets pass, and a table with flags may be dormant: then nobody knows.
func enforced(table []object, set string) bool {
	hooked, dropping, others := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, o := range table {
		switch {
		case o.Table != nil && len(o.Table.Flags) > 0:
			return false
		case o.Chain != nil && o.Chain.Name == o.Chain.Hook:
			hooked[o.Chain.Name] = true
		case o.Rule != nil && drops(o.Rule.Expr, set) && !others[o.Rule.Chain]:
			dropping[o.Rule.Chain] = true
		case o.Rule != nil && !drops(o.Rule.Expr, "blocked4") && !drops(o.Rule.Expr, "blocked6"):
			others[o.Rule.Chain] = true
		}
	}
	return !slices.ContainsFunc(chains, func(name string) bool { return !hooked[name] || !dropping[name] })
}

// drops reports whether a rule is exactly: source address in the set, drop.
func drops(expr []json.RawMessage, set string) bool {
	if len(expr) != 2 {
		return false
	}
	var match struct {
		Match struct {
			Op   string `json:"op"`
			Left struct {
				Payload struct{ Protocol, Field string } `json:"payload"`
			} `json:"left"`
			Right json.RawMessage `json:"right"`
		} `json:"match"`
	}
	var verdict map[string]json.RawMessage
	if json.Unmarshal(expr[0], &match) != nil || json.Unmarshal(expr[1], &verdict) != nil {
		return false
	}
	_, drop := verdict["drop"]
	return drop && match.Match.Op == "==" && match.Match.Left.Payload.Field == "saddr" && string(match.Match.Right) == `"@`+set+`"`
}

// chains are the hooks in which packets are dropped, each named as its hook: what is for the host, and what it forwards.
var chains = []string{"input", "forward"}

// ground makes table, sets, chains and rules anew; sets keep their elements.
func ground() string {
	lines := []string{
		"add table inet " + Table,
		"add set inet " + Table + " blocked4 { type ipv4_addr; flags timeout; }",
		"add set inet " + Table + " blocked6 { type ipv6_addr; flags timeout; }",
	}
	for _, chain := range chains {
		lines = append(lines,
			fmt.Sprintf("add chain inet %s %s { type filter hook %s priority -150; policy accept; }", Table, chain, chain),
			fmt.Sprintf("flush chain inet %s %s", Table, chain),
			fmt.Sprintf("add rule inet %s %s ip saddr @blocked4 drop", Table, chain),
			fmt.Sprintf("add rule inet %s %s ip6 saddr @blocked6 drop", Table, chain))
	}
	return strings.Join(lines, "\n") + "\n"
}

// Put implements Firewall, as one transaction. If our old element ends at that very moment, it is tried once more.
func (n Nft) Put(ctx context.Context, target netip.Addr, last time.Duration) error {
	for attempt := 0; ; attempt++ {
		seen, err := n.Look(ctx, target)
		if err != nil {
			return err
		}
		script := ""
		if !seen.Enforced {
			script = ground()
		}
		if seen.Present && !seen.Ours {
			if script == "" {
				return nil
			}
		} else {
			if seen.Present {
				script += fmt.Sprintf("delete element inet %s %s { %s }\n", Table, setOf(target), target)
			}
			seconds := int64((last + time.Second - 1) / time.Second)
			script += fmt.Sprintf("add element inet %s %s { %s timeout %ds comment %q }\n", Table, setOf(target), target, seconds, Comment)
		}
		if _, err = n.run(ctx, script); err == nil || attempt > 0 {
			return err
		}
	}
}

// Remove implements Firewall.
func (n Nft) Remove(ctx context.Context, target netip.Addr) error {
	_, failed := n.run(ctx, fmt.Sprintf("delete element inet %s %s { %s }", Table, setOf(target), target))
	if failed == nil {
		return nil
	}
	seen, err := n.Look(ctx, target) // it may have ended by itself
	if err == nil && !seen.Present {
		return nil
	}
	return failed
}
