package embedded

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.temporal.io/api/enums/v1"
)

// Options say how the cluster runs. The zero value is a cluster in memory on free loopback ports, without a UI.
type Options struct {
	DataFile string    // SQLite file, best named by [DataFile]; empty keeps everything in memory
	Postgres *Postgres // instead of SQLite

	Address    string // loopback address of the frontend; default 127.0.0.1
	Port       int    // port of the frontend; 0 takes a free one
	UIHost     string // loopback address of the UI; default 127.0.0.1
	UIPort     int    // port of the UI; 0: no UI, -1: a free one
	UIReadOnly bool   // the UI shows, and can't signal, update, cancel or terminate

	Namespace        string                            // made when it is not there; default "default"
	Retention        time.Duration                     // how long ended workflows are kept when the namespace is made; default 30 days
	SearchAttributes map[string]enums.IndexedValueType // added when they are not there; a clash of types is an error

	Logger   *slog.Logger // where Temporal's own words go; nil: nowhere
	LogLevel slog.Leveler // the least level that is passed on; default Error, since Temporal talks much at its start
}

const (
	loopback         = "127.0.0.1"
	defaultRetention = 30 * 24 * time.Hour
)

func (o Options) withDefaults() (Options, error) {
	var err error
	if o.Address, err = loopbackIP(cmp.Or(o.Address, loopback)); err != nil {
		return o, err
	}
	if o.UIHost, err = loopbackIP(cmp.Or(o.UIHost, loopback)); err != nil {
		return o, err
	}
	o.Namespace = cmp.Or(o.Namespace, "default")
	o.Retention = cmp.Or(o.Retention, defaultRetention)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LogLevel == nil {
		o.LogLevel = slog.LevelError
	}
	if o.Postgres != nil && o.DataFile != "" {
		return o, fmt.Errorf("embedded temporal: both a SQLite file and PostgreSQL are named: choose one")
	}
	return o, nil
}

// loopbackIP refuses an address that others could reach.
func loopbackIP(host string) (string, error) {
	if host == "localhost" {
		return loopback, nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return host, nil
	}
	return "", fmt.Errorf("embedded temporal: %q is no loopback address: use 127.0.0.1, with a proxy that asks who comes before it", host)
}
