package gvm

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/sallyport-soar/sallyport/internal/rest"
)

const (
	patience  = 60 * time.Second // for one read of an answer
	maxAnswer = 16 << 20         // bytes of any answer but a report
	maxReport = 256 << 20        // bytes of a report; a big network's has 100 MB, ours are of one host
)

// client reaches gvmd. It holds no connection: gvmd's sessions keep what they knew when they were opened (one that was
// open while the feed was loaded gives reports without a CVE), so each piece of work opens its own.
type client struct {
	address        string
	trust          *tls.Config // nil for a unix socket
	user, password string
}

// session is one connection. GMP has no frames: a reply ends where its root element closes, one command at a time.
type session struct {
	conn    net.Conn
	bounded *boundedReader
	replies *xml.Decoder
}

// StatusError is gvmd's refusal of a command. It carries no text of gvmd's: errors enter histories.
type StatusError struct {
	Command string
	Code    int
	text    string
}

// Error implements error.
func (e *StatusError) Error() string { return fmt.Sprintf("%s: status %d", e.Command, e.Code) }

// Permanent reports whether repeating the command can't help. 404 is not: objects of the feed appear once it is loaded.
func (e *StatusError) Permanent() bool { return e.Code == 400 || e.Code == 403 }

// dial opens a session that is not logged in.
func (c client) dial(ctx context.Context) (*session, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	bounded := &boundedReader{conn: conn}
	return &session{conn: conn, bounded: bounded, replies: xml.NewDecoder(bounded)}, nil
}

func (c client) connect(ctx context.Context) (net.Conn, error) {
	if c.trust != nil {
		return rest.DialTLS(ctx, c.address, c.trust)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", c.address)
}

// with logs in on a new connection, does the work and closes it.
func (c client) with(ctx context.Context, work func(*session) error) error {
	s, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = s.conn.Close() }()
	login := authenticate{Credentials: credentials{c.user, c.password}}
	err = s.ask(ctx, login, nil)
	if refused, ok := errors.AsType[*StatusError](err); ok && refused.Code == 400 {
		return fmt.Errorf("log in: %w: gvmd refuses user and password: correct systems.gvm.user and systems.gvm.password", err)
	}
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return work(s)
}

// ask sends a command and decodes the reply's root element into out, which may be nil.
func (s *session) ask(ctx context.Context, command, out any) error {
	return s.exchange(ctx, command, maxAnswer, func(root xml.StartElement) error {
		if out == nil {
			return s.replies.Skip()
		}
		return s.replies.DecodeElement(out, &root)
	})
}

// exchange sends a command and hands the reply's root to read, if its status is one of success. After an error the
// session is of no more use, and whether the command took effect is unknown unless the error is a *StatusError.
func (s *session) exchange(ctx context.Context, command any, most int64, read func(xml.StartElement) error) error {
	text, err := xml.Marshal(command) // escapes what people typed
	if err != nil {
		return fmt.Errorf("encode command: %w", err)
	}
	name := rootName(text)
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	_ = s.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := s.conn.Write(text); err != nil {
		return brokenOff(ctx, name, err)
	}
	s.bounded.left = most
	root, err := s.nextRoot()
	if err != nil {
		return brokenOff(ctx, name, err)
	}
	if err := accepted(root, name); err != nil {
		return err
	}
	if err := read(root); err != nil {
		return brokenOff(ctx, name, err)
	}
	return nil
}

// accepted reads the status, GMP's only channel for errors.
func accepted(root xml.StartElement, command string) error {
	code, text := statusOf(root)
	switch {
	case code == 0:
		return fmt.Errorf("%s: the reply is not GMP", command)
	case code/100 != 2:
		return &StatusError{Command: command, Code: code, text: text}
	case root.Name.Local != command+"_response":
		return fmt.Errorf("%s: the reply answers another command", command)
	}
	return nil
}

// nextRoot reads up to the reply's first element.
func (s *session) nextRoot() (xml.StartElement, error) {
	for {
		token, err := s.replies.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if root, ok := token.(xml.StartElement); ok {
			return root, nil
		}
	}
}

func statusOf(root xml.StartElement) (code int, text string) {
	for _, a := range root.Attr {
		switch a.Name.Local {
		case "status":
			code, _ = strconv.Atoi(a.Value)
		case "status_text":
			text = a.Value
		}
	}
	return code, text
}

func rootName(command []byte) string {
	for i, c := range command {
		if i > 0 && (c == ' ' || c == '>' || c == '/') {
			return string(command[1:i])
		}
	}
	return "command"
}

// brokenOff keeps a network's error but not a parser's, which quotes what gvmd said.
func brokenOff(ctx context.Context, command string, err error) error {
	var network net.Error
	var syntax *xml.SyntaxError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", command, ctx.Err())
	case errors.Is(err, errTooLong), errors.As(err, &network):
		return fmt.Errorf("%s: %w", command, err)
	case errors.Is(err, io.EOF), errors.As(err, &syntax) && syntax.Msg == "unexpected EOF":
		return fmt.Errorf("%s: the connection ended before the reply did", command)
	}
	return fmt.Errorf("%s: the reply is not the XML that was expected", command)
}

var errTooLong = errors.New("the reply is over its limit (16 MiB; a report 256 MiB)")

// boundedReader gives each read its time and each reply its length.
type boundedReader struct {
	conn net.Conn
	left int64
}

// Read implements io.Reader.
func (r *boundedReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	_ = r.conn.SetReadDeadline(time.Now().Add(patience))
	n, err := r.conn.Read(p)
	r.left -= int64(n)
	return n, err
}
