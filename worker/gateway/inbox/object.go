package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
)

// readJSON makes one event of a JSON object. What is sent twice to the byte is one event: a sender whose events can be
// alike puts a time or an id into them. That also makes a recorded message worthless to who replays it.
func readJSON(body []byte) ([]event, []string, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '{' || !json.Valid(body) {
		return nil, nil, errors.New("the body is no JSON object")
	}
	return []event{{same: string(body), body: json.RawMessage(body)}}, nil, nil
}
