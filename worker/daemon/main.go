package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/internal/config"
)

const usage = `sallyport-worker runs the roles of its config (detect, respond, gateway) against the Temporal that the config names, until
it is interrupted. A kill loses nothing: at the next start everything goes on where it was.

Example:
  sallyport-worker --config /etc/sallyport/sallyport.yaml

Exit codes: 0 good; 1 it could not go on; 2 wrong usage or config.

Flags:
`

// Main runs the daemon until it is interrupted, and returns its exit code: 0 good, 1 it could not go on, 2 wrong usage
// or config.
func Main(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sallyport-worker", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	path := flags.String("config", "sallyport.yaml", "the config `file` (sallyport config init writes one)")
	version := flags.Bool("version", false, "print the version and end")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if *version {
		fmt.Fprintln(stdout, "sallyport-worker", buildVersion())
		return 0
	}
	return runFile(*path, stderr)
}

func runFile(path string, stderr io.Writer) int {
	c, err := LoadConfig(path)
	if err != nil {
		fmt.Fprintln(stderr, "sallyport-worker:", err)
		return 2
	}
	logger, err := c.Log.Logger(stderr)
	if err != nil {
		fmt.Fprintln(stderr, "sallyport-worker:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, c, Options{Log: logger}); err != nil {
		logger.Error("ended", "error", config.Locate(path, err))
		return 1
	}
	return 0
}

func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// buildInfo is the metric that says which build runs.
func buildInfo() prometheus.Collector {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sallyport_build_info", Help: "Always 1; its label says which build runs.", ConstLabels: prometheus.Labels{"version": buildVersion()},
	})
	gauge.Set(1)
	return gauge
}
