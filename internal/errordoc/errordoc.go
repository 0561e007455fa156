// Package errordoc reads the product's own source and lists every refusal that
// goes out on the wire: its code or title, the field, the text, the clause and
// the remedy. It is how docs/errors.md is made, so that the list cannot fall
// behind the code.
//
// It knows two forms: calls of a package's function refuse, refuseCause or
// refuseURL, whose parameters say what is what by their names, and literals of
// the error types of internal/rest, protocol/* and the roles. A role's error has a
// sentinel, which the role's edge turns into status and title in a switch; both are
// read. A value that is only known when the program runs is shown as an ellipsis.
package errordoc

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Refusal is one place where the code refuses something.
type Refusal struct {
	Package string // path below the module
	Code    string // on the wire; empty for problems of an HTTP API
	Title   string // of a problem (RFC 9457)
	Status  string // such as "404", when the place says it
	Field   string
	Text    string
	Spec    string
	Remedy  string
}

// source is the parsed packages of the module.
type source struct {
	module   string
	packages map[string]*pkg // by path below the module
	answers  map[string]answer
}

// answer is what an edge makes of a sentinel, which is named by the path of its
// package and its own name, such as verifier.ErrRequest.
type answer struct{ status, title string }

type pkg struct {
	path   string
	name   string
	files  []*ast.File
	consts map[string]ast.Expr
	refuse map[string][]string // parameter names of its refuse functions
}

// Read finds the refusals of the packages below root that match one of dirs or
// lie below one, in the order of package, code, field and text.
func Read(root, module string, dirs ...string) ([]Refusal, error) {
	s := &source{module: module, packages: map[string]*pkg{}, answers: map[string]answer{}}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); path != root && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		s.add(filepath.ToSlash(dir), f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range s.packages {
		for _, f := range p.files {
			s.readAnswers(p, f)
		}
	}
	var out []Refusal
	for path, p := range s.packages {
		if !slices.ContainsFunc(dirs, func(d string) bool { return path == d || strings.HasPrefix(path, d+"/") }) {
			continue
		}
		for _, f := range p.files {
			out = append(out, s.file(p, f)...)
		}
	}
	slices.SortFunc(out, compare)
	return slices.Compact(out), nil
}

func compare(a, b Refusal) int {
	for _, pair := range [][2]string{{a.Package, b.Package}, {a.Code, b.Code}, {a.Title, b.Title}, {a.Field, b.Field}, {a.Text, b.Text}, {a.Spec, b.Spec}, {a.Remedy, b.Remedy}, {a.Status, b.Status}} {
		if c := strings.Compare(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	return 0
}

func (s *source) add(dir string, f *ast.File) {
	p := s.packages[dir]
	if p == nil {
		p = &pkg{path: dir, name: f.Name.Name, consts: map[string]ast.Expr{}, refuse: map[string][]string{}}
		s.packages[dir] = p
	}
	p.files = append(p.files, f)
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			if d.Tok != token.CONST {
				continue
			}
			for _, spec := range d.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if i < len(v.Values) {
						p.consts[name.Name] = v.Values[i]
					}
				}
			}
		case *ast.FuncDecl:
			if d.Recv == nil && strings.HasPrefix(d.Name.Name, "refuse") {
				p.refuse[d.Name.Name] = parameters(d.Type.Params)
			}
		}
	}
}

func parameters(list *ast.FieldList) []string {
	var names []string
	for _, f := range list.List {
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	return names
}

// values are what stands in a file.
func (s *source) values(p *pkg, f *ast.File) values {
	v := values{s: s, p: p, imports: map[string]*pkg{}}
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		below, ok := strings.CutPrefix(path, s.module+"/")
		if other := s.packages[below]; ok && other != nil {
			name := other.name
			if i.Name != nil {
				name = i.Name.Name
			}
			v.imports[name] = other
		}
	}
	return v
}

