package rules

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// capture is a packet capture that a test writes: Ethernet frames of IPv4, in the classic format of libpcap.
type capture struct {
	out  bytes.Buffer
	time uint32
}

func newCapture() *capture {
	c := &capture{time: 1_790_000_000}
	for _, word := range []uint32{0xa1b2c3d4, 2 | 4<<16, 0, 0, 65535, 1} {
		_ = binary.Write(&c.out, binary.LittleEndian, word)
	}
	return c
}

type host struct {
	address [4]byte
	port    uint16
}

const (
	protoTCP = 6
	protoUDP = 17
)

// packet adds a frame around a transport's header and payload.
func (c *capture) packet(from, to host, proto byte, segment []byte) {
	ip := []byte{0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, proto, 0, 0}
	ip = append(append(ip, from.address[:]...), to.address[:]...)
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(segment)))
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	frame := append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}, append(ip, segment...)...)
	c.time++
	for _, word := range []uint32{c.time, 0, uint32(len(frame)), uint32(len(frame))} {
		_ = binary.Write(&c.out, binary.LittleEndian, word)
	}
	c.out.Write(frame)
}

func checksum(of []byte) uint16 {
	var sum uint32
	for i := 0; i < len(of); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(of[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func (c *capture) udp(from, to host, payload []byte) {
	header := binary.BigEndian.AppendUint16(nil, from.port)
	header = binary.BigEndian.AppendUint16(header, to.port)
	header = binary.BigEndian.AppendUint16(header, uint16(8+len(payload)))
	c.packet(from, to, protoUDP, append(append(header, 0, 0), payload...))
}

// flags of TCP.
const fin, syn, psh, ack = 1, 2, 8, 16

// talk is one connection: what the client says, and what the server answers.
func (c *capture) talk(client, server host, request, response string) {
	ours, theirs := uint32(1000), uint32(5000)
	segment := func(from, to host, seq, acked uint32, flags byte, payload string) {
		header := binary.BigEndian.AppendUint16(nil, from.port)
		header = binary.BigEndian.AppendUint16(header, to.port)
		header = binary.BigEndian.AppendUint32(header, seq)
		header = binary.BigEndian.AppendUint32(header, acked)
		header = append(header, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
		c.packet(from, to, protoTCP, append(header, payload...))
	}
	segment(client, server, ours, 0, syn, "")
	segment(server, client, theirs, ours+1, syn|ack, "")
	ours, theirs = ours+1, theirs+1
	segment(client, server, ours, theirs, ack, "")
	segment(client, server, ours, theirs, psh|ack, request)
	ours += uint32(len(request))
	segment(server, client, theirs, ours, psh|ack, response)
	theirs += uint32(len(response))
	segment(client, server, ours, theirs, fin|ack, "")
	segment(server, client, theirs, ours+1, fin|ack, "")
	segment(client, server, ours+1, theirs+1, ack, "")
}

// question is a DNS message that asks for a name.
func question(name ...string) []byte {
	message := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for _, label := range name {
		message = append(append(message, byte(len(label))), label...)
	}
	return append(message, 0, 0, 16, 0, 1) // TXT, of the Internet
}

// write puts the capture into a file.
func (c *capture) write(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture.pcap")
	if err := os.WriteFile(path, c.out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
