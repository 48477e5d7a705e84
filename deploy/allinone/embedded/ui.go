package embedded

import (
	"context"
	"fmt"
	"net"
	"strconv"

	uiserver "github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// startUI returns when the UI listens.
func (s *Server) startUI(ctx context.Context, o Options) error {
	at, err := port(ctx, o.UIHost, o.UIPort)
	if err != nil {
		return err
	}
	hostPort := net.JoinHostPort(o.UIHost, strconv.Itoa(at))
	s.ui = uiserver.NewServer(server_options.WithConfigProvider(&config.Config{
		Host: o.UIHost, Port: at,
		TemporalGRPCAddress: s.address,
		DefaultNamespace:    o.Namespace,
		EnableUI:            true,
		DisableWriteActions: o.UIReadOnly,
		DisableNewsFetch:    true, // nothing is fetched from outside
		HideLogs:            true,
		CORS:                config.CORS{CookieInsecure: true}, // plain http, on loopback
	}))
	s.uiEnded = make(chan struct{})
	go func(ui *uiserver.Server) {
		defer close(s.uiEnded)
		if err := ui.Start(); err != nil {
			s.log.to.Error("temporal ui ended", "error", err)
		}
	}(s.ui)
	err = poll(ctx, func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", hostPort)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		return fmt.Errorf("temporal ui does not answer: %w", err)
	}
	s.uiURL = "http://" + hostPort
	return nil
}
