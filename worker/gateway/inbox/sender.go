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
	proves func(secret []byte, request *http.Request, body []byte) bool
	read   func(body []byte) (all []event, wrong []string, err error)
}

// bears reports whether a request bears the token.
func bears(secret []byte, request *http.Request, _ []byte) bool {
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	want, got := sha256.Sum256(secret), sha256.Sum256([]byte(strings.TrimSpace(token))) // of one length, whatever was sent
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// signs reports whether the header holds the body's HMAC-SHA256 in hex.
func signs(header string) func([]byte, *http.Request, []byte) bool {
	return func(secret []byte, request *http.Request, body []byte) bool {
		got, err := hex.DecodeString(strings.TrimPrefix(request.Header.Get(header), "sha256="))
		if err != nil {
			return false
		}
		mac := hmac.New(sha256.New, secret)
		_, _ = mac.Write(body) // a hash takes everything
		return hmac.Equal(got, mac.Sum(nil))
	}
}
