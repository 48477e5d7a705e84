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

// At puts faults that were found after loading at their lines in the file at path; without faults it is nil.
func At(path string, faults Faults) error {
	if len(faults) == 0 {
		return nil
	}
	text, err := readBounded(path)
	if err != nil {
		return err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return located(path, err)
	}
	return atLines(path, file, faults)
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
		if wrong, ok := errors.AsType[*yaml.TypeError](err); ok {
			message = wrongKind(kindOf(wrong.SrcType), kindOf(wrong.DstType))
		} else if wrong, ok := errors.AsType[*yaml.UnexpectedNodeTypeError](err); ok {
			message = wrongKind(nodeKind(wrong.Actual), nodeKind(wrong.Expected))
		}
		if at != nil && at.Position != nil {
			return fmt.Errorf("%s:%d:%d: %s", path, at.Position.Line, at.Position.Column, message)
		}
		return fmt.Errorf("%s: %s", path, message)
	}
	return fmt.Errorf("%s: %w", path, err)
}

func wrongKind(is, want string) string {
	return "this is " + is + ", want " + want + ": docs/config.md says how each key is written"
}

// nodeKind is a part of a YAML file in words for people.
func nodeKind(kind ast.NodeType) string {
	switch kind { //nolint:exhaustive // the others are values
	case ast.MappingType, ast.MappingValueType:
		return "a mapping of keys"
	case ast.SequenceType:
		return "a list"
	case ast.NullType:
		return "nothing"
	case ast.StringType, ast.LiteralType:
		return "a text"
	case ast.BoolType:
		return "true or false"
	}
	return "a number"
}

// kindOf is a type in words for people.
func kindOf(t reflect.Type) string {
	if t == nil {
		return "nothing"
	}
	switch t.Kind() { //nolint:exhaustive // the others have no name in YAML
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "a mapping of keys"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	}
	return "a number"
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

// Locate puts file and line before each secret that err says is not to be had, by the config at path; an error without
// one stays as it is.
func Locate(path string, err error) error {
	missing := secretErrors(err)
	text, unreadable := readBounded(path)
	if len(missing) == 0 || unreadable != nil {
		return err
	}
	said, told := err.Error(), map[string]bool{}
	for _, secret := range missing {
		if n := lineWith(text, string(secret.reference)); n > 0 && !told[secret.Error()] {
			told[secret.Error()] = true
			said = strings.ReplaceAll(said, secret.Error(), fmt.Sprintf("%s:%d: %s", path, n, secret))
		}
	}
	return &locatedError{said, err}
}

// locatedError is err, told with its places.
type locatedError struct {
	text string
	err  error
}

// Error implements error.
func (l *locatedError) Error() string { return l.text }

// Unwrap implements errors.Unwrap.
func (l *locatedError) Unwrap() error { return l.err }

// secretErrors are all that err joins and wraps.
func secretErrors(err error) (found []*SecretError) {
	if secret, ok := err.(*SecretError); ok { //nolint:errorlint // the tree is walked here
		return []*SecretError{secret}
	}
	switch wrapped := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		return secretErrors(wrapped.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range wrapped.Unwrap() {
			found = append(found, secretErrors(one)...)
		}
	}
	return found
}

func lineWith(text []byte, part string) (n int) {
	for line := range strings.Lines(string(text)) {
		if n++; strings.Contains(line, part) {
			return n
		}
	}
	return 0
}
