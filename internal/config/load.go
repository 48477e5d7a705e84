package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile bounds a config file, in bytes.
const maxFile = 4 << 20

// Load reads the YAML file at path into config, which holds the defaults. Unknown keys, wrong types and what
// config.Validate says are faults; each line of the error names file, line and the mend. It resolves no secret.
func Load(path string, config Validator) error {
	text, err := readBounded(path)
	if err != nil {
		return err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return located(path, err)
	}
	if unknown := unknownKeys(file, config); len(unknown) > 0 {
		return atLines(path, file, unknown)
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(config); err != nil && !errors.Is(err, io.EOF) {
		return located(path, err)
	}
	if faults := append(config.Validate(), secretFaults(config)...); len(faults) > 0 {
		return atLines(path, file, faults)
	}
	return nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w (make one with `sallyport config init`)", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("config: %s is over %d bytes", path, maxFile)
	}
	return text, nil
}

// located puts the file before goccy's own "[line:column] message", without its excerpt: the excerpt could show a secret.
func located(path string, err error) error {
	if syntax, ok := errors.AsType[yaml.Error](err); ok {
		at := syntax.GetToken()
		message := strings.TrimSpace(syntax.GetMessage())
		if at != nil && at.Position != nil {
			return fmt.Errorf("%s:%d:%d: %s", path, at.Position.Line, at.Position.Column, message)
		}
		return fmt.Errorf("%s: %s", path, message)
	}
	return fmt.Errorf("%s: %w", path, err)
}

func atLines(path string, file *ast.File, faults Faults) error {
	errs := make([]error, len(faults))
	for i, fault := range faults {
		errs[i] = fmt.Errorf("%s:%d: %s", path, lineOf(file, fault.Field), fault.Error())
	}
	return errors.Join(errs...)
}

// lineOf is the line of the field, or of the nearest field above it that the file has; 1 if it has none.
func lineOf(file *ast.File, field string) int {
	for field != "" {
		if path, err := yaml.PathString("$." + field); err == nil {
			if node, err := path.FilterFile(file); err == nil && node != nil && node.GetToken() != nil {
				return lineOfNode(node)
			}
		}
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
	return 1
}

func lineOfNode(node ast.Node) int {
	if pair, ok := node.(*ast.MappingValueNode); ok {
		return pair.Key.GetToken().Position.Line
	}
	if mapping, ok := node.(*ast.MappingNode); ok && len(mapping.Values) > 0 {
		return mapping.Values[0].Key.GetToken().Position.Line
	}
	return node.GetToken().Position.Line
}

// secretFaults finds every Secret that is set and is no reference.
func secretFaults(config any) (faults Faults) {
	walk(reflect.ValueOf(config), "", func(path string, v reflect.Value) {
		if secret, ok := reflect.TypeAssert[Secret](v); ok && secret != "" {
			if err := secret.Validate(); err != nil {
				faults = append(faults, Fault{Field: path, Problem: "is no secret reference", Mend: err.Error()})
			}
		}
	})
	return faults
}
