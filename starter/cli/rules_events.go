package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxLine bounds one event, in bytes; OpenSearch takes no larger request.
const maxLine = 100 << 20

// openEvents opens a file of events, plain or gzip; - is standard input.
func openEvents(in io.Reader, name string) (reader *bufio.Reader, closer func(), err error) {
	closer = func() {}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		in, closer = file, func() { _ = file.Close() }
	}
	reader = bufio.NewReaderSize(in, 1<<16)
	magic, _ := reader.Peek(2)
	switch {
	case bytes.Equal(magic, []byte{0x1f, 0x8b}):
		unzipped, err := gzip.NewReader(reader)
		if err != nil {
			closer()
			return nil, nil, bad(fmt.Errorf("%s: %w", name, err))
		}
		reader = bufio.NewReaderSize(unzipped, 1<<16)
	case bytes.Equal(magic, []byte{0xff, 0xfe}) || bytes.Equal(magic, []byte{0xfe, 0xff}):
		closer()
		return nil, nil, bad(fmt.Errorf("%s is UTF-16: save it as UTF-8", name))
	}
	return reader, closer, nil
}

// eventLines reads the lines of one file.
type eventLines struct {
	*bufio.Reader
	number int // of the line read last, from 1
	most   int // bytes of a line
}

// errLongLine says that a line was left out; the next one can be read.
var errLongLine = errors.New("the line is too long")

// next is the next line, without the byte order mark that a file may begin with. io.EOF says that there is none; any error
// but errLongLine ends the file.
func (l *eventLines) next() (line []byte, err error) {
	l.number++
	for {
		part, err := l.ReadSlice('\n')
		if len(line) <= l.most {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
			return nil, err
		}
		break
	}
	if len(line) > l.most {
		return nil, fmt.Errorf("%w: more than %d bytes", errLongLine, l.most)
	}
	if l.number == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return line, nil
}
