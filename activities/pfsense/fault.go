package pfsense

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
)

// fault is an answer that is no success. It names the vendor's response id, a fixed word, and never its message.
type fault struct {
	method, path string
	status       int
	id           string // "MODEL_WRITE_CONFIG_LOCKED"
}

// Error implements error.
func (f *fault) Error() string {
	text := fmt.Sprintf("%s %s: status %d", f.method, f.path, f.status)
	if f.id != "" {
		text += " " + f.id
	}
	if mend := f.mend(); mend != "" {
		text += ": " + mend
	}
	return text
}

// Permanent reports whether repeating the same request can't help: 401 most of all, since pfSense bans an address that
// goes on failing. Not so the write lock (503) and what a restart of its web server answers (5xx).
func (f *fault) Permanent() bool {
	return f.status/100 == 4 && f.status != http.StatusTooManyRequests && f.status != http.StatusRequestTimeout && f.status != http.StatusConflict
}

func (f *fault) mend() string {
	switch {
	case f.status == http.StatusUnauthorized:
		return "the firewall refuses the API key: set a valid one (System > REST API > Keys), and put it where systems.pfsense.key points; nothing more is tried for " + loginPause.String() + ", since pfSense bans an address after failed logins"
	case f.status == http.StatusForbidden:
		return "the key's user lacks a privilege: give it the api-v2 privilege of this path and method"
	case f.status == http.StatusNotFound && f.id == "":
		return "no REST API v2 answers there: install the package pfSense-pkg-RESTAPI (v2), or correct the url"
	case f.id == "MODEL_WRITE_CONFIG_LOCKED":
		return "another writer holds the configuration's lock"
	}
	return ""
}

var responseID = regexp.MustCompile(`^[A-Z0-9_]{1,64}$`)

// wordOf keeps a response id only if it looks like one: an error text must not carry what a peer chose to write.
func wordOf(id string) string {
	if !responseID.MatchString(id) {
		return ""
	}
	return id
}

func isUnauthorized(err error) bool {
	var f *fault
	return errors.As(err, &f) && f.status == http.StatusUnauthorized
}
