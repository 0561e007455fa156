package zegel_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile(`^(?:Test|Fuzz|Benchmark)\w+$`)
	named    = regexp.MustCompile("`([^`]+)`")
	inCell   = regexp.MustCompile(`^([\w./]+?\.(?:Test|Fuzz|Benchmark)\w+)(?:/.+)?$`) // package.TestName/subtest
)

// The item tables of docs/specs name a test for each rule. A table that names a
// test which is gone promises what nobody shows.
func TestNamedTestsExist(t *testing.T) {
	have := testsOfTree(t)
	files, err := filepath.Glob("docs/specs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			row, isRow := strings.CutPrefix(line, "|")
			if !isRow {
				continue
			}
			cells := strings.Split(strings.TrimSuffix(strings.ReplaceAll(row, `\|`, "¦"), "|"), "|")
			if len(cells) != 4 {
				t.Errorf("%s:%d: %d columns instead of section, rule, how, test", file, i+1, len(cells))
				continue
			}
			for _, m := range named.FindAllStringSubmatch(cells[3], -1) {
				test := inCell.FindStringSubmatch(m[1])
				if test == nil {
					t.Errorf("%s:%d: %q is not package.TestName", file, i+1, m[1])
				} else if !have[test[1]] {
					t.Errorf("%s:%d: there is no test %s", file, i+1, test[1])
				}
			}
		}
	}
}

// testsOfTree gives "path/of/package.TestName" for each test function.
func testsOfTree(t *testing.T) map[string]bool {
	t.Helper()
	have := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && testName.MatchString(fn.Name.Name) {
				have[filepath.ToSlash(filepath.Dir(path))+"."+fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return have
}
