// Package response is what sallyport-response does on a Wazuh agent: it blocks and unblocks addresses in the host's
// packet filter for a time, for named holders, checks what it did and says so in one line. Standard library only.
package response

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"time"
)

// Verbs of a request.
const (
	Block   = "block"   // hold the target for an action, for some seconds
	Unblock = "unblock" // let one action's hold go
	Status  = "status"  // change nothing, say how it stands
)

// Bounds of a request.
const (
	MaxLine   = 64 << 10            // of the line on stdin, in bytes
	MaxFor    = 30 * 24 * time.Hour // of one hold
	minWanted = 4                   // arguments: verb, seconds, action id, nonce
)

// Request is what the Wazuh server asks. It arrives as execd's JSON line (4.2 and later): verb, seconds, action id and
// nonce in parameters.extra_args, the target in parameters.alert.data.srcip.
type Request struct {
	Verb   string
	For    time.Duration // of Block; else 0
	Action string        // the holder
	Nonce  string        // comes back in the result, so that the asker knows its own answer
	Target netip.Addr
}

var word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

// Parse reads one line as execd writes it. Whatever it can't vouch for is an error; the errors are fixed words. With an
// error the request holds at most the action and the nonce, so that the asker hears of it.
func Parse(line []byte) (Request, error) {
	var in struct {
		Version    int    `json:"version"`
		Command    string `json:"command"`
		Parameters struct {
			Args  []string `json:"extra_args"`
			Alert struct {
				Data struct {
					Srcip string `json:"srcip"`
				} `json:"data"`
			} `json:"alert"`
		} `json:"parameters"`
	}
	if len(line) > MaxLine {
		return Request{}, errors.New("line is too long")
	}
	if err := json.Unmarshal(bytes.TrimSpace(line), &in); err != nil {
		return Request{}, errors.New("line is not execd's JSON")
	}
	heard := addressee(in.Parameters.Args)
	if in.Version != 1 || in.Command != "add" {
		return heard, errors.New("want version 1 and command add: no timeout may be set for this program in ossec.conf")
	}
	if len(in.Parameters.Args) != minWanted {
		return heard, fmt.Errorf("want %d arguments: verb, seconds, action id, nonce", minWanted)
	}
	if heard.Action == "" || heard.Nonce == "" {
		return heard, errors.New("action id or nonce is no plain word")
	}
	r, err := request(heard, in.Parameters.Args, in.Parameters.Alert.Data.Srcip)
	if err != nil {
		return heard, err
	}
	return r, nil
}

// addressee is who asks, as far as the arguments have it in plain words.
func addressee(args []string) (r Request) {
	if len(args) > 2 && word.MatchString(args[2]) {
		r.Action = args[2]
	}
	if len(args) > 3 && word.MatchString(args[3]) {
		r.Nonce = args[3]
	}
	return r
}

func request(r Request, args []string, srcip string) (Request, error) {
	r.Verb = args[0]
	seconds, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return r, errors.New("seconds is no number")
	}
	r.For = time.Duration(seconds) * time.Second
	switch {
	case r.Verb == Block && (r.For <= 0 || r.For > MaxFor):
		return r, errors.New("seconds is out of bounds")
	case r.Verb != Block && r.Verb != Unblock && r.Verb != Status:
		return r, errors.New("verb is unknown")
	}
	if r.Target, err = netip.ParseAddr(srcip); err != nil || r.Target.Zone() != "" {
		return r, errors.New("alert.data.srcip is no address")
	}
	r.Target = r.Target.Unmap()
	return r, nil
}
