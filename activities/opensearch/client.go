// Package opensearch reads event streams out of OpenSearch and keeps in it what is searched: cursors, the ledger of
// detections, the register of containments, audit chains, records.
//
// Reading order: client.go (one exchange), fault.go (what can go wrong), document.go (documents by id), search.go,
// bulk.go, shard.go (a shard's checkpoint and pages), then what is built on them: cursor.go, ledger.go, claim.go.
//
// The client sits on opensearch-go's transport and decodes answers itself, since its typed API of v4 leaves shard
// failures unsaid, knows no shard statistics and turns sort values into floats.
package opensearch

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	opensearchgo "github.com/opensearch-project/opensearch-go/v4"

	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Limits of one exchange: of any answer, of a page of events, and of one that holds a single event. An event can have
// 100 MiB (the server's http.max_content_length); the rest is for what is around it.
const (
	maxAnswer = 128 << 20
	maxPage   = 64 << 20
	maxEvent  = 100<<20 + 64<<10
	timeout   = 60 * time.Second
)

// Client is one cluster. It repeats nothing by itself: whether a repeated request is harmless, only its caller knows.
type Client struct {
	search  *opensearchgo.Client
	address string
}

// Open returns a client for the cluster that c names; it resolves the password and reads certificate files, but sends
// nothing yet.
func Open(ctx context.Context, c Config) (*Client, error) {
	if faults := c.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("opensearch: %w", faults)
	}
	transport, err := rest.Transport(c.TLS)
	if err != nil {
		return nil, fmt.Errorf("opensearch: %w", err)
	}
	if err := rest.WithKeyPair(transport.TLSClientConfig, c.ClientCert, c.ClientKey); err != nil {
		return nil, fmt.Errorf("opensearch: %w", err)
	}
	password := ""
	if c.Password != "" {
		if password, err = c.Password.Resolve(ctx); err != nil {
			return nil, fmt.Errorf("opensearch: password: %w", err)
		}
	}
	search, err := opensearchgo.NewClient(opensearchgo.Config{
		Addresses: []string{c.URL}, Username: c.User, Password: password,
		Transport: transport, DisableRetry: true, HealthCheckMaxRetries: -1, MaxRetryClusterHealth: -1,
	})
	if err != nil {
		return nil, errors.New("opensearch: client refuses the config") // its own error can show the address with what is in it
	}
	return &Client{search: search, address: c.URL}, nil
}

// call sends body (JSON or NDJSON, may be nil) and decodes a 2xx answer into out (may be nil). Any other status is a
// *Fault. op says in words what is done; it goes into errors.
func (c *Client) call(ctx context.Context, op, method, path string, query url.Values, body []byte, out any) error {
	text, err := c.exchange(ctx, op, method, path, query, body, maxAnswer)
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s: answer is not the JSON that was expected", op)
	}
	return nil
}

func (c *Client) exchange(ctx context.Context, op, method, path string, query url.Values, body []byte, most int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := newRequest(ctx, method, path, query, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	resp, err := c.search.Stream(req)
	if resp != nil && resp.Body != nil {
		defer func() { _ = resp.Body.Close() }()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, broken(err))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("%s: read answer: %w", op, broken(err))
	}
	if len(text) > most {
		return nil, fmt.Errorf("%s: %w: over %d MiB", op, ErrTooLarge, most>>20)
	}
	if resp.StatusCode/100 != 2 {
		return nil, newFault(op, resp.StatusCode, text)
	}
	return text, nil
}

func newRequest(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Request, error) {
	target := &url.URL{Path: path, RawQuery: query.Encode()}
	if strings.Contains(path, "%") { // already escaped by pathTo
		unescaped, err := url.PathUnescape(path)
		if err != nil {
			return nil, fmt.Errorf("path: %w", err)
		}
		target.Path, target.RawPath = unescaped, path
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("request can't be made")
	}
	if body == nil {
		req.Body, req.ContentLength = nil, 0
		return req, nil
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// pathTo joins path elements, each escaped, so that no id can lead to another API.
func pathTo(elements ...string) string {
	var path strings.Builder
	for _, element := range elements {
		path.WriteByte('/')
		path.WriteString(strings.ReplaceAll(url.PathEscape(element), "%2C", ",")) // a list of indices stays a list
	}
	return path.String()
}

// broken keeps what went wrong and drops what is wrapped around it: the address, which may hold what a person typed.
func broken(err error) error {
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return refused
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		if network, ok := inner.(*net.OpError); ok { //nolint:errorlint // one step of unwrapping at a time
			return network
		}
		err = inner
	}
}
