package document

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Bounds of nesting, which the YAML library reads in a time that grows with its square: brackets that are open at once
// (wherever they stand, so that strings may hold many), and marks of lists and keys that begin one line.
const (
	maxBrackets = 5000
	maxDashes   = 30
)

// text is content without its byte order mark, if it is text that YAML may be read from in bounded time.
func text(content []byte) ([]byte, *Error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	open, dashes := 0, 0
	for at := 0; at < len(content); {
		r, width := utf8.DecodeRune(content[at:])
		switch {
		case r == utf8.RuneError && width == 1:
			return nil, &Error{placeAt(content, at), "the file is no UTF-8 text", "save it as UTF-8"}
		case r < ' ' && r != '\n' && r != '\r' && r != '\t':
			return nil, &Error{placeAt(content, at), fmt.Sprintf("the file holds the control character U+%04X: it is no text", r), "take it out, or write it as an escape in double quotes"}
		case r == '\n':
			dashes = 0
		case r == '[' || r == '{':
			open++
		case (r == ']' || r == '}') && open > 0:
			open--
		case (r == '-' || r == '?') && dashes >= 0 && at+1 < len(content) && content[at+1] == ' ':
			dashes++
		case r != ' ':
			dashes = -1 // the line's text has begun
		}
		if open > maxBrackets || dashes > maxDashes {
			return nil, &Error{placeAt(content, at), "the document is nested too deep", "write it flatter"}
		}
		at += width
	}
	return content, nil
}

// placeAt is where a byte stands.
func placeAt(content []byte, at int) Place {
	begin := bytes.LastIndexByte(content[:at], '\n') + 1
	return Place{1 + bytes.Count(content[:at], []byte("\n")), 1 + utf8.RuneCount(content[begin:at])}
}
