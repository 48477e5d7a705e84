package rest

import (
	"fmt"
	"io"
	"net/http"
)

// maxBody bounds what is read of any answer, so that a broken peer can't exhaust the worker.
const maxBody = 64 << 20

// ErrTooLarge says that an answer is over 64 MiB.
var ErrTooLarge = fmt.Errorf("answer over %d MiB", maxBody>>20)

// Bounded is next with bounded answers, for libraries that read without a limit of their own.
func Bounded(next http.RoundTripper) http.RoundTripper { return bounded{next} }

type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = &body{resp.Body, maxBody}
	}
	return resp, err
}

// body is a response's body that ends with ErrTooLarge.
type body struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		p = make([]byte, 1) // is there more?
	} else if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}
