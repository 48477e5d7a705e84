package rest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// connectWithin bounds a connection's beginning: TCP, the proxy's answer, and TLS each.
const connectWithin = 15 * time.Second

// DialTLS opens a TLS connection to host:port for a protocol that is not HTTP. It obeys HTTPS_PROXY and NO_PROXY as
// HTTP clients do.
func DialTLS(ctx context.Context, address string, trust *tls.Config) (net.Conn, error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	trust = trust.Clone()
	if trust.ServerName == "" {
		if trust.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	secure := tls.Client(conn, trust)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectWithin}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: address}})
	if err != nil {
		return nil, errors.New("HTTPS_PROXY is no address") // its own error shows what may hold a password
	}
	if proxy == nil {
		return dialer.DialContext(ctx, "tcp", address)
	}
	if proxy.Scheme != "http" {
		return nil, fmt.Errorf("HTTPS_PROXY is of kind %q: want http://host:port", proxy.Scheme)
	}
	conn, err := dialer.DialContext(ctx, "tcp", proxyAddress(proxy))
	if err != nil {
		return nil, err
	}
	if err := connect(conn, address, proxy.User); err != nil {
		_ = conn.Close()
		return nil, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err}
	}
	return conn, nil
}

func proxyAddress(proxy *url.URL) string {
	if proxy.Port() == "" {
		return net.JoinHostPort(proxy.Hostname(), "80")
	}
	return proxy.Host
}

// connect asks an HTTP proxy for a way through. Nothing of the peer may come before the proxy's answer has ended.
func connect(conn net.Conn, address string, user *url.Userinfo) error {
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if password, given := user.Password(); given {
		ask.SetBasicAuth(user.Username(), password)
		ask.Header.Set("Proxy-Authorization", ask.Header.Get("Authorization"))
		ask.Header.Del("Authorization")
	}
	if err := conn.SetDeadline(time.Now().Add(connectWithin)); err != nil {
		return err
	}
	if err := ask.Write(conn); err != nil {
		return err
	}
	answer := bufio.NewReaderSize(conn, 4<<10)
	resp, err := http.ReadResponse(answer, ask)
	if err != nil {
		return errors.New("the proxy's answer is no HTTP")
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || answer.Buffered() > 0 {
		return fmt.Errorf("the proxy answers %d", resp.StatusCode)
	}
	return conn.SetDeadline(time.Time{})
}
