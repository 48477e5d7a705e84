package slack

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// Button is what a button carries: where the decision goes and what it is about. Sealed by the gateway's key: there is
// nothing to look up when it is pressed, and nothing that another app or a stolen message could forge.
type Button struct {
	Workflow string `json:"w"`
	Request  string `json:"r"`
	Digest   string `json:"d"`
}

// errForged is returned for a value that this gateway did not seal.
var errForged = errors.New("this button was not made by this gateway")

// Seal returns the button's value: text that Slack keeps (at most 2,000 characters) and only key can make.
func (b Button) Seal(key ed25519.PrivateKey) string {
	text, _ := json.Marshal(b) // a struct of strings cannot fail
	body := base64.RawURLEncoding.EncodeToString(text)
	return body + "." + base64.RawURLEncoding.EncodeToString(mac(key, body))
}

// OpenButton returns what a value that key sealed carries.
func OpenButton(key ed25519.PrivateKey, value string) (b Button, err error) {
	body, sum, found := strings.Cut(value, ".")
	given, err := base64.RawURLEncoding.DecodeString(sum)
	if !found || err != nil || !hmac.Equal(given, mac(key, body)) {
		return b, errForged
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return b, errForged
	}
	return b, json.Unmarshal(text, &b)
}

func mac(key ed25519.PrivateKey, body string) []byte {
	sum := hmac.New(sha256.New, key.Seed())
	sum.Write([]byte("sallyport button v1\n" + body))
	return sum.Sum(nil)
}
