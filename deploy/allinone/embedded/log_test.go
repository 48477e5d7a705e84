package embedded

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"go.temporal.io/server/common/log/tag"
)

func TestFatalEndsTheProcessUnlessItStops(t *testing.T) {
	var said bytes.Buffer
	var codes []int
	l := newLogger(slog.New(slog.NewTextHandler(&said, nil)), slog.LevelError)
	l.exit = func(code int) { codes = append(codes, code) }

	l.Fatal("no listener", tag.Address("127.0.0.1:1"))
	if len(codes) != 1 || codes[0] != 1 {
		t.Errorf("it left with %v, want 1", codes)
	}
	if text := said.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "address=127.0.0.1:1") {
		t.Errorf("it said %q", text)
	}

	said.Reset()
	l.stopping.Store(true)
	l.Fatal("no listener")
	if len(codes) != 1 || said.Len() > 0 {
		t.Errorf("while it stops, it left with %v and said %q", codes[1:], said.String())
	}
}
