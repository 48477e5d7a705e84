package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/server/common/config"
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

const (
	unfinished = "_unfinished" // behind the name of a database that is being made
	maxName    = 63            // bytes of a name in PostgreSQL; it cuts off the rest without a word
)

// open creates the databases that are not there and brings both schemas to this server's version. A kill at any moment of
// the first start is mended by the next. A kill while an update of a schema runs, after an upgrade, may cut a step in two:
// then the next start is an error, and the database is restored from its backup.
func (p Postgres) open(ctx context.Context, log *logger) (store, error) {
	p.Database = cmp.Or(p.Database, "temporal")
	p.Visibility = cmp.Or(p.Visibility, p.Database+"_visibility")
	if err := p.check(); err != nil {
		return store{}, err
	}
	s := store{executions: p.sql(p.Database, executionConns), visibility: p.sql(p.Visibility, visibilityConns)}
	for name, db := range map[string]*config.SQL{"temporal": s.executions, "visibility": s.visibility} {
		if err := p.ready(ctx, *db, name, log); err != nil {
			return store{}, fmt.Errorf("postgres: database %s: %w", db.DatabaseName, err)
		}
	}
	return s, nil
}

// ready makes the database with the named schema, or updates what is there. A user who may create none can use one that is.
func (p Postgres) ready(ctx context.Context, db config.SQL, name string, log *logger) error {
	conn, err := p.connect(ctx, db.DatabaseName)
	switch {
	case err == nil:
		if err := conn.Close(ctx); err != nil {
			return err
		}
		return update(db, name, log)
	case code(err) == noDatabase:
		return p.create(ctx, db, name, log)
	default:
		return err
	}
}

// check says in plain words what the database driver would say late and less plainly.
func (p Postgres) check() error {
	if _, _, err := net.SplitHostPort(p.Address); err != nil {
		return fmt.Errorf("postgres: address %q is not host:port", p.Address)
	}
	if p.User == "" {
		return errors.New("postgres: no user")
	}
	if strings.Contains(p.Password, " ") {
		return fmt.Errorf("postgres: the password has a blank in it, which temporal's connection text can't carry: give %s another", p.User)
	}
	for _, name := range []string{p.Database, p.Visibility} {
		if strings.ContainsAny(name, `"/?#% `) {
			return fmt.Errorf("postgres: %q is no plain name of a database", name)
		}
		if len(name)+len(unfinished) > maxName {
			return fmt.Errorf("postgres: the name %q is longer than %d bytes", name, maxName-len(unfinished))
		}
	}
	return nil
}

// tls is libpq's sslmode and its roots.
func (p Postgres) tls() map[string]string {
	mode := p.SSLMode
	if mode == "" {
		mode = "verify-full"
		host, _, _ := net.SplitHostPort(p.Address)
		if _, err := loopbackIP(host); err == nil {
			mode = "disable"
		}
	}
	out := map[string]string{"sslmode": mode}
	if p.CAFile != "" {
		out["sslrootcert"] = p.CAFile
	}
	return out
}

func (p Postgres) sql(database string, conns int) *config.SQL {
	return &config.SQL{
		PluginName: postgresql.PluginNamePGX, ConnectProtocol: "tcp", ConnectAddr: p.Address,
		User: url.PathEscape(p.User), Password: p.Password, DatabaseName: database, ConnectAttributes: p.tls(),
		MaxConns: conns, MaxIdleConns: conns, MaxConnLifetime: time.Hour,
	}
}

// create makes the database under another name and gives it its own when all is in it, so that it is whole or not there.
func (p Postgres) create(ctx context.Context, db config.SQL, name string, log *logger) error {
	made := pgx.Identifier{db.DatabaseName}.Sanitize()
	db.DatabaseName += unfinished
	draft := pgx.Identifier{db.DatabaseName}.Sanitize()
	if err := p.exec(ctx, "postgres", "DROP DATABASE IF EXISTS "+draft, "CREATE DATABASE "+draft); err != nil {
		return err
	}
	if err := update(db, name, log); err != nil {
		return err
	}
	// The schema's version is kept by the database's name.
	named := "UPDATE schema_version SET db_name = left(db_name, -" + strconv.Itoa(len(unfinished)) + ") WHERE db_name = current_database()"
	if err := p.exec(ctx, db.DatabaseName, named); err != nil {
		return err
	}
	return p.exec(ctx, "postgres", "ALTER DATABASE "+draft+" RENAME TO "+made)
}

// exec runs statements one by one, each by itself.
func (p Postgres) exec(ctx context.Context, database string, statements ...string) error {
	conn, err := p.connect(ctx, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// noDatabase is PostgreSQL's code for a database that is not there (its appendix A).
const noDatabase = "3D000"

func code(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Code
	}
	return ""
}

// connect hands user and password over beside the connection text, so that no error can quote them.
func (p Postgres) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	query := url.Values{}
	for key, value := range p.tls() {
		query.Set(key, value)
	}
	to, err := pgx.ParseConfig("postgres://" + p.Address + "/" + database + "?" + query.Encode())
	if err != nil {
		return nil, err
	}
	to.User, to.Password = p.User, p.Password
	return pgx.ConnectConfig(ctx, to)
}

// update applies what the named schema lacks in db.
func update(db config.SQL, name string, log *logger) error {
	conn, err := toolssql.NewConnection(&db, log)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Version 0.0 is not written over a later one.
	if err := schema.NewSetupSchemaTask(conn, &schema.SetupConfig{InitialVersion: "0.0"}, log).Run(); err != nil {
		return err
	}
	return schema.NewUpdateSchemaTask(conn, &schema.UpdateConfig{SchemaName: "postgresql/v12/" + name}, log).Run()
}