// readAnswers reads the cases of switches over sentinels of other packages: what
// they assign to Status and Title.
func (s *source) readAnswers(p *pkg, f *ast.File) {
	v := s.values(p, f)
	ast.Inspect(f, func(n ast.Node) bool {
		c, ok := n.(*ast.CaseClause)
		if !ok {
			return true
		}
		var a answer
		for _, stmt := range c.Body {
			if assign, ok := stmt.(*ast.AssignStmt); ok && len(assign.Lhs) == len(assign.Rhs) {
				for i, left := range assign.Lhs {
					field, ok := left.(*ast.SelectorExpr)
					switch {
					case !ok:
					case field.Sel.Name == "Status":
						a.status = v.text(assign.Rhs[i])
					case field.Sel.Name == "Title":
						a.title = v.text(assign.Rhs[i])
					}
				}
			}
		}
		for _, e := range c.List {
			if name, ok := v.sentinel(e); ok && a.title != "" {
				s.answers[name] = a
			}
		}
		return true
	})
}

// sentinel names an error of this package or of one that is imported.
func (v values) sentinel(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.Ident:
		return v.p.path + "." + e.Name, strings.HasPrefix(e.Name, "Err")
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && v.imports[x.Name] != nil {
			return v.imports[x.Name].path + "." + e.Sel.Name, strings.HasPrefix(e.Sel.Name, "Err")
		}
	}
	return "", false
}

// file finds what one file refuses.
func (s *source) file(p *pkg, f *ast.File) []Refusal {
	v := s.values(p, f)
	var out []Refusal
	for _, d := range f.Decls {
		// Inside the functions that make refusals the values are parameters.
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && p.refuse[fn.Name.Name] != nil {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); ok && p.refuse[name.Name] != nil {
					out = append(out, v.call(p.refuse[name.Name], n.Args))
				}
			case *ast.CompositeLit:
				if r, ok := v.literal(n); ok {
					out = append(out, r)
				}
			}
			return true
		})
	}
	return out
}

func (v values) call(names []string, args []ast.Expr) Refusal {
	r := Refusal{Package: v.p.path}
	for i, name := range names {
		if i < len(args) {
			r.set(name, v.text(args[i]))
		}
	}
	return r
}

// literal reads an error that is written out. One without a text is only
// handed on.
func (v values) literal(lit *ast.CompositeLit) (Refusal, bool) {
	r, told := Refusal{Package: v.p.path}, false
	if !v.isError(lit.Type) {
		return r, false
	}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			name, ok := kv.Key.(*ast.Ident)
			if !ok {
				continue
			}
			if sentinel, ok := v.sentinel(kv.Value); ok && name.Name == "Err" {
				if a := v.s.answers[sentinel]; a.title != "" {
					r.Status, r.Title = a.status, a.title
				}
				continue
			}
			if name.Name == "Cause" { // logged, or told by the edge of the verifier
				told = v.p.path == "verifier"
				continue
			}
			r.set(name.Name, v.text(kv.Value))
		}
	}
	if told && r.Text != "" {
		r.Text += ": " + unknown
	}
	return r, r.Title != "" || r.Code != "" || r.Text != ""
}

// isError: the type is one of the error types that become answers.
func (v values) isError(t ast.Expr) bool {
	switch t := t.(type) {
	case *ast.Ident:
		return carriers[v.p.path+"."+t.Name]
	case *ast.SelectorExpr:
		x, ok := t.X.(*ast.Ident)
		if !ok || v.imports[x.Name] == nil {
			return false
		}
		return carriers[v.imports[x.Name].path+"."+t.Sel.Name]
	}
	return false
}

// carriers are the error types that become answers.
var carriers = map[string]bool{
	"internal/rest.Problem": true, "internal/rest.OAuthError": true,
	"protocol/oid4vci.Error": true, "protocol/oid4vp.Error": true, "protocol/oauth.Error": true, "internal/authz.Error": true, "vcapi.Error": true, "verifier.Error": true,
}

func (r *Refusal) set(name, value string) {
	switch strings.ToLower(name) {
	case "code":
		r.Code = value
	case "title":
		r.Title = value
	case "status":
		r.Status = value
	case "field":
		r.Field = value
	case "detail", "description", "format", "text", "why":
		r.Text = strings.TrimSpace(value + " " + r.Text)
	case "expected":
		r.Text = strings.TrimSpace(r.Text + " Expected " + value + ".")
	case "err":
		if r.Text == "" {
			r.Text = "…"
		}
	case "spec":
		r.Spec = value
	case "remedy":
		r.Remedy = value
	}
}
