package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withContent is a config whose content folder holds the files.
func withContent(t *testing.T, files map[string]string) (config string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, "content", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, text, _ := call("config", "init")
	config = filepath.Join(dir, "sallyport.yaml")
	text = strings.Replace(text, "127.0.0.1:7233", "127.0.0.1:1", 1) + "\ncontent: [" + filepath.Join(dir, "content") + "]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

const ownHunt = `id: H-0100
title: A new service
hypothesis: An intruder stays by a service of its own.
stream: wazuh
schedule: "0 5 * * *"
lookback: 24h
query: {term: {data.win.system.eventID: "7045"}}
analysis: {method: rare, by: [data.win.eventdata.serviceName], entity: {family: host, field: agent.name}, max_count: 1}
min_documents: 1
`

func TestHuntList(t *testing.T) {
	config := withContent(t, map[string]string{"hunts/own.yaml": ownHunt})
	code, out, errors := call("hunt", "list", "--config", config)
	for _, want := range []string{"H-0001  Rare parent and child", "H-0002  Login from an address", "H-0100  A new service", `0 5 * * *`} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want 0 and %q in:\n%s%s", code, want, out, errors)
		}
	}
	code, out, _ = call("hunt", "list", "-o", "json", "--config", config)
	var hunts []struct{ ID, Schedule, Lookback, File, Version string }
	if err := json.Unmarshal([]byte(out), &hunts); err != nil || code != 0 || len(hunts) != 3 {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	if h := hunts[2]; h.ID != "H-0100" || h.Lookback != "24h0m0s" || h.File != "hunts/own.yaml" || h.Version == "" {
		t.Errorf("own hunt: %+v", h)
	}
}

// A refused file is named with line and mend; the others are listed all the same.
func TestHuntsRefused(t *testing.T) {
	config := withContent(t, map[string]string{"hunts/own.yaml": strings.Replace(ownHunt, "0 5 * * *", "0 25 * * *", 1)})
	code, out, errors := call("hunt", "list", "--config", config)
	if code != 2 || !strings.Contains(errors, `hunts/own.yaml:5: schedule "0 25 * * *": `) || !strings.Contains(errors, "write minute, hour") {
		t.Errorf("exit %d: %s", code, errors)
	}
	if !strings.Contains(out, "H-0002") || strings.Contains(out, "H-0100") {
		t.Errorf("listed:\n%s", out)
	}
	if code, _, errors := call("hunt", "apply", "--config", config); code != 2 || !strings.Contains(errors, "hunts/own.yaml:5:") {
		t.Errorf("apply: exit %d: %s", code, errors)
	}
}

func TestHuntSaysWhatIsWrong(t *testing.T) {
	config := withContent(t, nil)
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"nobody answers":    {[]string{"hunt", "run", "H-0001", "--config", config}, 1, "127.0.0.1:1"},
		"nobody to apply":   {[]string{"hunt", "apply", "--config", config}, 1, "127.0.0.1:1"},
		"no hunt named":     {[]string{"hunt", "run", "--config", config}, 2, "accepts 1 arg"},
		"no config":         {[]string{"hunt", "list", "--config", "nowhere.yaml"}, 2, "nowhere.yaml"},
		"an unknown output": {[]string{"hunt", "list", "-o", "xml", "--config", config}, 2, "xml"},
		"an unknown verb":   {[]string{"hunt", "chase", "--config", config}, 2, "chase"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, out, errors := call(tt.args...); code != tt.code || !strings.Contains(errors, tt.want) {
				t.Errorf("exit %d, want %d and %q: %s%s", code, tt.code, tt.want, out, errors)
			}
		})
	}
}
