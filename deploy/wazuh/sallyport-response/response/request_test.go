package response_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/deploy/wazuh/sallyport-response/response"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// line is execd's form, with what the server was asked in its places.
func line(srcip string, args ...string) []byte {
	text, _ := json.Marshal(map[string]any{
		"version": 1, "origin": map[string]any{"name": nil, "module": "wazuh-execd"}, "command": "add",
		"parameters": map[string]any{"extra_args": args, "alert": map[string]any{"data": map[string]any{"srcip": srcip}}, "program": "active-response/bin/sallyport-response"},
	})
	return append(text, '\n')
}

func TestParse(t *testing.T) {
	got, err := response.Parse(line("203.0.113.9", "block", "3600", "i1-0", "n1"))
	want := response.Request{Verb: "block", For: time.Hour, Action: "i1-0", Nonce: "n1", Target: netip.MustParseAddr("203.0.113.9")}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(line("203.0.113.9", "block", "60", "i1-0", "n1"))
	tests := map[string]string{
		"nothing":           "",
		"no JSON":           "block 203.0.113.9",
		"delete":            strings.Replace(good, `"add"`, `"delete"`, 1),
		"another version":   strings.Replace(good, `"version":1`, `"version":2`, 1),
		"no target":         strings.Replace(good, "203.0.113.9", "", 1),
		"a network":         strings.Replace(good, "203.0.113.9", "203.0.113.0/24", 1),
		"a name":            strings.Replace(good, "203.0.113.9", "host.example", 1),
		"a zone":            strings.Replace(good, "203.0.113.9", "fe80::1%eth0", 1),
		"an nft set":        strings.Replace(good, "203.0.113.9", "203.0.113.9, 0.0.0.0/0", 1),
		"no arguments":      string(line("203.0.113.9")),
		"three arguments":   string(line("203.0.113.9", "block", "60", "i1-0")),
		"unknown verb":      string(line("203.0.113.9", "delete", "60", "i1-0", "n1")),
		"for ever":          string(line("203.0.113.9", "block", "0", "i1-0", "n1")),
		"too long":          string(line("203.0.113.9", "block", "99999999", "i1-0", "n1")),
		"negative":          string(line("203.0.113.9", "block", "-1", "i1-0", "n1")),
		"no seconds":        string(line("203.0.113.9", "block", "1h", "i1-0", "n1")),
		"no action":         string(line("203.0.113.9", "block", "60", "", "n1")),
		"a shell's words":   string(line("203.0.113.9", "block", "60", "$(id)", "n1")),
		"no nonce":          string(line("203.0.113.9", "block", "60", "i1-0", "")),
		"a line of 100 kiB": good + strings.Repeat(" ", 100<<10),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := response.Parse([]byte(text)); err == nil {
				t.Errorf("took %+v", got)
			}
		})
	}
}

// Who asked hears of a request that is refused, as long as it says in plain words who it is.
func TestRefusalReachesWhoAsked(t *testing.T) {
	p := &response.Program{Now: time.Now}
	for text, want := range map[string]string{
		string(line("203.0.113.9", "dance", "60", "i1-0", "n1")):      "i1-0 n1",
		string(line("no address", "block", "60", "i1-0", "n1")):       "i1-0 n1",
		string(line("203.0.113.9", "block", "60", "i1 0", "n1")):      " n1",
		string(line("203.0.113.9", "block", "60", "i1-0", "n1", "x")): "i1-0 n1",
		"hello": " ",
	} {
		got := p.Run(t.Context(), []byte(text))
		if got.Error != response.BadRequest || got.Action+" "+got.Nonce != want || got.Target != "" {
			t.Errorf("%s: %+v, want %q", text, got, want)
		}
	}
}

// What a real agent's script was given on stdin is understood once its arguments are ours, and refused as it is.
func TestParseRecordedStdin(t *testing.T) {
	recorded := 0
	for raw := range bytes.Lines(shared.Read(t, "samples/wazuh/api-4.14/agent-script-stdin.ndjson")) {
		var entry struct {
			Line string         `json:"line"`
			JSON map[string]any `json:"json"`
		}
		if json.Unmarshal(raw, &entry) != nil || entry.Line != "first line on stdin" || entry.JSON["command"] != "add" {
			continue
		}
		recorded++
		asRecorded, _ := json.Marshal(entry.JSON)
		if got, err := response.Parse(asRecorded); err == nil {
			t.Errorf("took %s as %+v", asRecorded, got)
		}
		parameters := entry.JSON["parameters"].(map[string]any)
		alert := parameters["alert"].(map[string]any)
		data, _ := alert["data"].(map[string]any)
		srcip, _ := data["srcip"].(string)
		parameters["extra_args"] = []string{"status", "0", "i1-0", "n1"}
		asOurs, _ := json.Marshal(entry.JSON)
		got, err := response.Parse(asOurs)
		if want, bad := netip.ParseAddr(srcip); (bad == nil) != (err == nil) || err == nil && got.Target != want {
			t.Errorf("%s: %+v, %v", asOurs, got, err)
		}
	}
	if recorded < 5 {
		t.Errorf("only %d recorded lines", recorded)
	}
}

func TestResultIsOneLine(t *testing.T) {
	hostile := response.Result{Verb: "status", Detail: "a\nb\x00\"" + strings.Repeat("x", 500)}.Line()
	if bytes.Count(hostile, []byte("\n")) != 1 || !bytes.HasPrefix(hostile, []byte(response.Prefix)) || len(hostile) > 600 {
		t.Errorf("%q", hostile)
	}
	var back map[string]response.Result
	if err := json.Unmarshal(bytes.TrimPrefix(hostile, []byte(response.Prefix)), &back); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(line("203.0.113.9", "block", "60", "i1-0", "n1"))
	f.Add(line("2001:db8::1", "unblock", "0", "i1-0", "n1"))
	f.Add([]byte(`{"version":1,"command":"add","parameters":{"extra_args":[],"alert":{}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := response.Parse(text)
		if err != nil {
			return
		}
		if !got.Target.IsValid() || got.Target.Zone() != "" || got.Action == "" || got.Nonce == "" {
			t.Errorf("took %q as %+v", text, got)
		}
		if strings.ContainsAny(got.Action+got.Nonce+got.Verb, " \t\n\";{}$`|&<>'\\") {
			t.Errorf("took %q", text)
		}
		if got.Verb == response.Block && (got.For <= 0 || got.For > response.MaxFor) {
			t.Errorf("took %s", got.For)
		}
	})
}
