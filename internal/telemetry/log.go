package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// Log says how the process logs.
type Log struct {
	Level  string `yaml:"level" doc:"the least level that is written: debug, info, warn or error"`
	Format string `yaml:"format" doc:"text or json"`
}

// Logger writes to w as l says. A level or format that is none is an error.
func (l Log) Logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %q is none of debug, info, warn, error", l.Level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch l.Format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log.format: %q is neither text nor json", l.Format)
}
