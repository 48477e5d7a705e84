//go:build unix

package embedded_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport-soar/sallyport/deploy/allinone/embedded"
)

// A user and a password that break what is put together carelessly.
const (
	pgUser     = "sally@port"
	pgPassword = `p:w/ü?%4#'"\&+=@x`
)

func TestPostgres(t *testing.T) {
	address := runPostgres(t)
	pg := embedded.Postgres{Address: address, User: pgUser, Password: pgPassword, Database: "sallyport-temporal"}

	t.Run("goes on after kill and restart", func(t *testing.T) {
		goesOn(t, embedded.Options{Postgres: &pg, SearchAttributes: attributes()})
	})
	t.Run("the password is never said", func(t *testing.T) {
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&safely{to: &said}, &slog.HandlerOptions{Level: slog.LevelDebug}))
		log.Info("options", "postgres", pg)
		s, err := embedded.Start(t.Context(), embedded.Options{Postgres: &pg, Logger: log, LogLevel: slog.LevelDebug})
		if err != nil {
			t.Fatal(err)
		}
		s.Stop()
		holdsNoPassword(t, said.String(), pgPassword)
	})
	t.Run("a first start that was cut short", func(t *testing.T) {
		cut := pg
		cut.Database = "short"
		psql(t, cut, `CREATE DATABASE "short_unfinished"`)
		for range 2 {
			s, err := embedded.Start(t.Context(), embedded.Options{Postgres: &cut})
			if err != nil {
				t.Fatal(err)
			}
			s.Stop()
		}
		if got := psql(t, cut, "SELECT datname FROM pg_database WHERE datname LIKE 'short%' ORDER BY 1"); got != "short\nshort_visibility" {
			t.Errorf("the databases are %q", got)
		}
	})
	t.Run("a wrong password", func(t *testing.T) {
		wrong := pg
		wrong.Password = "wr0ng:secret@"
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&safely{to: &said}, nil))
		s, err := embedded.Start(t.Context(), embedded.Options{Postgres: &wrong, Logger: log})
		if err == nil {
			s.Stop()
			t.Fatal("it started")
		}
		if !strings.Contains(err.Error(), "password authentication failed") {
			t.Errorf("it says %q", err)
		}
		holdsNoPassword(t, err.Error()+said.String(), wrong.Password)
	})
	t.Run("a user that may create nothing", func(t *testing.T) {
		wrong := pg
		wrong.User, wrong.Database = "guest", "other"
		s, err := embedded.Start(t.Context(), embedded.Options{Postgres: &wrong})
		if err == nil {
			s.Stop()
			t.Fatal("it started")
		}
		if !strings.Contains(err.Error(), "permission denied to create database") {
			t.Errorf("it says %q", err)
		}
	})
}

// psql answers with the first column, a line for each row.
func psql(t *testing.T, as embedded.Postgres, query string) string {
	t.Helper()
	to, err := pgx.ParseConfig("postgres://" + as.Address + "/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	to.User, to.Password = as.User, as.Password
	conn, err := pgx.ConnectConfig(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	column, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(column, "\n")
}

func holdsNoPassword(t *testing.T, said, password string) {
	t.Helper()
	for _, form := range []string{password, url.QueryEscape(password), url.PathEscape(password), strconv.Quote(password)} {
		if strings.Contains(said, strings.Trim(form, `"`)) {
			t.Errorf("the password stands in:\n%s", said)
		}
	}
}

// runPostgres runs a server of our own in the foreground on loopback, with a user that may create databases, until the
// test ends. Without the programs of a PostgreSQL the test is skipped by name, and fails where CI is set.
func runPostgres(t *testing.T) (address string) {
	t.Helper()
	bin := postgresPrograms(t)
	owner := postgresOwner(t)
	dir, err := os.MkdirTemp("", "sallyport-postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(ctx context.Context, program string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, program), args...)
		cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: owner}
		cmd.Env = []string{"LC_ALL=C", "PATH=" + bin, "PGUSER=super", "PGDATABASE=postgres", "PGHOST=" + dir}
		return cmd
	}
	data := filepath.Join(dir, "data")
	if said, err := run(t.Context(), "initdb", "-D", data, "-U", "super", "--no-sync", "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, said)
	}
	port := freePort(t)
	var said bytes.Buffer
	server := run(context.WithoutCancel(t.Context()), "postgres", "-D", data, "-p", port, "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopPostgres(t, server) })
	eventually(t, "PostgreSQL serves", func() bool {
		return run(t.Context(), "psql", "-p", port, "-c", "SELECT 1").Run() == nil
	})
	create := run(t.Context(), "psql", "-p", port, "-v", "ON_ERROR_STOP=1")
	create.Stdin = strings.NewReader(`CREATE ROLE "` + pgUser + `" LOGIN CREATEDB PASSWORD ` + quoted(pgPassword) +
		"; CREATE ROLE guest LOGIN PASSWORD " + quoted(pgPassword) + ";")
	if said, err := create.CombinedOutput(); err != nil {
		t.Fatalf("create the user: %v\n%s", err, said)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// stopPostgres asks for a fast shutdown, which does not wait for clients.
func stopPostgres(t *testing.T, server *exec.Cmd) {
	t.Helper()
	kill := time.AfterFunc(time.Minute, func() { _ = server.Process.Kill() })
	defer kill.Stop()
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("PostgreSQL ended with %v", err)
	}
}

// postgresPrograms is the folder of initdb and postgres: Debian keeps them outside of PATH, a folder per version.
func postgresPrograms(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		t.Fatal(err)
	}
	if onPath, err := exec.LookPath("initdb"); err == nil {
		found = append(found, onPath)
	}
	for _, initdb := range found {
		if _, err := os.Stat(filepath.Join(filepath.Dir(initdb), "postgres")); err == nil {
			return filepath.Dir(initdb)
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("PostgreSQL is not here: install the package postgresql")
	}
	t.Skip("PostgreSQL is not here: install the package postgresql")
	return ""
}

// postgresOwner is the user to run it as, since it refuses root; nil is ourselves.
func postgresOwner(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Skip("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
	return nil
}

func freePort(t *testing.T) string {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
