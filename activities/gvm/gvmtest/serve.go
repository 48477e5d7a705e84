package gvmtest

import (
	"encoding/xml"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// element is a command, whatever it is.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// child returns the first child of that name, or an empty element.
func (e element) child(name string) element {
	for _, c := range e.Children {
		if c.XMLName.Local == name {
			return c
		}
	}
	return element{}
}

func (e element) text(name string) string { return strings.TrimSpace(e.child(name).Text) }

func (s *Server) serve() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = true
		s.mu.Unlock()
		s.serving.Go(func() { s.converse(conn) })
	}
}

// converse answers one connection, command by command.
func (s *Server) converse(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
	}()
	commands := xml.NewDecoder(conn)
	known := false
	for {
		var command element
		if err := commands.Decode(&command); err != nil {
			return
		}
		if !s.answer(conn, command, &known) {
			return
		}
	}
}

// answer carries out one command; it reports whether the connection stays.
func (s *Server) answer(conn net.Conn, command element, known *bool) bool {
	name := command.XMLName.Local
	f := s.fault(name)
	time.Sleep(f.Delay)
	switch {
	case f.CutBefore:
		return false
	case f.Status != 0:
		return send(conn, refusal(name, f.Status, "Service temporarily down"))
	case !*known && name != "authenticate" && name != "get_version":
		send(conn, `<gmp_response status="400" status_text="Only command GET_VERSION is allowed before AUTHENTICATE"/>`)
		return false
	}
	reply := s.carryOut(command, known)
	switch {
	case f.CutAfter:
		return false
	case f.WrongBody:
		return send(conn, "<html><body>Bad gateway</body></html>")
	case f.HalfBody:
		send(conn, reply[:len(reply)/2])
		return false
	}
	return send(conn, reply)
}

func send(conn net.Conn, text string) bool {
	_, err := conn.Write([]byte(text))
	return err == nil
}

// carryOut does what a command says under the lock and returns the reply.
func (s *Server) carryOut(command element, known *bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := command.XMLName.Local
	switch name {
	case "get_version":
		return `<get_version_response status="200" status_text="OK"><version>22.7</version></get_version_response>`
	case "authenticate":
		return authenticate(command, known)
	case "create_target":
		return s.createTarget(command)
	case "create_task":
		return s.createTask(command)
	case "create_port_list":
		return s.createPortList(command)
	case "start_task":
		return s.startTask(command)
	case "stop_task":
		return s.stopTask(command)
	case "get_reports":
		return s.getReports(command)
	case "get_results":
		return s.getResults(command)
	}
	if kind, ok := strings.CutPrefix(name, "get_"); ok && kinds[strings.TrimSuffix(kind, "s")] {
		return s.get(command, strings.TrimSuffix(kind, "s"))
	}
	if kind, ok := strings.CutPrefix(name, "delete_"); ok && kinds[kind] {
		return s.remove(command, kind)
	}
	return `<gmp_response status="400" status_text="Bogus command name"/>`
}

func authenticate(command element, known *bool) string {
	given := command.child("credentials")
	if given.text("username") != User || given.text("password") != Password {
		return refusal("authenticate", 400, "Authentication failed")
	}
	*known = true
	return `<authenticate_response status="200" status_text="OK"><role>Admin</role><timezone>UTC</timezone></authenticate_response>`
}

func refusal(command string, status int, text string) string {
	return fmt.Sprintf(`<%s_response status="%d" status_text=%s/>`, command, status, quoted(text))
}

func missing(command, kind, id string) string {
	return refusal(command, 404, "Failed to find "+kind+" '"+id+"'")
}

func made(command, id string) string {
	return fmt.Sprintf(`<%s_response status="201" status_text="OK, resource created" id="%s"/>`, command, id)
}

func done(command string) string {
	return fmt.Sprintf(`<%s_response status="200" status_text="OK"/>`, command)
}

// escaped is text as XML holds it.
func escaped(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a strings.Builder takes everything
	return out.String()
}

func quoted(text string) string { return `"` + escaped(text) + `"` }

func number(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}
