package embedded

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logger passes Temporal's words on to slog.
type logger struct {
	to       *slog.Logger
	least    slog.Leveler
	stopping atomic.Bool
	exit     func(code int)
}

var _ log.Logger = (*logger)(nil)

func newLogger(to *slog.Logger, least slog.Leveler) *logger {
	return &logger{to: to.With("part", "temporal"), least: least, exit: os.Exit}
}

func (l *logger) Debug(msg string, tags ...tag.Tag) { l.write(slog.LevelDebug, msg, tags) }
func (l *logger) Info(msg string, tags ...tag.Tag)  { l.write(slog.LevelInfo, msg, tags) }
func (l *logger) Warn(msg string, tags ...tag.Tag)  { l.write(slog.LevelWarn, msg, tags) }
func (l *logger) Error(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// DPanic is for what should never be; the server goes on after it, as it does in production.
func (l *logger) DPanic(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// Panic logs and panics, as the server expects.
func (l *logger) Panic(msg string, tags ...tag.Tag) {
	l.write(slog.LevelError, msg, tags)
	panic("temporal: " + msg)
}

// Fatal ends the process: the server calls it where it can't go on, and goes on with half of itself if it returns. State
// is safe in the store, so a restart mends it. While we stop, a listener that is gone is no reason to exit with an error.
func (l *logger) Fatal(msg string, tags ...tag.Tag) {
	l.write(slog.LevelError, msg, tags)
	if !l.stopping.Load() {
		l.exit(1)
	}
}

func (l *logger) write(level slog.Level, msg string, tags []tag.Tag) {
	if l.stopping.Load() { // its parts miss one another while they end
		level = min(level, slog.LevelInfo)
	}
	if level < l.least.Level() || !l.to.Enabled(context.Background(), level) {
		return
	}
	attrs := make([]slog.Attr, len(tags))
	for i, t := range tags {
		attrs[i] = slog.Any(t.Key(), t.Value())
	}
	l.to.LogAttrs(context.Background(), level, msg, attrs...)
}
