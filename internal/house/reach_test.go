package house_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

// room is a package, or with a slash at its end all below it, and what of ours it may reach, however far down: packages,
// or with a slash all below them.
type room struct {
	name string
	may  string
}

// base is what every part that speaks to something may use.
const base = "internal/soar internal/config internal/rest internal/audit internal/codec "

// whole is what a worker is made of.
const whole = base + "internal/telemetry activities activities/ rules rules/ workflows worker/detect worker/gateway worker/gateway/inbox "

// rooms is the house: the first that fits a package is its own. A package that fits none has no place yet.
var rooms = []room{
	{"internal/soar", ""},
	{"activities", "internal/soar"},
	{"workflows", "internal/soar activities"},

	{"rules/content", ""},
	{"rules/lint rules/bundle", "internal/soar rules rules/"}, // they look at rules that are loaded
	{"rules", "internal/soar rules/"},
	{"rules/", "internal/soar rules/"},

	{"activities/frontend", "internal/soar activities"},
	{"activities/drivertest", "internal/soar activities"},
	{"activities/effect", "internal/soar internal/config activities"},
	{"activities/policy", "internal/soar internal/config activities rules/plan rules/document"},
	{"activities/hunting", base + "activities activities/opensearch rules/hunt rules/document"},
	{"activities/catalog", base + "activities activities/ rules/plan rules/hunt rules/document"},
	{"activities/", base + "activities"}, // a system; its own folder comes to it

	{"worker/detect", base + "activities activities/opensearch rules rules/"},
	{"worker/gateway", base + "activities activities/slack activities/frontend"},
	{"worker/gateway/inbox", base + "activities activities/opensearch"},
	{"worker/daemon", whole},
	{"worker", whole + "worker/daemon"},
	{"starter/cli", whole + "worker/daemon"},
	{"starter", whole + "worker/daemon starter/cli"},

	{"internal/rest/resttest", ""},
	{"internal/rest", "internal/config"},
	{"internal/lab", base + "internal/rest/resttest activities activities/ rules/plan rules/document deploy/wazuh/"},
	{"internal/", ""},       // config, audit, telemetry, codec and what tests use
	{"deploy/lab/soak", ""}, // it counts what the others did, and must not believe them
	{"deploy/wazuh/sallyport-response", "deploy/wazuh/sallyport-response/"},
	{"deploy/wazuh/sallyport-response/", ""},
}

// among reports whether a package is one of a list's.
func among(list, name string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(may string) bool {
		return name == may || strings.HasSuffix(may, "/") && strings.HasPrefix(name, may)
	})
}

// forTests reports whether a package is a stand-in or a suite.
func forTests(name string) bool {
	return strings.HasSuffix(name, "test") && name != "rules/backtest" || name == "internal/lab"
}

// allowed says what a package may reach; ok is false for one without a room.
func allowed(name string) (may string, ok bool) {
	at := slices.IndexFunc(rooms, func(r room) bool { return among(r.name, name) })
	if at < 0 {
		return "", false
	}
	may = rooms[at].may
	if system, below := strings.CutPrefix(name, "activities/"); below {
		system, _, _ = strings.Cut(system, "/")
		may += " activities/" + system + " activities/" + system + "/"
	}
	if forTests(name) {
		may += " internal/rest/resttest deploy/wazuh/"
	}
	return may, true
}

// TestArrowsGoDown holds every package to its room: it reaches what the room lists and nothing else of ours, and no
// stand-in, unless it is one.
func TestArrowsGoDown(t *testing.T) {
	for name, reached := range graph(t) {
		may, ok := allowed(name)
		if !ok {
			t.Errorf("%s has no room: say in rooms what it may reach", name)
			continue
		}
		for _, to := range reached {
			if !among(may, to) {
				t.Errorf("%s reaches %s", name, to)
			}
			if forTests(to) && !forTests(name) {
				t.Errorf("%s reaches %s, which is for tests", name, to)
			}
		}
	}
}

// TestContractReachesNoWorld: what workflows reach imports nothing that reads or changes the world.
func TestContractReachesNoWorld(t *testing.T) {
	for _, name := range append(graph(t)["workflows"], "workflows") {
		list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{join .Imports "\n"}}`, "./"+name)
		list.Dir = shared.Root(t)
		out, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		for imported := range strings.FieldsSeq(string(out)) {
			if among("net net/http os os/ io/fs log/slog math/rand math/rand/v2 crypto/rand syscall", imported) {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}
