package inbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// hook is a sender that may send: how it proves who it is, and what becomes of what it sends.
type hook struct {
	name   string
	secret []byte
	bearer bool   // shows the secret; else it signs
	header string // of the signature
	read   func(body []byte) (all []event, wrong []string, err error)
	room   chan struct{} // a place for each message that is being read
}

// bears reports whether a request bears the token.
func (h *hook) bears(request *http.Request) bool {
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	want, got := sha256.Sum256(h.secret), sha256.Sum256([]byte(strings.TrimSpace(token))) // of one length, whatever was sent
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// signs reports whether the header holds the body's HMAC-SHA256 in hex.
func (h *hook) signs(request *http.Request, body []byte) bool {
	got, err := hex.DecodeString(strings.TrimPrefix(request.Header.Get(h.header), "sha256="))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, h.secret)
	_, _ = mac.Write(body) // a hash takes everything
	return hmac.Equal(got, mac.Sum(nil))
}
