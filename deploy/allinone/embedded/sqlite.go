package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// DataFile names the SQLite file in dir, and makes dir, for its owner alone, when it is not there. The server's version is
// part of the name, since such a file can't be brought to another version's schema: after an upgrade a new one is begun,
// and reconcile puts the live containments back.
func DataFile(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("folder of the SQLite file: %w", err)
	}
	return filepath.Join(dir, "temporal-"+headers.ServerVersion+".db"), nil
}

// openStore makes the store ready for the server: schema, and with SQLite the namespace. unlock gives the file back.
func (o Options) openStore(ctx context.Context, log *logger) (s store, unlock func(), err error) {
	unlock = func() {}
	switch {
	case o.Postgres != nil:
		s, err = o.Postgres.open(ctx, log)
		return s, unlock, err
	case o.DataFile == "":
		s = inMemory()
	default:
		if unlock, err = lockFile(o.DataFile); err != nil {
			return s, func() {}, err
		}
		if s, err = inFile(ctx, o.DataFile); err != nil {
			unlock()
			return s, func() {}, err
		}
	}
	if err = o.writeNamespace(s.executions); err != nil {
		unlock()
		return s, func() {}, err
	}
	return s, unlock, nil
}

func inMemory() store {
	db := &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      strconv.FormatUint(rand.Uint64(), 36),
		ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
	}
	return store{executions: db, visibility: db}
}

// inFile uses a write-ahead log and one sync per checkpoint: 32 workflows a second instead of 8. A power cut may take the
// last moments; a kill takes nothing.
func inFile(ctx context.Context, file string) (store, error) {
	if err := writeSchema(ctx, file); err != nil {
		return store{}, fmt.Errorf("sqlite schema in %s: %w", file, err)
	}
	db := &config.SQL{
		PluginName:   sqlite.PluginName,
		DatabaseName: file,
		ConnectAttributes: map[string]string{
			"mode": "rw", "journal_mode": "wal", "synchronous": "normal", "busy_timeout": "5000",
		},
	}
	return store{executions: db, visibility: db}, nil
}

// writeSchema fills an empty file in one transaction: a kill in the middle leaves it empty, never half.
func writeSchema(ctx context.Context, file string) error {
	made, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := made.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil || tables > 0 {
		return err
	}
	for _, part := range []string{"temporal", "visibility"} {
		text, err := fs.ReadFile(schema.Assets(), "sqlite/v3/"+part+"/schema.sql")
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// writeNamespace puts the namespace there before the boot, which saves waiting for the server's caches. It leaves one that
// is there as it is.
func (o Options) writeNamespace(db *config.SQL) error {
	ns, err := sqliteschema.NewNamespaceConfig(clusterName, o.Namespace, false, o.SearchAttributes)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", o.Namespace, err)
	}
	ns.Detail.Config.Retention = durationpb.New(o.Retention)
	if err := sqliteschema.CreateNamespaces(db, ns); err != nil {
		return fmt.Errorf("namespace %s: %w", o.Namespace, err)
	}
	return nil
}
