package unit_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The unit reaches files, network, clock and random source through its
// arguments only, so that it can run in a browser: no package of ours below it
// opens anything by itself, and its own files use no clock and no default.
func TestPure(t *testing.T) {
	if testing.Short() {
		t.Skip("lists packages and builds for WebAssembly")
	}
	const module = "github.com/zegel-id/zegel/"
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports", ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	// Everything of these could reach a file, a process or the log. "net" is
	// for what addresses look like; what dials in it is looked for below.
	everywhere := []string{"os", "os/exec", "os/signal", "os/user", "io/ioutil", "syscall", "syscall/js", "log", "log/slog", "net/http/httptest", "net/rpc", "plugin", "C"}
	own := append([]string{"net", "crypto/rand", "math/rand", "math/rand/v2", "path/filepath", "io/fs", "embed"}, everywhere...)
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.ImportPath == "encoding/xml" {
			t.Error("the unit carries XML, which nothing in it speaks: who only asks what trusted lists say imports seal/trust/inquiry")
		}
		if !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		seen++
		forbidden := everywhere
		if p.ImportPath == module+"holder/unit" {
			forbidden = own
		}
		for _, i := range p.Imports {
			if slices.Contains(forbidden, i) {
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
		}
		for _, x := range uses(t, filepath.Join("..", "..", strings.TrimPrefix(p.ImportPath, module))) {
			if slices.Contains(reaching, x.what) || p.ImportPath == module+"holder/unit" && slices.Contains(clocks, x.what) {
				t.Errorf("%s uses %s", x.where, x.what)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d packages of ours were looked at", seen)
	}
	build := exec.Command("go", "build", "-o", os.DevNull, ".")
	build.Env = cmd.Env
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("building for WebAssembly: %v\n%s", err, out)
	}
}

var (
	// reaching opens a connection or uses a client that nobody handed over.
	reaching = []string{
		"net.Dial", "net.DialTimeout", "net.Dialer", "net.Listen", "net.ListenPacket", "net.LookupHost", "net.LookupIP", "net.LookupAddr", "net.LookupTXT", "net.Resolver", "net.DefaultResolver",
		"http.Get", "http.Head", "http.Post", "http.PostForm", "http.DefaultClient", "http.DefaultTransport", "http.Client", "http.Transport", "http.ListenAndServe", "http.Server",
		"tls.Dial", "tls.Dialer", "x509.SystemCertPool",
	}
	clocks = []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.AfterFunc", "time.Tick", "time.NewTimer", "time.NewTicker", "context.WithTimeout", "context.WithDeadline"}
)

type use struct{ what, where string }

// uses lists the names of other packages that the files of a folder use.
func uses(t *testing.T, dir string) (out []use) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", dir, err)
	}
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok {
					out = append(out, use{x.Name + "." + s.Sel.Name, set.Position(s.Pos()).String()})
				}
			}
			return true
		})
	}
	return out
}
