package daemon_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func TestWorkersCommandLine(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere.yaml")
	for name, tt := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":                       {[]string{"--help"}, 0, "Exit codes: 0 good"},
		"help, its flags":            {[]string{"--help"}, 0, "-config"},
		"version":                    {[]string{"--version"}, 0, "sallyport-worker "},
		"an unknown flag":            {[]string{"--nonsense"}, 2, "-nonsense"},
		"a config that is not there": {[]string{"--config", nowhere}, 2, "sallyport config init"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			if code := daemon.Main(tt.args, &out, &errs); code != tt.code || !strings.Contains(out.String()+errs.String(), tt.says) {
				t.Errorf("exit %d, want %d and %q:\n%s%s", code, tt.code, tt.says, out.String(), errs.String())
			}
		})
	}
}
