package wazuh

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/activities"
)

// Wazuh's error numbers, as far as they decide something.
const (
	noRight        = 4000
	unknownAgent   = 1701
	notActive      = 1707
	execdSilent    = 1116
	responseOff    = 1750
	neverConnected = 2007
	notReady       = 1017 // a daemon restarts: nothing was carried out
	timedOut       = 3021 // the server goes on with the work: the outcome is unknown
	lockedOut      = 6000
)

// fault is an answer that is no success: a status, or an error number within 200. It carries numbers, never Wazuh's text.
type fault struct {
	method, path string
	status       int
	number       int
	agent        string // whose failure it is, if one agent's
}

// Error implements error.
func (f *fault) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s: status %d", f.method, f.path, f.status)
	if f.number != 0 {
		fmt.Fprintf(&text, " error %d", f.number)
	}
	if f.agent != "" {
		fmt.Fprintf(&text, " for agent %s", f.agent)
	}
	if mend := f.mend(); mend != "" {
		text.WriteString(": " + mend)
	}
	return text.String()
}

// Permanent reports whether repeating the same request can't help. An agent that is away may come back.
func (f *fault) Permanent() bool {
	switch f.number {
	case noRight, unknownAgent, responseOff:
		return true
	case notActive, execdSilent, notReady, timedOut, lockedOut:
		return false
	}
	return f.status/100 == 4 && f.status != http.StatusTooManyRequests && f.status != http.StatusRequestTimeout
}

func (f *fault) mend() string {
	switch f.number {
	case noRight:
		return "the API user lacks the right: give it active-response:command, agent:read and syscollector:read on this agent"
	case unknownAgent:
		return "no such agent, or the API user may not see it"
	case notActive:
		return "the agent is not connected; nothing was sent"
	case execdSilent:
		return "the agent's wazuh-execd does not answer; nothing was sent: restart the agent"
	case responseOff:
		return "active response is switched off on the agent: set <active-response><disabled>no</disabled></active-response> in its ossec.conf"
	case timedOut:
		return "the server gave up waiting and may still do it"
	case lockedOut:
		return "too many failed logins from this address: the server refuses logins for 5 minutes"
	}
	if f.status == http.StatusUnauthorized {
		return "the server refuses user and password, or our token: correct systems.wazuh.user and systems.wazuh.password; no login is tried for " + loginPause.String()
	}
	return ""
}

// number is Wazuh's error number in err, or 0.
func number(err error) int {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.number
	}
	return 0
}

func status(err error) int {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.status
	}
	return 0
}

// nothingSent marks an error of which it is sure that no message went to the agent: nobody took the request, or the
// server refused it, or said so.
func nothingSent(err error) error {
	dialled, ok := errors.AsType[*net.OpError](err)
	known := slices.Contains([]int{noRight, unknownAgent, notActive, execdSilent, responseOff, neverConnected, notReady, lockedOut}, number(err))
	if known || status(err)/100 == 4 || ok && dialled.Op == "dial" {
		return activities.NotAsked(err)
	}
	return err
}
