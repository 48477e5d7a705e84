package embedded

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// port returns wanted if nobody listens there, and a free one for 0 or less. Temporal and its UI end the process when
// their port is taken, hence this look before.
func port(ctx context.Context, host string, wanted int) (int, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(max(wanted, 0))))
	if err != nil {
		return 0, fmt.Errorf("embedded temporal: port %d is not to be had: %w (end what holds it, or name another)", wanted, err)
	}
	got := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("embedded temporal: look at port %d: %w", got, err)
	}
	return got, nil
}
