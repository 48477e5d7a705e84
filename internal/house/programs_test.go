package house_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// workerFlags asks the worker itself which flags it has.
func workerFlags() string {
	var help bytes.Buffer
	daemon.Main([]string{"--help"}, &help, &help)
	return help.String()
}

// flagsOf are the flags of a command line, without values and dashes.
func flagsOf(words []string) (flags []string) {
	for _, word := range words {
		if name, ok := strings.CutPrefix(word, "-"); ok {
			name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
			flags = append(flags, name)
		}
	}
	return flags
}

func expectFlags(t *testing.T, where, help string, words []string) {
	t.Helper()
	flags := flagsOf(words)
	if len(flags) == 0 {
		t.Errorf("%s: no flag in %v", where, words)
	}
	for _, flag := range flags {
		if !regexp.MustCompile(`(?m)^\s+--?` + regexp.QuoteMeta(flag) + `\b`).MatchString(help) {
			t.Errorf("%s: flag %s is none of:\n%s", where, flag, help)
		}
	}
}

// The worker is called with flags that it has, by its unit, its image and compose. The all-in-one's unit is tried by a test
// of that program.
func TestFlagsOfTheWorker(t *testing.T) {
	_, unit := deployed(t, "systemd/sallyport-worker.service")
	call := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/sallyport-worker (.*)$`).FindStringSubmatch(unit)
	if call == nil {
		t.Fatal("the unit does not start the worker")
	}
	expectFlags(t, "unit", workerFlags(), strings.Fields(call[1]))
	expectFlags(t, "compose", workerFlags(), readCompose(t).Services["worker"].Command)
	_, dockerfile := deployed(t, "Dockerfile")
	defaults := regexp.MustCompile(`(?m)^CMD (\[.*\])$`).FindStringSubmatch(dockerfile)
	var words []string
	if defaults == nil || yaml.Unmarshal([]byte(defaults[1]), &words) != nil {
		t.Fatal("the image has no CMD")
	}
	expectFlags(t, "image", workerFlags(), words)
}

// The image is built of the programs that are there, starts one of them, and with a Go that both modules take.
func TestImageBuildsWhatIsThere(t *testing.T) {
	_, text := deployed(t, "Dockerfile")
	built := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?:cd (\S+) && )?CGO_ENABLED=0 go build .*-o /out/(\S+) (\S+)`).FindAllStringSubmatch(text, -1) {
		source, err := os.ReadFile(filepath.Join(shared.Root(t), line[1], line[3], "main.go"))
		if err != nil || !strings.Contains(string(source), "package main") {
			t.Errorf("%s is built of no program: %v", line[2], err)
		}
		built[line[2]] = true
	}
	if len(built) != 3 {
		t.Errorf("built are %v", built)
	}
	entry := regexp.MustCompile(`(?m)^ENTRYPOINT \["(\S+)"\]$`).FindStringSubmatch(text)
	if entry == nil || !built[entry[1]] {
		t.Errorf("the image starts %v, which is not built", entry)
	}
	image := regexp.MustCompile(`(?m)^FROM golang:([\d.]+)-`).FindStringSubmatch(text)
	for _, module := range []string{"go.mod", "deploy/allinone/go.mod"} {
		mod, err := os.ReadFile(filepath.Join(shared.Root(t), filepath.FromSlash(module)))
		if err != nil {
			t.Fatal(err)
		}
		wants := regexp.MustCompile(`(?m)^go ([\d.]+)$`).FindSubmatch(mod)
		if image == nil || wants == nil || image[1] < string(wants[1]) {
			t.Errorf("the image has Go %v, %s wants %s", image, module, wants)
		}
	}
}

// Where deploy/ names a port or a host of ours, it is the one that the program has, and a service of the compose file.
func TestPortsAndHostsAgree(t *testing.T) {
	defaults, c := daemon.Defaults(), readCompose(t)
	path, _ := deployed(t, "compose/sallyport.yaml")
	config, err := daemon.LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	listen := portOf(t, defaults.Listen)
	_, dockerfile := deployed(t, "Dockerfile")
	_, scrape := deployed(t, "prometheus/prometheus.yml")
	_, source := deployed(t, "grafana/provisioning/datasources/prometheus.yml")
	for what, there := range map[string]bool{
		"the image exposes the listener":        strings.Contains(dockerfile, "\nEXPOSE "+listen+"\n"),
		"compose's worker listens there":        portOf(t, config.Listen) == listen,
		"compose publishes it":                  slices.Contains(c.Services["worker"].Ports, "127.0.0.1:"+listen+":"+listen),
		"prometheus scrapes it":                 strings.Contains(scrape, `"worker:`+listen+`"`),
		"temporal's port is the default's":      portOf(t, config.Temporal.Address) == portOf(t, defaults.Temporal.Address),
		"the UI is where up has it":             slices.Contains(c.Services["temporal-ui"].Ports, defaults.Temporal.UIAddress+":8080"),
		"opensearch's port is the default's":    strings.HasSuffix(config.OpenSearch.URL, ":9200") && strings.HasSuffix(defaults.OpenSearch.URL, ":9200"),
		"grafana asks the prometheus of ours":   strings.Contains(source, "url: http://prometheus:9090"),
		"prometheus is published at its port":   slices.Contains(c.Services["prometheus"].Ports, "127.0.0.1:9090:9090"),
		"temporal is a service":                 c.Services[hostOf(config.Temporal.Address)].Image != "",
		"opensearch is a service":               c.Services[hostOf(strings.TrimPrefix(config.OpenSearch.URL, "http://"))].Image != "",
		"the config is mounted where it's read": slices.Contains(c.Services["worker"].Volumes, "./sallyport.yaml:"+lastOf(c.Services["worker"].Command)+":ro"),
	} {
		if !there {
			t.Errorf("not so: %s", what)
		}
	}
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func hostOf(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

func lastOf(words []string) string { return words[len(words)-1] }

// Prometheus is called with flags that the real one has.
func TestFlagsOfPrometheus(t *testing.T) {
	help, err := exec.CommandContext(t.Context(), need(t, "prometheus"), "--help").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	expectFlags(t, "compose", string(help), readCompose(t).Services["prometheus"].Command)
}

// Variables of ours that deploy/ sets are read by something: the program, or compose itself.
func TestVariablesAreRead(t *testing.T) {
	_, example := deployed(t, "compose/.env.example")
	_, text := deployed(t, "compose/compose.yaml")
	for _, found := range regexp.MustCompile(`(?m)^(\w+)=`).FindAllStringSubmatch(example, -1) {
		if !strings.Contains(text, "${"+found[1]) {
			t.Errorf(".env.example sets %s, which compose does not read", found[1])
		}
	}
	for _, found := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(example, "\n"+found[1]+"=") && !strings.HasPrefix(example, found[1]+"=") {
			t.Errorf("compose reads %s, which .env.example does not name", found[1])
		}
	}
}

// The units leave the services little: systemd's own score, from 0 (shut) to 100 (open).
func TestUnitsAreShut(t *testing.T) {
	analyze := need(t, "systemd-analyze")
	for _, name := range []string{"sallyport.service", "sallyport-worker.service"} {
		path, _ := deployed(t, "systemd/"+name)
		out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=20", "--no-pager", path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
