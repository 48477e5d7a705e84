package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func quietLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// freeLoopbackPort is a port that nobody listens on now.
func freeLoopbackPort(t *testing.T) int {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

func (o *office) personKey(name string) string {
	return filepath.Join(filepath.Dir(o.file), name+".key")
}

// usePostgres moves Temporal's state to the PostgreSQL that SALLYPORT_POSTGRES_ADDRESS names. Without one the test is
// skipped by name; where CI is set it fails.
func (o *office) usePostgres() {
	o.t.Helper()
	address := os.Getenv("SALLYPORT_POSTGRES_ADDRESS")
	if address == "" {
		if os.Getenv("CI") != "" {
			o.t.Fatal("no PostgreSQL: set SALLYPORT_POSTGRES_ADDRESS, or run make lab")
		}
		o.t.Skip("no PostgreSQL here: set SALLYPORT_POSTGRES_ADDRESS, or run make lab")
	}
	o.edit("temporal: {", fmt.Sprintf("temporal: {store: postgres, postgres: {address: %q, user: %q, password: \"env:SALLYPORT_POSTGRES_PASSWORD\", database: kill_%d}, ",
		address, os.Getenv("SALLYPORT_POSTGRES_USER"), os.Getpid()))
}
