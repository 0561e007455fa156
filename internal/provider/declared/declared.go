// Package declared reads the declared files of the providers: the register
// of suppliers, descriptions of services and mappings. They are YAML, strict,
// and every fault names its line and field.
//
// It knows nothing of what the files mean.
package declared

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	// MaxBytes bounds a declared file.
	MaxBytes = 256 << 10
	maxDepth = 24
)

// ErrInvalid is wrapped by every fault in a declared file.
var ErrInvalid = errors.New("declared file is invalid")

// File is a declared file that was read, and collects the faults found in it.
type File struct {
	name   string
	root   ast.Node
	faults []fault
}

type fault struct {
	line  int
	field string
	text  string
}

// Read decodes one YAML document into v. Unknown and duplicate members,
// anchors, aliases, tags and further documents are refused: a file says what
// it says once, in clear.
func Read(name string, b []byte, v any) (*File, error) {
	f := &File{name: name}
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("%w: %s: %d bytes, at most %d", ErrInvalid, name, len(b), MaxBytes)
	}
	tree, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, f.yamlError(err)
	}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		return nil, fmt.Errorf("%w: %s: expected one YAML document, found %d or an empty one", ErrInvalid, name, len(tree.Docs))
	}
	f.root = tree.Docs[0].Body
	if err := f.plain(f.root); err != nil {
		return nil, err
	}
	if err := yaml.NodeToValue(f.root, v, yaml.Strict()); err != nil {
		return nil, f.yamlError(err)
	}
	return f, nil
}

// plain refuses what makes a YAML text mean more than it shows.
func (f *File) plain(root ast.Node) error {
	w := &walker{}
	w.walk(root, 0)
	if w.found == "" {
		return nil
	}
	return fmt.Errorf("%w: %s:%d: %s not allowed: write the value out", ErrInvalid, f.name, w.line, w.found)
}

type walker struct {
	found string
	line  int
}

func (w *walker) walk(n ast.Node, depth int) {
	if n == nil || w.found != "" {
		return
	}
	if depth > maxDepth {
		w.refuse(n, "nesting this deep is")
		return
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			w.walk(v, depth+1)
		}
	case *ast.MappingValueNode:
		w.walk(n.Key, depth+1)
		w.walk(n.Value, depth+1)
	case *ast.MappingKeyNode:
		w.refuse(n, "a complex key is")
	case *ast.SequenceNode:
		for _, v := range n.Values {
			w.walk(v, depth+1)
		}
	case *ast.AnchorNode, *ast.AliasNode:
		w.refuse(n, "an anchor or alias is")
	case *ast.TagNode:
		w.refuse(n, "a tag is")
	case *ast.MergeKeyNode:
		w.refuse(n, "a merge key is")
	case *ast.StringNode, *ast.LiteralNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
	default:
		w.refuse(n, "this kind of node is")
	}
}

func (w *walker) refuse(n ast.Node, what string) { w.found, w.line = what, lineOf(n) }

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

func (f *File) yamlError(err error) error {
	var e yaml.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%w: %s: %w", ErrInvalid, f.name, err)
	}
	line, field := 0, ""
	if t := e.GetToken(); t != nil && t.Position != nil {
		line, field = t.Position.Line, t.Value
	}
	return fmt.Errorf("%w: %s:%d: %q: %s", ErrInvalid, f.name, line, field, e.GetMessage())
}

// Fault notes that the field at path is wrong. Path is written as in YAML:
// claims[3].from.
func (f *File) Fault(path, format string, args ...any) {
	f.faults = append(f.faults, fault{f.line(path), path, fmt.Sprintf(format, args...)})
}

// Err gives all faults together, in the order of their lines.
func (f *File) Err() error {
	if len(f.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(f.faults, func(a, b fault) int { return a.line - b.line })
	lines := make([]string, len(f.faults))
	for i, x := range f.faults {
		lines[i] = fmt.Sprintf("%s:%d: %s: %s", f.name, x.line, x.field, x.text)
	}
	return fmt.Errorf("%w:\n%s", ErrInvalid, strings.Join(lines, "\n"))
}

// line finds where path stands; a field that is missing has the line of what
// should hold it.
func (f *File) line(path string) int {
	for path != "" {
		if p, err := yaml.PathString("$." + path); err == nil {
			if n, err := p.FilterNode(f.root); err == nil && n != nil {
				return lineOf(n)
			}
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return lineOf(f.root)
}
