package opensearchtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
)

// The server takes comments in a document's source, keeps it as it was sent, and hands it out so: an answer with such a
// document is no JSON.

// withoutComments is the JSON in a source.
func withoutComments(source json.RawMessage) json.RawMessage {
	if !bytes.ContainsAny(source, "/") || json.Valid(source) {
		return source
	}
	var plain []byte
	text := false
	for i := 0; i < len(source); i++ {
		end := 0
		switch c := source[i]; {
		case text && c == '\\' && i+1 < len(source):
			plain = append(plain, c, source[i+1])
			i++
			continue
		case c == '"':
			text = !text
		case !text && bytes.HasPrefix(source[i:], []byte("/*")):
			end = bytes.Index(source[i:], []byte("*/")) + 2
		case !text && bytes.HasPrefix(source[i:], []byte("//")):
			if end = bytes.IndexByte(source[i:], '\n'); end < 0 {
				end = len(source) - i
			}
		}
		if end > 1 {
			i += end - 1
			continue
		}
		plain = append(plain, source[i])
	}
	return plain
}

var sent = regexp.MustCompile(`"@sent@([^"]*)"`)

// asSent is what stands for the source until the answer is written.
func (d *document) asSent() any {
	if !d.odd {
		return d.source
	}
	return "@sent@" + base64.StdEncoding.EncodeToString(d.source)
}

func asSent(answer []byte) []byte {
	if !bytes.Contains(answer, []byte(`"@sent@`)) {
		return answer
	}
	return sent.ReplaceAllFunc(answer, func(found []byte) []byte {
		source, err := base64.StdEncoding.DecodeString(string(sent.FindSubmatch(found)[1]))
		if err != nil {
			return found
		}
		return source
	})
}
