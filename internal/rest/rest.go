// Package rest speaks JSON over HTTP and sorts each failure into retryable, permanent or unknown. Every client of the
// house goes through it: bounded answers, verified TLS, HTTPS_PROXY and NO_PROXY obeyed, redirects not followed, no
// cookie kept, and no vendor's body in an error, since errors enter workflow histories.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// Client is one remote API: its base address, the headers that open it, and how it is reached.
type Client struct {
	base   *url.URL
	header http.Header
	http   *http.Client
}

// Open returns a client for the API at address. header is sent with each request. timeout bounds one exchange.
func Open(address string, header http.Header, trust TLS, timeout time.Duration) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("%q is no address: want https://host", address)
	}
	transport, err := Transport(trust)
	if err != nil {
		return nil, err
	}
	return &Client{base: base, header: header, http: &http.Client{
		Transport:     Bounded(transport),
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Transport is an HTTP transport with this trust, for clients that bring their own requests.
func Transport(trust TLS) (*http.Transport, error) {
	tlsConfig, err := trust.Config()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() // obeys HTTPS_PROXY and NO_PROXY
	transport.TLSClientConfig = tlsConfig
	transport.MaxIdleConnsPerHost = 8
	return transport, nil
}

// Answer is what came back: any status, and at most 64 MiB of body.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends in as JSON and decodes a 2xx answer into out; either may be nil. ref is a path below the base address, with
// its query if any. A status outside 2xx is a *StatusError.
func (c *Client) Do(ctx context.Context, method, ref string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode %s %s: %w", method, pathOf(ref), err)
		}
	}
	answer, err := c.Exchange(ctx, method, ref, nil, body)
	if err != nil {
		return err
	}
	if answer.Status/100 != 2 {
		return &StatusError{Method: method, Path: pathOf(ref), Code: answer.Status}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return fmt.Errorf("%s %s: answer is not the JSON that was expected", method, pathOf(ref))
	}
	return nil
}

// Exchange sends body as it is and returns whatever status came back, for APIs whose errors must be read. header is
// added to the client's own. Only a broken exchange is an error: its outcome is unknown (see Unsent).
func (c *Client) Exchange(ctx context.Context, method, ref string, header http.Header, body []byte) (Answer, error) {
	target, err := c.resolve(ref)
	if err != nil {
		return Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, pathOf(ref), err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, c.header)
	maps.Copy(req.Header, header)
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, pathOf(ref), withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("read %s %s: %w", method, pathOf(ref), err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: text}, nil
}

// resolve keeps the base's own path, so that an API behind a prefix works.
func (c *Client) resolve(ref string) (string, error) {
	relative, err := url.Parse(ref)
	if err != nil {
		return "", fmt.Errorf("%s: no path", pathOf(ref))
	}
	target := c.base.JoinPath(relative.EscapedPath())
	target.RawQuery = relative.RawQuery
	return target.String(), nil
}

// StatusError is an answer outside 2xx. It carries no body: bodies can hold secrets, and errors enter histories.
type StatusError struct {
	Method, Path string
	Code         int
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: status %d", e.Method, e.Path, e.Code)
}

// Permanent reports whether repeating the same request can't help.
func (e *StatusError) Permanent() bool {
	return e.Code/100 == 4 && e.Code != http.StatusTooManyRequests && e.Code != http.StatusRequestTimeout
}

// Status returns the status of err, if it is or wraps a *StatusError; else 0.
func Status(err error) int {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.Code
	}
	return 0
}

// withoutURL drops the address that net/http puts before its errors: a query may hold what a person typed.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

func pathOf(ref string) string {
	for i, c := range ref {
		if c == '?' {
			return ref[:i]
		}
	}
	return ref
}
