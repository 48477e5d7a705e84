package embedded

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"go.temporal.io/server/common/config"
	quiet "go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/tools/common/schema"
	toolssql "go.temporal.io/server/tools/sql"
)

// Postgres is the server that holds the state instead of SQLite; version 12 or later. Its user may create databases, or
// owns both. A password with a blank is refused: Temporal's connection text can't carry one.
type Postgres struct {
	Address    string // host:port
	User       string
	Password   string // goes into the connection alone: never into arguments, environment, logs or errors
	Database   string // executions; default "temporal"
	Visibility string // default: Database and "_visibility"
	CAFile     string // whom to trust off this machine; empty: the system's roots
	SSLMode    string // as libpq's sslmode; default disable on loopback, verify-full elsewhere
}

// LogValue hides the password.
func (p Postgres) LogValue() slog.Value {
	return slog.GroupValue(slog.String("address", p.Address), slog.String("user", p.User), slog.String("database", p.Database))
}

// Connections per part of the cluster; there are four parts, and a server allows 100 by default.
const (
	executionConns  = 8
	visibilityConns = 4
)

// open creates the databases that are not there and brings both schemas to this server's version. Each step is recorded
// in the database, so a start that was cut short is taken up by the next.
func (p Postgres) open(ctx context.Context, log *logger) (store, error) {
	p.Database = cmp.Or(p.Database, "temporal")
	p.Visibility = cmp.Or(p.Visibility, p.Database+"_visibility")
	if err := p.check(ctx); err != nil {
		return store{}, err
	}
	s := store{executions: p.sql(p.Database, executionConns), visibility: p.sql(p.Visibility, visibilityConns)}
	if err := migrate(*s.executions, "temporal", log); err != nil {
		return store{}, err
	}
	if err := migrate(*s.visibility, "visibility", log); err != nil {
		return store{}, err
	}
	return s, nil
}

// check says in plain words what the database driver would say late and less plainly.
func (p Postgres) check(ctx context.Context) error {
	if p.User == "" {
		return fmt.Errorf("postgres: no user")
	}
	if strings.ContainsAny(p.Password, " ") {
		return fmt.Errorf("postgres: the password has a blank in it, which temporal's connection text can't carry: give %s another", p.User)
	}
	for _, name := range []string{p.Database, p.Visibility} {
		if strings.ContainsAny(name, `"/?#% `) {
			return fmt.Errorf("postgres: %q is no plain name of a database", name)
		}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.Address)
	if err != nil {
		return fmt.Errorf("postgres does not answer: %w", err)
	}
	return conn.Close()
}

func (p Postgres) sql(database string, conns int) *config.SQL {
	attributes := map[string]string{"sslmode": p.SSLMode}
	if p.SSLMode == "" {
		attributes["sslmode"] = "verify-full"
		if host, _, err := net.SplitHostPort(p.Address); err == nil {
			if _, err := loopbackIP(host); err == nil {
				attributes["sslmode"] = "disable"
			}
		}
	}
	if p.CAFile != "" {
		attributes["sslrootcert"] = p.CAFile
	}
	return &config.SQL{
		PluginName: postgresql.PluginNamePGX, ConnectProtocol: "tcp", ConnectAddr: p.Address,
		User: url.PathEscape(p.User), Password: p.Password, DatabaseName: database, ConnectAttributes: attributes,
		MaxConns: conns, MaxIdleConns: conns, MaxConnLifetime: time.Hour,
	}
}

// migrate creates db's database when it is not there and applies the updates of the named schema that it lacks.
func migrate(db config.SQL, name string, log *logger) error {
	conn, err := toolssql.NewConnection(&db, quiet.NewNoopLogger())
	if err != nil {
		// It may only be missing. Looking first would need the same connection.
		created := db
		if err := toolssql.DoCreateDatabase(&created, "postgres", quiet.NewNoopLogger()); err != nil {
			return fmt.Errorf("create database %s: %w", db.DatabaseName, err)
		}
		if conn, err = toolssql.NewConnection(&db, log); err != nil {
			return fmt.Errorf("connect to database %s: %w", db.DatabaseName, err)
		}
	}
	defer conn.Close()
	// Version 0.0 is not written over a later one.
	if err := schema.NewSetupSchemaTask(conn, &schema.SetupConfig{InitialVersion: "0.0"}, log).Run(); err != nil {
		return fmt.Errorf("schema %s of database %s: %w", name, db.DatabaseName, err)
	}
	update := &schema.UpdateConfig{SchemaName: "postgresql/v12/" + name}
	if err := schema.NewUpdateSchemaTask(conn, update, log).Run(); err != nil {
		return fmt.Errorf("update schema %s of database %s: %w", name, db.DatabaseName, err)
	}
	return nil
}
