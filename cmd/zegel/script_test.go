package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zegel-id/zegel/e2e/wholejob"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"zegel": main})
}

// Scripts drive the real command, servers and all.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfile": waitFile, "api": callAPI, "get": get, "absent": absent, "flip": flip, "nocanary": noCanary, "await": await,
		},
	})
}

// waitfile FILE waits until the file is there.
func waitFile(ts *testscript.TestScript, _ bool, args []string) {
	for range 600 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s did not appear within a minute", args[0])
}

// demoFile is what a demonstration says of itself.
func demoFile(ts *testscript.TestScript) map[string]string {
	var d map[string]string
	if err := json.Unmarshal([]byte(ts.ReadFile("demo/demo.json")), &d); err != nil {
		ts.Fatalf("%v", err)
	}
	return d
}

// api METHOD ROLE PATH KEY STATUS [BODYFILE] calls an API of the demonstration
// and keeps the answer in the file answer. ! expects any other status.
func callAPI(ts *testscript.TestScript, neg bool, args []string) {
	d := demoFile(ts)
	var body io.Reader
	if len(args) > 5 {
		text := os.Expand(ts.ReadFile(args[5]), func(name string) string {
			if v, ok := d[name]; ok {
				return v
			}
			return ts.Getenv(name)
		})
		body = strings.NewReader(text)
	}
	req, err := http.NewRequest(args[0], d[args[1]]+args[2], body)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	if args[3] != "-" {
		req.Header.Set("Authorization", "Bearer "+d[args[3]])
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	status, answer := roundTrip(ts, req)
	ts.Check(os.WriteFile(ts.MkAbs("answer"), answer, 0o600))
	ts.Logf("%s %s%s: %s\n%s", args[0], args[1], args[2], status, answer)
	if strings.HasPrefix(status, args[4]) == neg {
		ts.Fatalf("got %s, expected %s", status, args[4])
	}
	// Members of an object can be used as variables from here on.
	var members map[string]any
	if json.Unmarshal(answer, &members) == nil {
		for name, v := range members {
			if s, ok := v.(string); ok {
				ts.Setenv(name, s)
			}
		}
	}
}

// get URL keeps what an address answers in the file answer, also when it is an
// error.
func get(ts *testscript.TestScript, neg bool, args []string) {
	req, err := http.NewRequest("GET", args[0], nil)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	for _, h := range args[2:] {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(name, value)
	}
	status, answer := roundTrip(ts, req)
	ts.Check(os.WriteFile(ts.MkAbs("answer"), answer, 0o600))
	if strings.HasPrefix(status, args[1]) == neg {
		ts.Fatalf("got %s, expected %s", status, args[1])
	}
}

func roundTrip(ts *testscript.TestScript, req *http.Request) (string, []byte) {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		ts.Fatalf("%v", err)
	}
	return res.Status, b
}

// eachFile visits every file below a directory.
func eachFile(ts *testscript.TestScript, dir string, visit func(path string, b []byte)) {
	n := 0
	err := filepath.WalkDir(ts.MkAbs(dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		visit(path, b)
		return nil
	})
	if err != nil {
		ts.Fatalf("%v", err)
	}
	if n == 0 {
		ts.Fatalf("%s holds no files", dir)
	}
}

// absent DIR PATTERN fails when a file below DIR matches.
func absent(ts *testscript.TestScript, _ bool, args []string) {
	re := regexp.MustCompile(args[1])
	eachFile(ts, args[0], func(path string, b []byte) {
		if re.Match(b) {
			ts.Fatalf("%s matches %q", path, args[1])
		}
	})
}

// nocanary DIR... fails when a national number, a name or a claim value of the
// fixtures can be read in any file below the directories.
func noCanary(ts *testscript.TestScript, _ bool, args []string) {
	for _, dir := range args {
		eachFile(ts, dir, func(path string, b []byte) {
			if found := wholejob.Readable(b); found != "" {
				ts.Fatalf("%q stands in %s", found, path)
			}
		})
	}
}

// flip DIR changes one byte in the middle of the largest file below DIR.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	var largest string
	var content []byte
	eachFile(ts, args[0], func(path string, b []byte) {
		if len(b) > len(content) {
			largest, content = path, b
		}
	})
	content[len(content)/2] ^= 1
	ts.Check(os.WriteFile(largest, content, 0o600))
}
