package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Temporal says where the durable engine is. Address names a server of your own; `sallyport up` brings its own and
// reads store, data_dir, postgres and ui_address instead.
type Temporal struct {
	Address    string        `yaml:"address" doc:"host:port of Temporal's frontend; up brings its own, and listens on this port of loopback"`
	Namespace  string        `yaml:"namespace" doc:"namespace of all workflows; made when it is not there"`
	Retention  time.Duration `yaml:"retention" doc:"how long Temporal keeps ended workflows; incidents' records outlive it"`
	TLS        rest.TLS      `yaml:"tls,omitempty" doc:"whom to trust; set any of it and the connection uses TLS"`
	UseTLS     bool          `yaml:"use_tls,omitempty" doc:"use TLS with the system's roots"`
	ClientCert string        `yaml:"client_cert,omitempty" doc:"file with our certificate (PEM), for a frontend that asks for one (mTLS)"`
	ClientKey  string        `yaml:"client_key,omitempty" doc:"file with its key (PEM, unencrypted)"`
	APIKey     config.Secret `yaml:"api_key,omitempty" doc:"API key, for Temporal Cloud" example:"env:TEMPORAL_API_KEY"`
	UIBase     string        `yaml:"ui_base,omitempty" doc:"address of the Temporal UI, for links in cards and cases" example:"https://temporal.example"`

	Store     string   `yaml:"store" doc:"for up: sqlite (evaluation: the file is disposable) or postgres (an office)"`
	DataDir   string   `yaml:"data_dir" doc:"for up with sqlite: folder of the database file"`
	Postgres  Postgres `yaml:"postgres,omitempty" doc:"for up with store postgres: the server; the databases are made when they are not there"`
	Port      int      `yaml:"port,omitempty" doc:"for up: loopback port of the frontend, if it is not the one of address"`
	UIAddress string   `yaml:"ui_address" doc:"for up: address of the Temporal UI; empty: no UI"`
}

// Postgres is the server that `up` keeps Temporal's state in.
type Postgres struct {
	Address  string        `yaml:"address,omitempty" doc:"host:port" example:"127.0.0.1:5432"`
	User     string        `yaml:"user,omitempty" doc:"user that may create databases, or owns both"`
	Password config.Secret `yaml:"password,omitempty" doc:"its password, by reference" example:"file:/etc/sallyport/postgres"`
	CA       string        `yaml:"ca,omitempty" doc:"file with the CA certificates (PEM) that sign the server's; empty: the system's roots. Off this machine the connection is TLS, and the name is verified"`
	Database string        `yaml:"database,omitempty" doc:"name of the database; the one for visibility gets the suffix _visibility"`
}

func (t Temporal) validate() (faults config.Faults) {
	faults = append(faults, config.Required("namespace", t.Namespace)...)
	if (t.ClientCert == "") != (t.ClientKey == "") {
		faults = append(faults, config.Fault{Field: "client_cert", Problem: "client_cert and client_key belong together", Mend: "set both or neither"})
	}
	if t.Retention < 24*time.Hour {
		faults = append(faults, config.Fault{Field: "retention", Problem: "is under 24h", Mend: "Temporal keeps at least a day; 720h is our default"})
	}
	switch t.Store {
	case "sqlite":
		faults = append(faults, config.Required("data_dir", t.DataDir)...)
	case "postgres":
		faults = append(faults, config.Required("postgres.address", t.Postgres.Address, "postgres.user", t.Postgres.User, "postgres.database", t.Postgres.Database)...)
	default:
		faults = append(faults, config.Fault{Field: "store", Problem: fmt.Sprintf("%q is no store", t.Store), Mend: "write sqlite or postgres"})
	}
	return faults
}

// dialWithin is how long a start waits for a Temporal that is not up yet.
const dialWithin = time.Minute

// Dial opens a client for the frontend that t names. It tries for a minute, since both may start together.
func (t Temporal) Dial(ctx context.Context, logger *slog.Logger, metrics client.MetricsHandler) (client.Client, error) {
	options, err := t.options(ctx, logger, metrics)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(dialWithin)
	for {
		c, err := client.DialContext(ctx, options)
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, fmt.Errorf("dial temporal at %s: %w (is it running, and does temporal.address name it?)", t.Address, err)
		}
		logger.InfoContext(ctx, "temporal is not up yet", "address", t.Address)
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
}

func (t Temporal) options(ctx context.Context, logger *slog.Logger, metrics client.MetricsHandler) (client.Options, error) {
	options := client.Options{HostPort: t.Address, Namespace: t.Namespace, Logger: log.NewStructuredLogger(logger), MetricsHandler: metrics}
	trust, err := t.trust()
	if err != nil {
		return options, fmt.Errorf("temporal: %w", err)
	}
	options.ConnectionOptions.TLS, options.ConnectionOptions.DialOptions = trust, []grpc.DialOption{frontend.NoteStarted()}
	if t.APIKey != "" {
		key, err := t.APIKey.Resolve(ctx)
		if err != nil {
			return options, fmt.Errorf("temporal api_key: %w", err)
		}
		options.Credentials = client.NewAPIKeyStaticCredentials(key)
	}
	return options, nil
}

// trust is nil for a connection without TLS.
func (t Temporal) trust() (*tls.Config, error) {
	if !t.UseTLS && t.TLS == (rest.TLS{}) && t.ClientCert == "" {
		return nil, nil
	}
	trust, err := t.TLS.Config()
	if err != nil {
		return nil, err
	}
	return trust, rest.WithKeyPair(trust, t.ClientCert, t.ClientKey)
}

// tryTLS says what TLS refuses: the SDK's own error is a text without the certificate.
func (t Temporal) tryTLS(ctx context.Context) error {
	trust, err := t.trust()
	if err != nil || trust == nil {
		return err
	}
	trust.NextProtos = []string{"h2"}
	conn, err := rest.DialTLS(ctx, t.Address, trust)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// since TLS 1.3 a server refuses our certificate, or its absence, only after the handshake
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	_, err = conn.Read(make([]byte, 1))
	if refused, ok := errors.AsType[*net.OpError](err); ok && refused.Op == "remote error" { // an alert of TLS
		return refused
	}
	return nil
}
